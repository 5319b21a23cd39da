"""The same strokes of several annotators, found by the temporal overlap of their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crisp.study.annotations import Stroke

Group = dict[str, Stroke]  # one stroke as annotated by one or more people, by their names


def iou(one: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return the intersection over union of intervals (n, 2) with others (m, 2), (n, m) in [0, 1]."""
    a, b = np.reshape(one, (-1, 1, 2)), np.reshape(other, (1, -1, 2))
    shared = np.minimum(a[..., 1], b[..., 1]) - np.maximum(a[..., 0], b[..., 0])
    shared = np.maximum(shared, 0)
    return shared / (np.ptp(a, axis=2) + np.ptp(b, axis=2) - shared)


def match_intervals(one: ArrayLike, other: ArrayLike, least: float) -> list[tuple[int, int]]:
    """Pair intervals one to one, so that the sum of the pairs' intersection over union is the largest.

    The assignment problem is solved (H. W. Kuhn, "The Hungarian method for the assignment problem", 1955) for
    each set of intervals that are connected by possible pairs.

    Parameters
    ----------
    one, other : array_like, (n, 2) and (m, 2)
        Begins and ends, end excluded.
    least : float
        Smallest intersection over union of a pair, above 0 and at most 1.

    Returns
    -------
    list of (int, int)
        Indices of the pairs, sorted.
    """
    # Slow to import, and the Snakefile merges labels.
    from scipy.optimize import linear_sum_assignment
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first, second = np.reshape(np.asarray(one, float), (-1, 2)), np.reshape(np.asarray(other, float), (-1, 2))
    rows, columns, overlaps = _possible_pairs(first, second, least)
    count = len(first) + len(second)
    graph = coo_array((overlaps, (rows, len(first) + columns)), shape=(count, count))
    component = connected_components(graph, directed=False)[1][rows]
    order = np.argsort(component, kind="stable")
    pairs = []
    for edges in np.split(order, np.flatnonzero(np.diff(component[order])) + 1):
        own, row = np.unique(rows[edges], return_inverse=True)
        others, column = np.unique(columns[edges], return_inverse=True)
        table = np.zeros((len(own), len(others)))
        table[row, column] = overlaps[edges]
        chosen = np.transpose(linear_sum_assignment(table, maximize=True))
        pairs += [(int(own[i]), int(others[j])) for i, j in chosen if table[i, j] > 0]
    return sorted(pairs)


def _possible_pairs(
    first: NDArray[np.float64], second: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """Return the indices of intervals that may be paired, and their intersection over union."""
    order = np.argsort(second[:, 0], kind="stable")
    begins = second[order, 0]
    # An interval longer than 1 / least times the other overlaps it too little.
    earliest = np.searchsorted(begins, first[:, 0] - np.ptp(first, axis=1) / least, side="left")
    latest = np.searchsorted(begins, first[:, 1], side="left")
    rows, columns, overlaps = [np.empty(0, np.intp)], [np.empty(0, np.intp)], [np.empty(0)]
    for row in np.flatnonzero(earliest < latest):
        near = order[earliest[row] : latest[row]]
        values = iou(first[row], second[near])[0]
        columns.append(near[values >= least])
        overlaps.append(values[values >= least])
        rows.append(np.full(len(columns[-1]), row))
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(overlaps)


def group_strokes(strokes: Mapping[str, Sequence[Stroke]], least: float) -> list[Group]:
    """Group the strokes of annotators of one view that are the same stroke.

    The strokes of each further annotator are matched with the median intervals of the groups so far, so
    that for two annotators this is the optimal matching.

    Parameters
    ----------
    strokes : mapping of str to sequence of Stroke
        By annotator.
    least : float
        Smallest intersection over union of the same stroke.

    Returns
    -------
    list of dict of str to Stroke
        Of each stroke, in time order, who annotated it and how; an annotator has one stroke in a group.
    """
    groups: list[Group] = []
    for name, own in strokes.items():
        pairs = match_intervals([middle(group) for group in groups], [stroke[:2] for stroke in own], least)
        for group, number in pairs:
            groups[group][name] = own[number]
        matched = {number for _, number in pairs}
        groups += [{name: stroke} for number, stroke in enumerate(own) if number not in matched]
    return sorted(groups, key=lambda group: (middle(group), list(group)))


def middle(group: Group) -> tuple[int, int]:
    """Return the median begin and the median end of a group's strokes, frames; halves are rounded up."""
    begin, end = (
        math.floor(median(bounds) + 0.5) for bounds in zip(*(s[:2] for s in group.values()), strict=True)
    )
    return begin, end
