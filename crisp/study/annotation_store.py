"""Annotation files that several people and programs save: no save overwrites another one silently.

A save names the version of the file from which it was made, and is refused if the file is another one by
then. What it replaces is kept in a folder `backups` beside it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from crisp.core.errors import CrispError, fail
from crisp.core.files import replacing, sha256
from crisp.study.annotations import Stroke, is_begun, read_annotation, write_annotation

BACKUPS = "backups"


class Saved(NamedTuple):
    """The content of an annotation file, sorted by time; its version is empty where there is no file."""

    strokes: list[Stroke]
    begun: bool
    version: str


class ConflictError(Exception):
    """The file is of another version than the one from which a save was made.

    Attributes
    ----------
    saved : Saved
        What it holds now.
    """

    def __init__(self, saved: Saved) -> None:
        super().__init__("the annotation file has changed")
        self.saved = saved


def version_of(path: Path) -> str:
    """Return the version of a file: the SHA-256 of its bytes, empty if there is none."""
    try:
        return sha256(path)
    except FileNotFoundError:
        return ""


def load(path: Path) -> Saved:
    """Read an annotation file; without one there are no strokes, and labelling is to begin.

    Raises
    ------
    CrispError
        If it is not an annotation file.
    """
    version = version_of(path)  # first: of a file that changes now, the version is too old to be saved over
    if not version:
        return Saved([], True, "")
    return Saved(sorted(read_annotation(path)), is_begun(path), version)


def parse(content: bytes, name: str) -> Saved:
    """Read the bytes of an annotation file, such as a browser sends.

    Parameters
    ----------
    content : bytes
    name : str
        Its name in messages.

    Returns
    -------
    Saved
        Without a version.

    Raises
    ------
    CrispError
        If they are not an annotation file; lists all faults.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "sent.xml")
        path.write_bytes(content)
        try:
            return load(path)._replace(version="")
        except CrispError as error:
            named = (replace(one, where=one.where.replace(str(path), name)) for one in error.faults)
            raise CrispError(*named) from None


def save(path: Path, strokes: Sequence[Stroke], begun: bool, version: str) -> str:
    """Save an annotation, and keep the file that it replaces as a backup.

    Parameters
    ----------
    path : path-like
        The annotation file.
    strokes : sequence of Stroke
    begun : bool
        Whether the video is not labelled to its end.
    version : str
        Version of the file from which these strokes were made.

    Returns
    -------
    str
        The new version.

    Raises
    ------
    ConflictError
        If the file is of another version now; it stays as it is.
    CrispError
        If the file cannot be written, or is a link.
    """
    if path.is_symlink():
        remedy = "give the file itself, or copy it to the place of the link"
        raise fail(path, "annotation file is a link", "a file", f"a link to {path.readlink()}", remedy)
    with locked(path.parent):
        now = load(path)
        if now.version != version:
            raise ConflictError(now)
        if version and (now.strokes, now.begun) == (sorted(strokes), begun):
            return version
        if version:
            back_up(path, version)
        write_annotation(path, list(strokes), begun)
        return version_of(path)


def back_up(path: Path, version: str) -> Path:
    """Copy a file of a version into the folder of backups, under its time and version; return the copy."""
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    copy = path.parent / BACKUPS / f"{path.name}.{changed:%Y%m%dT%H%M%SZ}-{version[:8]}.bak"
    with replacing(copy) as beside:
        shutil.copyfile(path, beside)
    return copy


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Wait until no other process or thread saves in a folder; the end of a process releases it."""
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # the file system does not support locks
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)
