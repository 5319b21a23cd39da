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
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from crisp import files, sources
from crisp.errors import CrispError, Fault, fail
from crisp.study import Study
from crisp.unreadable import reading

if TYPE_CHECKING:
    from crisp.poses.people import People

ENDINGS = (".json", ".csv", ".h5", ".npz")
Seen = dict[str, list[object]]


def source(study: Study, video: str) -> Path:
    """The pose file, or folder of pose files, of a video.

    Raises
    ------
    CrispError
        If there is none, or more than one. A generated one need not be there yet.
    """
    if study.pose_estimator:
        raise fail("poses", "poses are estimated", "files in dataset.poses", study.pose_estimator)
    folder = Path(study.poses)
    if study.generate:
        return folder / f"{video}.npz"
    places = [folder / video, *(folder / f"{video}{ending}" for ending in ENDINGS)]
    found = [path for path in places if (path.is_dir() if path == places[0] else path.is_file())]
    if not found:
        expected = f"{video}{' or '.join(ENDINGS)}, or a folder {video} of .npy files"
        remedy = "put it (or a link to it) there, or set use=no for this video"
        raise fail(folder, f"pose file of video {video} is missing", expected, "nothing", remedy)
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise fail(folder, f"more than one pose file of video {video}", "one", names, "leave one there")
    return found[0]


def check(study: Study) -> list[Fault]:
    """Missing and ambiguous pose files of a study that takes poses; generated ones are made where missing."""
    if not study.takes_pose:
        return []
    if study.pose_estimator:
        return missing_estimator()
    if study.generate:
        return []
    if not Path(study.poses).is_dir():
        remedy = f"ln -sfn /path/to/the/poses {study.poses}"
        return [
            Fault(
                study.poses,
                "folder of the pose files is missing",
                "a folder, or a link to one",
                remedy=remedy,
            )
        ]
    faults: list[Fault] = []
    for video in study.used:
        try:
            source(study, video)
        except CrispError as error:
            faults += error.faults
    return faults


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
        return sources.sha256(path)
    sha = hashlib.sha256()
    for part in frame_files(path):
        content = part.read_bytes()
        sha.update(f"{part.name}\0{len(content)}\0".encode() + content)
    return sha.hexdigest()


def _stamp(path: Path) -> str:
    """What changes with a pose file at once: names, sizes and dates of what it consists of."""
    parts = [(part.name, part.stat()) for part in (frame_files(path) if path.is_dir() else [path])]
    return files.digest([(name, state.st_size, state.st_mtime_ns) for name, state in parts])


@cache
def _digest_of(path: Path, _: str) -> str:
    return digest(path)


def read_cache(study: Study) -> Seen:
    """Digests of the pose files as last seen; damaged, it is empty and only costs time."""
    return files.read_cache(_cache_file(study))


def write_cache(study: Study) -> None:
    """Keep the digests of a study's pose files, so that the jobs need not read them all."""
    if not study.takes_pose or study.pose_estimator or study.generate:
        return
    before = read_cache(study)
    seen = dict(before)
    for video in study.used:
        path = source(study, video)
        seen[video] = [str(path), _stamp(path), fingerprint(study, video, before)]
    if seen != before:
        files.write_json(_cache_file(study), seen)


def _cache_file(study: Study) -> Path:
    return study.volumes / ".poses.json"


def fingerprint(study: Study, video: str, seen: Seen) -> str:
    """Digest of a video's pose file, read only where its date or size is another than when last `seen`.

    Empty where there is no such file, and for a generated one, which another run would make alike.
    """
    try:
        path = source(study, video)
        stamp = _stamp(path)
    except (CrispError, OSError):
        return ""
    if study.generate:
        return ""
    *last, content = seen.get(video) or [""]
    return str(content) if last == [str(path), stamp] else _digest_of(path, stamp)


def read(path: str | Path, frames: int, joints: Mapping[str, str] | None = None) -> People:
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
    from crisp.poses import arrays, coco, deeplabcut, published, sleap
    from crisp.poses.people import check_count

    path, joints = Path(path), joints or {}
    with reading(path, "pose file"):
        is_folder = path.is_dir()
    if is_folder:
        people = published.read(path, joints)
    elif path.suffix == ".json":
        people = coco.read(path, frames, joints)
    elif path.suffix == ".npz":
        people = arrays.read(path, frames)
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
