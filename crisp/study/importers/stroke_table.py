"""A plain table of strokes: one CSV in the folder of the videos.

Columns ``video`` (path relative to the folder, or the video's id), ``begin`` and ``end`` (frames,
half-open) or ``begin_seconds`` and ``end_seconds`` (seconds, or HH:MM:SS), ``label`` and optionally
``split``, ``group`` (or ``player``) and ``region`` (of the picture, in which the player is), in any case;
separated by comma, semicolon or tab, or as a first line ``sep=;`` states. The text is UTF-8, UTF-16 with a
byte order mark, or else Windows-1252.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from crisp.core.cells import plain
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.limits import LARGEST_TEXT, LEAST_FPS, MOST_FRAMES
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose, existing
from crisp.core.unreadable import kind_of, reading
from crisp.core.words import few
from crisp.study.importers import video_ids
from crisp.study.importers.discovery import AnnotatedInterval, Found, FoundVideo, Labels, video_files
from crisp.study.tables import SPLITS

BOUNDS = (("begin", "end"), ("begin_seconds", "end_seconds"))
GROUPS = ("group", "player")  # columns that name what a video is kept together with
SAMPLES = {"kind", "sample", "given"}  # columns found only in the strokes.tsv of a study's results
MOST = 5  # names in a message
MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", codecs.BOM_UTF8: "UTF-8-sig"}
FALLBACK = "Windows-1252"
DECLARED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # first line that Excel writes and reads
DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas"}
CLOCK = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]+)?)")  # HH:MM:SS.mmm


class Table(NamedTuple):
    """A text as a table: `lines` from the header on, after `skipped` others; `columns` in lower case."""

    encoding: str
    delimiter: str
    skipped: int
    lines: list[str]
    columns: tuple[str, ...]

    @property
    def bounds(self) -> tuple[str, str] | None:
        """Return the columns of the bounds; None if it is not a table of strokes."""
        return next((bounds for bounds in BOUNDS if {"video", "label", *bounds} <= set(self.columns)), None)

    def __str__(self) -> str:
        delimiter = DELIMITERS.get(self.delimiter, repr(self.delimiter))
        names = few([name if is_plain(name) else repr(name) for name in self.columns], 20)[:200]
        return f"{self.encoding} text separated by {delimiter}, columns {names}"


def matches(folder: Path) -> bool:
    """Return whether a folder holds exactly one table of strokes (or is one itself)."""
    return len(_tables(folder)) == 1


def _tables(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    return [path for path in _texts(folder) if (table := _table(path)) and table.bounds]


def _texts(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".csv", ".tsv", ".txt")]


def unlike(folder: Path) -> str:
    """Describe how the texts of a folder were read, for the message that none is a table of strokes."""
    tables = [(path.name, table) for path in _texts(folder) if (table := _table(path))]
    return few([f"{name}: {table}" for name, table in tables if len(table.columns) > 1], MOST)


def header(path: Path) -> set[str]:
    """Return the columns of a table of strokes; none for other files."""
    table = _table(path)
    return set(table.columns) if table and table.bounds else set()


def _table(path: Path) -> Table | None:
    """Read a file as a table; None if it is no text, endless, too large or empty."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_TEXT:
            return None
        text, encoding = decoded(path.read_bytes())
    except (OSError, ValueError):
        return None
    lines = list(io.StringIO(compose(text), newline=""))
    declared = DECLARED.fullmatch(lines[0]) if lines else None
    skipped = int(declared is not None)
    if len(lines) == skipped:
        return None
    tables = [
        Table(encoding, delimiter, skipped, lines[skipped:], _columns(lines[skipped], delimiter))
        for delimiter in (declared[1] if declared else DELIMITERS)
    ]
    return max(tables, key=lambda table: (table.bounds is not None, len(table.columns)))


def decoded(content: bytes) -> tuple[str, str]:
    """Return a text and its encoding: as its byte order mark says, else UTF-8 or Windows-1252.

    Raises
    ------
    ValueError
        If it is no text.
    """
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding), encoding.removesuffix("-sig")
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        if b"\0" in content:
            raise
        return content.decode(FALLBACK), FALLBACK


def _columns(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        return tuple(cell.strip().lower() for cell in next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:  # the line exceeds the cell limit
        return ()


def read(folder: Path) -> Found:
    """Read the videos named in a folder's table of strokes.

    Raises
    ------
    CrispError
        If there is not exactly one table, it has invalid cells (all are listed with their line), or none of
        its videos exists.
    """
    with reading(folder, "table of strokes", _header()):
        tables = _tables(folder)
    if len(tables) != 1:
        names = ", ".join(path.name for path in tables) or "none"
        raise fail(
            folder, "not one table of strokes", _header(), names, "name the CSV file itself as the source"
        )
    path = tables[0]
    videos = [found_video(video, by_split) for video, by_split in strokes(path).items()]
    groups = _groups(path)
    for video in videos:
        video.groups = groups.get(video.path, {})
        if len(set(video.groups.values())) == 1:
            video.group = next(iter(video.groups.values()))
    missing = [video.path for video in videos if not existing(path.parent / video.path).is_file()]
    if videos and len(missing) == len(videos):
        raise fail(
            path,
            "no video of this table exists",
            f"files in {path.parent}, named in the column video",
            f"nothing at {few(missing, MOST)}",
            "put the table into the folder of its videos, or correct the column video",
        )
    return Found(videos, _assumed(path, videos))


def _assumed(path: Path, videos: list[FoundVideo]) -> list[Fault]:
    """Report a table whose encoding is not certain, with the names that depend on it."""
    table = _table(path)
    if table is None or table.encoding != FALLBACK:
        return []
    labels = [stroke.label for video in videos for label in video.labels for stroke in label.intervals]
    names = dict.fromkeys(name for name in [*(video.path for video in videos), *labels] if not name.isascii())
    what, remedy = "table was read as Windows-1252", "if these are wrong, save it as UTF-8, then import it"
    return [Fault(str(path), what, "text in UTF-8", few(list(names), MOST) or "other bytes", remedy)]


def strokes(path: Path) -> dict[str, dict[str, list[AnnotatedInterval]]]:
    """Read intervals of a table by video and split, in file order.

    Raises
    ------
    CrispError
        If it is not a table of strokes, or has invalid cells; all are listed with their line.
    """
    table = _table(path)
    if table is None or table.bounds is None:
        if table is None or table.encoding == FALLBACK:
            with reading(path, "table of strokes", _header(), largest=LARGEST_TEXT):
                if kind_of(path):  # also checks for permission
                    raise ValueError
        where = f"{path}, line {table.skipped + 1 if table else 1}"
        raise fail(where, "not a table of strokes", _header(), table or "no text", "name the columns so")
    if set(table.columns) >= SAMPLES:
        raise fail(
            path,
            "the samples of a study, not a table of annotated strokes",
            "strokes in frames of their video files",
            "negatives cut from gaps, and frames after frame_step",
            "import what the study was imported from; its labels are in config/<name>/annotations",
        )
    return _strokes(path, table, table.bounds)


def _strokes(
    path: Path, table: Table, bounds: tuple[str, str]
) -> dict[str, dict[str, list[AnnotatedInterval]]]:
    faults: list[Fault] = []
    found: dict[str, dict[str, list[AnnotatedInterval]]] = {}
    names = _names(path.parent)
    with reading(path, "table of strokes", _header(), largest=LARGEST_TEXT):
        reader = csv.reader(table.lines, delimiter=table.delimiter)
        rows = [(table.skipped + reader.line_num, cells) for cells in reader]
    for line, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            row = _row(table.columns, cells, bounds)
            video = _video_path(path.parent, row["video"], names)
            interval = _interval(row, bounds, table.delimiter)
            found.setdefault(video, {}).setdefault(_split(row), []).append(interval)
        except ValueError as error:
            what, expected, instead = error.args
            where = f"{path}, line {line}"
            faults.append(Fault(where, what, expected, instead, "correct the line"))
    if faults:
        raise CrispError(*faults)
    return found


def _groups(path: Path) -> dict[str, dict[str, str]]:
    """Return the columns `group` or `player` of each video, by its path and the player of the strokes.

    Raises
    ------
    CrispError
        If a player, or a video in which players are not told apart, has two values in a column `group`.
    """
    table = _table(path)
    column = next((name for name in GROUPS if table and name in table.columns), "")
    if table is None or not column:
        return {}
    found: dict[tuple[str, str], set[str]] = {}
    names = _names(path.parent)
    for cells in list(csv.reader(table.lines, delimiter=table.delimiter))[1:]:
        if any(cell.strip() for cell in cells):
            row = dict(zip(table.columns, cells, strict=True))
            group = " ".join(plain(row[column]).split())
            video = _video_path(path.parent, row["video"], names)
            found.setdefault((video, _player(row)), set()).add(group)
    faults = []
    by_video: dict[str, dict[str, str]] = {}
    for (video, player), groups in found.items():
        odd = [name for name in groups if not is_plain(name)]
        if odd or len(groups) > 1:
            several = few(sorted(map(ascii, groups)), MOST)
            faults.append(Fault(f"{path}, video {video}", "bad group", "one name", several, "correct it"))
        by_video.setdefault(video, {})[player] = min(groups)
    if faults:
        raise CrispError(*faults)
    return by_video


def _player(row: dict[str, str]) -> str:
    """Return the player of a stroke, as in an annotation file: its region if there is that column."""
    return " ".join(plain(row.get("region", row.get("player", ""))).split())


def _row(columns: tuple[str, ...], cells: list[str], bounds: tuple[str, str]) -> dict[str, str]:
    """Return the cells of a row by column; one given twice must hold the same twice."""
    if len(cells) != len(columns):
        raise ValueError("wrong number of cells", str(len(columns)), str(len(cells)))
    row = dict(zip(columns, cells, strict=True))
    for column, cell in zip(columns, cells, strict=True):
        if (
            column in ("video", "label", "split", "region", *GROUPS, *bounds)
            and cell.strip() != row[column].strip()
        ):
            found = f"{cell!r} and {row[column]!r}"
            raise ValueError(f"two columns {column} differ", "one column of this name", found)
    return row


def _names(folder: Path) -> dict[str, str]:
    """Return names of the videos in a folder by their ids; none for duplicate ids."""
    found: dict[str, list[str]] = {}
    for path in video_files(folder):
        found.setdefault(video_ids.plain(path.name), []).append(path.name)
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


def _header() -> str:
    return "columns video, begin, end (or begin_seconds, end_seconds), label; perhaps split, group, region"


def found_video(video: str, by_split: dict[str, list[AnnotatedInterval]]) -> FoundVideo:
    """Return a video and its strokes by split; without strokes it is annotated as empty."""
    labels = [
        Labels("classification", split, intervals=tuple(intervals))
        for split, intervals in (by_split or {"": []}).items()
    ]
    return FoundVideo(video, tuple(reversed(PurePosixPath(video).parts[:-1])), labels)


def _video_path(folder: Path, cell: str, by_id: dict[str, str]) -> str:
    """Return the path as written if the file exists; else without outer spaces and with slashes.

    If neither exists, return that of the folder's video with this id.
    """
    names = [cell, cell.strip(), cell.strip().replace("\\", "/")]
    name = next((name for name in names if name and existing(folder / name).is_file()), "")
    name = name or by_id.get(cell.strip(), names[-1])
    path = PurePosixPath(name)
    if not path.name or path.is_absolute() or ".." in path.parts or not is_plain(name):
        raise ValueError("bad video", "a path relative to the source folder", repr(cell))
    return str(path)


def _split(row: dict[str, str]) -> str:
    split = row.get("split", "").strip()
    split = "validation" if split == "valid" else split
    if split not in ("", *SPLITS):
        raise ValueError("unknown split", ", ".join(SPLITS) + " or empty", repr(split))
    return split


def _interval(row: dict[str, str], bounds: tuple[str, str], delimiter: str) -> AnnotatedInterval:
    label = " ".join(plain(row["label"]).split())
    if not label:
        raise ValueError("no label", "a class, or Unknown", "an empty cell")
    for what, text in (("label", label), ("player", _player(row))):
        if not text.isprintable():
            raise ValueError(f"bad {what}", "a name without control characters", repr(text))
    seconds = bounds != BOUNDS[0]
    begin, end = (_number(row[name], seconds, delimiter) for name in bounds)
    if begin >= end:
        raise ValueError("empty or negative interval", "begin < end", f"{begin:g} to {end:g}")
    return AnnotatedInterval(begin, end, label, seconds, _player(row))


def _number(text: str, seconds: bool, delimiter: str) -> float:
    expected = "seconds, or HH:MM:SS" if seconds else "a whole frame number"
    # If the comma does not separate cells, it may be a decimal comma.
    number = text if delimiter == "," else text.replace(",", ".")
    try:
        clock = CLOCK.fullmatch(number.strip()) if seconds else None
        value = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else float(number)
    except ValueError:
        raise ValueError("bad bound", expected, repr(text)[:50]) from None
    most = MOST_FRAMES / LEAST_FPS if seconds else MOST_FRAMES
    if not 0 <= value <= most or not (seconds or value.is_integer()):
        raise ValueError("bad bound", f"{expected}, 0 to {most:.0f}", repr(text)[:50])
    return value
