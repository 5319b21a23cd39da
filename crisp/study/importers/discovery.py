"""Data found in a folder by an importer, before any file is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from crisp.core.errors import Fault
from crisp.core.frame_times import FrameTimes
from crisp.core.unicode_forms import compose
from crisp.study.tables import SPLITS

# Files that accompany videos. Everything else counts as a video, whatever its name: if it
# cannot be read, its row says so, instead of skipping it silently.
OTHER_FILES = re.compile(
    r"\.(bib|boris|csv|docx?|eaf|etf|flac|html|ini|jpe?g|json|m4a|md|mp3|numbers|ods|pdf|pfsx|png|py|srt|tsv"
    r"|txt|vtt|wav|xls[mx]?|xml|ya?ml|zip)",
    re.IGNORECASE,
)
SAME_RATE = 0.01  # relative difference up to which frame rates are the same: 30 is often written for 29.97
# As other data sets call the splits.
SPLIT_NAMES = {
    **{name: name for name in ("", *SPLITS)},
    **dict.fromkeys(("training", "entrainement", "trainingsdaten", "训练", "訓練"), "train"),
    **dict.fromkeys(("valid", "val", "validate", "dev", "validierung", "验证", "検証"), "validation"),
    **dict.fromkeys(("testing", "测试", "テスト"), "test"),
}
SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}")


class Timecode(NamedTuple):
    """An SMPTE timecode: its hours, minutes and seconds in `seconds`, and the frame in that second.

    With `drop`, two frame numbers are left out each minute but the tenth, as at 29.97 frames per second.
    """

    seconds: int
    frame: int
    drop: bool = False

    def frame_in(self, times: FrameTimes) -> int:
        """Return the frame of a video, which is counted at its nominal rate, a whole number.

        Raises
        ------
        ValueError
            If a second of the video has not so many frames.
        """
        rate = round(times.rate)
        if self.frame >= rate:
            raise ValueError(f"timecode with frame {self.frame}, but the video has {rate} a second")
        minutes = self.seconds // 60
        dropped = round(rate / 15) * (minutes - minutes // 10) if self.drop else 0
        return self.seconds * rate + self.frame - dropped


class CountedFrame(NamedTuple):
    """A frame number counted at a rate, frames per second, which may not be that of the video."""

    number: int
    rate: float

    def frame_in(self, times: FrameTimes) -> int:
        """Return the frame of a video: of this number if the rates agree, else the one shown at that time."""
        if abs(times.rate - self.rate) <= SAME_RATE * self.rate:
            return self.number
        return times.frame_at(self.number / self.rate)


Moment = float | Timecode | CountedFrame


@dataclass(frozen=True)
class AnnotatedInterval:
    """A labelled interval in frames, or, with `seconds`, in seconds; `player` as in an annotation file.

    `where` is its place in the file that it was read from, for messages.
    """

    begin: Moment
    end: Moment
    label: str
    seconds: bool = False
    player: str = ""
    where: str = field(default="", compare=False)


@dataclass(frozen=True)
class Labels:
    """The strokes of a video for one task and split.

    At most one of these is set: `xml` is a file to copy; `whole` is the class of the whole video;
    `intervals` are the strokes. If none is set, nothing is annotated.
    """

    task: str
    split: str = ""
    xml: Path | None = None
    whole: str = ""
    intervals: tuple[AnnotatedInterval, ...] = ()


@dataclass
class FoundVideo:
    """A video of the source folder.

    Attributes
    ----------
    path : str
        Relative to the source folder, with forward slashes; composed (NFC), whatever the form on disk.
    hints : tuple of str
        Words that distinguish videos of the same name (split, task).
    labels : list of Labels
        Its annotations.
    sha256 : str
        Of the file that the labels were made for; empty if unknown.
    group : str
        Player or source video; empty if unknown.
    groups : dict of str to str
        The same by the player of its strokes, where they tell several apart.
    regions : str
        As in ``videos.tsv``.
    """

    path: str
    hints: tuple[str, ...] = ()
    labels: list[Labels] = field(default_factory=list)
    sha256: str = ""
    group: str = ""
    groups: dict[str, str] = field(default_factory=dict)
    regions: str = ""

    def __post_init__(self) -> None:
        self.path = compose(self.path)


@dataclass
class Found:
    """All videos of a source folder, in order, and the entries that could not be interpreted.

    `folder` is the base of the videos' paths, if it is not the source folder itself; `notes` say what was
    decided in reading.
    """

    videos: list[FoundVideo] = field(default_factory=list)
    problems: list[Fault] = field(default_factory=list)
    folder: Path | None = None
    notes: list[str] = field(default_factory=list)


def stem(name: str) -> str:
    """Return a file's name without its suffix; other dots in the name (``10.05.2020``) are kept."""
    suffix = Path(name).suffix
    return name.removesuffix(suffix) if SUFFIX.fullmatch(suffix) else name


def video_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder that may be videos, including broken links, sorted by name."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or OTHER_FILES.fullmatch(path.suffix):
            continue
        if path.is_file() or (path.is_symlink() and not path.exists()):
            yield path


def folders(folder: Path) -> list[Path]:
    """Return the subfolders of a folder, sorted by name; none if it does not exist."""
    return [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []


def split_name(text: str) -> str:
    """Return the split that a table or list calls so; empty if it names none.

    Raises
    ------
    ValueError
        If it is unknown; its arguments are what, expected and found.
    """
    split = SPLIT_NAMES.get(text.strip().casefold())
    if split is None:
        raise ValueError("unknown split", ", ".join(SPLITS) + " or empty", repr(text.strip()))
    return split


def split_folders(task: Path) -> list[tuple[str, Path]]:
    """Return split names and their folders in a task's folder, with ``valid`` read as ``validation``."""
    named = {"validation" if path.name == "valid" else path.name: path for path in folders(task)}
    return [(split, named[split]) for split in SPLITS if split in named]
