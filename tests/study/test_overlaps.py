"""Collisions of intervals: each one told, in one pass."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.study import overlaps


class Span(NamedTuple):
    begin: int
    end: int


spans = st.lists(
    st.builds(lambda begin, length: Span(begin, begin + length), st.integers(0, 40), st.integers(1, 20))
)


def shared(one: Span, other: Span) -> int:
    return min(one.end, other.end) - max(one.begin, other.begin)


@given(spans, st.integers(1, 12))
def test_the_items_that_collide_with_an_earlier_one(items: list[Span], least: int) -> None:
    found = list(overlaps.colliding(items, lambda one: one, lambda *both: shared(*both) >= least))
    ordered = sorted(items)
    expected = [
        second
        for place, second in enumerate(ordered)
        if any(shared(first, second) >= least for first in ordered[:place])
    ]
    assert [second for _, second in found] == expected
    assert all(shared(first, second) >= least for first, second in found)


@pytest.mark.parametrize(
    "items",
    [
        [Span(0, 10)] * 20_000,
        [Span(place, 100_000) for place in range(20_000)],
        [Span(place, place + 10_000) for place in range(20_000)],
        [Span(0, 100 + place) for place in range(20_000)],
        [Span(2 * place, 2 * place + 1) for place in range(20_000)],
    ],
    ids=["the same", "nested", "stairs", "of one begin", "apart"],
)
def test_looks_at_no_more_than_a_few_pairs_an_item(items: list[Span]) -> None:
    looks = []

    def too_much(first: Span, second: Span) -> bool:
        looks.append(first)
        return shared(first, second) > 0.25 * min(first.end - first.begin, second.end - second.begin)

    found = list(overlaps.colliding(items, lambda one: one, too_much))
    assert len(found) in (0, len(items) - 1)
    assert len(looks) <= 2 * len(items)
