"""Calibration: the order of classes stays, T = 1 changes nothing, and a known temperature is found again."""

from __future__ import annotations

import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crisp.training import calibration

# A machine at work on something else is no failure.
UNHURRIED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])

shares = hypothesis.extra.numpy.arrays(
    float, st.tuples(st.integers(1, 8), st.integers(2, 6)), elements=st.floats(1e-6, 1)
).map(lambda rows: rows / rows.sum(axis=1, keepdims=True))


@UNHURRIED
@given(shares, st.floats(*calibration.BOUNDS))
def test_order_of_classes_is_kept(rows: np.ndarray, temperature: float) -> None:
    tempered = calibration.temper(rows, temperature)
    np.testing.assert_allclose(tempered.sum(axis=1), 1)
    for before, after in zip(rows, tempered, strict=True):
        order = np.argsort(-before, kind="stable")
        assert (np.diff(after[order]) <= 1e-12).all()
        assert after[before.argmax()] == after.max()


@UNHURRIED
@given(shares)
def test_one_is_the_identity(rows: np.ndarray) -> None:
    np.testing.assert_array_equal(calibration.temper(rows, 1.0), rows)


@UNHURRIED
@given(shares, st.floats(*calibration.BOUNDS))
def test_is_that_of_the_logits(rows: np.ndarray, temperature: float) -> None:
    logits = np.log(rows) + 3.7
    powers = np.exp(logits / temperature)
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(calibration.temper(rows, temperature), expected, rtol=1e-9)


def test_votes_and_unknown_frames() -> None:
    """A class without a vote stays without, and NaN stays NaN."""
    rows = np.array([[0.75, 0.25, 0], [1, 0, 0], [np.nan] * 3])
    tempered = calibration.temper(rows, 2.0)
    root = np.sqrt([0.75, 0.25])
    np.testing.assert_allclose(tempered[0], [*(root / root.sum()), 0])
    np.testing.assert_array_equal(tempered[1], rows[1])
    assert np.isnan(tempered[2]).all()
    assert calibration.temper(np.empty((0, 3)), 2.0).shape == (0, 3)


@pytest.mark.parametrize("true", [0.7, 1.0, 2.5])
def test_temperature_of_drawn_labels_is_found_again(true: float) -> None:
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (4000, 5))
    said = calibration.temper(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    truth = calibration.temper(said, true)
    labels = (random.random((4000, 1)) > truth.cumsum(axis=1)).sum(axis=1)
    found = calibration.fit_temperature(said, labels)
    assert found["temperature"] == pytest.approx(true, rel=0.1)
    assert found["after"]["nll"] <= found["before"]["nll"]
    assert found["after"]["ece"] < 0.03
    if true == 2.5:
        assert found["before"]["ece"] > 0.1
    assert found["samples"] == 4000
    assert found["remark"] == ""
    assert found == calibration.fit_temperature(said, labels), "the same every time"


@UNHURRIED
@given(shares, st.integers(0, 2**32 - 1))
def test_never_worse_and_within_bounds(rows: np.ndarray, seed: int) -> None:
    rows = np.tile(rows, (calibration.LEAST, 1))
    labels = np.random.default_rng(seed).integers(0, rows.shape[1], len(rows))
    found = calibration.fit_temperature(rows, labels)
    low, high = calibration.BOUNDS
    assert low <= found["temperature"] <= high
    assert found["after"]["nll"] <= found["before"]["nll"] + 1e-12


def test_all_right_makes_no_certainty() -> None:
    rows = np.tile([0.6, 0.3, 0.1], (50, 1))
    found = calibration.fit_temperature(rows, np.zeros(50, int))
    assert found["temperature"] == pytest.approx(calibration.BOUNDS[0], abs=1e-3)
    assert calibration.temper(rows, found["temperature"]).max() < 0.8


def test_too_few_samples() -> None:
    """Those of unknown class do not count."""
    rows = np.tile([0.6, 0.3, 0.1], (30, 1))
    labels = np.array([0] * 19 + [-1] * 11)
    found = calibration.fit_temperature(rows, labels)
    assert found["temperature"] == 1
    assert found["remark"] == "19 validation samples are too few to calibrate on; at least 20"
    assert found["before"] == found["after"]
    labels[19] = 0
    assert calibration.fit_temperature(rows, labels)["remark"] == ""


def test_no_samples() -> None:
    found = calibration.fit_temperature(np.empty((0, 3)), np.empty(0, int))
    assert (found["temperature"], found["samples"], found["before"]) == (1, 0, {})


def test_bins_by_hand() -> None:
    rows = np.array([[0.95, 0.05], [0.97, 0.03], [0.55, 0.45], [0.0, 1.0]])
    found = calibration.bins(rows, np.array([0, 1, 0, 1]))
    assert len(found) == calibration.BINS
    np.testing.assert_allclose(found[9], [3, (0.95 + 0.97 + 1) / 3, 2 / 3])
    np.testing.assert_allclose(found[5], [1, 0.55, 1])
    assert all(row == [0, 0, 0] for number, row in enumerate(found) if number not in (5, 9))
    gap = 3 / 4 * abs((0.95 + 0.97 + 1) / 3 - 2 / 3) + 1 / 4 * 0.45
    assert calibration.calibration_error(found) == pytest.approx(gap)
