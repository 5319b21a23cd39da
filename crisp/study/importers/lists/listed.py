"""What the lists of data sets have in common: text files in a folder, and the videos that they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.limits import LARGEST_TEXT
from crisp.core.unicode_forms import compose
from crisp.core.unreadable import reading
from crisp.core.words import counted, few
from crisp.study.importers import table_file
from crisp.study.importers.discovery import Found, FoundVideo, Labels, folders
from crisp.study.importers.media_files import MediaFiles

MOST = 5  # names in a message
TASK = "classification"


def files(source: Path, *suffixes: str, deep: int = 1) -> list[Path]:
    """Return the files with these suffixes of a folder and its subfolders, or the source if it is one.

    Parameters
    ----------
    source : Path
    *suffixes : str
        In lower case, with the dot.
    deep : int
        Levels of subfolders to look into.

    Returns
    -------
    list of Path
        Sorted by name, those of the folder itself first.
    """
    if source.is_file():
        return [source] if source.suffix.lower() in suffixes else []
    places, found = [source], list[Path]()
    for _ in range(deep + 1):
        for place in places:
            inside = sorted(place.iterdir()) if place.is_dir() else []
            found += [path for path in inside if path.suffix.lower() in suffixes and path.is_file()]
        places = [inner for place in places for inner in folders(place) if not inner.name.startswith(".")]
    return found


def lines(path: Path) -> list[tuple[int, str]]:
    """Return the lines of a text that are not empty, stripped, with their numbers from 1.

    Raises
    ------
    CrispError
        If it cannot be read.
    """
    with reading(path, "list of videos", "text", largest=LARGEST_TEXT):
        text = compose(table_file.decoded(path.read_bytes())[0])
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def attempt(path: Path, most: int = 20) -> list[str]:
    """Return the first lines of a text; none if it cannot be read."""
    try:
        text = table_file.head(path)
    except (CrispError, OSError, ValueError):
        return []
    return [line.strip() for line in compose(text).splitlines() if line.strip()][:most]


class ListedVideos:
    """Collects the videos of a list, and those that are not there.

    Parameters
    ----------
    source : Path
        The folder of the data set, or a list in it. If there is no video below the list's folder, they are
        looked for below the folder that contains it.
    """

    def __init__(self, source: Path) -> None:
        self.media = MediaFiles(source.parent if source.is_file() else source)
        if source.is_file() and not self.media.all:
            self.media = MediaFiles(source.absolute().parent.parent)
        self._source = source
        self._videos: dict[str, FoundVideo] = {}
        self._missing: list[str] = []
        self.faults: list[Fault] = []
        self.notes: list[str] = []

    def add(self, *names: str, group: str = "") -> FoundVideo | None:
        """Return the video of the first of these names that is there; None, and remember it, if none is."""
        path = next(filter(None, map(self.media.find, names)), "")
        if not path:
            self._missing.append(names[0])
            return None
        hints = tuple(reversed(PurePosixPath(path).parts[:-1]))
        return self._videos.setdefault(path, FoundVideo(path, hints, group=group))

    def label(self, video: FoundVideo, where: str, labels: Labels) -> None:
        """Give a video the label of a clip; a second, different one is a fault.

        Parameters
        ----------
        video : FoundVideo
            Changed.
        where : str
            Place of the label, for messages.
        labels : Labels
        """
        if not video.labels:
            video.labels.append(labels)
        elif video.labels != [labels]:
            found = " and ".join(
                repr(f"{one.whole} {one.split}".strip()) for one in (video.labels[0], labels)
            )
            remedy = "correct the lists"
            self.faults.append(Fault(where, f"{video.path} is listed twice", "one label", found, remedy))

    def found(self) -> Found:
        """Return the videos.

        Raises
        ------
        CrispError
            For all `faults`, or if no video is there.
        """
        if self.faults:
            raise CrispError(*self.faults)
        if not self._videos:
            expected = f"videos below {self.media.folder}"
            names = few(self._missing, MOST) or "no line"
            remedy = "give the folder that holds both the lists and the videos"
            raise fail(self._source, "no listed video is there", expected, names, remedy)
        problems = []
        if self._missing:
            count = counted(len(self._missing), "listed video")
            what = f"{count} {'is' if len(self._missing) == 1 else 'are'} not there and not imported"
            found = few(self._missing, MOST)
            problems.append(Fault(str(self._source), what, "videos below the folder", found))
        return Found(list(self._videos.values()), problems, self.media.folder, self.notes)


def several(names: dict[str, list[Path]]) -> Iterator[str]:
    """Yield a note on numbered lists of which the first is taken."""
    first, *others = sorted(names)
    if others:
        other = names[others[0]][0].name
        yield f"note: split {first} of {', '.join(sorted(names))} is taken; for another, import {other}"
