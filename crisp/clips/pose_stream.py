"""The pose channels of a clip."""

from __future__ import annotations

import cv2
import numpy as np

from crisp.clips import augmentation, player_frame
from crisp.clips.augmentation import Draw
from crisp.core.skeleton import MIRRORED
from crisp.preparation.pose import filled


def channels(
    points: np.ndarray,
    centres: np.ndarray,
    draw: Draw,
    size: tuple[int, int, int],
    picture: tuple[int, int],
    pose_norm: str,
) -> np.ndarray:
    """Return the poses of a clip as model input.

    Parameters
    ----------
    points : ndarray, (T, 14, 3) or (T, 14, 5)
        (x, y, score), x and y in px of the frames; in the player's frame from
        `crisp.clips.player_frame.in_player_frame`.
    centres : ndarray, (T, 2)
        ROI centre that each frame's crop follows, whole px; unknown points are placed there.
    draw : Draw
        Draw of the whole clip. A flip swaps left and right.
    size : (frames, height, width)
        Size of the crop.
    picture : (height, width)
        Size of the frames.
    pose_norm : {"crop", "image", "player", "player-as-filmed"}
        ``crop``: place in the crop, divided by its size. ``image``: place in the image, divided by its size,
        as published: turned about the ROI centre, shifted, and mirrored; a zoom has no effect.
        ``player``, ``player-as-filmed``: see `crisp.clips.player_frame`.

    Returns
    -------
    ndarray, (42, T) float32
        Channel 3 * point + (x, y, score); in the player's frame (70, T).
    """
    if pose_norm in player_frame.NORMS:
        return player_frame.channels(points, draw, pose_norm)
    points = filled(points.astype(np.float64), centres)
    if pose_norm == "crop":
        shifts = augmentation.shifts(draw, centres, size, picture)
        maps, divisor = augmentation.matrices(draw, centres, shifts, size), size[:0:-1]
    else:
        maps, divisor = _in_image(draw, centres, picture), picture[::-1]
    for place, matrix in zip(points, maps, strict=True):
        place[:, :2] = (place[:, :2] @ matrix[:, :2].T + matrix[:, 2]) / divisor
    if draw.flip:
        points = points[:, list(MIRRORED)]
    return np.ascontiguousarray(points.reshape(len(points), -1).T, np.float32)


def _in_image(draw: Draw, centres: np.ndarray, picture: tuple[int, int]) -> np.ndarray:
    """Return the maps (n, 2, 3) of joints within the image, px: R (p - c) + c + s, then mirrored.

    The published method also multiplies by the zoom, but divides by the size of the zoomed image.
    """
    maps = np.empty((len(centres), 2, 3))
    for matrix, centre in zip(maps, centres, strict=True):
        matrix[...] = cv2.getRotationMatrix2D(centre.tolist(), draw.angle, 1)
    maps[:, :, 2] += draw.shift
    if draw.flip:
        maps[:, 0] *= -1
        maps[:, 0, 2] += picture[1]
    return maps
