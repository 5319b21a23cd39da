"""Tables of strokes in the folder of the videos: CSV, TSV or XLSX, with columns recognised by their headers.

One table with a column that names the videos, or several tables (or sheets) named as their videos. What the
columns are called is in `column_words`, what the cells can hold in `time_cells`.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.limits import LARGEST_TEXT
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import existing
from crisp.core.unreadable import kind_of, reading
from crisp.core.words import counted, few
from crisp.study.importers import table_file, table_rows, workbook
from crisp.study.importers.discovery import AnnotatedInterval, Found, FoundVideo, Labels, folders
from crisp.study.importers.media_files import MediaFiles
from crisp.study.importers.table_file import FALLBACK
from crisp.study.importers.table_rows import HEADER, Reader, Row, Table, attempt

MOST = 5  # names in a message
NAME = "table of strokes"
Splits = dict[str, list[AnnotatedInterval]]  # the strokes of a video by split


def matches(source: Path) -> bool:
    """Return whether a source is a table, or a folder holds one of strokes, or one for each video."""
    if source.is_file():
        return table_file.is_table(source) and any(table.columns.bounded for table in attempt(source))
    paths, named = _tables(source)
    return len(paths) == 1 or named


def unlike(folder: Path) -> str:
    """Describe how the tables of a folder were read, for the message that none is a table of strokes."""
    found = []
    for path in _files(folder):
        try:
            tables = table_rows.tables(path)
        except CrispError as error:
            found.append(f"{path.name}: {error.faults[0].what}")
        except (OSError, ValueError, csv.Error):
            if path.suffix.lower() != ".txt":
                found.append(f"{path.name}: not readable as UTF-8, UTF-16 or Windows-1252")
        else:
            found += [f"{path.name}: {table}" for table in tables if len(table.columns.headers) > 1]
    return few(found, MOST)


def header(path: Path) -> set[str]:
    """Return the columns of a table of strokes; none for other files."""
    return {name for table in attempt(path) if table.columns.complete for name in table.columns.headers}


def read(source: Path) -> Found:
    """Read the videos named in a folder's table of strokes, or in the tables named as its videos.

    Raises
    ------
    CrispError
        If there is not exactly one table of several videos, it has invalid cells (all are listed with their
        line), or none of its videos exists.
    """
    with reading(source, NAME, HEADER):
        paths, named = ([source], False) if source.is_file() else _tables(source)
    if len(paths) != 1 and not named:
        names = ", ".join(path.name for path in paths) or "none"
        raise fail(
            source, "not one table of strokes", HEADER, names, "name the CSV file itself as the source"
        )
    folder = source.parent if source.is_file() else source
    media, found = MediaFiles(folder), Found()
    strokes: dict[str, Splits] = {}
    encodings: dict[Path, str] = {}
    groups: dict[tuple[str, str], set[str]] = {}
    for path in paths:
        for table in _of_strokes(path):
            encodings[path] = table.grid.encoding
            for video, row in _placed(table, media, found):
                strokes.setdefault(video, {}).setdefault(row.split, []).append(row.interval)
                groups.setdefault((video, row.interval.player), set()).add(row.group)
    if not strokes:
        raise fail(paths[0], f"{NAME} has no rows", "a row for each stroke", "the header alone", "fill it in")
    repeated = _distinct(strokes)
    found.videos = [found_video(video, by_split) for video, by_split in strokes.items()]
    by_video = _groups(paths[0], groups)
    for one in found.videos:
        one.groups = by_video.get(one.path, {})
        if len(set(one.groups.values())) == 1:
            one.group = next(iter(one.groups.values()))
    _exists(paths[0], folder, found)
    if repeated:
        found.notes.append(f"note: {counted(repeated, 'row')} repeated another one: each is read once")
    if media.moved:
        pairs = [f"{written} as {path}" for written, path in media.moved.items()]
        found.notes.append(f"note: videos were found by their file names alone: {few(pairs, MOST)}")
    assumed = [path for path, encoding in encodings.items() if encoding == FALLBACK]
    found.problems += [_assumed(path, found.videos) for path in assumed]
    return found


def strokes(path: Path) -> dict[str, Splits]:
    """Read the intervals of a file by video and split, in file order.

    Raises
    ------
    CrispError
        If it is not a table of strokes, or has invalid cells; all are listed with their line.
    """
    media, found = MediaFiles(path.parent), dict[str, Splits]()
    for table in _of_strokes(path):
        for video, row in _placed(table, media, Found()):
            found.setdefault(video, {}).setdefault(row.split, []).append(row.interval)
    return found


def _tables(folder: Path) -> tuple[list[Path], bool]:
    """Return the tables of strokes in a folder, else in its subfolders; and whether each is of one video."""
    for place in ([folder], folders(folder)):
        tables = [(path, attempt(path)) for inside in place for path in _files(inside)]
        if whole := [path for path, found in tables if any(one.columns.complete for one in found)]:
            return whole, False
        media = MediaFiles(folder)
        named = [
            path
            for path, found in tables
            if any(one.columns.bounded and _named_video(one, media) for one in found)
        ]
        if named:
            return named, True
    return [], False


def _files(folder: Path) -> list[Path]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    own = (path for path in paths if not path.name.startswith((".", "~$")))  # the last is a lock of Excel
    return [path for path in own if table_file.is_table(path) and path.is_file()]


def _named_video(table: Table, media: MediaFiles) -> str:
    """Return the video of a table without a column for it: as its sheet or file is named, or the only one."""
    path = table.grid.path
    beside = (path.parent / path.stem).relative_to(media.folder).as_posix()
    for name in (table.grid.sheet, beside, path.stem):
        if name and (found := media.find(name)):
            return found
    return media.all[0] if len(media.all) == 1 else ""


def _of_strokes(path: Path) -> list[Table]:
    """Read the tables of strokes in a file: one, or several sheets that are each named as a video.

    Raises
    ------
    CrispError
        If there is none, or one of several cannot be chosen.
    """
    with reading(path, NAME, HEADER, largest=LARGEST_TEXT):
        if (kind := kind_of(path)) and path.suffix.lower() not in workbook.SUFFIXES and "text" not in kind:
            raise ValueError  # also checks for permission
        found = table_rows.tables(path, most=None)
    whole = [one for one in found if one.columns.complete]
    several = whole or [one for one in found if one.columns.bounded]
    if not several:
        table = found[0] if found else None
        where = table.where if table else f"{path}, line 1"
        raise fail(where, f"not a {NAME}", HEADER, table or "no text", "name the columns so")
    if len(whole) > 1:
        sheets = ", ".join(repr(table.grid.sheet) for table in whole)
        remedy = "hide or delete the others, or save the right one as CSV"
        raise fail(path, "several sheets are tables of strokes", "one sheet", sheets, remedy)
    return several


def _placed(table: Table, media: MediaFiles, found: Found) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a table with the paths of their videos; add to the notes and problems of `found`."""
    named = "" if table.columns.complete else _named_video(table, media)
    if not table.columns.complete and not named:
        raise fail(
            table.where,
            f"{NAME} does not name the videos",
            "a column video, or a file (or sheet) with the name of its video",
            str(table),
            "add the column, or rename the file as the video",
        )
    reader = Reader(table)
    rows = []
    for row in reader.rows():
        try:
            rows.append((named or media.path(row.video), row))
        except ValueError as error:
            what, expected, instead = error.args
            where = table.grid.line(row.line)
            reader.faults.append(Fault(where, what, expected, instead, "correct the line"))
    if reader.faults:
        raise CrispError(*sorted(reader.faults, key=lambda fault: _number(fault.where)))
    found.problems += reader.doubts
    found.notes += table_rows.notes(table, reader.unit, named)
    yield from rows


def _number(where: str) -> int:
    """Return the line, or the row of the cell, in the place of a fault."""
    return int("".join(sign for sign in where.rsplit(" ", 1)[-1] if sign.isdecimal()))


def _distinct(strokes: dict[str, Splits]) -> int:
    """Keep each stroke of a video once; return how many rows repeated another."""
    repeated = 0
    for by_split in strokes.values():
        for split, intervals in by_split.items():
            by_split[split] = list(dict.fromkeys(intervals))
            repeated += len(intervals) - len(by_split[split])
    return repeated


def _groups(path: Path, found: dict[tuple[str, str], set[str]]) -> dict[str, dict[str, str]]:
    """Return the groups of each video by the player of its strokes; empty ones if none is given.

    Raises
    ------
    CrispError
        If a player, or a video in which players are not told apart, has several.
    """
    faults = []
    by_video: dict[str, dict[str, str]] = {}
    for (video, player), groups in found.items():
        if len(groups) > 1 or not all(map(is_plain, groups)):
            several = few(sorted(map(ascii, groups)), MOST)
            faults.append(Fault(f"{path}, video {video}", "bad group", "one name", several, "correct it"))
        by_video.setdefault(video, {})[player] = min(groups)
    if faults:
        raise CrispError(*faults)
    return by_video


def _exists(path: Path, folder: Path, found: Found) -> None:
    missing = [video.path for video in found.videos if not existing(folder / video.path).is_file()]
    if len(missing) == len(found.videos):
        raise fail(
            path,
            "no video of this table exists",
            f"files in {folder}, named in the column video",
            f"nothing at {few(missing, MOST)}",
            "put the table into the folder of its videos, or correct the column video",
        )


def _assumed(path: Path, videos: list[FoundVideo]) -> Fault:
    """Report a table whose encoding is not certain, with the names that depend on it."""
    labels = [stroke.label for video in videos for label in video.labels for stroke in label.intervals]
    names = dict.fromkeys(name for name in [*(video.path for video in videos), *labels] if not name.isascii())
    what, remedy = "table was read as Windows-1252", "if these are wrong, save it as UTF-8, then import it"
    return Fault(str(path), what, "text in UTF-8", few(list(names), MOST) or "other bytes", remedy)


def found_video(video: str, by_split: Splits) -> FoundVideo:
    """Return a video and its strokes by split; without strokes it is annotated as empty."""
    labels = [
        Labels("classification", split, intervals=tuple(intervals))
        for split, intervals in (by_split or {"": []}).items()
    ]
    return FoundVideo(video, tuple(reversed(PurePosixPath(video).parts[:-1])), labels)
