"""Seconds and frames, by the time stamps of a video."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.frame_times import FrameTimes, nominal_rate

# 300 frames at 30 per second, then 240 at 24.
TWO_RATES = [n / 30 for n in range(300)] + [10 + n / 24 for n in range(240)]

steps = st.lists(st.floats(0.002, 2), min_size=1, max_size=60)


def stamps_of(first: float, found: list[float]) -> list[float]:
    stamps = [first]
    for step in found:
        stamps.append(stamps[-1] + step)
    return stamps


@given(st.floats(0, 5), steps, st.floats(5, 240), st.data())
def test_a_time_within_a_frame_is_that_frame(
    first: float, found: list[float], rate: float, data: st.DataObject
) -> None:
    times = FrameTimes(rate, stamps_of(first, found))
    frame = data.draw(st.integers(0, len(found)))
    start, end = times.time_of(frame), times.time_of(frame + 1)
    assert times.frame_at(start) == frame
    assert times.frame_at(start + 0.4 * (end - start)) == frame


@given(st.floats(1, 500), st.integers(0, 10**6))
def test_a_constant_rate_needs_no_stamps(rate: float, frame: int) -> None:
    times = FrameTimes(rate)
    assert times.frame_at(times.time_of(frame)) == frame
    assert times.constant
    assert times.offset == 0


@given(st.floats(0, 5), steps, st.floats(5, 240), st.integers(0, 500))
def test_labels_in_milliseconds_come_back(first: float, found: list[float], rate: float, frame: int) -> None:
    times = FrameTimes(rate, stamps_of(first, found))
    assert times.frame_at(round(times.time_of(frame), 3)) == frame


def test_a_rate_that_changes() -> None:
    times = FrameTimes(30, TWO_RATES)
    assert times.frame_at(9.0) == 270
    assert times.frame_at(15.0) == 420
    assert not times.constant
    assert times.irregularity == pytest.approx(239 / 24 * 30 - 239)


def test_before_the_first_frame_and_after_the_last() -> None:
    times = FrameTimes(10, [0.5, 0.6, 0.7])
    assert times.offset == 0.5
    assert times.frame_at(0.0) == 0
    assert times.time_of(3) == pytest.approx(0.8)
    assert times.frame_at(0.8) == 3
    assert times.frame_at(1.05) == 5


@pytest.mark.parametrize(
    ("stamps", "claimed", "rate"),
    [
        (TWO_RATES, 27.01, 30),
        ([n / 30 for n in range(300)], 30, 30),
        ([n / 30 for n in range(299)] + [30.0], 10.02, 30),
        ([round(n / 30, 3) for n in range(300)], 1000, 30),
        ([n / 30 for n in range(300) if n % 10 != 3], 27, 30),
        ([n / 30 + 0.012 * (n * n % 7 / 3 - 1) for n in range(300)], 1000, 30),
        ([0.0], 25, 25),
        ([0.0, 0.0, 0.0], 0, 0),
    ],
    ids=[
        "two rates",
        "constant",
        "long last sample",
        "milliseconds",
        "gaps",
        "jitter",
        "one frame",
        "no time passes",
    ],
)
def test_nominal_rate(stamps: list[float], claimed: float, rate: float) -> None:
    assert nominal_rate(stamps, claimed) == pytest.approx(rate, rel=1e-3)
