"""The file of a video by what a table or list calls it: a path, also of another machine, a name or an id."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path, PurePosixPath

from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose, existing
from crisp.study.importers import video_ids
from crisp.study.importers.discovery import OTHER_FILES, stem


class MediaFiles:
    """The videos below a folder, found by name; the folder is walked once, and only if a path is not there.

    Attributes
    ----------
    folder : Path
    moved : dict of str to str
        Paths that were found by their file name alone: as written, and relative to the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, str] = {}
        self.moved: dict[str, str] = {}

    def path(self, text: str) -> str:
        """Return the path of a video relative to the folder, with slashes.

        It is as written if that file exists; else that of the one video below the folder with this name, name
        without suffix or id (in this order; case counts only between several). If there is none, it is as
        written, without outer spaces.

        Raises
        ------
        ValueError
            If it can be none: empty, or an absolute path or one with ``..`` whose name is not there either;
            or if several have this name. Its arguments are what, expected and found.
        """
        if text not in self._found:
            self._found[text] = self._path(text)
        return self._found[text]

    def find(self, text: str) -> str:
        """Return the path of a video relative to the folder; empty if there is none, or several.

        As for `path`; a name as in a list of a data set, such as ``Serve/clip_01`` without suffix.
        """
        try:
            path = self.path(text)
        except ValueError:
            return ""
        return path if existing(self.folder / path).is_file() else ""

    def _path(self, text: str) -> str:
        written = text.strip().replace("\\", "/")
        for name in (text, text.strip(), written):
            if name and _inside(name) and existing(self.folder / name).is_file():
                return str(PurePosixPath(name))
        several = self._whole.get(compose(written)) or self._named(written)
        if len(several) == 1:
            if "/" in written:
                self.moved[text.strip()] = several[0]
            return several[0]
        if several:
            expected = "a path that tells apart the videos of this name"
            raise ValueError("several videos of this name", expected, ", ".join(several[:5]))
        if not _inside(written):
            raise ValueError("bad video", "a path relative to the source folder", repr(text))
        return str(PurePosixPath(written))

    def _named(self, written: str) -> list[str]:
        """Return the paths of this name, of those of several the closest to the written one."""
        name = compose(written).rstrip("/").rpartition("/")[2]
        if not name:
            return []
        for names, key in ((self._names, name), (self._stems, name), (self._ids, name)):
            alike = names.get(key.casefold(), [])
            if len(alike) > 1:
                alike = _closest(alike, compose(written)) or alike
            if alike:
                return alike
        return []

    @cached_property
    def all(self) -> list[str]:
        """Return the paths of all videos below the folder, those in subfolders last."""
        found = []
        for place, folders, names in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            inside = Path(place).relative_to(self.folder)
            for name in sorted(names):
                if not name.startswith(".") and not OTHER_FILES.fullmatch(Path(name).suffix):
                    found.append(compose((inside / name).as_posix()))
        return found

    @cached_property
    def _whole(self) -> dict[str, list[str]]:
        """Return the paths by what is left without their suffixes."""
        found: dict[str, list[str]] = {}
        for path in self.all:
            found.setdefault(stem(path), []).append(path)
        return found

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        return _by(self.all, {path: PurePosixPath(path).name for path in self.all})

    @cached_property
    def _stems(self) -> dict[str, list[str]]:
        return _by(self.all, {path: stem(PurePosixPath(path).name) for path in self.all})

    @cached_property
    def _ids(self) -> dict[str, list[str]]:
        return _by(self.all, {path: video_ids.plain(PurePosixPath(path).name) for path in self.all})


def _by(paths: list[str], keys: dict[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in paths:
        found.setdefault(keys[path].casefold(), []).append(path)
    return found


def _closest(paths: list[str], written: str) -> list[str]:
    """Return the one path with most in common with the written one from the end; none if several have it."""
    parts = written.split("/")
    shared = {path: _shared(path.split("/"), parts) for path in paths}
    best = [path for path, count in shared.items() if count == max(shared.values())]
    return best if len(best) == 1 else []


def _shared(one: list[str], other: list[str]) -> float:
    count = 0.0
    for mine, theirs in zip(reversed(one), reversed(other), strict=False):
        if mine == theirs:
            count += 1
        elif stem(mine) == stem(theirs) or mine.casefold() == theirs.casefold():
            count += 0.5
        else:
            break
    return count


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.name) and not path.is_absolute() and ".." not in path.parts and is_plain(name)
