"""Worker processes: results in order, errors told, nobody left behind."""

from __future__ import annotations

import os
import signal
import struct
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection

import psutil
import pytest

from crisp.errors import CrispError, fail
from crisp.parallel import ahead, ordered_map


def _square(number: int) -> int:
    return number * number


def _refuse(number: int) -> int:
    if number == 3:
        raise fail("frame 3", "bad", remedy="none")
    return number


def _die(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def _die_while_sending(number: int) -> int:
    def send_half(pipe: Connection, message: memoryview) -> None:
        os.write(pipe.fileno(), struct.pack("!i", len(message)) + bytes(message[: len(message) // 2]))
        os.kill(os.getpid(), signal.SIGKILL)

    Connection._send_bytes = send_half  # type: ignore[attr-defined]
    return number


def _is_tracker(process: psutil.Process) -> bool:
    """Whether it is the standard library's resource tracker, which lives as long as this process."""
    try:
        return "resource_tracker" in " ".join(process.cmdline())
    except psutil.Error:
        return False


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


@pytest.mark.parametrize("work", [_die, _die_while_sending])
def test_a_killed_worker_is_one_error_and_no_orphan(work: Callable[[int], int]) -> None:
    before = set(psutil.Process().children(recursive=True))
    with pytest.raises(CrispError, match=r"worker process: was killed[\s\S]*often memory ran out"):
        list(ordered_map(work, range(9), 2))
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(left, timeout=20)
    assert [child for child in alive if not _is_tracker(child)] == []


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
