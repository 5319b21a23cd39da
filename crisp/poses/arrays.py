"""An ``.npz`` with an array `joints`: what the demo's generator writes, and the plainest to convert to."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from crisp.errors import fail
from crisp.poses.people import People
from crisp.skeleton import JOINTS, POINTS
from crisp.unreadable import explained


def read(path: Path) -> People:
    """One person in each frame; see `crisp.poses.read`.

    `joints` is (N, 13, 2) of (x, y), or (N, 13, 3) with a score, in the order of `crisp.skeleton.JOINTS`.
    """
    expected = f"an array joints of (frames, {len(JOINTS)}, 2 or 3) numbers"
    try:
        with np.load(path, allow_pickle=False) as file:
            joints = file["joints"].astype(float)
        if joints.ndim != 3 or joints.shape[1] != len(JOINTS) or joints.shape[2] not in (2, 3):
            raise ValueError(f"joints of shape {joints.shape}")
    except OSError as error:
        raise explained(path, error, "pose file", f"{expected}, a ZIP archive") from None
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError) as error:
        raise fail(path, "not an array of joints", expected, error, "write it again") from None
    points = np.full((len(joints), 1, len(POINTS), 3), np.nan)
    points[:, 0, 1:, 2] = 1
    points[:, 0, 1:, : joints.shape[2]] = joints
    return People(points)
