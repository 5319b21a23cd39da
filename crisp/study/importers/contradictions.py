"""Labels that contradict each other: two classes of one interval, and strokes that overlap."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter

from crisp.core.errors import CrispError, Fault
from crisp.core.words import counted
from crisp.study.annotations import Stroke
from crisp.study.checks.labels import LARGEST_OVERLAP
from crisp.study.importers.discovery import AnnotatedInterval, FoundVideo
from crisp.study.overlaps import colliding

Placed = tuple[AnnotatedInterval, Stroke]


def check(videos: Iterable[FoundVideo]) -> None:
    """Refuse intervals with two classes of one player, in whatever split.

    Raises
    ------
    CrispError
        For each such pair, with both places.
    """
    faults = []
    for video in videos:
        first: dict[tuple[object, ...], AnnotatedInterval] = {}
        for label in video.labels:
            for one in label.intervals:
                other = first.setdefault((label.task, one.begin, one.end, one.seconds, one.player), one)
                if other.label != one.label:
                    faults.append(_fault(video.path, one, other))
    if faults:
        raise CrispError(*faults)


def _fault(video: str, one: AnnotatedInterval, other: AnnotatedInterval) -> Fault:
    found = f"{one.label!r} here, {other.label!r} {f'at {other.where}' if other.where else 'before'}"
    remedy = f"correct one of the two, or leave a class out: crisp import --ignore {one.label!r}"
    return Fault(one.where or video, "interval has two labels", "one class", found, remedy)


def overlaps(
    video: str, intervals: Sequence[AnnotatedInterval], strokes: Sequence[Stroke]
) -> Iterator[Fault]:
    """Yield the strokes that overlap another one of the same player more than neighbours do.

    Parameters
    ----------
    video : str
        Path of the video.
    intervals : sequence of AnnotatedInterval
        The labels of the strokes.
    strokes : sequence of Stroke
        In frames.

    Yields
    ------
    Fault
    """
    by_player = defaultdict[str, list[Placed]](list)
    for one, stroke in zip(intervals, strokes, strict=True):
        by_player[stroke.player].append((one, stroke))
    for placed in by_player.values():
        for (first, earlier), (second, later) in colliding(placed, itemgetter(1), _too_much):
            other = first.where or f"{earlier.begin} to {earlier.end}"
            what = f"stroke overlaps another by {counted(_shared(earlier, later), 'frame')}"
            found = f"{second.label!r} here, {first.label!r} at {other}"
            yield Fault(second.where or video, what, "one stroke at a time", found, "correct one of the two")


def _too_much(one: Placed, other: Placed) -> bool:
    first, second = one[1], other[1]
    return _shared(first, second) > LARGEST_OVERLAP * min(
        stroke.end - stroke.begin for stroke in (first, second)
    )


def _shared(first: Stroke, second: Stroke) -> int:
    """Return the number of common frames of two strokes, sorted by begin."""
    return min(first.end, second.end) - second.begin
