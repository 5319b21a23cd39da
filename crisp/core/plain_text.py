"""Text that is valid in any file and output: no control characters, no lone surrogates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

BAD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # the last are lone surrogates


def is_plain(text: str) -> bool:
    """Return whether a text has neither control characters nor lone surrogates."""
    return BAD.search(text) is None


def faulty(content: Any, root: str = "$") -> Iterator[tuple[str, str]]:
    """Yield each text in JSON-like content (and keys) that is not plain, after its path from `root`."""
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
