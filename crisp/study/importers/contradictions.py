"""Labels that contradict each other: two classes of one interval, of which a study could use neither."""

from __future__ import annotations

from collections.abc import Iterable

from crisp.core.errors import CrispError, Fault
from crisp.study.importers.discovery import AnnotatedInterval, FoundVideo


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
