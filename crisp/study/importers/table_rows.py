"""The rows of one table of strokes: its header, the unit of its bounds, and each row as a stroke."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from crisp.core.cells import plain
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.frame_times import FrameTimes
from crisp.core.limits import LEAST_FPS, MOST_FPS
from crisp.core.plain_text import is_plain
from crisp.core.words import few
from crisp.study.importers import column_words as words
from crisp.study.importers import table_file, time_cells
from crisp.study.importers.column_meaning import OWN, Bound, Columns, understand
from crisp.study.importers.discovery import AnnotatedInterval, CountedFrame, Moment, Timecode, split_name
from crisp.study.importers.table_file import Grid
from crisp.study.importers.time_cells import DECIMAL, TOO_CLOSE, Unit, form

MOST = 10  # columns in a note
HEAD = 50  # lines in which the header is looked for
HEADER = "columns video, begin, end (or begin_seconds, end_seconds), label; perhaps split, group, region"
SAMPLES = {"kind", "sample", "given"}  # columns found only in the strokes.tsv of a study's results
THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")  # in a table separated by commas
SLACK, SLACK_SHARE = 0.1, 0.05  # s, and share of a duration by which it may differ from end - begin
OWN_BOUND = {words.BEGIN: "begin_seconds (or begin)", words.END: "end_seconds (or end)"}


class Row(NamedTuple):
    """A row: its line, what it calls the video, its split, group and stroke."""

    line: int
    video: str
    split: str
    group: str
    interval: AnnotatedInterval


@dataclass(frozen=True)
class Table:
    """A grid with the line of its header, an index of its rows, and the meaning of its columns."""

    grid: Grid
    header: int
    columns: Columns

    @property
    def where(self) -> str:
        """Return the place of its header, for messages."""
        return self.grid.line(self.grid.rows[self.header][0])

    def __str__(self) -> str:
        names = few([name if is_plain(name) else repr(name) for name in self.columns.headers], 20)[:200]
        return f"{self.grid.form}, columns {names}"


def tables(path: Path, most: int | None = HEAD) -> list[Table]:
    """Return the tables in a file: one of each sheet, or that of a text as separated best.

    Parameters
    ----------
    path : Path
    most : int, optional
        Number of lines to read; None = all.

    Returns
    -------
    list of Table
        Of strokes or not; none for a file without a row.

    Raises
    ------
    CrispError, OSError, ValueError, csv.Error
        As for `crisp.study.importers.table_file.read`.
    """
    found = [_table(grid) for grid in table_file.read(path, most)]
    if not found or found[0].grid.sheet:
        return found
    return [max(found, key=lambda one: (one.columns.complete, one.columns.bounded, len(one.columns.headers)))]


def _table(grid: Grid) -> Table:
    """Find the header: the first line that is one of a table of strokes, else the first."""
    tried = [Table(grid, at, understand(cells)) for at, (_, cells) in enumerate(grid.rows[:HEAD])]
    complete = (one for one in tried if one.columns.complete)
    bounded = (one for one in tried if one.columns.bounded)
    return next(complete, None) or next(bounded, tried[0])


def attempt(path: Path) -> list[Table]:
    """Return the tables in a file as `tables` does; none if it cannot be read."""
    with suppress(CrispError, OSError, ValueError, csv.Error):
        return tables(path)
    return []


def check(table: Table) -> None:
    """Refuse a table whose columns are not clear, or that is no annotation.

    Raises
    ------
    CrispError
        If several columns can have one meaning, or it is the table of a study's samples.
    """
    if set(table.columns.headers) >= SAMPLES:
        raise fail(
            table.grid.path,
            "the samples of a study, not a table of annotated strokes",
            "strokes in frames of their video files",
            "negatives cut from gaps, and frames after frame_step",
            "import what the study was imported from; its labels are in config/<name>/annotations",
        )
    faults = []
    for role, names in table.columns.ambiguous.items():
        what, found = f"several columns can be the {role}", ", ".join(map(repr, names))
        remedy = f"rename the one to take {OWN_BOUND.get(role, role)}"
        faults.append(Fault(table.where, what, "one column", found, remedy))
    if faults:
        raise CrispError(*faults)


def notes(table: Table, unit: Unit, video: str) -> list[str]:
    """Return what was decided in reading a table: columns by meaning, the unit, and what is not read.

    Parameters
    ----------
    table : Table
    unit : Unit
    video : str
        The video of a table without a column for it; else empty.

    Returns
    -------
    list of str
    """
    columns, grid = table.columns, table.grid
    name = f"{grid.path.name}, sheet {grid.sheet}" if grid.sheet else grid.path.name
    bounds = {words.BEGIN: columns.begin, words.END: columns.end, words.DURATION: columns.duration}
    at = columns.at | {role: bound.column for role, bound in bounds.items() if bound}
    read = [f"{columns.headers[at[role]]!r} as {role}" for role in at if columns.headers[at[role]] not in OWN]
    found = []
    if video:
        found.append(f"note: {name}: the strokes are those of {video}")
    if table.header:
        found.append(
            f"note: {name}: the header is in line {grid.rows[table.header][0]}, lines above are not read"
        )
    if read:
        found.append(f"note: {name}: columns {', '.join(read)}")
    if unit.reason:
        found.append(f"note: {name}: {unit.reason}")
    if columns.unused:
        found.append(f"note: {name}: not read: columns {few(columns.unused, MOST)}")
    return found


class Reader:
    """Reads the rows of a table.

    Attributes
    ----------
    unit : Unit
        Of its bounds.
    faults : list of Fault
        Of the rows read so far, each with its line or cell.
    doubts : list of Fault
        Rows that were read, but contradict themselves.
    """

    def __init__(self, table: Table) -> None:
        check(table)
        begin, last = table.columns.begin, table.columns.end or table.columns.duration
        assert begin is not None
        assert last is not None
        self._table, self._columns, self._begin, self._last = table, table.columns, begin, last
        self._repeated = _repeated(self._columns)
        self._own_unit = not (begin.unit or last.unit)
        self.unit = self._unit()
        self.faults: list[Fault] = []
        self.doubts: list[Fault] = []

    def rows(self) -> Iterator[Row]:
        """Yield the rows that are without fault."""
        for line, cells in self._lines():
            try:
                yield self._row(line, cells)
            except ValueError as error:
                what, expected, found, *column = error.args
                grid = self._table.grid
                where = grid.cell(line, column[0]) if column else grid.line(line)
                remedy = "correct the cell" if column and grid.sheet else "correct the line"
                self.faults.append(Fault(where, what, expected, found, remedy))

    def _lines(self) -> Iterator[tuple[int, list[str]]]:
        width = len(self._columns.headers)
        for line, cells in self._table.grid.rows[self._table.header + 1 :]:
            if any(cell.strip() for cell in cells):
                missing = width - len(cells) if self._table.grid.sheet else 0
                yield line, cells + [""] * missing

    def _unit(self) -> Unit:
        if stated := self._begin.unit or self._last.unit:
            return Unit(stated == words.FRAMES)
        columns = self._begin.column, self._last.column
        pairs = [
            (cells[columns[0]], cells[columns[1]]) for _, cells in self._lines() if len(cells) > max(columns)
        ]
        own, counted = self._begin.own and self._last.own, words.FPS in self._columns.at
        try:
            return time_cells.undeclared(pairs, self._columns.end is None, own, counted)
        except ValueError as error:
            remedy = "rename them begin_frame and end_frame, or begin_seconds and end_seconds"
            if error.args[0] == TOO_CLOSE:
                remedy = "write the times in seconds, or as text"
            what, expected, found = error.args
            raise fail(self._table.where, what, expected, found, remedy) from None

    def _row(self, line: int, cells: list[str]) -> Row:
        width = len(self._columns.headers)
        if len(cells) < width or any(cell.strip() for cell in cells[width:]):
            raise ValueError("wrong number of cells", str(width), str(len(cells)))
        for column, other in self._repeated:
            if cells[column].strip() != cells[other].strip():
                found = f"{cells[column]!r} and {cells[other]!r}"
                name = self._columns.headers[column]
                raise ValueError(f"two columns {name} differ", "one column of this name", found, column)
        for column in sorted(self._columns.used):
            if formula := self._table.grid.formulas.get((line, column)):
                expected = "a value: open the file in a spreadsheet program and save it again"
                raise ValueError("formula without a stored value", expected, repr(formula)[:50], column)
        player = _name(self._cell(cells, words.REGION, words.PLAYER))
        group = _name(self._cell(cells, words.GROUP, words.PLAYER))
        interval = self._interval(line, cells, player)
        split = split_name(self._cell(cells, words.SPLIT))
        return Row(line, self._cell(cells, words.VIDEO), split, group, interval)

    def _cell(self, cells: list[str], *roles: str) -> str:
        """Return the cell of the first of these roles that has a column."""
        return next((cells[self._columns.at[role]] for role in roles if role in self._columns.at), "")

    def _interval(self, line: int, cells: list[str], player: str) -> AnnotatedInterval:
        label = _name(self._cell(cells, words.LABEL))
        if not label:
            raise ValueError(
                "no label", "a class, or Unknown", "an empty cell", self._columns.at[words.LABEL]
            )
        for what, text in (("label", label), ("player", player)):
            if not text.isprintable():
                raise ValueError(f"bad {what}", "a name without control characters", repr(text))
        begin, end = self._bounds(line, cells)
        if _order(begin) >= _order(end):
            found = f"{_shown(begin)} to {_shown(end)}"
            raise ValueError("empty or negative interval", "begin < end", found)
        where = self._table.grid.line(line)
        return AnnotatedInterval(begin, end, label, not self.unit.frames, player, where)

    def _bounds(self, line: int, cells: list[str]) -> tuple[Moment, Moment]:
        rate = self._rate(cells)
        begin = self._time(cells, self._begin, rate)
        end, duration = (
            self._time(cells, bound, rate) if bound and cells[bound.column].strip() else None
            for bound in (self._columns.end, self._columns.duration)
        )
        if end is None and duration is None:
            expected = f"a bound in column {self._columns.headers[self._last.column]!r}"
            raise ValueError("stroke has no end", expected, "an empty cell", self._last.column)
        if duration is None:
            assert end is not None
            return begin, end
        by_duration = _sum(begin, duration)
        if end is None:
            return begin, by_duration
        slack = 1 if self.unit.frames else max(SLACK, SLACK_SHARE * _order(duration))
        if abs(_order(end) - _order(by_duration)) > slack:
            self.doubts.append(
                Fault(
                    self._table.grid.line(line),
                    "duration contradicts begin and end, which are taken",
                    f"an end at {_shown(by_duration)}",
                    _shown(end),
                    "correct the line",
                )
            )
        return begin, end

    def _time(self, cells: list[str], bound: Bound, rate: float) -> Moment:
        text = cells[bound.column]
        if not text.strip():
            expected = f"a bound in column {self._columns.headers[bound.column]!r}"
            raise ValueError("stroke has no begin", expected, "an empty cell", bound.column)
        if self._table.grid.delimiter == "," and THOUSANDS.fullmatch(text.strip()):
            expected = "no comma, which can be one of thousands or of decimals here"
            raise ValueError("bad bound", expected, repr(text)[:50], bound.column)
        try:
            if self.unit.frames:
                number = time_cells.frame(text)
                return CountedFrame(int(number), rate) if rate else number
            time = time_cells.time(text, bound.unit)
        except ValueError as error:
            what, expected, found = error.args
            if self._own_unit and form(text) == DECIMAL:
                expected += "; of seconds, name the columns begin_seconds and end_seconds"
            raise ValueError(what, expected, found, bound.column) from None
        if isinstance(time, Timecode) and rate:
            return CountedFrame(time.frame_in(FrameTimes(rate)), rate)
        return time

    def _rate(self, cells: list[str]) -> float:
        """Return the rate at which the row's frames are counted; 0 if the table has no such column."""
        if words.FPS not in self._columns.at or not (text := self._cell(cells, words.FPS).strip()):
            return 0.0
        try:
            rate = float(text.replace(",", "."))
        except ValueError:
            rate = 0.0
        if not LEAST_FPS <= rate <= MOST_FPS:
            expected = f"frames per second, {LEAST_FPS:g} to {MOST_FPS:g}"
            raise ValueError("bad frame rate", expected, repr(text)[:50], self._columns.at[words.FPS])
        return rate


def _repeated(columns: Columns) -> list[tuple[int, int]]:
    """Return pairs of columns of one name, of which one is read."""
    return [
        (column, other)
        for column in sorted(columns.used)
        for other, name in enumerate(columns.headers)
        if other != column and name == columns.headers[column]
    ]


def _name(text: str) -> str:
    return " ".join(plain(text).split())


def _order(time: Moment) -> float:
    """Return a number that orders the times of one stroke."""
    if isinstance(time, Timecode):
        return time.seconds + time.frame / 1000
    return time.number if isinstance(time, CountedFrame) else time


def _sum(begin: Moment, duration: Moment) -> Moment:
    if isinstance(begin, CountedFrame) and isinstance(duration, CountedFrame):
        return begin._replace(number=begin.number + duration.number)
    if isinstance(begin, float) and isinstance(duration, float):
        return begin + duration
    what = "a duration cannot be added to a timecode"
    raise ValueError(
        what, "a column with the end, or times in seconds", f"{_shown(begin)} and {_shown(duration)}"
    )


def _shown(time: Moment) -> str:
    if isinstance(time, Timecode):
        minutes, seconds = divmod(time.seconds, 60)
        mark = ";" if time.drop else ":"
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}{mark}{time.frame:02}"
    return f"{_order(time):g}"
