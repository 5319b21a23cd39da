"""Poses in the player's own frame: the same movement gives the same numbers wherever it is filmed.

In each frame the origin is the middle of the hips, the unit the length of the trunk, and the player faces
right. What is taken over some time is taken from the video within `AROUND` s of a frame, not from the clip:
a frame's values do not depend on the clip that it is part of.

Turning a player about the vertical mirrors the picture of the joints, but no name of theirs. So a player who
faces left is mirrored without swapping left and right, and stays right- or left-handed. A mirrored picture
differs then in these names only.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from crisp.clips import augmentation
from crisp.clips.augmentation import Draw
from crisp.core.skeleton import MIRRORED, POINTS, VALUES
from crisp.preparation.pose import known

VERSION = 1  # of the values; increase it with any change
NORMS = ("player", "player-as-filmed")  # values of `pose_norm` that mean this frame
AROUND = 1.0  # s before and after a frame, over which length of the trunk, place and facing are taken
GAP = 0.2  # s, longest gap in a joint's track that is interpolated
SMOOTHING = 0.03  # s, standard deviation of the Gaussian along time
TRUNCATED = 3  # standard deviations of it that are summed
SPEED = 0.1  # s, in which speeds count: about as large as places then
FACING = 0.05  # trunk lengths by which the nose is beside the ears of a player seen from the side

EARS, SHOULDERS, HIPS = (
    [POINTS.index(f"{side} {name}") for side in ("left", "right")] for name in ("ear", "shoulder", "hip")
)
NOSE = POINTS.index("nose")


def margin(fps: float) -> int:
    """Return the number of frames before and after a frame that its values depend on.

    Parameters
    ----------
    fps : float
        Frames per second.

    Returns
    -------
    int
    """
    return round(AROUND * fps) + round(GAP * fps) + _taps(fps) + 2


def _taps(fps: float) -> int:
    """Return the frames on each side that the smoothing takes."""
    return math.floor(TRUNCATED * SMOOTHING * fps + 0.5)


def in_player_frame(points: np.ndarray, fps: float, pose_norm: str = "player") -> np.ndarray:
    """Return the joints of consecutive frames in the player's own frame.

    Gaps of up to `GAP` s in the track of a joint are interpolated, then places are smoothed along time.

    Parameters
    ----------
    points : ndarray, (N, 14, 3)
        (x, y, score), x and y in px; the first point, the centre, is not used.
    fps : float
        Frames per second.
    pose_norm : {"player", "player-as-filmed"}
        ``player``: a player who faces left is mirrored, judged by the nose against the ears, or the shoulders
        if no ear is known. ``player-as-filmed``: nobody is mirrored.

    Returns
    -------
    ndarray, (N, 14, 5) float32
        (x, y, known, dx, dy). x and y: from the middle of the hips, in trunk lengths, right and down; of the
        centre: the place of the middle of the hips, from its median. known: 1 or 0. dx and dy: their change
        in `SPEED` s. All are 0 for what is not known.
    """
    places = _smoothed(_interpolated(points, round(GAP * fps)), fps)
    half = round(AROUND * fps)
    hips, shoulders = _mean(places[:, HIPS]), _mean(places[:, SHOULDERS])
    unit = _median(np.linalg.norm(shoulders - hips, axis=1), half)
    unit[~(unit > 0)] = np.nan
    usual = np.stack([_median(hips[:, axis], half) for axis in (0, 1)], axis=1)
    places -= hips[:, None]
    places[:, 0] = hips
    change = _change(places) / unit[:, None, None]
    places[:, 0] -= usual
    places /= unit[:, None, None]
    turn = _direction(places, half) if pose_norm == "player" else np.ones(len(places))
    result = np.zeros((*places.shape[:2], VALUES[pose_norm]))
    result[..., :2] = places
    result[..., 2] = np.isfinite(places[..., 0])
    result[..., 3:] = SPEED * fps * change
    result[..., [0, 3]] *= turn[:, None, None]
    return np.nan_to_num(result, nan=0).astype(np.float32)


def channels(points: np.ndarray, draw: Draw, pose_norm: str = "player") -> np.ndarray:
    """Return joints in the player's frame as model input.

    Parameters
    ----------
    points : ndarray, (T, 14, 5)
        From `in_player_frame`.
    draw : Draw
        Draw of the whole clip: places and speeds are turned and zoomed about the hips; a shift changes
        nothing. A flip swaps left and right, and mirrors players as filmed.
    pose_norm : {"player", "player-as-filmed"}
        As for `in_player_frame`.

    Returns
    -------
    ndarray, (70, T) float32
        Channel 5 * point + (x, y, known, dx, dy).
    """
    matrix = augmentation.linear(replace(draw, flip=draw.flip and pose_norm != "player"))
    points = points[:, list(MIRRORED)] if draw.flip else points.copy()
    for part in (slice(2), slice(3, 5)):
        points[..., part] = points[..., part] @ matrix.T
    return np.ascontiguousarray(points.reshape(len(points), -1).T, np.float32)


def _interpolated(points: np.ndarray, longest: int) -> np.ndarray:
    """Return places (N, 14, 2) in px, NaN where a joint is unknown for more than `longest` frames."""
    seen, frames = known(points), np.arange(len(points))
    places = np.where(seen[..., None], points[..., :2], np.nan)
    for joint in range(1, places.shape[1]):
        rows = np.flatnonzero(seen[:, joint])
        for last, following in pairwise(rows.tolist()):
            if 1 < following - last <= longest + 1:
                between = frames[last + 1 : following]
                for axis in (0, 1):
                    ends = places[[last, following], joint, axis]
                    places[between, joint, axis] = np.interp(between - last, [0, following - last], ends)
    return places


def _smoothed(places: np.ndarray, fps: float) -> np.ndarray:
    """Smooth places (N, 14, 2) along time, over the known ones."""
    seen = np.isfinite(places)

    def smooth(values: np.ndarray) -> np.ndarray:
        sigma, radius = SMOOTHING * fps, _taps(fps)
        return gaussian_filter1d(values, sigma, axis=0, mode="constant", radius=radius)

    if not _taps(fps):
        return places
    total, weight = smooth(np.where(seen, places, 0.0)), smooth(seen.astype(float))
    return np.divide(total, weight, out=np.full(places.shape, np.nan), where=seen)


def _mean(places: np.ndarray) -> np.ndarray:
    """Return the mean of the known places (N, P, 2), NaN if none is known."""
    seen = np.isfinite(places)
    count = seen.sum(axis=1)
    total = np.where(seen, places, 0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _median(values: np.ndarray, half: int) -> np.ndarray:
    """Return the median of the known values (N,) within `half` frames of each."""
    import pandas as pd

    window = pd.Series(values).rolling(2 * half + 1, center=True, min_periods=1)
    return window.median().to_numpy(copy=True)


def _direction(places: np.ndarray, half: int) -> np.ndarray:
    """Return 1 (N,) where the player faces right or towards the camera, -1 where left; places (N, 14, 2)."""
    ears = _mean(places[:, EARS])
    behind = np.where(np.isfinite(ears), ears, _mean(places[:, SHOULDERS]))
    ahead = _median(places[:, NOSE, 0] - behind[:, 0], half)
    return np.where(ahead < -FACING, -1.0, 1.0)


def _change(places: np.ndarray) -> np.ndarray:
    """Return the change per frame (N, 14, 2): mean of those from the last and to the next known place."""
    steps = np.full((len(places) + 1, *places.shape[1:]), np.nan)
    steps[1:-1] = np.diff(places, axis=0)
    return _mean(np.stack([steps[:-1], steps[1:]], axis=1))
