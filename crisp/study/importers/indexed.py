"""Strokes found by ``crisp index``: ``strokes.csv`` with ``index.json`` beside it, for one or more videos.

The video is at the path in ``index.json``, or beside the table. Corrected labels in the table are used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.views import Box, format_regions
from crisp.study import index_file
from crisp.study.importers import stroke_table
from crisp.study.importers.discovery import AnnotatedInterval, Found

TABLE = "strokes.csv"
MOST = 5  # missing videos named in a message


class Indexed(NamedTuple):
    """An indexed video: its table of strokes, and its metadata from ``index.json``."""

    table: Path
    path: Path
    id: str
    sha256: str
    regions: str


def matches(source: Path) -> bool:
    """Return whether this is output of an index: a folder of a video, a folder of these, or a table."""
    return bool(_tables(source))


def _tables(source: Path) -> list[Path]:
    if source.is_file():
        paths = [source]
    else:
        paths = [source / TABLE] if (source / TABLE).is_file() else sorted(source.glob(f"*/{TABLE}"))
    return [
        path
        for path in paths
        if path.with_name(index_file.NAME).is_file() and stroke_table.header(path) >= set(COLUMNS)
    ]


def read(source: Path) -> Found:
    """Read the indexed videos and the strokes found in them.

    Raises
    ------
    CrispError
        If an ``index.json`` or a table is damaged, no video is at its indexed path or beside its
        table, or the videos have no folder in common.
    """
    indexed = [_indexed(path) for path in _tables(source)]
    if not indexed:
        raise fail(
            source,
            "nothing that crisp index wrote",
            f"{TABLE} and {index_file.NAME}",
            "none",
            "name their folder",
        )
    places = {one.table: place for one in indexed if (place := _place(one))}
    missing = [_missing(one) for one in indexed if one.table not in places]
    if not places:
        raise CrispError(*missing[:MOST])
    folder = Path(os.path.commonpath([path.parent for path in places.values()]))
    if folder == Path(folder.anchor):
        apart = ", ".join(sorted({str(path.parent) for path in places.values()})[:MOST])
        raise fail(
            source,
            "the videos have no folder in common",
            "videos below one folder",
            apart,
            "import those of one folder at a time, under a name of their own",
        )
    found = Found(problems=missing, folder=folder)
    for one in indexed:
        if one.table in places:
            path = places[one.table].relative_to(folder).as_posix()
            video = stroke_table.found_video(path, _strokes(one))
            video.sha256, video.regions = one.sha256, one.regions
            found.videos.append(video)
    return found


def _indexed(table: Path) -> Indexed:
    index = index_file.read_index(table.with_name(index_file.NAME))
    video, regions = index.video, {player.name: Box(*player.box) for player in index.players}
    return Indexed(table, Path(video.path), video.id, video.sha256 or "", format_regions(regions))


def _place(one: Indexed) -> Path | None:
    """Locate the video: at its indexed path, else beside the table or its folder."""
    near = [one.table.parent / one.path.name, one.table.parent.parent / one.path.name]
    return next((path.absolute() for path in [one.path, *near] if path.is_file()), None)


def _missing(one: Indexed) -> Fault:
    return Fault(
        str(one.table),
        "the video of these strokes is missing",
        str(one.path),
        "nothing there, nor beside the table",
        f"bring the video back, or put {one.path.name} beside the table",
    )


def _strokes(one: Indexed) -> dict[str, list[AnnotatedInterval]]:
    """Read the strokes of the table, all of one video, by split."""
    by_split: dict[str, list[AnnotatedInterval]] = {}
    for video, splits in stroke_table.strokes(one.table).items():
        if Path(video).name not in (one.id, one.path.name):
            raise fail(one.table, "strokes of another video", one.id, video, f"keep only those of {one.id}")
        for split, intervals in splits.items():
            by_split.setdefault(split, []).extend(intervals)
    return by_split


COLUMNS = (
    *("video", "begin", "end", "begin_seconds", "end_seconds", "label"),
    *("probability", "any_stroke", "cut"),
)
PLAYER = "player"  # column of a video indexed by regions
