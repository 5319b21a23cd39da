"""Work in threads: results in order, as many tasks as needed, errors told."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from crisp.core.errors import CrispError, fail
from crisp.core.parallel import ahead, ordered_map


def _square(number: int) -> int:
    return number * number


def _refuse(number: int) -> int:
    if number == 3:
        raise fail("frame 3", "bad", remedy="none")
    return number


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_results_come_in_order(workers: int) -> None:
    assert list(ordered_map(_square, range(20), workers)) == [number**2 for number in range(20)]


def test_tasks_are_taken_as_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    results = ordered_map(_square, tasks(), 2)
    assert next(results) == 0
    assert len(taken) <= 6
    results.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_fault_arrives_whole(workers: int) -> None:
    with pytest.raises(CrispError) as error:
        list(ordered_map(_refuse, range(9), workers))
    assert error.value.faults[0].where == "frame 3"


def test_one_item_is_made_ahead() -> None:
    made: list[int] = []
    next_is_made = threading.Event()

    def items() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            if number == 1:
                next_is_made.set()
            yield number

    results = ahead(items())
    assert next(results) == 0
    assert next_is_made.wait(20), "while the first is in use"
    assert made == [0, 1]
    assert list(results) == list(range(1, 9))
    assert list(ahead([])) == []


def test_a_fault_of_what_is_made_ahead_arrives_in_its_place() -> None:
    results = ahead(map(_refuse, range(9)))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(CrispError, match="frame 3"):
        next(results)
