"""The time at which each frame of a video is shown: the only place where seconds and frames are converted."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from statistics import median

# s; a label's time is written with milliseconds, and may be rounded down by half of one.
RESOLUTION = 0.0005 + 1e-9
WINDOW = 30  # frames whose mean step gives the rate: time stamps of 1 ms then allow for 0.1 %
GAP = 1.75  # usual steps; what is longer lacks frames, what is shorter is jitter
VARIABLE = "variable frame rate"
UNSTAMPED = "no time stamps"
REGULAR = 0.5  # frames; largest distance of a stamp from a constant rate that still counts as constant


@dataclass(frozen=True)
class FrameTimes:
    """Times of the frames of a video, in seconds of its presentation: what a player shows as time.

    Attributes
    ----------
    rate : float
        Nominal frame rate, frames per second.
    stamps : sequence of float
        Time of each frame in the order shown, s; empty = frame n is shown at ``n / rate``.
    """

    rate: float
    stamps: Sequence[float] = ()

    def time_of(self, frame: int) -> float:
        """Return when a frame is shown, s; frames beyond the stamps continue at the nominal rate."""
        if not self.stamps:
            return frame / self.rate
        last = len(self.stamps) - 1
        if frame <= last:
            return self.stamps[max(frame, 0)]
        return self.stamps[last] + (frame - last) / self.rate

    def frame_at(self, seconds: float) -> int:
        """Return the frame shown at a time; before the first one, the first.

        A time within half a millisecond before a frame counts as that frame's: labels are rounded so.
        """
        seconds += RESOLUTION
        if not self.stamps:
            return max(0, math.floor(seconds * self.rate))
        if seconds < self.time_of(len(self.stamps)):
            return max(0, bisect_right(self.stamps, seconds) - 1)
        last = len(self.stamps) - 1
        return last + math.floor((seconds - self.stamps[last]) * self.rate)

    @cached_property
    def irregularity(self) -> float:
        """Return the largest distance of a stamp from ``first + n / rate``, in frames."""
        if not self.stamps:
            return 0.0
        first = self.stamps[0]
        return max(abs((stamp - first) * self.rate - n) for n, stamp in enumerate(self.stamps))

    @property
    def constant(self) -> bool:
        """Return whether the frame rate is constant."""
        return self.irregularity <= REGULAR

    @property
    def offset(self) -> float:
        """Return when the first frame is shown, s."""
        return self.time_of(0)


def nominal_rate(stamps: Sequence[float], claimed: float) -> float:
    """Return the nominal frame rate of stamps: the claimed one if it fits all, else the usual one.

    That is the median over windows of `WINDOW` frames, so that neither jitter nor a long last frame, a pause
    or a change of the rate later in the video counts. A gap counts as the number of frames missing there.

    Parameters
    ----------
    stamps : sequence of float
        Times in the order shown, s.
    claimed : float
        Rate by the container, frames per second; 0 = none.

    Returns
    -------
    float
        Frames per second; `claimed` if there are fewer than two different stamps.
    """
    if claimed > 0 and FrameTimes(claimed, stamps).constant:
        return claimed
    steps = [after - before for before, after in pairwise(stamps) if after > before]
    if not steps:
        return claimed
    usual = median(steps)
    width = min(WINDOW, len(steps))
    times = list(accumulate(steps, initial=0.0))
    slots = list(accumulate((round(step / usual) if step > GAP * usual else 1 for step in steps), initial=0))
    return median(
        (slots[end] - slots[end - width]) / (times[end] - times[end - width])
        for end in range(width, len(times))
    )


def deviations(times: FrameTimes) -> list[str]:
    """Describe how times of frames differ from a constant rate that starts at 0; empty if they do not."""
    found = [] if times.constant else [f"{VARIABLE}, up to {times.irregularity:.1f} frames off"]
    if abs(times.offset) * times.rate > REGULAR:
        found.append(f"starts at {times.offset:.3f} s")
    return found


def timing_effect(note: str, fps: float) -> str:
    """Describe how a video with a timing note is used.

    Parameters
    ----------
    note : str
        As `crisp.preparation.video.Source.timing_note`.
    fps : float
        Rate at which its frames are used, frames per second.

    Returns
    -------
    str
        A clause for a message.
    """
    used = f"frames are used in order at {fps:g} frames per second"
    if UNSTAMPED in note:
        return used
    return f"labels in seconds go by time stamps{f'; {used}' * (VARIABLE in note)}"
