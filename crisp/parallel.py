"""Worker processes inside one job: results in order, bounded memory, no orphan."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import TypeVar

from crisp.errors import fail

Task = TypeVar("Task")
Result = TypeVar("Result")


def ordered_map(work: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """Results of ``work(task)`` in the order of the tasks, from `workers` processes (1: this one).

    At most three tasks a worker are under way, so memory does not grow with their number.

    Raises
    ------
    CrispError
        If a worker process is killed.
    """
    if workers <= 1:
        yield from map(work, tasks)
        return
    # Workers start afresh instead of forking: no thread, lock or open HDF5 file comes along.
    pool = ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_end_with_parent, initargs=(os.getpid(),)
    )
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            under_way.append(_submit(pool, work, task))
            if len(under_way) >= 3 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool:
        raise fail(
            "worker process",
            "was killed",
            "to finish its share",
            "no result",
            "often memory ran out: give the job more, or fewer workers; then run again",
        ) from None
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _submit(pool: ProcessPoolExecutor, work: Callable[[Task], Result], task: Task) -> Future[Result]:
    """Submit a task; a worker that is started for it inherits that SIGINT is blocked.

    Ctrl-C goes to every process of the terminal. Only this one is to act on it (and gets it after
    this, if it comes now), as each worker would print a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return pool.submit(work, task)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent(parent: int) -> None:
    """End this worker when its parent is killed, which cannot tell it so."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
