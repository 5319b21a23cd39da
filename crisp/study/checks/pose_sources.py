"""Locate the pose file of each video, and detect changes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from crisp.core import files
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.unreadable import counted_from
from crisp.preparation.poses import ENDINGS, digest, frame_files, missing_estimator
from crisp.study.config import Study

Seen = dict[str, list[object]]


def source(study: Study, video: str) -> Path:
    """Return the pose file, or folder of pose files, of a video.

    Raises
    ------
    CrispError
        If there is none, or more than one. A generated one need not exist yet.
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
        raise fail(
            folder,
            f"pose file of video {video} is missing",
            expected,
            f"nothing{counted_from(folder)}",
            remedy,
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise fail(folder, f"more than one pose file of video {video}", "one", names, "leave one there")
    return found[0]


def check(study: Study) -> list[Fault]:
    """Report missing and ambiguous pose files of a study with poses; missing generated ones are made."""
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
                f"nothing{counted_from(study.poses)}",
                remedy,
            )
        ]
    faults: list[Fault] = []
    for video in study.used:
        try:
            source(study, video)
        except CrispError as error:
            faults += error.faults
    return faults


def _stamp(path: Path) -> str:
    """Return a quick change indicator of a pose file: names, sizes and dates of its files."""
    parts = [(part.name, part.stat()) for part in (frame_files(path) if path.is_dir() else [path])]
    return files.digest([(name, state.st_size, state.st_mtime_ns) for name, state in parts])


@cache
def _digest_of(path: Path, _: str) -> str:
    return digest(path)


def read_cache(study: Study) -> Seen:
    """Read the recorded digests of the pose files; empty if damaged, which only costs time."""
    return files.read_cache(_cache_file(study))


def write_cache(study: Study) -> None:
    """Record the digests of a study's pose files, so that the jobs need not read them all."""
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
    """Return the digest of a video's pose file.

    It is read only if its date or size differ from `seen`.

    Parameters
    ----------
    study : Study
    video : str
    seen : dict
        Cache entries by video.

    Returns
    -------
    str
        Digest; empty if there is no file, and for a generated one, which another run would reproduce.
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
