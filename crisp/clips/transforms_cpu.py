"""Make clips from regions, frame by frame: the reference implementation of model input."""

from __future__ import annotations

import cv2
import numpy as np

from crisp.clips import augmentation, normalisation, pose_stream
from crisp.clips.augmentation import Draw
from crisp.clips.normalisation import Normalisation
from crisp.clips.regions import Region
from crisp.preparation import roi


def rows(draw: Draw, frames: int, region: Region) -> tuple[np.ndarray, np.ndarray]:
    """Return the region row of each frame of a clip; frames outside the video repeat its first or last one.

    Parameters
    ----------
    draw : Draw
    frames : int
        Frames of the clip (T).
    region : Region
        Contains the clip's frames.

    Returns
    -------
    rows : ndarray, (T,) int
        Row of the region.
    shown : ndarray, (T,) bool
        False for repeated frames, which lie outside the video.
    """
    wanted = np.arange(draw.begin, draw.begin + frames)
    index = np.clip(wanted, 0, region.frames - 1)
    return index - region.first, wanted == index


def clip(
    region: Region,
    draw: Draw,
    size: tuple[int, int, int],
    normalised: Normalisation | None = None,
    pose_norm: str = "crop",
) -> dict[str, np.ndarray]:
    """Return the clip of a draw from a region that contains its frames.

    Parameters
    ----------
    region : Region
    draw : Draw
    size : (frames, height, width)
    normalised : Normalisation, optional
        Normalisation of the flow; None leaves it in px per frame.
    pose_norm : {"crop", "image", "player", "player-as-filmed"}
        As for `crisp.clips.reader.ClipReader`.

    Returns
    -------
    dict of str to ndarray, float32
        As `crisp.clips.reader.ClipReader.clip`.
    """
    shown, moving = rows(draw, size[0], region)
    matrices = maps(region, draw, size)
    result = {}
    # Reuse the arrays of a frame for the next: allocating costs more than computing.
    if "rgb" in region.arrays:
        # OpenCV takes half the time for four channels as for three, with equal results.
        planes, crop = np.empty((3, *size), np.float32), np.empty((*size[1:], 4), np.uint8)
        wide = np.empty((*region.arrays["rgb"].shape[1:3], 4), np.uint8)
        for position, row in enumerate(shown):
            cv2.cvtColor(region.arrays["rgb"][row], cv2.COLOR_RGB2RGBA, dst=wide)
            warp(wide, matrices[row], crop)
            np.divide(np.moveaxis(crop[..., :3], -1, 0), np.float32(255), out=planes[:, position])
        result["rgb"] = planes
    if "flow" in region.arrays:
        planes, flow = np.zeros((2, *size), np.float32), region.arrays["flow"]
        scratch, plane = np.empty((3, *flow.shape[1:]), np.float32), np.empty(flow.shape[1:3], np.float32)
        part = (region.scale * augmentation.linear(draw)).astype(np.float32)
        for position in np.flatnonzero(moving).tolist():
            row = int(shown[position])
            field = roi.seen(flow[row], region.arrays["mask"][row], scratch)
            for axis in (0, 1):  # separately, as OpenCV rounds positions to 1/32 px for two channels
                np.copyto(plane, field[..., axis])
                warp(plane, matrices[row], planes[axis, position])
            x, y = planes[:, position]
            x[...], y[...] = (line[0] * x + line[1] * y for line in part)
        result["flow"] = normalisation.apply(planes, normalised, out=planes) if normalised else planes
    if "pose" in region.arrays:
        result["pose"] = poses(region, draw, size, pose_norm)
    return result


def maps(region: Region, draw: Draw, size: tuple[int, int, int]) -> np.ndarray:
    """Return the maps from px of the region to px of the crop.

    Parameters
    ----------
    region, draw, size
        As for `clip`.

    Returns
    -------
    ndarray, (n, 2, 3) float64
        One per frame of the region.
    """
    shifts = augmentation.shifts(draw, region.centres, size, region.picture)
    return augmentation.matrices(draw, region.centres - region.origins, shifts, size)


def poses(region: Region, draw: Draw, size: tuple[int, int, int], pose_norm: str) -> np.ndarray:
    """Return the pose stream of a clip.

    Parameters
    ----------
    region, draw, size, pose_norm
        As for `clip`.

    Returns
    -------
    ndarray, (C, T) float32
        As from `crisp.clips.pose_stream.channels`.
    """
    shown, _ = rows(draw, size[0], region)
    points, centres = region.arrays["pose"][shown], region.centres[shown]
    return pose_stream.channels(points, centres, draw, size, region.picture, pose_norm)


def warp(image: np.ndarray, matrix: np.ndarray, out: np.ndarray) -> None:
    """Write a frame's crop to `out`: bilinear, zero outside the image.

    Parameters
    ----------
    image : ndarray, (H, W) or (H, W, C) uint8 or float32
    matrix : ndarray, (2, 3)
        From `crisp.clips.augmentation.matrices`. One that only moves and mirrors pixels copies them.
    out : ndarray, (h, w) or (h, w, C), contiguous, dtype of `image`
    """
    height, width = out.shape[:2]
    if not np.array_equal(np.abs(matrix[:, :2]), np.eye(2)):
        cv2.warpAffine(image, matrix, (width, height), dst=out)
        return
    mirrored = matrix[0, 0] < 0
    left = int(matrix[0, 2]) - width + 1 if mirrored else -int(matrix[0, 2])
    top = -int(matrix[1, 2])
    inside = image[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    y, x = max(0, -top), max(0, -left)
    out[...] = 0
    out[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    if mirrored:
        out[...] = out[:, ::-1].copy()
