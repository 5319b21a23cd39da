"""Graceful shutdown on SIGHUP, and on SIGTERM and SIGUSR1, which clusters send before killing a job.

A training saves first. Everything else ends at once and deletes its incomplete files.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)
ENDS = (signal.SIGTERM, signal.SIGHUP)
_PROVISIONAL: dict[Path, int] = {}  # files being written, with their process: a forked process leaves them


class ShutdownRequest:
    """Whether a shutdown was requested.

    Attributes
    ----------
    by : str
        Name of the signal; empty before.
    """

    def __init__(self) -> None:
        self.by = ""

    def __bool__(self) -> bool:
        return bool(self.by)


@contextmanager
def graceful_shutdown() -> Iterator[ShutdownRequest]:
    """Record SIGTERM and SIGUSR1 instead of exiting, until the work reaches a point where it can be saved."""
    told = ShutdownRequest()

    def note(number: int, _: FrameType | None) -> None:
        told.by = signal.Signals(number).name

    if threading.current_thread() is not threading.main_thread():
        yield told  # signals only reach the main thread
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def provisional(path: Path) -> Iterator[None]:
    """Remove a file or folder when the context exits in any way except SIGKILL."""
    _PROVISIONAL[path] = os.getpid()
    try:
        yield
    finally:
        _remove(path)
        del _PROVISIONAL[path]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextmanager
def ended_clean() -> Iterator[None]:
    """On SIGTERM or SIGHUP remove provisional files and exit with code 128 + signal number.

    No exception is raised: the signal may arrive while a library calls back into Python, as HDF5 does to
    write, which would crash; and a command being waited for would be killed. Signals ignored so far (nohup)
    stay ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals only reach the main thread
        return
    first = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        for path, owner in list(_PROVISIONAL.items()):
            with suppress(OSError):
                if owner == os.getpid():
                    _remove(path)
        if os.getpid() == first and "WORLD_SIZE" not in os.environ:  # one of several processes reports it
            name = signal.Signals(number).name
            with suppress(OSError):
                os.write(2, f"crisp: ended by {name}; no file is incomplete\n".encode())
        os._exit(128 + number)

    taken = [number for number in ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
