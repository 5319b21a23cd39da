"""Work of one job in other processes or ahead of its use: in order, in bounded memory, always with an end.

The standard library's pool shares one pipe between its workers. A worker that is killed while it writes a
result there leaves half a message, and the pool waits for the other half for ever. Here each worker has a
pipe of its own whose other end only it holds, so its death ends every wait for it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from queue import SimpleQueue
from traceback import format_exc
from typing import Any, TypeVar

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
    crew = [_Worker(work) for _ in range(workers)]
    idle: SimpleQueue[_Worker] = SimpleQueue()
    for worker in crew:
        idle.put(worker)

    def run(task: Task) -> Result:
        worker = idle.get()
        try:
            return worker.run(task)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(workers)  # each waits for one worker
    under_way: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            under_way.append(threads.submit(run, task))
            if len(under_way) >= 3 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except _KilledError:
        raise fail(
            "worker process",
            "was killed",
            "to finish its share",
            "no result",
            "often memory ran out: give the job more, or fewer workers; then run again",
        ) from None
    finally:
        for worker in crew:
            worker.process.kill()
        threads.shutdown(cancel_futures=True)
        for worker in crew:
            worker.close()


def ahead(items: Iterable[Task]) -> Iterator[Task]:
    """Yield items, each next one being made in a thread while the caller is at work on the one before."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, source, end)
        while (item := coming.result()) is not end:
            coming = thread.submit(next, source, end)
            yield item  # type: ignore[misc]


class _KilledError(Exception):
    """A worker is gone."""


class _Worker:
    """A process that does `work`, and the only pipe to it."""

    def __init__(self, work: Callable[[Any], Any]) -> None:
        # It starts afresh instead of forking: no thread, lock or open HDF5 file comes along.
        context = get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=_serve, args=(work, other), daemon=True)
        # Ctrl-C goes to every process of the terminal. Only this one is to act on it (and gets it after
        # the start, if it comes now), as each worker would print a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            other.close()

    def run(self, task: Any) -> Any:
        try:
            self.pipe.send(task)
            result, error = self.pipe.recv()
        except (EOFError, OSError):
            raise _KilledError from None
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        self.process.join()
        self.process.close()
        self.pipe.close()


def _serve(work: Callable[[Any], Any], pipe: Connection) -> None:
    """Do one task after the other until this worker, or its parent, is ended."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        task = pipe.recv()
        answer: tuple[Any, Exception | None]
        try:
            answer = work(task), None
        except Exception as error:
            error.add_note(f"in a worker process:\n{format_exc()}")  # a traceback does not travel
            answer = None, error
        pipe.send(answer)


def _end_with_parent() -> None:
    """End this worker when its parent is killed, which cannot tell it so."""
    parent = parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
