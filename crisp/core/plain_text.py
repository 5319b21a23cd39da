"""Text that can be written to any file and shown anywhere: no control characters, no half characters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

BAD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the last are halves of surrogate pairs


def is_plain(text: str) -> bool:
    """Whether a text has neither control characters nor halves of surrogate pairs."""
    return BAD.search(text) is None


def faulty(content: Any, root: str = "$") -> Iterator[tuple[str, str]]:
    """Each text of JSON-like content that is not plain, keys too, after its place as a path from `root`."""
    waiting = [(root, content)]  # no recursion: content may be nested deeply
    while waiting:
        place, part = waiting.pop()
        if isinstance(part, str) and not is_plain(part):
            yield place, part
        elif isinstance(part, dict):
            waiting += ((f"{place}, a key", key) for key in part)
            waiting += ((f"{place}.{key}", value) for key, value in part.items())
        elif isinstance(part, list):
            waiting += ((f"{place}[{number}]", value) for number, value in enumerate(part))
