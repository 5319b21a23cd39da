"""Metrics: a hand-worked case, scikit-learn, and the cases that leave a figure undefined."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support, top_k_accuracy_score

from crisp.evaluation import metrics

CLASSES = ("Negative", "Push", "Loop", "Flip")


def ranked(predicted: list[int], n_classes: int = 4) -> NDArray[np.intp]:
    """Class indices (n, N) with the prediction first and the others in order."""
    rest = [[other for other in range(n_classes) if other != label] for label in predicted]
    return np.array([[label, *others] for label, others in zip(predicted, rest, strict=True)], dtype=np.intp)


def test_hand_worked_case() -> None:
    # Flip neither occurs nor is predicted; the unlabelled stroke counts nowhere.
    found = metrics.classification([0, 0, 0, 1, 1, 2, -1], ranked([0, 0, 1, 1, 0, 1, 3]), CLASSES)
    assert found["n"] == 6
    assert found["accuracy"] == pytest.approx(3 / 6)
    assert found["mean_class_recall"] == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)
    assert found["confusion"] == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert found["classes"] == list(CLASSES)
    # In the first two: all of Negative and Push (0 and 1 head both orders), not Loop.
    assert found["top_k"] == pytest.approx({"1": 3 / 6, "2": 5 / 6, "3": 1})
    assert found["per_class"]["Negative"] == pytest.approx(
        {"precision": 2 / 3, "recall": 2 / 3, "f1": 2 / 3, "support": 3}
    )
    assert found["per_class"]["Push"] == pytest.approx(
        {"precision": 1 / 3, "recall": 1 / 2, "f1": 2 / 5, "support": 2}
    )
    assert found["per_class"]["Loop"] == {"precision": None, "recall": 0, "f1": 0, "support": 1}
    assert found["per_class"]["Flip"] == {"precision": None, "recall": None, "f1": None, "support": 0}


@pytest.mark.parametrize("truth", [[], [-1, -1]])
def test_nothing_labelled_gives_null_not_an_error(truth: list[int]) -> None:
    found = metrics.classification(truth, ranked([0] * len(truth)).reshape(len(truth), 4), CLASSES)
    assert found["n"] == 0
    assert found["accuracy"] is None
    assert found["interval"] is None
    assert found["mean_class_recall"] is None
    assert found["top_k"] == {"1": None, "2": None, "3": None}
    assert found["confusion"] == [[0] * 4] * 4
    assert found["per_class"]["Push"] == {"precision": None, "recall": None, "f1": None, "support": 0}


@pytest.mark.parametrize(
    ("n_classes", "ks"), [(2, "1"), (3, "12"), (4, "123"), (5, "123"), (6, "1235"), (21, "1235")]
)
def test_top_k_only_below_the_number_of_classes(n_classes: int, ks: str) -> None:
    found = metrics.classification([0], ranked([0], n_classes), [f"c{i}" for i in range(n_classes)])
    assert "".join(found["top_k"]) == ks


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40))
def test_agrees_with_scikit_learn(seed: int, n: int) -> None:
    random = np.random.default_rng(seed)
    truth, scores = random.integers(0, 4, n), random.dirichlet(np.ones(4), n)
    order = np.argsort(-scores, axis=1)
    found = metrics.classification(truth, order, CLASSES)
    for k, share in found["top_k"].items():
        assert share == pytest.approx(top_k_accuracy_score(truth, scores, k=int(k), labels=range(4)))
    assert found["confusion"] == confusion_matrix(truth, order[:, 0], labels=range(4)).tolist()
    figures = precision_recall_fscore_support(truth, order[:, 0], labels=range(4), zero_division=np.nan)
    for key, expected in zip(("precision", "recall", "f1", "support"), figures, strict=True):
        values = np.array([found["per_class"][name][key] for name in CLASSES], dtype=float)
        assert values == pytest.approx(expected, nan_ok=True)
    assert found["mean_class_recall"] == pytest.approx(np.nanmean(figures[1]))


@settings(deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 40), order=st.permutations(range(4)))
def test_invariants(seed: int, n: int, order: list[int]) -> None:
    random = np.random.default_rng(seed)
    truth, guesses = random.integers(-1, 4, n), random.permuted(np.tile(np.arange(4), (n, 1)), axis=1)
    found = metrics.classification(truth, guesses, CLASSES)
    matrix = np.array(found["confusion"])
    assert matrix.sum() == found["n"] == (truth >= 0).sum()
    if found["n"]:
        assert found["accuracy"] == pytest.approx(np.trace(matrix) / found["n"])
        assert found["accuracy"] == found["top_k"]["1"]
        assert found["top_k"]["1"] <= found["top_k"]["2"] <= found["top_k"]["3"] <= 1
        assert found["interval"][0] <= found["accuracy"] <= found["interval"][1]
    # Numbering the classes otherwise changes no figure.
    place = np.argsort(order)
    other = metrics.classification(
        np.where(truth < 0, -1, place[truth]), place[guesses], [CLASSES[index] for index in order]
    )
    assert other["accuracy"] == found["accuracy"]
    assert other["mean_class_recall"] == pytest.approx(found["mean_class_recall"])
    assert other["per_class"] == found["per_class"]


def test_interval_is_wilsons() -> None:
    z, n, share = 1.959963984540054, 118, 103 / 118
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert metrics.interval(103, 118) == pytest.approx([middle - half, middle + half])
    assert half == pytest.approx(0.06, abs=0.002)  # "118 clips: +-6 points at 87 %"


@pytest.mark.parametrize(("correct", "low", "high"), [(0, 0, 0.2775), (10, 0.7225, 1)])
def test_interval_of_none_or_all_correct(correct: int, low: float, high: float) -> None:
    assert metrics.interval(correct, 10) == pytest.approx([low, high], abs=1e-4)


def test_row_shares_leave_empty_rows_at_zero() -> None:
    assert metrics.row_shares([[3, 1], [0, 0]]).tolist() == [[0.75, 0.25], [0, 0]]


@pytest.mark.parametrize(
    ("training", "truth", "share"),
    [
        ([1, 1, 0, -1, -1, -1], [1, 0, 0, 1, -1], 0.5),
        ([1, 0], [0, 0, 1], 2 / 3),  # equally common: the lower index
        ([2, 2], [0, 1], 0),
        ([-1], [0], None),
        ([0], [-1], None),
        ([], [], None),
    ],
)
def test_majority(training: list[int], truth: list[int], share: float | None) -> None:
    assert metrics.majority(training, truth) == pytest.approx(share)
