"""Prepare the stage files of a new video."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from crisp.core import files, stage_files
from crisp.core.errors import CrispError, fail
from crisp.core.versions import STAGES
from crisp.core.views import WHOLE, Box, format_regions, view
from crisp.indexing.model import Model, Options
from crisp.preparation import flow, frames, pose_estimation, roi, video, volume
from crisp.preparation.deepflow import DeviceFullError
from crisp.preparation.video import Source

PREPARATION = "preparation.json"  # inputs and settings of the stage files beside it
PART = 4096  # frames of flow that a killed run loses at most
SAME_RATE = 0.01  # relative difference of equal frame rates, e.g. 29.97 and 30


def frame_step(fps: float, working: float) -> tuple[int, list[str]]:
    """Return the frame step for a model's working frame rate, and warnings.

    Other rates are approximated with an integer step; a model may lack its own rate.
    """
    if not working:
        return 1, ["the model file stores no frame rate; using every frame"]
    step = max(1, math.floor(fps / working + 0.5))
    if abs(fps / step - working) <= SAME_RATE * working:
        return step, []
    return step, [
        f"{fps:g} frames per second, taken at {fps / step:g}; the model was trained at {working:g}, so "
        f"motion appears {working * step / fps:.3g} times as fast as in its training: expect more errors"
    ]


def prepare_video(source: Source, folder: Path, step: int, model: Model, options: Options) -> list[str]:
    """Make the missing stage files of a video.

    Parameters
    ----------
    source : Source
        The video; facts known only after decoding are added to it.
    folder : path-like
        Folder of the stage files.
    step : int
        Keep every `step`-th frame.
    model : Model
    options : Options

    Returns
    -------
    list of str
        Warnings about the video.

    Raises
    ------
    CrispError
        If the video cannot be decoded, or the disk is full.
    """
    prepared = {
        **model.preparation,
        "frame_step": step,
        "flow": model.variant.flow,
        "flow_backend": options.backend or _available(model.preparation["flow_backend"]),
        "versions": {stage: STAGES[stage] for stage in ("frames", "flow", "roi", "pose")},
    }
    if options.fps:
        prepared["recorded_fps"] = options.fps
    asked = {"sha256": source.sha256, "prepared": prepared}
    if source.picture:  # earlier versions prepared other pictures of such a video
        asked["picture"] = source.picture
    if options.regions:
        asked["regions"] = format_regions(options.regions)
    _keep_what_serves(folder, asked)
    images, motion = folder / "frames.h5", folder / "flow" / f"{model.variant.flow}.h5"
    if not _usable(images, "frames"):
        frames.extract_frames(
            source.path,
            images,
            prepared["width"],
            prepared["upscale"],
            step,
            source.sha256,
            source.packets,
            options.fps,
        )
    if not _usable(motion, "flow"):
        stabilise = prepared.get("stabilise", "never")
        _flow(images, motion, prepared["flow_backend"], options.workers, stabilise)
    for name, box in (options.regions or {"": WHOLE}).items():
        roi_file, pose_file = (folder / f"{view(one, name)}.h5" for one in (f"roi/{motion.stem}", "pose"))
        if not _usable(roi_file, "roi"):
            alpha, threshold, power = (prepared[f"roi_{key}"] for key in ("alpha", "threshold", "power"))
            roi.extract_roi(images, motion, roi_file, alpha, threshold, power, box)
        if "pose" in model.variant.streams and not _usable(pose_file, "pose"):
            pose_estimation.estimate_poses(images, roi_file, pose_file)
    decoded = frames.described(images)
    source.width, source.height = decoded.width, decoded.height
    source.claimed, source.decoded = decoded.claimed, decoded.decoded
    source.broken, source.resized = decoded.broken, decoded.resized
    source.variable_rate, source.picture = decoded.variable_rate, decoded.picture
    source.stamps, source.timing_note = decoded.stamps, decoded.timing_note
    return source.warnings()


def check_regions(path: Path, model: Model, regions: Mapping[str, Box]) -> None:
    """Refuse regions of a video into which a crop of the model does not fit.

    Parameters
    ----------
    path : path-like
        The video, whose first frame is decoded.
    model : Model
    regions : mapping of str to Box

    Raises
    ------
    CrispError
        If there is one, or the video cannot be decoded.
    """
    if not regions:
        return
    picture = next(video.frames(path))
    preparation, (tall, wide) = model.preparation, model.variant.size[1:]
    width, height = frames.working_size(
        picture.shape[1], picture.shape[0], preparation["width"], preparation["upscale"]
    )
    for name, box in regions.items():
        left, top, right, bottom = box.pixels(width, height)
        if right - left < wide or bottom - top < tall:
            raise fail(
                f"--region {name}={box}",
                "region is smaller than the crop of the model",
                f"at least {wide}x{tall} px of {width}x{height}",
                f"{right - left}x{bottom - top} px",
                "enlarge it, or choose a model with a smaller crop or a greater working width",
            )


def _keep_what_serves(folder: Path, asked: dict[str, Any]) -> None:
    """Delete the stage files made from other inputs; of other regions, those after the flow."""
    known = files.read_cache(folder / PREPARATION)
    if known == asked:
        return
    if {**known, "regions": ""} == {**asked, "regions": ""}:
        volume.remove_from(folder, "", "roi")
    else:
        remove_stages(folder)
    files.write_json(folder / PREPARATION, asked)


def _available(backend: str) -> str:
    """Return the flow backend of the model's training, or another one if it has no GPU here."""
    if backend != "gpu" or torch.cuda.is_available():
        return backend
    print("warning: the model's flow was computed on a GPU; using the CPU: there is no GPU", file=sys.stderr)
    return "auto"


def _usable(path: Path, kind: str) -> bool:
    """Return whether a stage file exists and opens; delete a damaged one, as the folder is CRISP's own."""
    try:
        stage_files.open_stage(path, kind).close()
    except CrispError:
        path.unlink(missing_ok=True)
        return False
    return True


def _flow(images: Path, target: Path, backend: str, workers: int, stabilise: str) -> None:
    """Compute the flow, in parts for a long video, so that a kill loses little work."""
    number = -(-stage_files.frame_count(images) // PART)
    if number == 1:
        flow.extract_flow(images, target, target.stem, backend, workers, stabilise=stabilise)
        return
    parts = [target.with_suffix(f".part-{part}-of-{number}.h5") for part in range(1, number + 1)]
    try:
        for part, path in enumerate(parts, start=1):
            if not _usable(path, "flow"):
                flow.extract_flow(images, path, target.stem, backend, workers, (part, number), stabilise)
    except DeviceFullError as error:  # no file mixes two backends
        for path in parts:
            path.unlink(missing_ok=True)
        print(f"warning: {error}\n    computing it with another backend instead: {target}", file=sys.stderr)
        _flow(images, target, "auto", workers, stabilise)
        return
    flow.join_parts(images, parts, target)
    for path in parts:
        path.unlink()


def remove_stages(folder: Path, keep: bool = False) -> None:
    """Delete the stage files of a folder, then the record of their inputs."""
    if keep or not (folder / PREPARATION).exists():
        return
    volume.remove_from(folder, "", "frames")
    (folder / PREPARATION).unlink(missing_ok=True)
    for name in ("flow", "roi"):
        with suppress(OSError):  # missing, or the folder holds a user's files
            (folder / name).rmdir()
