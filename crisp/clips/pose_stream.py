"""The pose channels of a clip."""

from __future__ import annotations

import numpy as np

from crisp.clips import augmentation
from crisp.clips.augmentation import Draw
from crisp.core.skeleton import MIRRORED, POSE_CHANNELS
from crisp.preparation.pose import filled


def channels(
    points: np.ndarray,
    centres: np.ndarray,
    draw: Draw,
    size: tuple[int, int, int],
    divisor: tuple[int, int],
) -> np.ndarray:
    """Return the poses of a clip as model input.

    Parameters
    ----------
    points : ndarray, (T, 14, 3)
        (x, y, score), x and y in px of the frames.
    centres : ndarray, (T, 2)
        ROI centre that each frame's crop follows, whole px; unknown points are placed there.
    draw : Draw
        Draw of the whole clip. A flip swaps left and right.
    size : (frames, height, width)
        Size of the crop.
    divisor : (width, height)
        Divisors of x and y, px.

    Returns
    -------
    ndarray, (42, T) float32
        Channel 3 * point + (x, y, score).
    """
    points = filled(points.astype(np.float64), centres)
    for place, matrix in zip(points, augmentation.matrices(draw, centres, size), strict=True):
        place[:, :2] = (place[:, :2] @ matrix[:, :2].T + matrix[:, 2]) / divisor
    if draw.flip:
        points = points[:, list(MIRRORED)]
    return np.ascontiguousarray(points.reshape(len(points), POSE_CHANNELS).T, np.float32)
