"""Windows: the grid of a video, those of a sample, and slices of a clip."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from crisp.clips import windows

LENGTHS = st.integers(1, 200)


@given(count=st.integers(1, 500), frames=LENGTHS)
def test_windows_show_each_frame(count: int, frames: int) -> None:
    begins = windows.grid(count, frames)
    shown = [frame for begin in begins.tolist() for frame in range(begin, begin + frames)]
    assert set(range(count)) <= set(shown)
    assert (begins[0], set(begins[1:] - begins[:-1])) == (
        -(frames // 2),
        {windows.stride(frames)} if len(begins) > 1 else set(),
    )
    middles = begins + frames // 2
    assert middles[0] == 0
    assert 2 * abs(middles[-1] - count) <= windows.stride(frames)


@given(data=st.data(), count=st.integers(1, 500), frames=LENGTHS)
def test_windows_of_a_sample(data: st.DataObject, count: int, frames: int) -> None:
    begin = data.draw(st.integers(0, count - 1))
    end = data.draw(st.integers(begin + 1, count))
    begins = windows.grid(count, frames)
    found = windows.inside(begin, end, count, frames)
    within = [index for index, first in enumerate(begins) if begin <= first and first + frames <= end]
    assert found.middle in found.every
    assert found.every == within or (not within and found.every == [found.middle])
    # The clip in the middle of the sample is not further than half a stride, and half a frame by rounding.
    assert abs(2 * begins[found.middle] - (begin + end - frames)) <= windows.stride(frames) + 1


def test_windows_by_hand() -> None:
    """Eight frames every two; the sample of 12 frames has three inside, a shorter one that in its middle."""
    assert windows.grid(10, 8).tolist() == [-4, -2, 0, 2, 4, 6]
    assert windows.inside(10, 22, 90, 8) == ([7, 8, 9], 8)
    assert windows.inside(10, 14, 90, 8) == ([6], 6)


def test_slices_are_views_of_the_clip() -> None:
    clip = torch.arange(2 * 10 * 3).reshape(2, 10, 3)
    found = windows.sliding(clip, 4, 3)
    assert found.shape == (3, 2, 4, 3)
    assert all(torch.equal(found[index], clip[:, 3 * index : 3 * index + 4]) for index in range(3))
    assert found.data_ptr() == clip.data_ptr()
