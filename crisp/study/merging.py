"""Merge the strokes of several annotators of a video by majority."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import NamedTuple

from crisp.study.annotations import Stroke, is_unknown
from crisp.study.matching import Group, group_strokes, middle


class MergedStroke(NamedTuple):
    """A stroke made of those in `group`, by annotator; `kept` if it is a label."""

    stroke: Stroke
    group: Group
    kept: bool


def merge_strokes(
    strokes: Mapping[str, Sequence[Stroke]], least: float, place: Callable[[Stroke], Hashable]
) -> list[MergedStroke]:
    """Merge strokes by majority.

    A stroke is kept if more than half of the annotators have it, or half of them with the first. Its bounds
    are the medians of theirs, its class the one that most of them give; of several, that of the first
    annotator who gives one.

    Parameters
    ----------
    strokes : mapping of str to sequence of Stroke
        Of every annotator of the video, by rank.
    least : float
        Smallest intersection over union of the same stroke.
    place : callable
        Where a stroke is: those of different places are never the same.

    Returns
    -------
    list of MergedStroke
        All strokes of anybody, in time order. No two that are kept have one place and interval.
    """
    ranks = {name: rank for rank, name in enumerate(strokes)}
    views = dict.fromkeys(place(stroke) for own in strokes.values() for stroke in own)
    found = []
    for view in views:
        there = {name: [one for one in own if place(one) == view] for name, own in strokes.items()}
        groups = group_strokes(there, least)
        taken: set[tuple[int, int]] = set()
        # Those that most have come first, so that they keep an interval that others share.
        for group in sorted(groups, key=lambda group: -len(group)):
            by_rank = [group[name] for name in sorted(group, key=ranks.__getitem__)]
            interval = middle(group)
            share = 2 * len(group) - len(strokes)
            kept = (share > 0 or (share == 0 and next(iter(strokes)) in group)) and interval not in taken
            if kept:
                taken.add(interval)
            stroke = Stroke(*interval, vote([one.label for one in by_rank]), by_rank[0].player)
            found.append(MergedStroke(stroke, group, kept))
    return sorted(found, key=lambda one: one.stroke)


def vote(labels: Sequence[str]) -> str:
    """Return the class that most annotators give.

    Parameters
    ----------
    labels : sequence of str
        By rank; empty or ``Unknown`` if the class is not known.

    Returns
    -------
    str
        Of several, the first; the first label if nobody knows the class.
    """
    known = [label for label in labels if label and not is_unknown(label)]
    counts = Counter(known or labels)
    return max(counts, key=lambda label: counts[label])  # the first of several, as Counter keeps the order
