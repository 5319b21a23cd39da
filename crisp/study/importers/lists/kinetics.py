"""Kinetics: CSV with the columns ``label``, ``youtube_id``, ``time_start``, ``time_end`` and ``split``.

A video is the clip ``<youtube_id>_000012_000022`` of whole seconds, or the uncut ``<youtube_id>``.
"""

from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.unreadable import reading
from crisp.study.importers import table_file, time_cells
from crisp.study.importers.discovery import AnnotatedInterval, Found, Labels, split_name, stem
from crisp.study.importers.lists import splits
from crisp.study.importers.lists.listed import TASK, ListedVideos, files
from crisp.study.importers.table_file import Grid

COLUMNS = {"youtube_id", "time_start", "time_end"}
NAME = "list of videos"


def matches(source: Path) -> bool:
    """Return whether a source is a list of this form, or a folder with such lists, also in a subfolder."""
    return any(_is_list(path) for path in files(source, ".csv"))


def _is_list(path: Path) -> bool:
    with suppress(CrispError, OSError, ValueError, csv.Error):
        return any(set(_columns(grid)) >= COLUMNS for grid in table_file.read(path, 1))
    return False


def _columns(grid: Grid) -> list[str]:
    return [cell.strip().lower() for cell in grid.rows[0][1]]


def read(source: Path) -> Found:
    """Read the videos of all lists that are there; without a column `split`, it is in the name of the list.

    Raises
    ------
    CrispError
        If a line is not of this form, or none of the videos is there.
    """
    listed = ListedVideos(source)
    for path in filter(_is_list, files(source, ".csv")):
        with reading(path, NAME):
            grids = table_file.read(path)
        grid = next(grid for grid in grids if set(_columns(grid)) >= COLUMNS)
        columns = _columns(grid)
        for number, cells in grid.rows[1:]:
            row = dict(zip(columns, map(str.strip, cells), strict=False))
            try:
                _add(row, grid.line(number), path, listed)
            except ValueError as error:
                what, expected, instead = error.args
                fault = Fault(grid.line(number), what, expected, instead, "correct the line")
                listed.faults.append(fault)
    found = listed.found()
    found.notes += splits.complete(found.videos)
    return found


def _add(row: dict[str, str], where: str, path: Path, listed: ListedVideos) -> None:
    if lacking := sorted(COLUMNS - row.keys()):
        raise ValueError("wrong number of cells", ", ".join(sorted(COLUMNS)), f"no {lacking[0]}")
    split = split_name(row["split"]) if row.get("split") else split_in(path.stem)
    begin, end = (time_cells.time(row[name]) for name in ("time_start", "time_end"))
    if not isinstance(begin, float) or not isinstance(end, float) or begin >= end:
        found = f"{row['time_start']} to {row['time_end']}"
        raise ValueError("empty or negative interval", "time_start < time_end", found)
    uncut, clip = row["youtube_id"], f"{row['youtube_id']}_{int(begin):06}_{int(end):06}"
    label = " ".join(row.get("label", "").split())
    if not (video := listed.add(clip, uncut)) or not label:
        return
    if stem(Path(video.path).name) == clip:
        listed.label(video, where, Labels(TASK, split, whole=label))
    else:
        interval = AnnotatedInterval(begin, end, label, seconds=True, where=where)
        earlier = [one for one in video.labels if one.split == split]
        strokes = (*(one for labels in earlier for one in labels.intervals), interval)
        video.labels = [one for one in video.labels if one.split != split]
        video.labels.append(Labels(TASK, split, intervals=strokes))


def split_in(name: str) -> str:
    """Return the split in the name of a list, such as ``kinetics400_val_list``; empty if there is none."""
    for part in name.lower().replace("-", "_").replace(".", "_").split("_"):
        with suppress(ValueError):
            if part:
                return split_name(part.removesuffix("list"))
    return ""
