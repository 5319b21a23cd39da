"""Progress: a bar on a terminal, an occasional line in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
EVERY = 20.0  # seconds between two lines in a log


def progress(items: Iterable[Item], unit: str, name: str = "", total: int | None = None) -> Iterator[Item]:
    """Yield items, showing how many are done, the rate, and the remaining time.

    Parameters
    ----------
    items : iterable
        The items to process.
    unit : str
        What an item is, in the plural: ``frames``, ``blocks of 8 frames``.
    name : str
        Label of the bar or line.
    total : int, optional
        Number of items; without it, no remaining time is shown in a log.

    Yields
    ------
    Item of `items`.
    """
    if sys.stderr.isatty():
        yield from tqdm(items, desc=name, unit=f" {unit}", total=total, leave=False)
        return
    begin = shown = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - shown >= EVERY:
            shown = now
            of = f" of {total}" if total else ""
            print(
                f"{name}: {done}{of} {_counted(unit, total or done)}, {_rate(done, now - begin)}"
                + _left(done, total, now - begin),
                file=sys.stderr,
            )
    print(f"{name}: {done} {_counted(unit, done)} in {time.monotonic() - begin:.1f} s", file=sys.stderr)


def duration(seconds: float) -> str:
    """Format a duration: ``1.8 s``, ``12 min``, ``2 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _rate(done: int, seconds: float) -> str:
    """Format a rate: items per second or, below one, seconds per item."""
    return f"{done / seconds:.1f}/s" if done >= seconds else f"{seconds / done:.1f} s each"


def _left(done: int, total: int | None, seconds: float) -> str:
    """Format the remaining time at this rate, ``, 01:15 left``; empty if the total is unknown."""
    if not total:
        return ""
    return f", {tqdm.format_interval(max(0, total - done) * seconds / done)} left"


def _counted(unit: str, number: int) -> str:
    """Return a unit, in the singular for one: ``frames``, ``block of 8 frames``."""
    first, *rest = unit.split(" ")
    return unit if number != 1 else " ".join([first.removesuffix("s"), *rest])
