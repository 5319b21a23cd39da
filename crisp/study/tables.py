"""The two tables of a dataset: ``videos.tsv`` (one row per video) and ``annotations.tsv`` (many).

Read with the csv module: every cluster job parses the Snakefile, and hence these tables, again.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path

from crisp.core import names, views
from crisp.core.cells import guarded, plain
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.files import replacing
from crisp.core.frame_times import timing_effect
from crisp.core.limits import LARGEST_TEXT, LEAST_FPS, MOST_FPS, MOST_FRAMES
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose
from crisp.core.unreadable import check_finite, counted_from, explained, kind_of

RESERVED = ("frames", "pose")  # names of stage files; the volume is <video>/<video>.h5
TASKS = ("classification", "detection")
SPLITS = ("train", "validation", "test")
LARGEST = {"size": 2**63, "frames": MOST_FRAMES, "frame_step": MOST_FRAMES}  # of the numeric columns
LONGEST_NAME, NAME_SIGNS = 100, frozenset(";=|")  # of an annotator; the signs separate names in tables

OPTIONAL = (
    "frame_step",
    "timing",
    "picture",
    "capture_fps",
    "regions",
    "facing",
)  # columns written only if a video needs them


@dataclass(frozen=True)
class VideoRow:
    """A row of ``videos.tsv``.

    Attributes
    ----------
    video : str
        Id, unique ignoring case; names the folder of the video's stage files.
    path : str
        Path of the video file, relative to the data folder.
    size : int
        Size of the file, bytes.
    frames : int
        Number of video frames, as counted by ``crisp scan`` (packets, or decoded ones).
    sha256 : str
        SHA-256 of the file; identifies the video.
    fps : float
        Nominal frame rate of the file, frames per second.
    group : str
        Source video or player; empty: the video is its own group. With regions also one for each of them,
        such as ``left=Anna; right=Ben``.
    use : bool
        False excludes the video.
    note : str
        For example why the video is excluded.
    frame_step : int
        Keep every `frame_step`-th frame (to match mixed frame rates).
    timing : str
        How the times of the frames differ from a constant rate that starts at 0, as found by the scan.
    picture : str
        Changes to the decoded pictures, separated by ``; ``, as found by the scan.
    capture_fps : float
        Rate at which slow motion or a raw stream was recorded, frames per second; 0: `fps`.
    regions : str
        Named boxes of the picture, one for each player, in the form of `crisp.core.views.parse_regions`;
        empty: the whole picture.
    facing : str
        Side of the picture to which the player plays, ``left`` or ``right``; empty: not stated. With regions
        also one for each of them.
    """

    video: str
    path: str
    size: int = 0
    frames: int = 0
    sha256: str = ""
    fps: float = 0.0
    group: str = ""
    use: bool = True
    note: str = ""
    frame_step: int = 1
    timing: str = ""
    picture: str = ""
    capture_fps: float = 0.0
    regions: str = ""
    facing: str = ""

    @cached_property
    def boxes(self) -> dict[str, views.Box]:
        """Return the regions by name; none if the whole picture is used."""
        return views.parse_regions(self.regions)

    @property
    def views(self) -> list[str]:
        """Return the ids of what samples are cut from: the video, or each of its regions."""
        return [views.view(self.video, region) for region in self.boxes] or [self.video]

    def group_of(self, view: str) -> str:
        """Return the group of a view: its player's or video's name; empty if none is given."""
        if not self.regions:
            return self.group
        return views.parse_each(self.group, self.boxes)[views.region_of(view)]

    def is_mirrored(self, view: str) -> bool:
        """Return whether clips of a view are mirrored, so that players face right in all of them."""
        return views.parse_facing(self.facing, self.boxes)[views.region_of(view)] == "left"

    @property
    def recorded_fps(self) -> float:
        """Return the rate at which the frames were recorded, frames per second; durations follow it."""
        return self.capture_fps or self.fps

    @property
    def remark(self) -> str:
        """Return what is unusual about the frames' times and pictures, and how they are used."""
        timing = f"{self.timing}: {timing_effect(self.timing, self.recorded_fps)}" if self.timing else ""
        return "; ".join(filter(None, [timing, self.picture]))

    @property
    def working_fps(self) -> float:
        """Return the recorded frame rate after `frame_step`, frames per second."""
        return self.recorded_fps / self.frame_step

    @property
    def working_frames(self) -> int:
        """Return the number of frames after `frame_step`."""
        return -(-self.frames // self.frame_step)


@dataclass(frozen=True)
class Annotation:
    """A row of ``annotations.tsv``: the strokes of `video` for a task, and their split.

    `path` is relative to the folder of the table, or else to the data folder; `annotator` is empty if not
    given. A row that stands for several annotators has theirs as `sources` (`crisp.study.annotators`).
    """

    video: str
    path: str
    task: str = "classification"
    split: str = ""
    annotator: str = ""
    sources: tuple[Annotation, ...] = ()


def read_videos(path: str | Path) -> list[VideoRow]:
    """Read ``videos.tsv``.

    Raises
    ------
    CrispError
        If the table is missing, lacks a column, or has malformed, repeated or empty cells. All
        faults are listed, each with its line.
    """
    required = ["video", "path", "size", "frames", "sha256", "fps", "group", "use", "note"]
    videos: list[VideoRow] = []
    faults: list[Fault] = []
    seen: dict[str, int] = {}
    for line, row in read_cells(path, required, optional=OPTIONAL):
        where = f"{path}, line {line}"
        faults += _id_faults(where, row["video"], seen.get(row["video"].lower()))
        seen[row["video"].lower()] = line
        if not row["path"]:
            expected = "a path relative to the data folder"
            faults.append(Fault(where, "empty path", expected, "nothing", "fill in the cell"))
        try:
            videos.append(_video(row))
        except ValueError as error:
            faults.append(Fault(where, "bad value", *error.args))
    if faults:
        raise CrispError(*faults)
    return videos


def _id_faults(where: str, video: str, first: int | None) -> Iterator[Fault]:
    """Yield the faults of a video id; `first` is the line of an earlier row with it, if any."""
    if not names.is_id(video):
        expected = "letters, digits, _ and -, at most 100"
        yield Fault(where, "bad video id", expected, repr(video), "rename the id")
    if video.lower() in RESERVED:
        yield Fault(where, "video id is the name of a stage file", "another id", repr(video), "rename the id")
    if first is not None:
        found = f"{video!r}, also line {first}"
        yield Fault(where, "video id is taken (ignoring case)", "unique ids", found, "rename one")


def _video(row: dict[str, str]) -> VideoRow:
    return VideoRow(
        video=row["video"],
        path=row["path"],
        size=_number(row, "size", 0),
        frames=_number(row, "frames", 0),
        sha256=row["sha256"],
        fps=_rate(row, "fps"),
        group=row["group"],
        use=_yes(row["use"]),
        note=row["note"],
        frame_step=_number(row, "frame_step", 1) if row.get("frame_step") else 1,
        timing=row.get("timing", ""),
        picture=row.get("picture", ""),
        capture_fps=_rate(row, "capture_fps"),
        regions=_regions(row),
        facing=_facing(row),
    )


def _regions(row: dict[str, str]) -> str:
    try:
        regions = views.parse_regions(row.get("regions", ""))
        if regions:
            views.parse_each(row["group"], regions)
    except ValueError as error:
        expected, found, remedy = error.args
        raise ValueError(f"regions: {expected}", found, remedy) from None
    return views.format_regions(regions)


def _number(row: dict[str, str], column: str, least: int) -> int:
    text = row[column] or "0"
    most = LARGEST[column]
    if not text.isdecimal() or len(text) > len(str(most)) or not least <= int(text) <= most:
        expected = f"{column}: a whole number, {least} to {most}"
        raise ValueError(expected, repr(text)[:50], "correct the cell or run crisp scan")
    return int(text)


def _rate(row: dict[str, str], column: str) -> float:
    text = row.get(column, "")
    try:
        value = float(text or 0)
    except ValueError:
        value = -1.0
    if value != 0 and not LEAST_FPS <= value <= MOST_FPS:
        expected = f"{column}: frames per second, {LEAST_FPS:g} to {MOST_FPS:g}, or 0 where unknown"
        raise ValueError(expected, repr(text)[:50], "correct the cell or run crisp scan")
    return value


def _yes(text: str) -> bool:
    if text not in ("yes", "no", ""):
        raise ValueError("use: yes or no", repr(text), "correct the cell")
    return text != "no"


def _facing(row: dict[str, str]) -> str:
    text = row.get("facing", "")
    try:
        views.parse_facing(text, views.parse_regions(row.get("regions", "")))
    except ValueError as error:
        expected, found, remedy = error.args
        raise ValueError(f"facing: {expected}", found, remedy) from None
    return text


def read_annotations(path: str | Path) -> list[Annotation]:
    """Read ``annotations.tsv``.

    Raises
    ------
    CrispError
        If the table is missing, lacks a column, or has an unknown task or split, or a bad annotator.
    """
    faults, found = [], []
    annotators: dict[str, str] = {}  # as first written, by their name ignoring case
    for line, row in read_cells(path, ["video", "path", "task", "split"], ["annotator"]):
        where = f"{path}, line {line}"
        split = "validation" if row["split"] == "valid" else row["split"]
        if row["task"] not in TASKS:
            expected = " or ".join(TASKS)
            faults.append(Fault(where, "unknown task", expected, repr(row["task"]), "correct the cell"))
        if split not in (*SPLITS, ""):
            expected = f"{', '.join(SPLITS)} or empty"
            faults.append(Fault(where, "unknown split", expected, repr(split), "correct the cell"))
        if not row["path"]:
            faults.append(
                Fault(where, "empty path", "the path of an annotation XML", "nothing", "fill in the cell")
            )
        annotator = row.get("annotator", "")
        faults += _annotator_faults(where, annotator, annotators.setdefault(annotator.lower(), annotator))
        found.append(Annotation(row["video"], row["path"], row["task"], split, annotator))
    if faults:
        raise CrispError(*faults)
    return found


def _annotator_faults(where: str, name: str, first: str) -> Iterator[Fault]:
    """Yield the faults of an annotator's name; `first` is its first form, ignoring case."""
    if len(name) > LONGEST_NAME or not NAME_SIGNS.isdisjoint(name):
        expected = f"at most {LONGEST_NAME} letters, without {' '.join(sorted(NAME_SIGNS))}"
        yield Fault(where, "bad annotator", expected, repr(name)[:150], "correct the cell")
    if name != first:
        what = "annotators differ only by case"
        yield Fault(where, what, "one spelling of a name", f"{name!r}, before {first!r}", "correct the cell")


def read_cells(
    path: str | Path, required: list[str], optional: Iterable[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """Read the cells of a tab-separated table that people may have edited.

    Parameters
    ----------
    path : path-like
    required : list of str
        Columns that it must have.
    optional : iterable of str
        Columns that it may have besides.

    Returns
    -------
    list of (int, dict of str to str)
        Number of the line, and its cells by column.

    Raises
    ------
    CrispError
        If it is missing or unreadable, or has other columns, another number of cells, or control characters.
    """
    lines = _lines(path)
    header = [name.strip() for name in lines[0][1]] if lines else []
    missing = [name for name in required if name not in header]
    unknown = [name for name in header if name not in {*required, *optional}]
    if missing or unknown or len(set(header)) != len(header):
        raise fail(
            f"{path}, line 1",
            "wrong columns",
            "\\t".join(required),
            "\\t".join(header) or "an empty file",
            "separate the columns by tabs and name them so",
        )
    if faults := list(_cell_faults(path, lines, len(header))):
        raise CrispError(*faults)
    # Only a file name may begin or end with a space.
    return [
        (
            line,
            {
                name: plain(compose(cell if name == "path" else cell.strip()))
                for name, cell in zip(header, cells, strict=True)
            },
        )
        for line, cells in lines[1:]
    ]


def _lines(path: str | Path) -> list[tuple[int, list[str]]]:
    """Return the number and the cells of each line that is not empty."""
    expected = "tab-separated UTF-8 text"
    check_finite(path, "table", LARGEST_TEXT)
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            return [(reader.line_num, row) for row in reader if any(row)]
    except FileNotFoundError:
        remedy = "correct the path, or go to the folder that it counts from; crisp import writes the tables"
        found = f"nothing{counted_from(path)}"
        raise fail(path, "table is missing", "a tab-separated table", found, remedy) from None
    except (OSError, ValueError, MemoryError, csv.Error) as error:
        if not isinstance(error, UnicodeDecodeError | csv.Error) or kind_of(path):
            raise explained(path, error, "table", expected) from None
        remedy = "restore the table, or save it again as UTF-8 text"
        raise fail(path, "table cannot be read", expected, error, remedy) from None


def _cell_faults(path: str | Path, lines: list[tuple[int, list[str]]], count: int) -> Iterator[Fault]:
    """Yield the faults of rows with another number of cells, and of cells with control characters."""
    for line, cells in lines[1:]:
        if len(cells) != count:
            where, what = f"{path}, line {line}", "wrong number of cells"
            yield Fault(where, what, str(count), str(len(cells)), "separate by tabs")
    for line, cells in lines:
        for cell in cells:
            if not is_plain(cell):
                where, what = f"{path}, line {line}", "cell with control characters"
                yield Fault(where, what, "printable text", repr(cell)[:50], "correct the cell")


def write_videos(path: str | Path, videos: Iterable[VideoRow]) -> None:
    """Write ``videos.tsv``; optional columns only if a video needs them."""
    rows = list(videos)
    columns = [
        field.name
        for field in fields(VideoRow)
        if field.name not in OPTIONAL or any(getattr(video, field.name) != field.default for video in rows)
    ]
    write_rows(path, columns, ([_cell(getattr(video, name)) for name in columns] for video in rows))


def write_annotations(path: str | Path, annotations: Iterable[Annotation]) -> None:
    """Write ``annotations.tsv``; the column `annotator` only if a row has one."""
    rows = list(annotations)
    columns = ["video", "path", "task", "split", *["annotator"] * any(row.annotator for row in rows)]
    write_rows(path, columns, ([getattr(row, name) for name in columns] for row in rows))


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def write_rows(path: str | Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Write a tab-separated table without quotes; a cell that looks like a formula gets an apostrophe.

    Parameters
    ----------
    path : path-like
    columns : iterable of str
    rows : iterable of iterables
        The cells of each row.
    """
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(columns)
        writer.writerows(map(guarded, row) for row in rows)
