"""Labels of tools that end after their video."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crisp.study.annotations import Stroke
from crisp.study.importers import video_end
from crisp.study.importers.discovery import AnnotatedInterval

BOUNDS = st.tuples(st.integers(0, 50), st.integers(1, 50)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(st.tuples(BOUNDS, st.booleans())), st.integers(0, 60))
def test_strokes_of_tools_stay_in_the_video(found: list[tuple[tuple[int, int], bool]], frames: int) -> None:
    intervals = [AnnotatedInterval(*bounds, "A", where="a.eaf" * is_tool) for bounds, is_tool in found]
    strokes = [Stroke(*bounds, "A") for bounds, _ in found]
    kept = video_end.cut(intervals, strokes, frames)
    if not frames:
        assert kept == strokes
        return
    expected = [
        Stroke(begin, end if not is_tool else min(end, frames), "A")
        for (begin, end), is_tool in found
        if not is_tool or begin < frames
    ]
    assert kept == expected
    faults = list(video_end.remarks("a.mp4", intervals, strokes, frames))
    late = sum(is_tool and end > frames for (_, end), is_tool in found)
    assert sum(int(fault.what.split()[0]) for fault in faults) == late
