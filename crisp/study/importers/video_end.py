"""Labels of annotation tools that end after their video: cut at its last frame, or left out, and reported.

A tool lets a label last until the end of the sound or of another linked video.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from crisp.core.errors import Fault
from crisp.core.words import counted, few
from crisp.study.annotations import Stroke
from crisp.study.importers.discovery import AnnotatedInterval

MOST = 3  # places in a message


def cut(intervals: Sequence[AnnotatedInterval], strokes: Sequence[Stroke], frames: int) -> list[Stroke]:
    """Return strokes without their frames after the end of the video, if their place in a file is known.

    Parameters
    ----------
    intervals : sequence of AnnotatedInterval
        The labels of the strokes.
    strokes : sequence of Stroke
    frames : int
        Of the video; 0 = unknown.

    Returns
    -------
    list of Stroke
        Those that begin in the video.
    """
    kept = []
    for interval, stroke in zip(intervals, strokes, strict=True):
        if not interval.where or not frames:
            kept.append(stroke)
        elif stroke.begin < frames:
            kept.append(stroke._replace(end=min(stroke.end, frames)))
    return kept


def remarks(
    video: str, intervals: Sequence[AnnotatedInterval], strokes: Sequence[Stroke], frames: int
) -> Iterator[Fault]:
    """Yield how many labels `cut` changes, with their first places.

    Parameters
    ----------
    video : str
        Path of the video.
    intervals, strokes, frames
        As for `cut`.

    Yields
    ------
    Fault
    """
    late = [
        (interval.where, stroke.begin >= frames)
        for interval, stroke in zip(intervals, strokes, strict=True)
        if interval.where and 0 < frames < stroke.end
    ]
    for outside, what in ((False, "cut at the end of the video"), (True, "left out, after the video")):
        if places := [where for where, is_outside in late if is_outside == outside]:
            found = f"{counted(len(places), 'label')} {what}"
            expected, remedy = f"at most {counted(frames, 'frame')}", "check that this is the labelled video"
            yield Fault(video, found, expected, few(places, MOST), remedy)
