"""The folder of the clip cache: validated, so that no other files are touched.

It is tagged as in the `Cache Directory Tagging Specification <https://bford.info/cachedir/>`_. Only
files with CRISP's own names count as cache files, and no link is followed.
"""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from crisp.core.errors import fail
from crisp.core.files import TEMPORARY, replacing

VARIABLE = "CRISP_CACHE"  # environment variable: a folder instead of the temporary one
REMEDY = f"set {VARIABLE} to a folder on a disk of this machine, or training.cache_gb to 0"
TAG = "CACHEDIR.TAG"
SIGNATURE = "Signature: 8a477f597d28d172789f06886806bc55"
CONTENT = f"{SIGNATURE}\n# The clip cache of CRISP: without a running training it may be deleted.\n"
OWN_FOLDER = re.compile("[0-9a-f]{2}")
OWN_FILE = re.compile(rf"[0-9a-f]{{64}}\.npy({TEMPORARY})?")
BEGUN_TAG = re.compile(re.escape(TAG) + TEMPORARY)
REAL_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Kept(NamedTuple):
    """A file of the cache: time of last use, bytes, and name in the folder."""

    used: float
    size: int
    name: str

    @property
    def whole(self) -> bool:
        """Return whether it is a complete array, not one being written or left by a kill."""
        return self.name.endswith(".npy")


def folder() -> Path:
    """Return this user's cache folder, below the configured or temporary folder; create it if necessary.

    Raises
    ------
    CrispError
        If it cannot be created, belongs to or is open to others, or holds other files.
    """
    path = Path(os.environ.get(VARIABLE) or tempfile.gettempdir()) / f"crisp-cache-{os.getuid()}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            path.mkdir(mode=0o700)
        _check_owner(path)
        if not _is_marked(path):
            _check_content(path)
            with replacing(path / TAG) as beside:
                beside.write_text(CONTENT, encoding="ascii")
    except OSError as error:
        raise fail(path, "no folder for the clip cache", "one to write to", error.strerror, REMEDY) from None
    return path


def _check_owner(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        told = "a link"
    elif not stat.S_ISDIR(found.st_mode):
        told = "no folder"
    elif found.st_uid != os.getuid():
        told = f"a folder of user {found.st_uid}"
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        told = f"others may write to it, {stat.filemode(found.st_mode)}"
    else:
        return
    expected = f"a folder of user {os.getuid()} that no other user can write to, and no link"
    raise fail(path, "cannot be the folder of the clip cache", expected, told, REMEDY)


def _is_marked(path: Path) -> bool:
    tag = path / TAG
    try:
        return stat.S_ISREG(tag.lstat().st_mode) and tag.read_bytes().startswith(SIGNATURE.encode())
    except FileNotFoundError:
        return False


def _check_content(path: Path) -> None:
    """Accept an untagged folder only if it is empty, or the cache of an earlier version."""
    with _opened(path) as top:
        strange = next(_strange(top), None)
    if strange is not None and not _is_marked(path):  # another training may have tagged it just now
        expected = f"an empty folder, or one with the clip cache's {TAG}"
        raise fail(path, "cannot be the folder of the clip cache", expected, f"in it {strange}", REMEDY)


def _strange(top: int) -> Iterator[str]:
    """Yield entries that no version of the cache would create."""
    for name in _names(top):
        if BEGUN_TAG.fullmatch(name) and _regular(name, top):
            continue
        if not OWN_FOLDER.fullmatch(name):
            yield name
            continue
        try:
            with _opened(name, top) as place:
                files = _names(place)
                yield from (f"{name}/{file}" for file in files if not _own(name, file, place))
        except OSError:  # a link or a file
            yield name


def _own(first: str, name: str, place: int) -> os.stat_result | None:
    """Return the status of a file with a cache file name; None for others."""
    return _regular(name, place) if name.startswith(first) and OWN_FILE.fullmatch(name) else None


def _regular(name: str, place: int) -> os.stat_result | None:
    """Return the status of this user's regular file; None for a link, folder, pipe or other users' files."""
    try:
        found = os.stat(name, dir_fd=place, follow_symlinks=False)
    except FileNotFoundError:  # deleted by another training
        return None
    return found if stat.S_ISREG(found.st_mode) and found.st_uid == os.getuid() else None


@contextmanager
def _opened(path: str | Path, inside: int | None = None) -> Iterator[int]:
    """Open a folder, so that no link can replace it; raise OSError for a link or no folder."""
    place = os.open(path, REAL_FOLDER, dir_fd=inside)
    try:
        yield place
    finally:
        os.close(place)


def _names(place: int) -> list[str]:
    with os.scandir(place) as entries:
        return [entry.name for entry in entries]


def files(path: Path) -> list[Kept]:
    """Return the cache files in a folder; skip all others."""
    found: list[Kept] = []
    with suppress(FileNotFoundError), _opened(path) as top:
        for name in filter(OWN_FOLDER.fullmatch, _names(top)):
            with suppress(OSError), _opened(name, top) as place:
                for file in _names(place):
                    if about := _own(name, file, place):
                        found.append(Kept(about.st_mtime, about.st_size, f"{name}/{file}"))
    return found


def remove(path: Path, name: str) -> None:
    """Delete a file if it is a cache file; processes that have mapped it keep it."""
    first, file = name.split("/")
    with suppress(OSError), _opened(path) as top, _opened(first, top) as place:
        if _own(first, file, place):
            os.unlink(file, dir_fd=place)


def is_kept(path: Path, name: str) -> bool:
    """Return whether a cache file exists as a regular file."""
    first, file = name.split("/")
    try:
        with _opened(path) as top, _opened(first, top) as place:
            return _own(first, file, place) is not None
    except OSError:
        return False


def make_room_for(path: Path, name: str) -> None:
    """Create the folder for a cache file.

    Raises
    ------
    CrispError
        If something else is in its place; it is not deleted.
    """
    within = path / name.split("/")[0]
    within.mkdir(mode=0o700, parents=True, exist_ok=True)
    place = within if within.is_symlink() else path / name
    if place.is_symlink() or (place.exists() and not is_kept(path, name)):
        expected, remedy = "a file of the clip cache, or nothing", "move it away"
        raise fail(place, "something else in the clip cache", expected, "a link or another file", remedy)
