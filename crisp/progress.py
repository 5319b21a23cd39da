"""Progress: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
EVERY = 20.0  # seconds between two lines in a log


def progress(items: Iterable[Item], unit: str, name: str = "", total: int | None = None) -> Iterator[Item]:
    """Yield `items`, showing how many `unit` of `total` are done and how fast."""
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
            print(
                f"{name}: {done}{f' of {total}' if total else ''} {unit}, {done / (now - begin):.1f}/s",
                file=sys.stderr,
            )
    print(f"{name}: {done} {unit} in {time.monotonic() - begin:.1f} s", file=sys.stderr)
