"""Choose frame steps so that all videos of a study show the same time per frame."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from crisp.core.errors import Fault
from crisp.core.words import few
from crisp.study.checks.videos import TOLERANCE
from crisp.study.tables import VideoRow

USUAL = 30.0  # frames per second that show a stroke well enough for clips of few frames
LEAST = 16  # minimum frames of a stroke


def working_rate(new: Sequence[VideoRow], old: Sequence[VideoRow], thinned: bool, seconds: float) -> float:
    """Choose the common working frame rate of a data set.

    Parameters
    ----------
    new, old : sequence of VideoRow
        Rows to add to the table, and existing rows, whose rate is kept.
    thinned : bool
        Whether to drop frames of fast cameras that are not needed.
    seconds : float
        Length of a short stroke, which must keep enough frames; s.

    Returns
    -------
    float
        The rate that most rates are multiples or integer fractions of; 0 if none is known.
    """
    known = [row.working_fps for row in old if row.use and row.fps]
    if known:
        return Counter(known).most_common(1)[0][0]
    rates = sorted(row.recorded_fps for row in new if row.use and row.fps)
    if not rates:
        return 0.0
    base = max(rates, key=lambda rate: (sum(_multiple(other, rate) for other in rates), -rate))
    if not thinned:
        return base
    most = max(1, math.floor(seconds * base / LEAST))
    return base / min(most, max(1, math.floor(base / USUAL + 0.5)))


def _multiple(rate: float, base: float) -> bool:
    return abs(rate / base / max(1, round(rate / base)) - 1) <= TOLERANCE


def step(row: VideoRow, rate: float) -> int:
    """Return the `frame_step` that brings a video nearest to a working rate."""
    return max(1, math.floor(row.recorded_fps / rate + 0.5)) if row.fps and rate else 1


def odd(videos_table: object, rows: Sequence[VideoRow], rate: float) -> list[Fault]:
    """Return the warning for videos that cannot reach the working rate.

    Parameters
    ----------
    videos_table : path-like
        For messages.
    rows : sequence of VideoRow
    rate : float
        Working rate, frames per second.

    Returns
    -------
    list of Fault
        One, or none.
    """
    others = [row for row in rows if row.use and row.fps and not _multiple(row.recorded_fps, rate)]
    if not others:
        return []
    counts = Counter(f"{row.recorded_fps:g}" for row in others)
    found = ", ".join(f"{count} of {fps} fps" for fps, count in counts.items())
    return [
        Fault(
            f"{videos_table}, column fps",
            "videos of different frame rates",
            f"{rate:g} fps or a multiple, as most of the videos have",
            f"{found}: {few([row.video for row in others], 5)}",
            "set use=no for them, or import the videos of each rate under separate names",
        )
    ]
