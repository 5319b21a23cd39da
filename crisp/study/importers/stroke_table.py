"""A plain table of strokes: one CSV in the folder of the videos.

Columns ``video`` (path relative to the folder, or the video's id), ``begin`` and ``end`` (frames,
half-open) or ``begin_seconds`` and ``end_seconds``, ``label`` and optionally ``split``; separated by
comma, semicolon or tab.
"""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from crisp.core.cells import plain
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.limits import LARGEST_TEXT, LEAST_FPS, MOST_FRAMES
from crisp.core.plain_text import is_plain
from crisp.core.unreadable import kind_of, reading
from crisp.core.words import few
from crisp.study.importers import video_ids
from crisp.study.importers.discovery import AnnotatedInterval, Found, FoundVideo, Labels, video_files
from crisp.study.tables import SPLITS

BOUNDS = (("begin", "end"), ("begin_seconds", "end_seconds"))
SAMPLES = {"kind", "sample", "given"}  # columns found only in the strokes.tsv of a study's results
MOST = 5  # missing videos named in a message


def matches(folder: Path) -> bool:
    """Return whether a folder holds exactly one table of strokes (or is one itself)."""
    return len(_tables(folder)) == 1


def _tables(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in (".csv", ".tsv", ".txt")]
    return [path for path in paths if path.is_file() and _dialect(_lines(path)) is not None]


def header(path: Path) -> set[str]:
    """Return the columns of a table of strokes; none for other files."""
    lines = _lines(path)
    dialect = _dialect(lines)
    return _cells(lines, dialect[0]) if dialect else set()


def _cells(lines: list[str], delimiter: str) -> set[str]:
    try:
        return {cell.strip() for cell in next(csv.reader(lines[:1], delimiter=delimiter), [])}
    except csv.Error:  # a line exceeds the cell limit
        return set()


def _lines(path: Path) -> list[str]:
    """Return the lines of a text; none if it is not UTF-8, endless or too large."""
    try:
        if not path.is_file() or path.stat().st_size > LARGEST_TEXT:
            return []
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(file)
    except (OSError, ValueError):
        return []


def _dialect(lines: list[str]) -> tuple[str, bool] | None:
    """Return delimiter, and whether bounds are in seconds; None if it is not a stroke table's header."""
    for delimiter in "\t;,":
        columns = _cells(lines, delimiter)
        for seconds, bounds in enumerate(BOUNDS):
            if {"video", "label", *bounds} <= columns:
                return delimiter, bool(seconds)
    return None


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
    missing = [video.path for video in videos if not (path.parent / video.path).is_file()]
    if videos and len(missing) == len(videos):
        raise fail(
            path,
            "no video of this table exists",
            f"files in {path.parent}, named in the column video",
            f"nothing at {few(missing, MOST)}",
            "put the table into the folder of its videos, or correct the column video",
        )
    return Found(videos)


def strokes(path: Path) -> dict[str, dict[str, list[AnnotatedInterval]]]:
    """Read intervals of a table by video and split, in file order.

    Raises
    ------
    CrispError
        If it is not a table of strokes, or has invalid cells; all are listed with their line.
    """
    lines = _lines(path)
    dialect = _dialect(lines)
    if dialect is None:
        with reading(path, "table of strokes", _header(), largest=LARGEST_TEXT):
            if kind_of(path):  # also checks for permission
                raise ValueError
        found = lines[0].strip() if lines else "no UTF-8 text"
        raise fail(f"{path}, line 1", "not a table of strokes", _header(), found, "name the columns so")
    if header(path) >= SAMPLES:
        raise fail(
            path,
            "the samples of a study, not a table of annotated strokes",
            "strokes in frames of their video files",
            "negatives cut from gaps, and frames after frame_step",
            "import what the study was imported from; its labels are in config/<name>/annotations",
        )
    return _strokes(path, lines, *dialect)


def _strokes(
    path: Path, lines: list[str], delimiter: str, seconds: bool
) -> dict[str, dict[str, list[AnnotatedInterval]]]:
    faults: list[Fault] = []
    found: dict[str, dict[str, list[AnnotatedInterval]]] = {}
    names = _names(path.parent)
    with reading(path, "table of strokes", _header(), largest=LARGEST_TEXT):
        reader = csv.reader(lines, delimiter=delimiter)
        rows = [(reader.line_num, cells) for cells in reader]
    columns = [cell.strip() for cell in rows[0][1]]
    for line, cells in rows[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        try:
            if len(cells) != len(columns):
                raise ValueError("wrong number of cells", str(len(columns)), str(len(cells)))
            row = dict(zip(columns, cells, strict=True))
            video = _video_path(path.parent, row["video"], names)
            interval = _interval(row, seconds, delimiter)
            found.setdefault(video, {}).setdefault(_split(row), []).append(interval)
        except ValueError as error:
            what, expected, instead = error.args
            where = f"{path}, line {line}"
            faults.append(Fault(where, what, expected, instead, "correct the line"))
    if faults:
        raise CrispError(*faults)
    return found


def _names(folder: Path) -> dict[str, str]:
    """Return names of the videos in a folder by their ids; none for duplicate ids."""
    found: dict[str, list[str]] = {}
    for path in video_files(folder):
        found.setdefault(video_ids.plain(path.name), []).append(path.name)
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


def _header() -> str:
    return "columns video, begin, end (or begin_seconds, end_seconds), label and perhaps split"


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
    name = next((name for name in names if name and (folder / name).is_file()), "")
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


def _interval(row: dict[str, str], seconds: bool, delimiter: str) -> AnnotatedInterval:
    label = " ".join(plain(row["label"]).split())
    if not label:
        raise ValueError("no label", "a class, or Unknown", "an empty cell")
    if not label.isprintable():
        raise ValueError("bad label", "a name without control characters", repr(label))
    begin, end = (_number(row[name], seconds, delimiter) for name in BOUNDS[seconds])
    if begin >= end:
        raise ValueError("empty or negative interval", "begin < end", f"{begin:g} to {end:g}")
    return AnnotatedInterval(begin, end, label, seconds)


def _number(text: str, seconds: bool, delimiter: str) -> float:
    expected = "seconds" if seconds else "a whole frame number"
    try:
        # If the comma does not separate cells, it may be a decimal comma.
        value = float(text if delimiter == "," else text.replace(",", "."))
    except ValueError:
        raise ValueError("bad bound", expected, repr(text)[:50]) from None
    most = MOST_FRAMES / LEAST_FPS if seconds else MOST_FRAMES
    if not 0 <= value <= most or not (seconds or value.is_integer()):
        raise ValueError("bad bound", f"{expected}, 0 to {most:.0f}", repr(text)[:50])
    return value
