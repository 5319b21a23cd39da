"""Draw the picture of docs/volumes.md, section "Time": ``python docs/frame_times.py``.

A recording at 30 frames per second that goes on at 24, of an object that moves at constant speed.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from crisp.core.frame_times import FrameTimes
from crisp.core.plotting import BLUE, GREY, ORANGE, picture

PICTURE = Path(__file__).parent / "pictures" / "frame-times.png"
CHANGE, END = 90, 186  # frame at which the rate changes; number of frames
SPEED = 120  # px per s, of the object
LABEL = 5.0  # s
SPAN = 2.6, 3.6  # s, of the lower panel


def stamps() -> np.ndarray:
    """Return when each frame is shown, s."""
    return np.concatenate([np.arange(CHANGE) / 30, CHANGE / 30 + np.arange(END - CHANGE) / 24])


def motion(times: np.ndarray) -> np.ndarray:
    """Return how far the object moves up to each frame from the one before, px."""
    return SPEED * np.diff(times, prepend=times[0])


def resampled(known: FrameTimes, rate: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the times of frames chosen at regular times, s, and their motion, px per frame."""
    grid = np.arange(int(known.stamps[-1] * rate)) / rate
    chosen = np.array([known.stamps[known.frame_at(time)] for time in grid])
    return grid, motion(chosen)


def main() -> None:
    """Write the picture."""
    times = stamps()
    known = FrameTimes(30, times.tolist())
    mean = (END - 1) / times[-1]
    shown = known.frame_at(LABEL)
    with picture(PICTURE, 7.6, 5.4) as figure:
        above, below = figure.subplots(2, 1, height_ratios=[3, 2])
        above.plot(times, 30 * times, color=GREY, ls="--", label="regular grid of 30 frames per second")
        above.plot(times, np.arange(END), color=BLUE, label="time stamps of the frames")
        above.plot(
            times, mean * times, color=ORANGE, ls=":", label=f"mean rate, {mean:.1f} frames per second"
        )
        above.plot([LABEL, LABEL, 0], [0, shown, shown], color=BLUE, lw=0.8)
        above.plot(LABEL, shown, "o", color=BLUE)
        guesses = f"{int(mean * LABEL)} by the mean rate,\n{int(30 * LABEL)} by the grid"
        above.text(LABEL + 0.1, 30, f"label at {LABEL:g} s:\nframe {shown} is shown;\n{guesses}", color=BLUE)
        above.set(xlim=(0, times[-1]), ylim=(0, 30 * times[-1]), xlabel="time, s", ylabel="frame")
        above.set_title("Seconds are converted by the time stamps")
        above.legend(loc="upper left")

        below.plot(times, motion(times), "o", color=BLUE, label="frames kept in order")
        below.plot(*resampled(known, 30), "x", color=ORANGE, label="resampled to 30 per second")
        below.plot(*resampled(known, 24), "+", color=GREY, ms=7, label="resampled to 24 per second")
        below.set(xlim=SPAN, ylim=(-0.7, 11.5), xlabel="time, s", ylabel="px per frame")
        below.set_title(f"Flow of an object that moves at {SPEED} px per second")
        below.legend(loc="upper right", ncols=3, handletextpad=0)


if __name__ == "__main__":
    main()
