"""What the parts of a path may be called: no name leads out of its folder or stands for two things."""

from __future__ import annotations

import re

from crisp.errors import fail

# The workflow's wildcards, and what verbs take by hand.
PATTERNS = {
    "video": "[A-Za-z0-9][A-Za-z0-9_-]*",
    "method": "[a-z0-9]+",
    "variant": "[A-Za-z0-9][A-Za-z0-9_-]*",
    "split": "[A-Za-z0-9-]+",
    "kind": "normal|max|none",
    "seed": "[0-9]+",
}


def checked(part: str, name: str) -> str:
    """The name, if it is one of that part.

    Raises
    ------
    CrispError
        If it does not match the part's pattern.
    """
    if not re.fullmatch(PATTERNS[part], name):
        raise fail(part, "bad name", PATTERNS[part], repr(name), "choose another name")
    return name
