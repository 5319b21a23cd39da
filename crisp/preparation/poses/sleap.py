"""SLEAP analysis files: HDF5 of all tracks, or CSV with a row per instance."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from crisp.core import hdf5
from crisp.core.errors import CrispError, fail
from crisp.core.unreadable import ERRORS, explained, reading
from crisp.preparation.poses.people import People, ordered, places, stacked

AXES = ("frame", "track", "node", "xy")
LAYOUT = ("track", "xy", "node", "frame")  # default for files without this attribute


def is_analysis(path: Path) -> bool:
    """Return whether an HDF5 file is from SLEAP."""
    with reading(path, "pose file", "an HDF5 file"), hdf5.opened(path, hdf5.GZIP) as file:
        return "tracks" in file and "node_names" in file


def read_h5(path: Path, joints: Mapping[str, str]) -> People:
    """Read all people in each frame; see `crisp.preparation.poses.read_poses`."""
    try:
        with hdf5.opened(path, hdf5.GZIP) as file:
            tracks, scores = hdf5.dataset(file, "tracks"), hdf5.dataset(file, "point_scores")
            names = [name.decode() for name in hdf5.dataset(file, "node_names")[:]]
            axes = tuple(json.loads(tracks.attrs["dims"])) if "dims" in tracks.attrs else LAYOUT
            places_ = np.transpose(tracks[:], [axes.index(axis) for axis in AXES])
            left = [axis for axis in axes if axis != "xy"]
            certainty = np.transpose(scores[:], [left.index(axis) for axis in AXES[:3]])
        points = np.concatenate([places_, certainty[..., None]], axis=3, dtype=float)
        if points.shape[2:] != (len(names), 3):
            raise ValueError(f"tracks {tracks.shape}, {len(names)} nodes")
    except ERRORS as error:
        raise _not(path, "analysis file", "tracks, point_scores, node_names", error) from None
    return People(ordered(_scored(points), places(names, joints, path)))


def read_csv(path: Path, frames: int, joints: Mapping[str, str]) -> People:
    """Read all people in each frame; frames without a row have no people.

    Parameters
    ----------
    path, frames, joints
        As for `crisp.preparation.poses.read_poses`.

    Returns
    -------
    People

    Raises
    ------
    CrispError
        If the file is unreadable or damaged, lacks joints, or has more frames than the video.
    """
    import pandas as pd

    try:
        table = pd.read_csv(path)
        names = [name.removesuffix(".x") for name in table.columns if name.endswith(".x")]
        columns = [[f"{name}.{part}" for part in ("x", "y", "score")] for name in names]
        points = np.stack([table[each].to_numpy(float) for each in columns], axis=1)
        moments = table["frame_idx"].to_numpy()
        if moments.dtype.kind not in "iu":
            raise ValueError(f"frame_idx of type {moments.dtype}")
    except ERRORS as error:
        raise _not(path, "analysis CSV", "frame_idx, and x, y, score of each node", error) from None
    if len(moments) and not 0 <= moments.min() <= moments.max() < frames:
        raise fail(
            path,
            "poses of frames beyond the video",
            f"frames 0 to {frames - 1}",
            f"{moments.min()} to {moments.max()}",
            "is it the pose file of this video?",
        )
    where = places(names, joints, path)
    people: list[list[np.ndarray]] = [[] for _ in range(frames)]
    for moment, person in zip(moments, ordered(_scored(points), where), strict=True):
        people[moment].append(person)
    return People(stacked(people, path))


def _not(path: Path, kind: str, expected: str, error: Exception) -> CrispError:
    if isinstance(error, PermissionError):
        return explained(path, error, "pose file")
    return fail(path, f"not an {kind} of SLEAP", expected, error, "export it again")


def _scored(points: np.ndarray) -> np.ndarray:
    """Set score 1 for points placed by hand: SLEAP gives them no score."""
    placed = np.isfinite(points[..., :2]).all(axis=-1) & np.isnan(points[..., 2])
    points[..., 2] = np.where(placed, 1, points[..., 2])
    return points
