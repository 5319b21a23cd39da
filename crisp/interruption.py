"""Being told to stop: SIGTERM and SIGUSR1, which clusters send some time before they kill a job."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Told:
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
def stop_when_told() -> Iterator[Told]:
    """Note these signals instead of dying of them, until the work has come to where it can be saved."""
    told = Told()

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
