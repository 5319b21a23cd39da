"""Super-classes: those of TTStroke-21, hand-worked figures, scikit-learn, and what must always hold."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

from crisp.evaluation import metrics
from crisp.evaluation.predictions import evaluate_predictions
from crisp.study import super_classes
from crisp.study.samples import Sample
from crisp.study.super_classes import TTSTROKE21, map_to_super_classes, of_ttstroke21, super_class_names

CLASSES = ["Negative", "Serve Forehand Loop", "Serve Backhand Loop", "Offensive Forehand Hit"]
SETS = of_ttstroke21(CLASSES)


def test_ttstroke21_has_its_21_classes() -> None:
    assert len(TTSTROKE21) == len(set(TTSTROKE21)) == 21
    sizes = {key: Counter(members.values()) for key, members in of_ttstroke21(TTSTROKE21).items()}
    assert sizes["hand"] == {"Negative": 1, "Forehand": 10, "Backhand": 10}
    assert sizes["type"] == {"Negative": 1, "Serve": 8, "Offensive": 6, "Defensive": 6}
    assert len(sizes["type+hand"]) == 7
    assert sizes["type+hand"]["Defensive Backhand"] == 3


def test_only_ttstroke21_has_them_of_itself() -> None:
    assert list(SETS) == ["hand", "type", "type+hand"]
    assert of_ttstroke21([*CLASSES, "Serve Forehand Chop"]) == {}
    assert of_ttstroke21(["Hit", "Negative"]) == {}


def test_hand_worked_case() -> None:
    # Backhand serve taken for a forehand serve: right by type, wrong by hand and by both.
    truth = [1, 2, 3, 0, -1]
    ranked = [[1, 0, 2, 3], [1, 2, 0, 3], [2, 3, 1, 0], [0, 1, 2, 3], [3, 2, 1, 0]]
    samples = [
        Sample("v", 9 * i, 9 * i + 9, CLASSES[index] if index >= 0 else "Unknown", "stroke", f"v:{i}")
        for i, index in enumerate(truth)
    ]
    # Scores that give these rankings.
    windows = [[[{k: 4 - place for place, k in enumerate(row)}[k] / 10 for k in range(4)]] for row in ranked]
    _, found = evaluate_predictions(samples, windows, CLASSES, "mean", super_classes=SETS)
    assert found["accuracy"] == 2 / 4
    figures = found["super_classes"]
    assert {key: of["accuracy"] for key, of in figures.items()} == {
        "hand": 2 / 4,
        "type": 3 / 4,
        "type+hand": 2 / 4,
    }
    assert figures["type"]["classes"] == ["Negative", "Serve", "Offensive"]
    assert figures["type"]["confusion"] == [[1, 0, 0], [0, 2, 0], [0, 1, 0]]
    assert figures["hand"]["classes"] == ["Negative", "Forehand", "Backhand"]
    assert figures["hand"]["confusion"] == [[1, 0, 0], [0, 1, 1], [0, 1, 0]]
    assert figures["hand"]["per_class"]["Forehand"]["recall"] == 1 / 2
    assert figures["type"]["n"] == 4
    # Offensive comes second for the third stroke, after the serves.
    assert figures["type"]["top_k"] == {"1": 3 / 4, "2": 1}
    for rule in found["decisions"].values():
        assert set(rule["super_classes"]) == set(SETS)


def test_no_super_classes_no_figures() -> None:
    sample = Sample("v", 0, 9, "Hit", "stroke", "v:0")
    _, found = evaluate_predictions([sample], [[[0.9, 0.1]]], ["Hit", "Push"], "mean")
    assert found["super_classes"] == {}


@settings(max_examples=50, deadline=None)
@given(seed=some.integers(0, 2**32 - 1), n=some.integers(1, 60), which=some.sampled_from(list(SETS)))
def test_agrees_with_scikit_learn(seed: int, n: int, which: str) -> None:
    random = np.random.default_rng(seed)
    members = of_ttstroke21(TTSTROKE21)[which]
    truth = random.integers(0, 21, n)
    ranked = random.permuted(np.tile(np.arange(21), (n, 1)), axis=1)
    coarse = super_class_names(TTSTROKE21, members)
    found = metrics.classification(*map_to_super_classes(truth, ranked, TTSTROKE21, members), coarse)
    actual = [members[TTSTROKE21[index]] for index in truth]
    chosen = [members[TTSTROKE21[index]] for index in ranked[:, 0]]
    assert found["accuracy"] == pytest.approx(accuracy_score(actual, chosen))
    assert found["confusion"] == confusion_matrix(actual, chosen, labels=coarse).tolist()
    # As ours over the classes that occur; it warns of one alone, and of predicted ones that do not occur.
    if len(set(actual)) > 1 and set(chosen) <= set(actual):
        assert found["mean_class_recall"] == pytest.approx(balanced_accuracy_score(actual, chosen))
    # Finding the class is finding its super-class.
    assert found["accuracy"] >= accuracy_score(truth, ranked[:, 0])


@given(some.lists(some.permutations(range(4)), max_size=6), some.sampled_from(list(SETS)))
def test_each_ranking_holds_every_super_class_once(ranked: list[list[int]], which: str) -> None:
    members = SETS[which]
    _, found = map_to_super_classes([-1] * len(ranked), ranked, CLASSES, members)
    coarse = super_class_names(CLASSES, members)
    assert found.shape == (len(ranked), len(coarse))
    for fine, row in zip(ranked, found, strict=True):
        assert sorted(row) == list(range(len(coarse)))
        best = [
            min(fine.index(i) for i, name in enumerate(CLASSES) if members[name] == one) for one in coarse
        ]
        assert list(row) == sorted(range(len(coarse)), key=lambda index: best[index])


def test_shipped_definition_is_what_names_say() -> None:
    members = super_classes.of_ttstroke21(["Defensive Backhand Push", "Negative"])
    assert members == {
        "hand": {"Defensive Backhand Push": "Backhand", "Negative": "Negative"},
        "type": {"Defensive Backhand Push": "Defensive", "Negative": "Negative"},
        "type+hand": {"Defensive Backhand Push": "Defensive Backhand", "Negative": "Negative"},
    }
