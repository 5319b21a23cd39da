"""Lists of mmaction2, PySlowFast and others: a video and its class in each line, ``Serve/a.mp4 3``.

The class is a name, or a number from 0 whose name is in a file beside the list, one a line
(``label_map.txt``). The split is in the name of the list, ``train_list.txt``.
"""

from __future__ import annotations

import re
from pathlib import Path

from crisp.core.errors import Fault
from crisp.study.importers.discovery import Found, Labels
from crisp.study.importers.lists import splits
from crisp.study.importers.lists.kinetics import split_in
from crisp.study.importers.lists.listed import TASK, ListedVideos, attempt, files, lines
from crisp.study.importers.media_files import MediaFiles

# With spaces in the path, the last word is the class.
LINE = re.compile(r"(?P<video>.+?\.[A-Za-z0-9]{2,4})(?:\s*[,;\t]\s*|\s+)(?P<label>[^,;\t]+)")
NAMES = re.compile(r"(label_?map|class_?names|classes|labels|categories|class_?ind).*\.txt", re.IGNORECASE)
NUMBERED = re.compile(r"split[_-]?(\d+)", re.IGNORECASE)


def matches(source: Path) -> bool:
    """Return whether a source is a list of this form whose videos are there, or a folder with such lists."""
    media = ListedVideos(source).media
    return any(_is_list(path, media) for path in _texts(source))


def _texts(source: Path) -> list[Path]:
    return [path for path in files(source, ".txt", ".csv", ".list") if not NAMES.fullmatch(path.name)]


def _is_list(path: Path, media: MediaFiles) -> bool:
    found = [LINE.fullmatch(line) for line in attempt(path)]
    return bool(found) and all(found) and any(media.find(match["video"]) for match in found if match)


def read(source: Path) -> Found:
    """Read the videos of all lists that are there; of lists for several splits, the first.

    Raises
    ------
    CrispError
        If a line is not of this form, or none of the videos is there.
    """
    listed = ListedVideos(source)
    paths = [path for path in _texts(source) if _is_list(path, listed.media)]
    numbers = sorted({match[1] for path in paths if (match := NUMBERED.search(path.stem))})
    if len(numbers) > 1:
        paths = [
            path for path in paths if not (match := NUMBERED.search(path.stem)) or match[1] == numbers[0]
        ]
        more = ", ".join(numbers)
        listed.notes.append(f"note: split {numbers[0]} of {more} is taken; delete its lists to take another")
    unnamed = set[str]()
    for path in paths:
        _read(path, listed, unnamed)
    found = listed.found()
    found.notes += splits.complete(found.videos)
    if unnamed:
        what, remedy = "classes have no names", "write them, one a line from class 0, to label_map.txt"
        expected, names = "a file with the names beside the list", ", ".join(sorted(unnamed)[:5])
        found.problems.append(Fault(str(paths[0]), what, expected, names, remedy))
    return found


def _read(path: Path, listed: ListedVideos, unnamed: set[str]) -> None:
    names, split = _names(path.parent), split_in(path.stem)
    for number, line in lines(path):
        where, match = f"{path}, line {number}", LINE.fullmatch(line)
        label = " ".join(match["label"].split()) if match else ""
        if label.isdecimal() and names:
            label = names.get(int(label), "")
        if not match or not label:
            expected = "a video and its class" + (f", 0 to {max(names)}" if names else "")
            listed.faults.append(Fault(where, "bad line", expected, repr(line)[:100], "correct the list"))
            continue
        if label.isdecimal():
            label = f"class {label}"
            unnamed.add(label)
        if video := listed.add(match["video"]):
            listed.label(video, where, Labels(TASK, split, whole=label))


def _names(folder: Path) -> dict[int, str]:
    """Return the names of the classes by their numbers: as written before them, else in order from 0."""
    path = next((path for path in sorted(folder.iterdir()) if NAMES.fullmatch(path.name)), None)
    if path is None:
        return {}
    found = [line for _, line in lines(path)]
    pairs = [re.fullmatch(r"(\d+)[\s,:]+(.+)", line) for line in found]
    if all(pairs):
        return {int(pair[1]): pair[2].strip() for pair in pairs if pair}
    return dict(enumerate(found))
