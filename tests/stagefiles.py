"""Tiny stage files, written as the preparation writes them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from crisp.core import stage_files
from crisp.preparation import flow as flows
from crisp.preparation import roi as rois

METHOD = "dis"


def write(
    folder: Path,
    rgb: np.ndarray,
    flow: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    roi: np.ndarray | None = None,
    fps: float = 2.0,
    pose: np.ndarray | None = None,
) -> Path:
    """Write a video's stage files into `folder` and return it.

    `rgb` (N, H, W, 3) uint8, `flow` (N, H, W, 2) px per frame (default 0), `mask` (N, H, W) uint8
    (default all foreground), `roi` (N, 2) px, of the strongest and of the mean motion (default the image's
    centre), `pose` (N, 14, 3) (default none). At the default frame rate centres are not smoothed.
    """
    count, height, width = rgb.shape[:3]
    flow = np.zeros((count, height, width, 2)) if flow is None else flow
    mask = np.ones((count, height, width), np.uint8) if mask is None else mask
    roi = np.tile((width / 2, height / 2), (count, 1)) if roi is None else roi
    about = {
        "fps": fps,
        "frame_step": 1,
        "source": "game.mp4",
        "source_size": 1,
        "source_sha256": "",
        "source_width": width,
        "source_height": height,
        "claimed_frames": count,
        "decoded_frames": count,
        "broken_packets": 0,
        "resized_frames": 0,
        "variable_frame_rate": False,
    }
    with stage_files.create(folder / "frames.h5", "frames", about) as file:
        images = stage_files.Appender(file, "rgb", rgb.shape[1:], "u1", 16)
        images.append(rgb)
        images.close()
        source = str(images.dataset.attrs["sha256"])
    attributes = {"fps": fps, "frames_sha256": source, "method": METHOD}
    with stage_files.create(folder / "flow" / f"{METHOD}.h5", "flow", attributes) as file:
        fields = stage_files.Appender(file, "flow", flow.shape[1:], "i2", flows.CHUNK, bitshuffle=True)
        fields.dataset.attrs["scale"] = flows.SCALE
        fields.append(flows.quantise(flow))
        fields.close()
    with stage_files.create(folder / "roi" / f"{METHOD}.h5", "roi", {"fps": fps, "alpha": 0.6}) as file:
        masks = stage_files.Appender(file, "mask", mask.shape[1:], "u1", 16, bitshuffle=True)
        masks.append(mask)
        masks.close()
        stage_files.put(file, "roi", np.stack([roi, roi], axis=1).astype(np.float32))
        stage_files.put(file, "flow_stats", rois.statistics(rois.masked(flow, mask)))
    if pose is not None:
        with stage_files.create(folder / "pose.h5", "pose", attributes) as file:
            points = stage_files.Appender(file, "pose", pose.shape[1:], "f4", 256)
            points.append(pose)
            points.close()
    return folder


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A smooth random picture (H, W, 3) uint8 with structure at every scale that flow methods need."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 3)).astype(np.float32)
    picture = np.sum([sigma * cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 3, 6)], axis=0)
    picture = (picture - picture.min()) / (picture.max() - picture.min())
    return (255 * picture).astype(np.uint8)
