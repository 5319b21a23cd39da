"""Candidate strokes as the campaign has them: runs or blocks, negative against one or all strokes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.evaluation import decisions
from crisp.evaluation.candidates import find_blocks, find_candidates
from crisp.study import schema
from crisp.study.variants import Detection

CLASSES = ("Hit", "Push", "Negative")
SETTINGS = replace(Detection.from_config(schema.defaults("detection")), smoothing=0, gaussian=0, shortest=0)
TORN = (0.3, 0.3, 0.4)  # the negative class is the best one, and less probable than both strokes together
STROKE, REST = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)


def spans(settings: Detection, *rows: tuple[float, ...], rule: str = "mean") -> list[tuple[int, int, str]]:
    """The candidates of a video at 4 fps, of windows of one frame."""
    _, found = find_candidates("v", np.array(rows), rule, 4, settings, CLASSES, "Negative", 1)
    return [(one.begin, one.end, one.label) for one in found]


@pytest.mark.parametrize("rule", decisions.RULES)
def test_a_block_is_classified_as_a_trimmed_stroke(rule: str) -> None:
    rows = np.random.default_rng(0).dirichlet((1, 1, 1), 40)
    window, block = 5, 12
    shown = np.full_like(rows, np.nan)
    shown[2:38] = rows[2:38]  # no window is centred on the first and last two frames
    found = {one.begin: one for one in find_blocks("v", shown, rule, CLASSES, "Negative", block, window)}
    for begin in (0, 12, 24):
        best, scores = decisions.decide(rows[begin + 2 : begin + block - 2], rule)
        assert (begin in found) == (CLASSES[best] != "Negative")
        if begin in found:
            one = found[begin]
            assert (one.end, one.label, one.score) == (begin + block, CLASSES[best], 1 - scores[2])
    assert set(found) <= {0, 12, 24}, "a shorter rest is no block"


def test_runs_join_and_blocks_do_not() -> None:
    rows = [STROKE] * 8 + [REST] * 5
    assert spans(SETTINGS, *rows) == [(0, 8, "Hit")]
    blocks = replace(SETTINGS, candidates="blocks", block=1.0)
    assert spans(blocks, *rows) == [(0, 4, "Hit"), (4, 8, "Hit")]


@pytest.mark.parametrize("candidates", ["runs", "blocks"])
@pytest.mark.parametrize("rule", ["no_window", "mean", "gaussian"])
def test_negative_against_the_best_stroke_and_against_the_sum(candidates: str, rule: str) -> None:
    settings = replace(SETTINGS, candidates=candidates, block=1.0)
    rows = [TORN] * 4
    assert spans(settings, *rows, rule=rule) == []
    assert spans(replace(settings, against="sum"), *rows, rule=rule) == [(0, 4, "Hit")]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.sampled_from(["runs", "blocks"]))
def test_with_two_classes_both_comparisons_agree(stroke: list[float], candidates: str) -> None:
    rows = np.array([(0.0, p, 1 - p) for p in stroke if p != 0.5] or [(0.0, 1.0, 0.0)])
    settings = replace(SETTINGS, candidates=candidates, block=0.5)
    each, every = (
        find_candidates("v", rows, "no_window", 4, one, CLASSES, "Negative", 1)[1]
        for one in (settings, replace(settings, against="sum"))
    )
    assert each == every


def test_a_block_shorter_than_a_window_takes_the_nearest_one() -> None:
    rows = np.full((10, 3), np.nan)
    rows[4:6] = STROKE
    found = find_blocks("v", rows, "mean", CLASSES, "Negative", 5, 8)
    assert [(one.begin, one.end) for one in found] == [(0, 5), (5, 10)]
