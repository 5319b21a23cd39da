"""Normalisation: hand-worked divisors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.clips.normalisation import Normalisation, apply, fit_normalisation, from_json, to_json
from crisp.core.errors import CrispError
from tests import published


def test_normal_is_mean_plus_three_sigma_of_the_maxima_above_the_floor() -> None:
    maxima = np.array([[6, 0], [8, 10], [10, 14], [5, 4.9], [0, 0]])
    found = fit_normalisation(maxima, "normal", 320, 120)
    # dx: 6, 8, 10 pass (5 is not above 5): mean 8, variance 8/3. dy: 10, 14: mean 12, sigma 2.
    assert found.x == pytest.approx(8 + 3 * math.sqrt(8 / 3))
    assert found.y == pytest.approx(18)
    assert found.floor == (5, 5)
    assert found.moving_share == (0.6, 0.4)
    assert found.frames == 5
    assert found.warning == ""


def test_floor_scales_with_width_and_frame_rate() -> None:
    # 160 px at 30 fps: half the px, four times the time, floor 10.
    found = fit_normalisation(np.array([[9, 12], [11, 9]]), "normal", 160, 30)
    assert (found.x, found.y) == (11, 12)
    assert found.floor == (10, 10)


def test_few_frames_above_the_floor_lower_it_with_a_warning() -> None:
    values = np.arange(200) / 100  # 0 .. 1.99, none above 5; 95th percentile 1.8905
    found = fit_normalisation(np.stack([values, np.full(200, 6.0)], axis=1), "normal", 320, 120)
    above = values[190:]
    assert found.floor == (pytest.approx(1.8905), 5)
    assert found.x == pytest.approx(above.mean() + 3 * above.std())
    assert found.y == 6
    assert found.moving_share == (0, 1)
    assert "dx: 0.00% of 200 frames" in found.warning
    assert "dy" not in found.warning


def test_one_percent_above_the_floor_is_enough() -> None:
    maxima = np.full((100, 2), 1.0)
    maxima[0] = 7
    assert fit_normalisation(maxima, "normal", 320, 120).floor == (5, 5)
    assert fit_normalisation(np.concatenate([maxima, maxima[1:2]]), "normal", 320, 120).floor == (1, 1)


def test_equal_maxima_below_the_floor_are_all_taken() -> None:
    assert fit_normalisation(np.full((50, 2), 2.0), "normal", 320, 120).x == 2


def test_rare_motion_below_the_floor_is_taken_without_the_still_frames() -> None:
    maxima = np.zeros((100, 2))
    maxima[3] = 2
    found = fit_normalisation(maxima, "normal", 320, 120)
    assert (found.x, found.floor[0]) == (2, 0)


def test_max_is_the_largest_maximum_per_component() -> None:
    found = fit_normalisation(np.array([[1, 9], [3, 2]]), "max", 320, 120)
    assert (found.x, found.y) == (3, 9)


def test_none_divides_by_one() -> None:
    found = fit_normalisation(np.zeros((3, 2)), "none", 320, 120)
    flow = np.array([[30, -2]], np.float32)
    assert (found.x, found.y) == (1, 1)
    np.testing.assert_array_equal(apply(flow, found), flow)


@pytest.mark.parametrize("kind", ["normal", "max"])
def test_motion_along_one_axis_only_serves_both(kind: str) -> None:
    found = fit_normalisation(np.array([[8, 0], [8, 0]]), kind, 320, 120)
    assert (found.x, found.y) == (8, 8)
    assert "dy: no motion at all" in found.warning


@pytest.mark.parametrize("kind", ["normal", "max"])
@pytest.mark.parametrize("count", [0, 4])
def test_no_motion_at_all_is_an_error(kind: str, count: int) -> None:
    with pytest.raises(CrispError, match="no motion in the training samples"):
        fit_normalisation(np.zeros((count, 2)), kind, 320, 120)


def test_unknown_kind_is_an_error() -> None:
    with pytest.raises(CrispError, match="unknown kind"):
        fit_normalisation(np.ones((2, 2)), "minmax", 320, 120)


def test_apply_divides_each_component_and_clips() -> None:
    flow = np.array([[1, -3, 2], [1, 3, -9]], np.float32)
    found = apply(flow, Normalisation("normal", 2, 4))
    np.testing.assert_array_equal(found, np.array([[0.5, -1, 1], [0.25, 0.75, -1]], np.float32))
    assert found.dtype == np.float32
    assert flow[0, 1] == -3, "the caller's array is left alone"


def test_json_round_trip() -> None:
    found = fit_normalisation(np.random.default_rng(0).uniform(0, 9, (50, 2)), "normal", 320, 120)
    assert from_json(json.loads(json.dumps(to_json(found)))) == found


@pytest.mark.parametrize("content", [{}, {"kind": "max"}, {**to_json(Normalisation("max")), "z": 1}])
def test_damaged_json_is_refused(content: dict) -> None:
    with pytest.raises(CrispError, match="damaged content"):
        from_json(content)


@given(st.integers(0, 2**32), st.integers(100, 300))
def test_normalised_flow_is_the_published_one(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    maxima = random.gamma(2, 4, (count, 2))
    flow = random.normal(0, 9, (2, 3, 4, 5)).astype(np.float32)
    found = apply(flow, fit_normalisation(maxima, "normal", 320, 120))
    for component, values, plane in zip(found, maxima.T, flow, strict=True):
        expected = np.clip(plane / published.divisor(values.tolist()), -1, 1)
        np.testing.assert_allclose(component, expected, rtol=1e-6)
