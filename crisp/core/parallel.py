"""Run work in several threads or ahead of its use: in order, and in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def ordered_map(work: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """Yield results of ``work(task)`` in the order of the tasks, computed in several threads.

    At most three tasks per thread are in flight, so memory does not grow with their number. Threads only run
    in parallel where `work` releases the GIL, as NumPy, OpenCV and our compiled code do.

    Parameters
    ----------
    work : callable
        Function of one task; its errors are raised here.
    tasks : iterable
        Consumed as results are taken.
    workers : int
        Number of threads; up to 1 = the caller's.

    Yields
    ------
    Result of `work` for each task.
    """
    if workers <= 1:
        yield from map(work, tasks)
        return
    with ThreadPoolExecutor(workers) as threads:
        under_way: deque[Future[Result]] = deque()
        try:
            for task in tasks:
                under_way.append(threads.submit(work, task))
                if len(under_way) >= 3 * workers:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            threads.shutdown(cancel_futures=True)


def ahead(items: Iterable[Task]) -> Iterator[Task]:
    """Yield items; a thread makes the next one while the caller processes the current one."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]
