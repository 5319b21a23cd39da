"""Matching of annotators' strokes: by hand, against all possible pairings, and at size."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from crisp.study.annotations import Stroke
from crisp.study.matching import group_strokes, iou, match_intervals, middle

intervals = some.lists(
    some.tuples(some.integers(0, 30), some.integers(1, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])),
    max_size=5,
)


def test_the_best_pairs_together_and_not_the_best_pair_first() -> None:
    one, other = [(0, 10), (4, 14)], [(3, 13), (6, 20)]
    assert iou(one, other).argmax() == 2  # the second with the first: 9/11, but then the others share 4/20
    assert match_intervals(one, other, 0.2) == [(0, 0), (1, 1)]
    assert match_intervals(one, other, 0.6) == [(1, 0)]
    assert match_intervals([], other, 0.5) == match_intervals(one, [], 0.5) == []


@given(intervals, intervals, some.sampled_from([0.1, 0.5, 0.9]))
def test_no_pairing_has_a_larger_sum(one: list, other: list, least: float) -> None:
    pairs = match_intervals(one, other, least)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    table = iou(one, other).reshape(len(one), len(other))
    table = np.where(table >= least, table, 0)
    assert all(table[pair] > 0 for pair in pairs)
    if len(one) > len(other):
        table = table.T
    rows = range(table.shape[0])
    best = max(
        sum(table[row, column] for row, column in zip(rows, columns, strict=True))
        for columns in permutations(range(table.shape[1]), len(rows))
    )
    assert np.isclose(sum(iou([one[i]], [other[j]])[0, 0] for i, j in pairs), best)


def test_ten_thousand_strokes_and_one_over_all_of_them() -> None:
    one = [(100 * number, 100 * number + 60) for number in range(10_000)]
    other = [(0, 1_000_000), *((begin + 5, end + 5) for begin, end in one)]
    assert match_intervals(one, other, 0.5) == [(number, number + 1) for number in range(10_000)]


def test_groups_of_three_annotators() -> None:
    strokes = {
        "a": [Stroke(0, 10, "Hit"), Stroke(50, 60, "Hit")],
        "b": [Stroke(2, 12, "Hit"), Stroke(20, 30, "Push")],
        "c": [Stroke(1, 11, "Push"), Stroke(51, 61, "Hit")],
    }
    found = group_strokes(strokes, 0.5)
    assert [list(group) for group in found] == [["a", "b", "c"], ["b"], ["a", "c"]]
    assert [middle(group) for group in found] == [(1, 11), (20, 30), (51, 61)]
    assert group_strokes({}, 0.5) == group_strokes({"a": [], "b": []}, 0.5) == []


@given(some.lists(intervals, min_size=1, max_size=4))
def test_each_stroke_is_in_one_group(of: list[list[tuple[int, int]]]) -> None:
    strokes = {str(number): [Stroke(*each) for each in own] for number, own in enumerate(of)}
    groups = group_strokes(strokes, 0.5)
    given_ = sorted((name, stroke) for name, own in strokes.items() for stroke in own)
    assert sorted((name, stroke) for group in groups for name, stroke in group.items()) == given_
    assert all(begin < end for begin, end in map(middle, groups))
