"""The table of regions that the page of `crisp regions` saves, and what it changes in ``videos.tsv``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from crisp.core import views
from crisp.core.errors import CrispError, Fault
from crisp.study import tables

COLUMNS = ["video", "regions"]


def read_regions(path: str | Path) -> dict[str, str]:
    """Read a table of regions.

    Parameters
    ----------
    path : path-like
        Tab-separated, with the columns ``video`` and ``regions``.

    Returns
    -------
    dict
        The cell of `crisp.study.tables.VideoRow.regions` by video.

    Raises
    ------
    CrispError
        If it is no such table, or has bad regions; all are listed with their line.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for line, row in tables.read_cells(path, COLUMNS):
        try:
            found[row["video"]] = views.format_regions(views.parse_regions(row["regions"]))
        except ValueError as error:
            faults.append(Fault(f"{path}, line {line}", "bad regions", *error.args))
    if faults:
        raise CrispError(*faults)
    return found


def give_regions(videos_table: str | Path, regions: Mapping[str, str]) -> list[str]:
    """Set the regions of videos in a ``videos.tsv``.

    Parameters
    ----------
    videos_table : path-like
        Written only if something changes.
    regions : mapping of str to str
        The cell by video.

    Returns
    -------
    list of str
        One line for each changed video.

    Raises
    ------
    CrispError
        If the table has no such video, or its cell `group` names other regions; nothing is changed then.
    """
    rows = tables.read_videos(videos_table)
    known = {row.video for row in rows}
    faults = [
        Fault(
            str(videos_table), f"no video {name!r}", "an id of the column video", name, "correct the regions"
        )
        for name in regions
        if name not in known
    ]
    changed, lines = [], []
    for row in rows:
        given = regions.get(row.video, row.regions)
        changed.append(replace(row, regions=given))
        if given == row.regions:
            continue
        lines.append(f"{row.video}: {given or 'the whole picture'}")
        try:
            views.parse_each(row.group, views.parse_regions(given))
        except ValueError as error:
            where = f"{videos_table}, video {row.video}, column group"
            faults.append(Fault(where, "group of no region", *error.args))
    if faults:
        raise CrispError(*faults)
    if lines:
        tables.write_videos(videos_table, changed)
    return lines
