"""Being told to stop: SIGTERM and SIGUSR1, which clusters send some time before they kill a job, and SIGHUP.

A training saves first. All else ends at once, and takes what it has half written along.
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
_PROVISIONAL: dict[Path, int] = {}  # what is being written, and by which process: a forked one is to leave it


class ShutdownRequest:
    """Whether the process was told to stop; true once it was.

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
    """Note these signals instead of dying of them, until the work has come to where it can be saved."""
    told = ShutdownRequest()

    def note(number: int, _: FrameType | None) -> None:
        told.by = signal.Signals(number).name

    if threading.current_thread() is not threading.main_thread():
        yield told  # signals are for the main thread
        return
    before = {number: signal.signal(number, note) for number in SIGNALS}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def provisional(path: Path) -> Iterator[None]:
    """Remove a file or folder when the work in this context ends, in whatever way but by SIGKILL."""
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
    """At SIGTERM or SIGHUP remove what is provisional and end with exit code 128 + the signal's number.

    No exception is raised: it may come while a library calls back into Python, as HDF5 does to write, which
    would crash, and a command that is waited for would be killed. What is ignored, as by nohup, stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are for the main thread
        return
    first = os.getpid()

    def end(number: int, _: FrameType | None) -> None:
        for path, owner in list(_PROVISIONAL.items()):
            with suppress(OSError):
                if owner == os.getpid():
                    _remove(path)
        if os.getpid() == first and "WORLD_SIZE" not in os.environ:  # one of several processes tells
            name = signal.Signals(number).name
            with suppress(OSError):
                os.write(2, f"crisp: ended by {name}; nothing is half-written\n".encode())
        os._exit(128 + number)

    taken = [number for number in ENDS if signal.getsignal(number) is signal.SIG_DFL]
    for number in taken:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
