"""The strokes on which annotators disagree, the most disputed first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from crisp.core.csv_table import write_table
from crisp.report.agreement.annotated import AnnotatedView
from crisp.report.agreement.comparison import Agreement
from crisp.study.annotations import Stroke
from crisp.study.matching import Group, iou, middle

LEAST_BOUNDS = 0.75  # intersection over union of two strokes whose bounds do not differ


class Disagreement(NamedTuple):
    """A row of ``disagreements.tsv``: frames ``[begin, end)`` of the file, the medians of the bounds.

    `seconds` is the time of `begin` in the file, None if the frame rate is not known; `kind` one or more of
    ``missed`` (somebody has no such stroke), ``class`` and ``bounds`` (an intersection over union below
    `LEAST_BOUNDS`); `agreeing` the share of pairs of the video's annotators who both have it with the same
    class; `iou` the smallest intersection over union of two of them, None if one alone has it. `strokes` are
    those of all annotators of the video, None for who has none; in the table a column each.
    """

    rank: int
    video: str
    begin: int
    end: int
    seconds: float | None
    kind: str
    agreeing: float
    iou: float | None
    strokes: Mapping[str, Stroke | None]


def list_disagreements(agreement: Agreement) -> list[Disagreement]:
    """Return the disagreements of a comparison, most disputed first.

    Parameters
    ----------
    agreement : Agreement

    Returns
    -------
    list of Disagreement
        By `agreeing`, then by `iou`, then by video and time.
    """
    found = [
        one for view, groups in agreement.groups for group in groups if (one := _disagreement(view, group))
    ]
    ordered = sorted(found, key=lambda one: (one.agreeing, one.iou or 0))
    return [one._replace(rank=rank) for rank, one in enumerate(ordered, start=1)]


def _disagreement(view: AnnotatedView, group: Group) -> Disagreement | None:
    pairs = list(combinations(group.values(), 2))
    overlaps = [float(iou(one[:2], other[:2])[0, 0]) for one, other in pairs]
    least = min(overlaps, default=None)
    labels = {stroke.label for stroke in group.values() if stroke.label}
    kinds = {
        "missed": len(group) < len(view.strokes),
        "class": len(labels) > 1,
        "bounds": least is not None and least < LEAST_BOUNDS,
    }
    if not any(kinds.values()):
        return None
    same = sum(one.label == other.label or not (one.label and other.label) for one, other in pairs)
    begin, end = middle(group)
    return Disagreement(
        0,
        view.name,
        begin,
        end,
        view.times.time_of(begin) if view.times else None,
        ", ".join(kind for kind, is_so in kinds.items() if is_so),
        2 * same / (len(view.strokes) * (len(view.strokes) - 1)),
        least,
        {name: group.get(name) for name in view.strokes},
    )


def write_disagreements(
    path: str | Path, disagreements: Iterable[Disagreement], annotators: Sequence[str]
) -> None:
    """Write ``disagreements.tsv``.

    Parameters
    ----------
    path : path-like
    disagreements : iterable of Disagreement
    annotators : sequence of str
        Each has a column ``by <name>``: class and frames, a dash without such a stroke, empty where they did
        not annotate the video.
    """
    columns = [*Disagreement._fields[:-1], *(f"by {name}" for name in annotators)]
    rows = ([*one[:-1], *(said(one, name) for name in annotators)] for one in disagreements)
    write_table(path, columns, rows)


def said(one: Disagreement, name: str) -> str:
    """Return what an annotator has, for a table."""
    if name not in one.strokes:
        return ""
    stroke = one.strokes[name]
    return f"{stroke.label or 'no class'} {stroke.begin} to {stroke.end}" if stroke else "–"
