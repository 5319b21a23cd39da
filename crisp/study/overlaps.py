"""Intervals that overlap others too much: in one pass, however many there are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def colliding(
    items: Iterable[T], interval: Callable[[T], Any], too_much: Callable[[T, T], bool]
) -> Iterator[tuple[T, T]]:
    """Each item that overlaps an earlier one too much, after that one.

    An item comes once, whatever number it collides with: all pairs of thousands would be millions.

    Parameters
    ----------
    items : of intervals; their order does not matter.
    interval : gives the `begin` and `end` of an item.
    too_much : whether two items that overlap, the first to begin first, do so too much.
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
