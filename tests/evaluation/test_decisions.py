"""Decisions: windows, and the four rules on hand-worked cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from crisp.core.errors import CrispError
from crisp.evaluation.decisions import RULES, decide, rank, scores, windows
from tests import published

Probabilities = NDArray[np.float64]


@st.composite
def window_probabilities(draw: st.DrawFn) -> Probabilities:
    """Probabilities (n, N) of 1 to 12 windows and 2 to 6 classes."""
    seed = draw(st.integers(0, 2**32 - 1))
    shape = draw(st.integers(1, 12)), draw(st.integers(2, 6))
    return np.random.default_rng(seed).dirichlet(np.ones(shape[1]), shape[0])


@pytest.mark.parametrize(
    ("begin", "end", "length", "starts"),
    [
        (10, 15, 3, [10, 11, 12]),
        (10, 13, 3, [10]),
        (10, 12, 3, [9]),  # floor(19 / 2)
        (10, 12, 6, [8]),
        (0, 3, 10, [-4]),  # floor(-7 / 2): reaches past the video, which repeats its first frame
    ],
)
def test_windows(begin: int, end: int, length: int, starts: list[int]) -> None:
    assert list(windows(begin, end, length)) == starts


@settings(deadline=None)
@given(begin=st.integers(0, 500), length=st.integers(1, 120), stroke=st.integers(1, 320))
def test_middle_window_is_the_centred_one(begin: int, length: int, stroke: int) -> None:
    starts = windows(begin, begin + stroke, length)
    assert len(starts) == max(stroke - length + 1, 1)
    assert starts[(len(starts) - 1) // 2] == (2 * begin + stroke - length) // 2


@pytest.mark.parametrize(("n", "chosen"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_no_window_takes_the_centred_window(n: int, chosen: int) -> None:
    probabilities = np.random.default_rng(n).dirichlet(np.ones(3), n)
    assert scores(probabilities, "no_window") == pytest.approx(probabilities[chosen])


def test_vote_gives_shares_of_the_windows() -> None:
    probabilities = [[0.9, 0.1, 0], [0.4, 0.6, 0], [0.4, 0.6, 0], [0.4, 0.6, 0]]
    label, votes = decide(probabilities, "vote")
    assert label == 1
    assert votes.tolist() == [0.25, 0.75, 0]
    assert decide(probabilities, "mean")[0] == 0  # (0.525, 0.475, 0)


def test_tie_of_votes_goes_to_the_higher_mean() -> None:
    assert decide([[0.6, 0.4], [0.1, 0.9]], "vote")[0] == 1
    assert decide([[0.9, 0.1], [0.4, 0.6]], "vote")[0] == 0


def test_tie_of_votes_and_means_goes_to_the_lower_class() -> None:
    assert decide([[0, 0.25, 0.75], [0, 0.75, 0.25]], "vote")[0] == 1


def test_class_without_votes_never_wins_by_its_mean() -> None:
    # Class 2 has the highest mean, 0.45, and no vote.
    assert rank([[0.55, 0, 0.45], [0, 0.55, 0.45]], "vote").tolist() == [0, 1, 2]


def test_mean() -> None:
    assert scores([[0.2, 0.8], [0.6, 0.4], [1.0, 0.0]], "mean") == pytest.approx([0.6, 0.4])


def test_gaussian_of_three_windows() -> None:
    assert scores([[1, 0], [0, 1], [1, 0]], "gaussian").tolist() == [0.5, 0.5]


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 2**32), st.sampled_from(RULES))
def test_rules_are_the_published_ones(count: int, classes: int, seed: int, rule: str) -> None:
    rows = np.random.default_rng(seed).dirichlet(np.ones(classes), count)
    np.testing.assert_allclose(scores(rows, rule), published.decide(rows.tolist(), rule), atol=1e-12)


@given(st.integers(0, 500), st.integers(1, 300), st.integers(1, 200))
def test_windows_are_the_published_ones(begin: int, length: int, frames: int) -> None:
    """But for the last one, which they lack if an odd number of frames is to spare."""
    found, expected = (
        list(windows(begin, begin + length, frames)),
        published.windows(begin, begin + length - 1, frames),
    )
    odd = length > frames and (length - frames) % 2
    assert found == ([*expected, expected[-1] + 1] if odd else expected)


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(probabilities=window_probabilities())
def test_scores_sum_to_one_and_the_best_wins(rule: str, probabilities: Probabilities) -> None:
    label, found = decide(probabilities, rule)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert found[label] == found.max()
    assert sorted(rank(probabilities, rule)) == list(range(probabilities.shape[1]))


@pytest.mark.parametrize("rule", RULES)
@settings(deadline=None)
@given(probabilities=window_probabilities(), data=st.data())
def test_renaming_classes_renames_the_decision(
    rule: str, probabilities: Probabilities, data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(probabilities.shape[1])))
    # Dirichlet draws have no equal means, so no tie is left to the class index.
    assert order[decide(probabilities[:, order], rule)[0]] == decide(probabilities, rule)[0]
    assert scores(probabilities[:, order], rule) == pytest.approx(scores(probabilities, rule)[order])


@pytest.mark.parametrize("rule", ["vote", "mean"])
@settings(deadline=None)
@given(probabilities=window_probabilities())
def test_vote_and_mean_ignore_the_order_of_windows(rule: str, probabilities: Probabilities) -> None:
    assert scores(probabilities[::-1], rule) == pytest.approx(scores(probabilities, rule))


@pytest.mark.parametrize("rule", RULES)
def test_one_window_decides_alone(rule: str) -> None:
    assert decide([[0.2, 0.5, 0.3]], rule)[0] == 1


@pytest.mark.parametrize(
    ("probabilities", "rule", "message"),
    [
        (np.zeros((0, 3)), "mean", "no window probabilities"),
        ([0.5, 0.5], "mean", "no window probabilities"),
        ([[0.5, math.nan]], "vote", r"not numbers[\s\S]*learning_rate"),
        ([[0.5, 0.5]], "median", r"no such rule[\s\S]*no_window, vote, mean, gaussian"),
    ],
)
def test_refused(probabilities: Probabilities, rule: str, message: str) -> None:
    with pytest.raises(CrispError, match=message):
        decide(probabilities, rule)
