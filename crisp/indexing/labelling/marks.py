"""The classes of new strokes, each with a key and, where given, a colour."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable, Iterator
from itertools import count

from crisp.core.errors import CrispError, fail
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose
from crisp.indexing.viewer.page import Mark
from crisp.study.annotations import is_unknown

FORM = "classes separated by commas, each with a key and a colour if you like: forehand:f:#e03131,backhand"
KEYS = string.ascii_lowercase + string.digits
TAKEN = "io"  # begin and end a stroke of any class
MOST = 1000


def parse_marks(text: str) -> tuple[Mark, ...]:
    """Read classes from the command line, ``forehand:f:#e03131,backhand``.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of Mark
        With the digits 1 to 9 as the keys of the first ones without a key of their own.

    Raises
    ------
    CrispError
        If a class has no name or that of another one, or a key or colour is not one or is taken.
    """
    marks: list[Mark] = []
    for part in text.split(","):
        label, *rest = (piece.strip() for piece in part.split(":"))
        mark = Mark(" ".join(compose(label).split()), *_look(part, rest))
        if not mark.label or not is_plain(mark.label) or is_unknown(mark.label) or len(mark.label) > MOST:
            raise _bad(part, "bad name of a class", FORM)
        if mark.label in (one.label for one in marks):
            raise _bad(part, "two classes of one name", "names that differ")
        if mark.key and mark.key in (one.key for one in marks):
            raise _bad(part, "two classes with one key", "keys that differ")
        marks.append(mark)
    return with_keys(marks)


def with_keys(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """Give the free ones of the digits 1 to 9, in order, to the classes that have no key."""
    marks = tuple(marks)
    free = _free({mark.key for mark in marks})
    return tuple(mark if mark.key else mark._replace(key=next(free)) for mark in marks)


def _free(taken: set[str]) -> Iterator[str]:
    for number in count(1):
        key = str(number) if number <= 9 else ""
        if key not in taken or not key:
            yield key


def _look(part: str, rest: list[str]) -> tuple[str, str]:
    """Return the key and the colour of a class."""
    key = colour = ""
    for piece in rest:
        if re.fullmatch("#[0-9a-fA-F]{6}", piece) and not colour:
            colour = piece.lower()
        elif len(piece) == 1 and piece.lower() in KEYS and piece.lower() not in TAKEN and not key:
            key = piece.lower()
        else:
            expected = (
                "one letter (not I or O, which begin and end a stroke) or digit, and a colour as #e03131"
            )
            raise _bad(part, f"neither key nor colour: {piece!r}", expected)
    return key, colour


def _bad(part: str, what: str, expected: str) -> CrispError:
    return fail("--classes", what, expected, repr(part)[:80], "correct the option")
