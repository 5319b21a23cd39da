"""Windows of a video: clips of the same length, evenly spaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

OVERLAP = 4  # windows of a grid that show a frame


class Inside(NamedTuple):
    """The windows of a sample, as indices of its video's grid: all inside it, and the one nearest its middle.

    A sample without a window inside has the latter alone.
    """

    every: list[int]
    middle: int


def stride(frames: int) -> int:
    """Return the stride of a grid of windows of that many frames."""
    return max(1, frames // OVERLAP)


def grid(count: int, frames: int) -> NDArray[np.int64]:
    """Return the first frame of each window of a video; their middles are multiples of the stride.

    Parameters
    ----------
    count : int
        Frames of the video.
    frames : int
        Frames of a window; the first and last windows extend beyond the video.

    Returns
    -------
    ndarray, (windows,) int64
    """
    step = stride(frames)
    return np.arange(0, count + (step + 1) // 2, step) - frames // 2


def inside(begin: int, end: int, count: int, frames: int) -> Inside:
    """Return the windows of a sample.

    Parameters
    ----------
    begin, end : int
        The sample, frames ``[begin, end)``.
    count, frames : int
        As for `grid`.

    Returns
    -------
    Inside
    """
    begins = grid(count, frames)
    middle = int(np.abs(2 * begins - (begin + end - frames)).argmin())
    every = np.flatnonzero((begin <= begins) & (begins + frames <= end)).tolist()
    return Inside(every or [middle], middle)


def sliding(clip: Tensor, frames: int, step: int = 1) -> Tensor:
    """Return the windows of a clip as slices of it.

    Parameters
    ----------
    clip : Tensor, (C, length, ...)
    frames : int
        Frames of a window.
    step : int
        Stride of the windows.

    Returns
    -------
    Tensor, (windows, C, frames, ...)
        A view of the clip.
    """
    return clip.unfold(1, frames, step).movedim(1, 0).movedim(-1, 2)
