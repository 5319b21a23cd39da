"""Events exported from BORIS as CSV or TSV: tabular (rows of begins and ends) or aggregated (a row for both).

Fields and videos are as in a project; versions 4 to 9 name the columns differently.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from crisp.core.cells import plain
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.limits import LARGEST_TEXT
from crisp.core.unreadable import reading
from crisp.study.importers.table_file import decoded
from crisp.study.importers.tools import sniff
from crisp.study.importers.tools.boris import Coded, modifier_fields, on_media, paired
from crisp.study.importers.tools.label_file import LABEL, SUBJECT, TIER, Event, LabelFile

NAME = "table of BORIS events"
EXPECTED = "columns Subject, Behavior, and Time and Status, or Start (s) and Stop (s), as BORIS exports them"
REMEDY = "export the events from BORIS again"
NEEDED = {"subject", "behavior"}
BOUNDS = {"start (s)", "stop (s)"}
STATUS = ("status", "behavior type")  # columns of START, STOP and POINT in a tabular export
MEDIA = ("media file name", "media file path", "media file")
NO_FILE = ("", "na", "not found")
NOBODY = "no focal subject"
FIRST_LINES = 200  # among which the header is: descriptions and independent variables stand before


class Row(NamedTuple):
    """A row: its line, and its cells by column, in lower case."""

    line: int
    cells: Mapping[str, str]

    def first(self, names: Iterable[str]) -> str:
        """Return the first of these cells that is there and not empty."""
        return next((found for name in names if (found := self.cells.get(name, "").strip())), "")


def is_one(path: Path) -> bool:
    """Return whether a file is a table with the columns of BORIS."""
    return _delimiter(sniff.head(path, ".csv", ".tsv", ".txt")) is not None


def _delimiter(text: str) -> str | None:
    """Return the delimiter of a table of events; None for other texts."""
    for line in islice(io.StringIO(text), FIRST_LINES):
        for delimiter in "\t,;":
            try:
                cells = next(csv.reader([line], delimiter=delimiter), [])
            except csv.Error:  # the line exceeds the cell limit
                continue
            if _columns(cells):
                return delimiter
    return None


def _columns(cells: Iterable[str]) -> list[str]:
    """Return the columns that a header names, in lower case; none if it is not that of a table of events."""
    columns = [cell.strip().lower() for cell in cells]
    found = set(columns)
    timed = found >= BOUNDS or ("time" in found and found & set(STATUS))
    return columns if found >= NEEDED and timed else []


def read(path: Path) -> LabelFile:
    """Read a table of events.

    Raises
    ------
    CrispError
        If it is missing or no such table, has rows of another length or times that are no numbers, or lacks
        the lengths of videos that follow each other.
    """
    rows = _rows(path)
    file, faults = LabelFile(path), list[Fault]()
    by_observation: dict[str, list[Row]] = {}
    for row in rows:
        by_observation.setdefault(row.cells.get("observation id", ""), []).append(row)
    for name, of_one in by_observation.items():
        where = f"observation {name}" if name else ""
        try:
            events = (_aggregated if of_one[0].cells.keys() >= BOUNDS else _tabular)(path, of_one)
            media, lengths = _media(of_one)
            if not media:
                file.skipped.setdefault("no video file", []).extend(event.where for event in events)
                continue
            place = f"{path}, {where}" if where else str(path)
            file.media += on_media(place, where, media, lengths, events)
        except CrispError as error:
            faults += error.faults
    if faults:
        raise CrispError(*faults)
    return file


def _rows(path: Path) -> list[Row]:
    with reading(path, NAME, EXPECTED, largest=LARGEST_TEXT):
        text, _ = decoded(path.read_bytes())
        delimiter = _delimiter(text)
        if delimiter is None:
            raise ValueError("other columns")
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        numbered = [(reader.line_num, cells) for cells in reader]
        header = next((number for number, (_, cells) in enumerate(numbered) if _columns(cells)), None)
        if header is None:
            raise ValueError("other columns")
    columns = _columns(numbered[header][1])
    rows, faults = list[Row](), list[Fault]()
    for line, cells in numbered[header + 1 :]:
        if any(cell.strip() for cell in cells):
            if len(cells) != len(columns):
                where, what = f"{path}, line {line}", "wrong number of cells"
                faults.append(Fault(where, what, str(len(columns)), str(len(cells)), REMEDY))
            else:
                rows.append(Row(line, dict(zip(columns, map(plain, cells), strict=True))))
    if faults:
        raise CrispError(*faults)
    return rows


def _media(rows: Sequence[Row]) -> tuple[list[str], list[float]]:
    """Return the videos of an observation that follow each other, and their lengths, s.

    Versions before 8 name the video of a row only: the lengths of several are not known.
    """
    source = next((row.cells["source"] for row in rows if row.cells.get("source", "").strip()), "")
    if source.startswith("player #1:"):
        media = source.split("|")[0].removeprefix("player #1:").split(";")
        cells = rows[0].cells.get("media duration (s)", "").split("|")[0].split(";")
        lengths = [length for cell in cells if not math.isnan(length := _seconds(cell))]
        return media, lengths
    names = [row.first(MEDIA) for row in rows]
    media = list(dict.fromkeys(name for name in names if name.lower() not in NO_FILE))
    if not media and source.lower() not in NO_FILE:
        media = [source]
    return media, []


def _aggregated(path: Path, rows: Iterable[Row]) -> list[Event]:
    return [
        Event(_time(path, row, "start (s)"), _time(path, row, "stop (s)"), _fields(row), f"line {row.line}")
        for row in rows
    ]


def _tabular(path: Path, rows: Iterable[Row]) -> list[Event]:
    coded = [
        Coded(_time(path, row, "time"), row.first(STATUS).upper(), _fields(row), f"line {row.line}")
        for row in rows
    ]
    return paired(sorted(coded, key=lambda one: (math.isnan(one.time), one.time)))


def _time(path: Path, row: Row, column: str) -> float:
    found = _seconds(row.cells[column])
    if math.isnan(found) and row.cells[column].strip().lower() not in NO_FILE:
        where, found_text = f"{path}, line {row.line}", repr(row.cells[column])[:50]
        raise fail(where, f"bad {column}", "seconds", found_text, REMEDY)
    return found


def _seconds(text: str) -> float:
    """Return a number of a cell; not a number if it is none or beyond any bound."""
    try:
        number = float(text.strip().replace(",", "."))
    except ValueError:
        return math.nan
    return number if math.isfinite(number) else math.nan


def _fields(row: Row) -> dict[str, str]:
    numbered = sorted(name for name in row.cells if name.startswith("modifier #"))
    modifiers = [row.cells[name] for name in numbered] or row.cells.get("modifiers", "").split("|")
    subject, category = row.cells["subject"].strip(), row.cells.get("behavioral category", "").strip()
    return {
        **row.cells,
        **modifier_fields(modifiers),
        LABEL: row.cells["behavior"],
        TIER: "" if category == "Not defined" else category,
        SUBJECT: "" if subject.lower() == NOBODY else subject,
        "observation": row.cells.get("observation id", ""),
    }
