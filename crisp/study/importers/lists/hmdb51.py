"""HMDB51: ``<class>_test_split1.txt`` with ``<video> <0, 1 or 2>`` a line: not used, train or test.

Clips cut from one film stay together: their names begin alike, up to the class.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from crisp.core.errors import Fault
from crisp.core.words import counted
from crisp.study.importers.discovery import Found, Labels
from crisp.study.importers.lists import splits
from crisp.study.importers.lists.listed import TASK, ListedVideos, files, lines, several

LIST = re.compile(r"(.+)_test_split(\d+)\.txt", re.IGNORECASE)
PARTS = {"0": "", "1": "train", "2": "test"}


def matches(source: Path) -> bool:
    """Return whether a source is a list of this form, or a folder with such lists, also in a subfolder."""
    return any(map(LIST.fullmatch, (path.name for path in files(source, ".txt"))))


def read(source: Path) -> Found:
    """Read the videos of one split of all classes: that of the list that is given, or else the first.

    Raises
    ------
    CrispError
        If a line is not of this form, or none of the videos is there.
    """
    numbered: dict[str, list[Path]] = {}
    for path in files(source, ".txt") if source.is_dir() else sorted(source.parent.iterdir()):
        if match := LIST.fullmatch(path.name):
            numbered.setdefault(match[2], []).append(path)
    given = LIST.fullmatch(source.name) if source.is_file() else None
    number = given[2] if given else min(numbered)
    listed = ListedVideos(source)
    listed.notes += [] if source.is_file() else several(numbered)
    unused = sum(_read(path, listed) for path in numbered[number])
    if unused:
        listed.notes.append(f"note: {counted(unused, 'clip')} of no part of split {number} left out")
    found = listed.found()
    found.notes += splits.complete(found.videos)
    return found


def _read(path: Path, listed: ListedVideos) -> int:
    """Read the list of a class; return the number of clips that are in no part."""
    match = LIST.fullmatch(path.name)
    assert match
    label, unused = match[1], 0
    for number, line in lines(path):
        where = f"{path}, line {number}"
        name, _, part = line.rpartition(" ")
        if not name or part not in PARTS:
            expected = "<video> and 0, 1 or 2"
            listed.faults.append(Fault(where, "bad line", expected, repr(line)[:100], "correct the list"))
        elif not PARTS[part]:
            unused += 1
        else:
            name = name.strip()
            film, found, _ = PurePosixPath(name).stem.partition(f"_{label}_")
            if video := listed.add(f"{label}/{name}", name, group=film if found else ""):
                listed.label(video, where, Labels(TASK, PARTS[part], whole=label.replace("_", " ")))
    return unused
