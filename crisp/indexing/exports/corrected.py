"""Exports of corrected strokes: those that people decided have no probability, the others keep theirs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from crisp.core.errors import fail
from crisp.core.words import counted
from crisp.study.annotations import Stroke
from crisp.study.index_file import IndexedStroke, IndexFile


def with_strokes(index: IndexFile, strokes: Sequence[Stroke], where: str) -> IndexFile:
    """Return an index with corrected strokes in place of those of the model.

    Parameters
    ----------
    index : IndexFile
    strokes : sequence of Stroke
    where : str
        Their file, for messages.

    Returns
    -------
    IndexFile

    Raises
    ------
    CrispError
        If a stroke is after the end of the video.
    """
    frames = index.video.frames
    late = [stroke for stroke in strokes if stroke.end > frames]
    if late:
        expected = f"strokes in the {counted(frames, 'frame')} of {index.video.id}"
        remedy = "check that this is an annotation of that video"
        raise fail(where, "strokes after the end of the video", expected, late[0].end, remedy)
    found = {(one.begin, one.end, one.label, one.player): one for one in index.strokes}
    only = index.players[0].name if len(index.players) == 1 else ""
    return replace(index, strokes=tuple(_indexed(stroke, found, only) for stroke in sorted(strokes)))


def _indexed(
    stroke: Stroke, found: dict[tuple[int, int, str, str], IndexedStroke], only: str
) -> IndexedStroke:
    stroke = stroke._replace(player=stroke.player or only)
    return found.get(stroke) or IndexedStroke(**stroke._asdict(), score=1.0)
