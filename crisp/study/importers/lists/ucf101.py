"""UCF101: ``trainlist01.txt`` (``Class/v_Class_g08_c01.avi 1``), ``testlist01.txt`` and ``classInd.txt``.

The class is the folder in the list. Clips of one ``g`` number come from one recording, and stay together.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from crisp.core.errors import CrispError, Fault
from crisp.study.importers.discovery import Found, Labels, stem
from crisp.study.importers.lists import splits
from crisp.study.importers.lists.listed import TASK, ListedVideos, files, lines, several

LIST = re.compile(r"(train|test)list(\d+)\.txt", re.IGNORECASE)
CLASSES = "classind.txt"
GROUP = re.compile(r"(.+_g\d+)_c\d+")


def matches(source: Path) -> bool:
    """Return whether a source is a list of this form, or a folder with such lists, also in a subfolder."""
    return any(map(LIST.fullmatch, (path.name for path in files(source, ".txt"))))


def read(source: Path) -> Found:
    """Read the videos of one split: of the list that is given, or else the first.

    Raises
    ------
    CrispError
        If a line is not of this form, or none of the videos is there.
    """
    numbered: dict[str, list[Path]] = {}
    for path in files(source, ".txt"):
        if match := LIST.fullmatch(path.name):
            numbered.setdefault(match[2], []).append(path)
    number = min(numbered)
    if source.is_file():
        beside = [path for path in sorted(source.parent.iterdir()) if LIST.fullmatch(path.name)]
        numbered = {number: [path for path in beside if path.stem.endswith(f"list{number}")]}
    listed = ListedVideos(source)
    listed.notes += several(numbered)
    for path in numbered[number]:
        _read(path, listed)
    found = listed.found()
    found.notes += splits.complete(found.videos)
    return found


def _read(path: Path, listed: ListedVideos) -> None:
    match = LIST.fullmatch(path.name)
    assert match
    split, names = match[1].lower(), _classes(path.parent)
    for number, line in lines(path):
        where = f"{path}, line {number}"
        name, _, index = line.rpartition(" ") if re.search(r" \d+$", line) else (line, "", "")
        label = PurePosixPath(name).parent.name or names.get(index, "")
        if not label or (index and names and names.get(index, label) != label):
            expected = f"<class>/<video> and the number of that class in {CLASSES}"
            listed.faults.append(Fault(where, "bad line", expected, repr(line)[:100], "correct the list"))
            continue
        group = GROUP.fullmatch(stem(PurePosixPath(name).name))
        if video := listed.add(name, group=group[1] if group else ""):
            listed.label(video, where, Labels(TASK, split, whole=label))


def _classes(folder: Path) -> dict[str, str]:
    """Return the names of the classes by their numbers; none if there is no such file."""
    path = next((path for path in folder.iterdir() if path.name.lower() == CLASSES), None)
    if path is None:
        return {}
    pairs = [(line.split(None, 1), f"{path}, line {number}") for number, line in lines(path)]
    faults = [
        Fault(where, "bad line", "a number and a class", " ".join(pair), "correct the file")
        for pair, where in pairs
        if len(pair) != 2
    ]
    if faults:
        raise CrispError(*faults)
    return {index: name for (index, name), _ in pairs}
