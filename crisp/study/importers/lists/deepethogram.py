"""DeepEthogram: ``<video>_labels.csv`` with a row for each frame and a column of 0 and 1 for each behaviour.

The column ``background`` is time without a behaviour; -1 is a frame that nobody labelled: its class is
unknown, and no sample of the negative class is cut from it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.unreadable import reading
from crisp.core.words import counted
from crisp.study.importers import table_file
from crisp.study.importers.discovery import AnnotatedInterval, Found, Labels
from crisp.study.importers.lists.listed import TASK, ListedVideos, files
from crisp.study.importers.table_file import Grid

BACKGROUND = "background"
VALUES = {"0": 0, "1": 1, "-1": -1, "0.0": 0, "1.0": 1, "-1.0": -1}
UNKNOWN = "Unknown"
DEEP = 2  # data/<video>/<video>_labels.csv
NAME = "table of behaviours"


def matches(source: Path) -> bool:
    """Return whether a source is such a table, or a folder with one, down to ``data/<video>``."""
    return any(_is_table(path) for path in files(source, ".csv", deep=DEEP))


def _is_table(path: Path) -> bool:
    with suppress(CrispError, OSError, ValueError, csv.Error):
        return any(_is_header(grid) for grid in table_file.read(path, 2))
    return False


def _is_header(grid: Grid) -> bool:
    """Return whether a grid has the column of the background, and only known values in its first row."""
    names = [cell.strip().lower() for cell in grid.rows[0][1]]
    first = grid.rows[1][1] if len(grid.rows) > 1 else []
    return BACKGROUND in names and all(cell.strip() in VALUES for cell in first[not names[0] :])


def read(source: Path) -> Found:
    """Read all such tables that are there.

    Raises
    ------
    CrispError
        If a cell is not 0, 1 or -1 (all are listed), or none of the videos is there.
    """
    listed = ListedVideos(source)
    unlabelled = 0
    for path in filter(_is_table, files(source, ".csv", deep=DEEP)):
        with reading(path, NAME):
            grid = next(grid for grid in table_file.read(path) if _is_header(grid))
        names, values = _values(grid, listed.faults)
        unlabelled += sum(-1 in row for row in values)
        intervals = tuple(_intervals(grid, names, values))
        name = path.stem.removesuffix("_labels").removesuffix("_predictions")
        beside = (path.parent / name).relative_to(listed.media.folder).as_posix()
        if (video := listed.add(beside, name)) and any(-1 not in row for row in values):
            video.labels.append(Labels(TASK, intervals=intervals))
    if unlabelled:
        frames = counted(unlabelled, "frame")
        listed.notes.append(f"note: {frames} not labelled (-1): their class is {UNKNOWN}")
    return listed.found()


def _values(grid: Grid, faults: list[Fault]) -> tuple[list[str], list[list[int]]]:
    """Return the behaviours without the background, and the values of each frame."""
    header = [" ".join(cell.split()) for cell in grid.rows[0][1]]
    columns = [at for at, name in enumerate(header) if name and name.lower() != BACKGROUND]
    rows = []
    for number, cells in grid.rows[1:]:
        found = [VALUES.get(cells[at].strip()) if at < len(cells) else None for at in columns]
        if None in found:
            at = columns[found.index(None)]
            cell = repr(cells[at])[:50] if at < len(cells) else "no cell"
            where = f"{grid.line(number)}, column {header[at]}"
            faults.append(Fault(where, "bad value", "0, 1 or -1", cell, "correct the line"))
        else:
            rows.append([value for value in found if value is not None])
    return [header[at] for at in columns], rows


def _intervals(
    grid: Grid, names: Sequence[str], values: Sequence[Sequence[int]]
) -> Iterator[AnnotatedInterval]:
    """Yield each run of frames with a behaviour, or without a label."""
    for at, name in enumerate(names):
        begin = 0
        for value, run in groupby(row[at] for row in values):
            end = begin + sum(1 for _ in run)
            if value == 1:
                yield AnnotatedInterval(begin, end, name, where=grid.line(begin + 2))
            begin = end
    begin = 0
    for unknown, run in groupby(-1 in row for row in values):
        end = begin + sum(1 for _ in run)
        if unknown:
            yield AnnotatedInterval(begin, end, UNKNOWN, where=grid.line(begin + 2))
        begin = end
