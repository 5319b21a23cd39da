"""Pose files as other tools write them: where they are, and who is in each frame by them.

A pose file belongs to one video and has its id as name: ``<id>.json`` (COCO keypoints), ``<id>.csv`` and
``<id>.h5`` (DeepLabCut, SLEAP), ``<id>.npz`` (an array), or a folder ``<id>`` of one ``.npy`` a frame (the
published layout). Files are only ever read.

The Snakefile asks for them at every start, so the readers and their libraries are imported where they read.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from crisp.core import files
from crisp.core.errors import Fault, fail
from crisp.core.unreadable import reading

if TYPE_CHECKING:
    from crisp.preparation.poses.people import People

ENDINGS = (".json", ".csv", ".h5", ".npz")


def missing_estimator() -> list[Fault]:
    """What this machine lacks to estimate poses."""
    if importlib.util.find_spec("mediapipe"):
        return []
    remedy = "pip install 'crisp-sport[pose]' (in a clone: '.[pose]'), or read poses from files"
    return [Fault("preparation.pose.estimator", "the package mediapipe is not installed", remedy=remedy)]


def frame_files(folder: Path) -> list[Path]:
    """The files of a folder of one a frame, in order of time; they may be in a folder ``pose`` in it."""
    if (folder / "pose").is_dir():
        folder = folder / "pose"
    return sorted(folder.glob("*.npy"))


def digest(path: Path) -> str:
    """SHA-256 of a pose file's bytes; of a folder that of its files' names and bytes."""
    if path.is_file():
        return files.sha256(path)
    sha = hashlib.sha256()
    for part in frame_files(path):
        content = part.read_bytes()
        sha.update(f"{part.name}\0{len(content)}\0".encode() + content)
    return sha.hexdigest()


def read_poses(path: str | Path, frames: int, joints: Mapping[str, str] | None = None) -> People:
    """Everyone in each frame of a video.

    Parameters
    ----------
    path : a pose file, or a folder of one a frame; what it holds tells the format.
    frames : number of frames that decode from the video.
    joints : by name of a point of ours, that of the file, empty for one it does not have. Without it names
        are taken in the usual spellings (``left_eye``, ``leftEye``, ``L-Eye``, ...).

    Raises
    ------
    CrispError
        If the file is damaged or of an unknown kind, lacks joints, or is not of that many frames.
    """
    from crisp.preparation.poses import coco, deeplabcut, npy_folder, npz, sleap
    from crisp.preparation.poses.people import check_count

    path, joints = Path(path), joints or {}
    with reading(path, "pose file"):
        is_folder = path.is_dir()
    if is_folder:
        people = npy_folder.read(path, joints)
    elif path.suffix == ".json":
        people = coco.read(path, frames, joints)
    elif path.suffix == ".npz":
        people = npz.read(path, frames)
    elif path.suffix == ".csv" and "frame_idx" in _heads(path):
        people = sleap.read_csv(path, frames, joints)
    elif path.suffix == ".csv":
        people = deeplabcut.read_csv(path, joints)
    elif path.suffix == ".h5" and sleap.is_analysis(path):
        people = sleap.read_h5(path, joints)
    elif path.suffix == ".h5":
        people = deeplabcut.read_h5(path, joints)
    else:
        expected = f"an ending of {', '.join(ENDINGS)}, or a folder of .npy files"
        raise fail(path, "unknown kind of pose file", expected, path.suffix or "no ending", "convert it")
    check_count(path, len(people.points), frames)
    return people


def _heads(path: Path) -> list[str]:
    """Cells of the first line of a CSV."""
    with reading(path, "pose file", "CSV as text"), open(path, encoding="utf-8-sig") as file:
        return [cell.strip() for cell in file.readline().split(",")]
