"""Locate and read pose files (COCO, DeepLabCut, SLEAP, .npz, .npy).

A pose file belongs to one video and is named by its id: ``<id>.json`` (COCO keypoints), ``<id>.csv`` and
``<id>.h5`` (DeepLabCut, SLEAP), ``<id>.npz`` (an array), or a folder ``<id>`` with one ``.npy`` per frame
(the published layout). These files are never modified.

The Snakefile locates them at every start, so the readers and their libraries are imported only when reading.
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
    """Report missing requirements for pose estimation on this machine."""
    if importlib.util.find_spec("mediapipe"):
        return []
    remedy = "pip install 'crisp-sport[pose]' (in a clone: '.[pose]'), or read poses from files"
    return [Fault("preparation.pose.estimator", "the package mediapipe is not installed", remedy=remedy)]


def frame_files(folder: Path) -> list[Path]:
    """Return the files of a folder with one per frame, in time order, or of its subfolder ``pose``."""
    if (folder / "pose").is_dir():
        folder = folder / "pose"
    return sorted(folder.glob("*.npy"))


def digest(path: Path) -> str:
    """Return the SHA-256 of a pose file's bytes; for a folder, that of its files' names and bytes."""
    if path.is_file():
        return files.sha256(path)
    sha = hashlib.sha256()
    for part in frame_files(path):
        content = part.read_bytes()
        sha.update(f"{part.name}\0{len(content)}\0".encode() + content)
    return sha.hexdigest()


def read_poses(path: str | Path, frames: int, joints: Mapping[str, str] | None = None) -> People:
    """Read all people in each frame of a video.

    Parameters
    ----------
    path : a pose file, or a folder with one per frame; its content determines the format.
    frames : number of decodable frames of the video.
    joints : our point names to those in the file, empty if missing there. By default names
        are recognised in the usual spellings (``left_eye``, ``leftEye``, ``L-Eye``, ...).

    Raises
    ------
    CrispError
        If the file is damaged or of an unknown kind, lacks joints, or has another number of frames.
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
    """Return the cells of the first line of a CSV."""
    with reading(path, "pose file", "CSV as text"), open(path, encoding="utf-8-sig") as file:
        return [cell.strip() for cell in file.readline().split(",")]
