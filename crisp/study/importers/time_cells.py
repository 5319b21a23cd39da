"""Cells of a table as bounds of strokes: frame numbers, seconds, clock times and timecodes.

``12.5``, ``12,5 s``, ``340 ms``, ``1:02.5`` (minutes and seconds), ``0:01:02.500`` (with hours) and
``00:01:02:13`` (SMPTE timecode with frames; ``;`` before the frames for drop-frame timecode).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import NamedTuple

from crisp.core.limits import LEAST_FPS, MOST_FRAMES
from crisp.study.importers import column_words as words
from crisp.study.importers.discovery import Timecode

MOST_SECONDS = MOST_FRAMES / LEAST_FPS
CLOCK = re.compile(r"(?:([0-9]{1,4}):)?([0-9]{1,4}):([0-5]?[0-9](?:\.[0-9]+)?)")
TIMECODE = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9])([:;])([0-9]{1,3})")
NUMBER = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)\s*(ms|sec|s)?\.?")
WHOLE, DECIMAL, WITH_COLONS, OTHER = "whole numbers", "decimal numbers", "clock times", "other text"
TOO_CLOSE = "bounds are too close for seconds"
LEAST_SHARE = 0.1  # of the cells of a table that decide what all are; fewer are mistakes
SHORTEST_TIME = 0.01  # s; a tenth of a frame of a phone
SHORTEST = 10  # frames; strokes whose typical length is shorter are more likely seconds


class Unit(NamedTuple):
    """The unit of a table's bounds: frames or seconds, and what it was decided by; empty if the headers."""

    frames: bool
    reason: str = ""


def form(text: str) -> str:
    """Return the form of a cell: `WHOLE`, `DECIMAL`, `WITH_COLONS` or `OTHER`."""
    text = _pointed(text)
    if CLOCK.fullmatch(text) or TIMECODE.fullmatch(text):
        return WITH_COLONS
    number = _number(text)
    if number is None:
        return OTHER
    return WHOLE if number[0].is_integer() and not number[1] else DECIMAL


def undeclared(pairs: Sequence[tuple[str, str]], lasting: bool, own: bool, counted: bool) -> Unit:
    """Decide the unit of bounds whose headers do not state it.

    Parameters
    ----------
    pairs : sequence of (str, str)
        The cells of each stroke: its begin, and its end or duration.
    lasting : bool
        Whether the second is the duration.
    own : bool
        Whether the columns are called ``begin`` and ``end``, which are frames unless the cells say otherwise.
    counted : bool
        Whether the table has a column of frame rates.

    Returns
    -------
    Unit
        Seconds if a tenth of the cells or more have decimals or colons; else frames.

    Raises
    ------
    ValueError
        If they are whole numbers that can be either, or decimals of another unit; its arguments are what,
        expected and found.
    """
    forms = [form(cell) for pair in pairs for cell in pair if cell.strip()]
    lengths = sorted(_lengths(pairs, lasting))
    usual = lengths[len(lengths) // 2] if lengths else math.inf
    for kind in (WITH_COLONS, DECIMAL):
        if forms.count(kind) >= max(1, LEAST_SHARE * len(forms)):
            if kind == DECIMAL and usual < SHORTEST_TIME:
                found = f"decimal numbers, strokes of typically {usual:.1g}; fractions of a day?"
                raise ValueError(TOO_CLOSE, "seconds, or HH:MM:SS", found)
            return Unit(False, f"{kind} are seconds")
    if own:
        return Unit(True)
    if counted:
        return Unit(True, "whole numbers beside a column of frame rates are frames")
    if usual < SHORTEST:
        found = f"whole numbers, strokes of typically {usual:g}"
        raise ValueError("bounds can be frames or seconds", "a unit in the names of their columns", found)
    return Unit(True, "whole numbers are frames")


def _lengths(pairs: Sequence[tuple[str, str]], lasting: bool) -> list[float]:
    numbers = [(_number(_pointed(first)), _number(_pointed(last))) for first, last in pairs]
    return [last[0] - (0 if lasting else first[0]) for first, last in numbers if first and last]


def frame(text: str) -> float:
    """Return the frame number in a cell.

    Raises
    ------
    ValueError
        If it is none; its arguments are what, expected and found.
    """
    expected = "a whole frame number"
    number = _number(_pointed(text))
    if number is None or number[1] or not number[0].is_integer() or not 0 <= number[0] <= MOST_FRAMES:
        limited = f"{expected}, 0 to {MOST_FRAMES}"
        raise ValueError("bad bound", limited if number else expected, repr(text)[:50])
    return number[0]


def time(text: str, unit: str = words.SECONDS) -> float | Timecode:
    """Return the time in a cell, s, or its timecode.

    Parameters
    ----------
    text : str
    unit : str
        Of numbers without one: `column_words.MILLISECONDS`, or else seconds.

    Returns
    -------
    float or Timecode

    Raises
    ------
    ValueError
        If it is none; its arguments are what, expected and found.
    """
    expected = f"{'milliseconds' if unit == words.MILLISECONDS else 'seconds'}, or HH:MM:SS"
    pointed = _pointed(text)
    if code := TIMECODE.fullmatch(pointed):
        seconds = int(code[1]) * 3600 + int(code[2]) * 60 + int(code[3])
        return Timecode(seconds, int(code[5]), code[4] == ";")
    if clock := CLOCK.fullmatch(pointed):
        if clock[1] and int(clock[2]) > 59:
            raise ValueError("bad bound", expected, repr(text)[:50])
        return int(clock[1] or 0) * 3600 + int(clock[2]) * 60 + float(clock[3])
    number = _number(pointed)
    if number is None:
        raise ValueError("bad bound", expected, repr(text)[:50])
    unit = {"ms": words.MILLISECONDS, "": unit}.get(number[1], words.SECONDS)
    value = number[0] / 1000 if unit == words.MILLISECONDS else number[0]
    if not 0 <= value <= MOST_SECONDS:
        raise ValueError("bad bound", f"{expected}, 0 to {MOST_SECONDS:.0f}", repr(text)[:50])
    return value


def _pointed(text: str) -> str:
    """Return a cell without outer spaces, and with a point for a decimal comma."""
    text = text.strip()
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _number(text: str) -> tuple[float, str] | None:
    """Return a number and its unit, if the cell holds one."""
    found = NUMBER.fullmatch(text)
    try:
        return (float(found[1]), found[2] or "") if found else None
    except ValueError:  # several points
        return None
