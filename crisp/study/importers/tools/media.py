"""Find the videos below a folder that label files name by paths and addresses, often of another machine."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from crisp.core.errors import Fault
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose
from crisp.core.words import few
from crisp.study.importers.discovery import OTHER_FILES, stem
from crisp.study.importers.tools.label_file import Medium

MOST = 5  # names in a message


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder, without hidden ones, sorted; links to folders are not followed."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return sorted(found)


class Videos:
    """The videos below a folder, by relative path, base name, and base name without suffix.

    Parameters
    ----------
    folder : Path
    files : iterable of Path
        All files below it.
    """

    def __init__(self, folder: Path, files: Iterable[Path]) -> None:
        self._folder = folder
        self.paths = [
            compose(path.relative_to(folder).as_posix())
            for path in files
            if not OTHER_FILES.fullmatch(path.suffix)
        ]
        self._by_path = {_folded(path): path for path in self.paths}
        self._by_name: dict[str, list[str]] = {}
        self._by_stem: dict[str, list[str]] = {}
        for path in self.paths:
            name = PurePosixPath(_folded(path)).name
            self._by_name.setdefault(name, []).append(path)
            self._by_stem.setdefault(stem(name), []).append(path)

    def find(self, medium: Medium, file: Path) -> str | Fault:
        """Return the path of a labelled video relative to the folder, or what prevents it from being found.

        A path relative to the label file or the folder counts first, then the most folders in common with the
        end of the path, whatever its case, then the name with another suffix.
        """
        paths = [path for name in medium.names for path in _readings(name)]
        for path in paths:
            for base in (file.parent, self._folder):
                if found := self._by_path.get(_folded(os.path.relpath(base / path, self._folder))):
                    return found
        for known, key in ((self._by_name, str), (self._by_stem, str), (self._by_stem, stem)):
            for path in paths:
                if candidates := known.get(key(_folded(path.name))):
                    best = _closest(candidates, path)
                    return best[0] if len(best) == 1 else self._several(medium, file, best)
        if not medium.named and len(self.paths) == 1:
            return self.paths[0]
        return Fault(
            str(file),
            "the video of these labels is not below the folder",
            few([_shown(name) for name in medium.names], MOST) or "a video named like this file",
            f"{few(self.paths, MOST) or 'no video'} in {self._folder}",
            "put it there under this name, or import the folder that holds both",
        )

    def _several(self, medium: Medium, file: Path, found: list[str]) -> Fault:
        what = "several videos have the name of the one of these labels"
        remedy = "rename them, or import their folders one by one"
        return Fault(str(file), what, _shown(medium.names[0]), few(found, MOST), remedy)


def _readings(name: str) -> Iterator[PurePosixPath]:
    """Yield the paths that a name may mean: a path of any machine, then an address or its query ``d``."""
    text = compose(name.strip()).replace("\\", "/")
    texts = [text]
    try:
        url = urlsplit(text)
        texts += [unquote(text) for text in (*parse_qs(url.query).get("d", []), url.path)]
    except ValueError:  # e.g. a bracket that is not closed
        pass
    for text in dict.fromkeys(texts):
        path = PurePosixPath(text)
        if path.name and is_plain(text):
            yield path


def _closest(candidates: list[str], path: PurePosixPath) -> list[str]:
    """Return those that share the most last folders with a path."""
    wanted = [_folded(part) for part in reversed(path.parts[:-1])]
    shared = {}
    for candidate in candidates:
        folders = [_folded(part) for part in reversed(PurePosixPath(candidate).parts[:-1])]
        equal = (one == other for one, other in zip(folders, wanted, strict=False))
        shared[candidate] = sum(1 for _ in takewhile(bool, equal))
    most = max(shared.values())
    return [candidate for candidate, count in shared.items() if count == most]


def _folded(path: str) -> str:
    return compose(path).casefold()


def _shown(name: str) -> str:
    name = re.sub(r"\s+", " ", name)
    return name if len(name) <= 200 else f"…{name[-200:]}"
