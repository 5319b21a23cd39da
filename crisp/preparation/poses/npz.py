"""An ``.npz`` with an array `joints`: written by the demo generator, and the simplest target format."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np

from crisp.core.errors import fail
from crisp.core.skeleton import JOINTS, POINTS
from crisp.core.unreadable import ERRORS, explained
from crisp.preparation.poses import npy
from crisp.preparation.poses.people import People, check_count

LARGEST = len(JOINTS) * 3 * 16  # bytes per frame


def read(path: Path, frames: int) -> People:
    """Read one person in each frame; see `crisp.preparation.poses.read_poses`.

    `joints` is (N, 13, 2) of (x, y), or (N, 13, 3) with a score, in the order of
    `crisp.core.skeleton.JOINTS`.
    """
    expected = f"an array joints of (frames, {len(JOINTS)}, 2 or 3) numbers"
    try:
        with zipfile.ZipFile(path) as archive, archive.open("joints.npy") as file:
            told = npy.head(file)
            count, places, values = told.shape
            if places != len(JOINTS) or values not in (2, 3) or told.dtype.kind not in "iuf":
                raise ValueError(f"joints of shape {told.shape} of {told.dtype}")
            check_count(path, count, frames)
            joints = npy.content(file, told, frames * LARGEST).astype(float)
    except (zipfile.BadZipFile, zlib.error, *ERRORS) as error:
        if isinstance(error, OSError) or not zipfile.is_zipfile(path):
            raise explained(path, error, "pose file", f"{expected}, a ZIP archive") from None
        raise fail(path, "not an array of joints", expected, error, "write it again") from None
    points = np.full((len(joints), 1, len(POINTS), 3), np.nan)
    points[:, 0, 1:, 2] = 1
    points[:, 0, 1:, : joints.shape[2]] = joints
    return People(points)
