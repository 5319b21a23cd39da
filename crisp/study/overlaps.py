"""Find intervals that overlap others too much, in one pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def colliding(
    items: Iterable[T], interval: Callable[[T], Any], too_much: Callable[[T, T], bool]
) -> Iterator[tuple[T, T]]:
    """Yield each item that overlaps an earlier one too much, after that one.

    An item is yielded once, however many it collides with: all pairs of thousands would be millions.

    Parameters
    ----------
    items : iterable
        Objects with intervals; their order does not matter.
    interval : callable
        Returns the `begin` and `end` of an item.
    too_much : callable
        Whether two overlapping items, sorted by begin, overlap too much.

    Yields
    ------
    tuple
        The earlier item, and the one that overlaps it.
    """
    begun: list[T] = []  # that may not have ended, in order
    for item in sorted(items, key=lambda one: interval(one)[:2]):
        passed: list[T] = []
        while begun:
            other = begun.pop()
            if interval(other).end <= interval(item).begin:
                continue  # nor does any later item overlap it
            passed.append(other)
            if too_much(other, item):
                yield other, item
                break
        begun += [*reversed(passed), item]
