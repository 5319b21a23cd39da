"""Cells as bounds of strokes."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.frame_times import FrameTimes
from crisp.study.importers import time_cells
from crisp.study.importers.column_words import MILLISECONDS
from crisp.study.importers.discovery import CountedFrame, Timecode
from crisp.study.importers.time_cells import Unit

MS = st.integers(0, 99 * 3_600_000)


@given(MS, st.sampled_from(".,"), st.booleans())
def test_every_form_of_a_time_is_the_same_time(milliseconds: int, mark: str, padded: bool) -> None:
    seconds, rest = divmod(milliseconds, 1000)
    fraction = f"{mark}{rest:03}"
    width = 2 if padded else 1
    forms = [
        f"{seconds}{fraction}",
        f" {seconds}{fraction} s",
        f"{milliseconds} ms",
        f"{seconds // 3600:0{width}}:{seconds // 60 % 60:0{width}}:{seconds % 60:0{width}}{fraction}",
    ]
    if seconds // 60 < 10_000:
        forms.append(f"{seconds // 60:0{width}}:{seconds % 60:0{width}}{fraction}")
    assert [time_cells.time(text) for text in forms] == pytest.approx([milliseconds / 1000] * len(forms))
    assert time_cells.time(str(milliseconds), MILLISECONDS) == milliseconds / 1000


@given(
    st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 24), st.sampled_from([25, 50])
)
def test_timecodes_count_frames(hours: int, minutes: int, seconds: int, frame: int, rate: int) -> None:
    code = time_cells.time(f"{hours:02}:{minutes:02}:{seconds:02}:{frame:02}")
    assert isinstance(code, Timecode)
    assert code.frame_in(FrameTimes(rate)) == ((hours * 60 + minutes) * 60 + seconds) * rate + frame


@given(st.integers(0, 24 * 3600 * 30 - 24 * 60 * 60))
def test_drop_frame_timecodes_count_without_gaps(number: int) -> None:
    """The usual way from a frame number to a drop-frame timecode (SMPTE 12M) is undone."""
    tens, rest = divmod(number, 17982)
    shown = number + 18 * tens + 2 * max(0, (rest - 2) // 1798)
    text = f"{shown // 108000:02}:{shown // 1800 % 60:02}:{shown // 30 % 60:02};{shown % 30:02}"
    code = time_cells.time(text)
    assert isinstance(code, Timecode)
    assert code.frame_in(FrameTimes(30000 / 1001)) == number


def test_a_timecode_beyond_the_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="timecode with frame 29, but the video has 25 a second"):
        Timecode(0, 29).frame_in(FrameTimes(25))


@given(st.integers(0, 10_000), st.sampled_from([24, 25, 30, 50, 120]))
def test_frames_counted_at_another_rate_go_by_time(number: int, rate: int) -> None:
    assert CountedFrame(number, rate).frame_in(FrameTimes(rate * 1000 / 1001)) == number
    assert CountedFrame(number, rate).frame_in(FrameTimes(2 * rate)) == 2 * number


@pytest.mark.parametrize(
    "text", ["x", "", "-1", "nan", "inf", "1_0", "1.2.3", "1,2,3", "00:00:61", "1:75:00", "=A1"]
)
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="bad bound") as error:
        time_cells.time(text)
    assert len(error.value.args) == 3


@pytest.mark.parametrize("text", ["1.5", "1,234", "0:01", "-1", "1e9", "12 s", ""])
def test_no_frame(text: str) -> None:
    with pytest.raises(ValueError, match="bad bound"):
        time_cells.frame(text)


@given(st.text(max_size=12))
def test_any_cell_is_a_time_or_refused(text: str) -> None:
    for read in (time_cells.time, time_cells.frame):
        found: object = None
        with suppress(ValueError):
            found = read(text)
        assert found is None or isinstance(found, Timecode) or found >= 0


FRAMES = [("100", "160"), ("300", "350"), ("500", "580")]


@pytest.mark.parametrize(
    ("pairs", "own", "counted", "unit"),
    [
        (FRAMES, True, False, Unit(True)),
        (FRAMES, False, False, Unit(True, "whole numbers are frames")),
        (FRAMES, False, True, Unit(True, "whole numbers beside a column of frame rates are frames")),
        ([("1", "2.5"), ("4", "5")], True, False, Unit(False, "decimal numbers are seconds")),
        ([("1", "2,5"), ("4", "5")], False, False, Unit(False, "decimal numbers are seconds")),
        ([("0:01", "0:02")], True, False, Unit(False, "clock times are seconds")),
        ([("5.0", "15.0")], True, False, Unit(True)),
        ([("3", "5"), ("7", "8")], True, False, Unit(True)),
        # One cell with decimals among many frames is a mistake, which the reader of the cell names.
        ([*FRAMES * 2, ("1.5", "70")], True, False, Unit(True)),
    ],
)
def test_units_that_no_header_states(
    pairs: list[tuple[str, str]], own: bool, counted: bool, unit: Unit
) -> None:
    assert time_cells.undeclared(pairs, False, own, counted) == unit


def test_fractions_of_a_day_are_no_seconds() -> None:
    pairs = [(f"{at / 86400:.15g}", f"{(at + 1.2) / 86400:.15g}") for at in (1.5, 7, 20)]
    with pytest.raises(ValueError, match="bounds are too close for seconds"):
        time_cells.undeclared(pairs, False, False, False)


@pytest.mark.parametrize("lasting", [False, True])
def test_short_whole_numbers_can_be_either(lasting: bool) -> None:
    pairs = [("12", "2"), ("30", "3")] if lasting else [("12", "14"), ("30", "33")]
    with pytest.raises(ValueError, match=re.escape("bounds can be frames or seconds")):
        time_cells.undeclared(pairs, lasting, False, False)
