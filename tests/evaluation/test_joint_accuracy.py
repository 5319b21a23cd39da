"""Accuracy with and without the negative class, worked by hand and for any ranking."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from crisp.evaluation.joint_accuracy import joint_accuracy
from crisp.evaluation.metrics import interval

NEGATIVE = 2


def test_by_hand() -> None:
    truth = [0, 0, 1, 2, 2, -1]
    ranked = [[0, 1, 2], [2, 0, 1], [0, 2, 1], [2, 0, 1], [1, 2, 0], [0, 1, 2]]
    found = joint_accuracy(truth, ranked, NEGATIVE)
    assert found == {
        "with_negative": {"n": 5, "accuracy": 2 / 5, "interval": interval(2, 5)},
        "without_negative": {"n": 3, "accuracy": 2 / 3, "interval": interval(2, 3)},
        "stroke_or_negative": {"n": 5, "accuracy": 3 / 5, "interval": interval(3, 5)},
    }


def test_nothing_labelled() -> None:
    found = joint_accuracy([-1], [[0, 1, 2]], NEGATIVE)
    assert {(part["n"], part["accuracy"], part["interval"]) for part in found.values()} == {(0, None, None)}
    assert joint_accuracy([], np.empty((0, 3)), NEGATIVE) == found


@given(arrays.arrays(np.int64, st.integers(1, 12), elements=st.integers(-1, 3)), st.randoms())
def test_without_the_negative_class_its_rank_is_of_no_matter(truth: np.ndarray, random) -> None:
    ranked = [random.sample(range(4), 4) for _ in truth]
    moved = [[*(one for one in row if one != NEGATIVE), NEGATIVE] for row in ranked]
    found, other = (joint_accuracy(truth, rows, NEGATIVE) for rows in (ranked, moved))
    assert found["without_negative"] == other["without_negative"]
    hits = {key: round((part["accuracy"] or 0) * part["n"]) for key, part in found.items()}
    assert hits["with_negative"] <= hits["stroke_or_negative"]
