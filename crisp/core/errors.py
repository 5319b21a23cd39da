"""Faults in the input, reported to the user who has to fix them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST_ALIKE, MOST = 20, 100  # maximum faults of one kind, and of all kinds, in one message
LONGEST = 1000  # maximum characters of a part of a message
# Terminal control characters and lone surrogates, as file names from elsewhere may contain them.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Fault:
    """One fault in the input.

    Parameters
    ----------
    where : str
        File, and line, frame or key in it.
    what : str
        The fault, in a few words.
    expected, found : str
        What was expected and what was found.
    remedy : str
        How to fix it.
    """

    where: str
    what: str
    expected: str = ""
    found: str = ""
    remedy: str = ""

    def __str__(self) -> str:
        lines = [f"{_printable(self.where)}: {_printable(self.what)}"]
        lines += [f"    {name}: {_printable(text)}" for name, text in self._details() if text]
        return "\n".join(lines)

    def _details(self) -> list[tuple[str, str]]:
        return [("expected", self.expected), ("found", self.found), ("remedy", self.remedy)]


class CrispError(Exception):
    """One or more faults in the input; the command line prints them without a traceback."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(listed(faults)))
        self.faults = faults

    def __reduce__(self) -> tuple[type[CrispError], tuple[Fault, ...]]:
        """Pickle as faults, not as their text."""
        return type(self), self.faults


def fail(where: object, what: str, expected: str = "", found: object = "", remedy: str = "") -> CrispError:
    """Build the error for a single fault, to be raised by the caller.

    Parameters
    ----------
    where, what, expected, found, remedy
        The fields of `Fault`; `where` and `found` are converted to text.

    Returns
    -------
    CrispError
    """
    return CrispError(Fault(str(where), what, expected, str(found), remedy))


def listed(faults: Sequence[Fault]) -> list[str]:
    """Format the faults; of very many, or very many alike, only the first ones and the number of others."""
    shown: list[str] = []
    seen, more = Counter[str](), dict[str, list[Fault]]()
    for fault in faults:
        kind = re.sub(r"\d+", "0", fault.what)
        seen[kind] += 1
        if seen[kind] <= MOST_ALIKE and len(shown) < MOST:
            shown.append(str(fault))
        else:
            more.setdefault(kind, []).append(fault)
    kinds = sorted(more.values(), key=len, reverse=True)
    shown += [f"and {len(some):,} more: {_printable(some[0].what)}" for some in kinds[:MOST_ALIKE]]
    if others := sum(map(len, kinds[MOST_ALIKE:])):
        shown.append(f"and {others:,} more of other kinds")
    return shown


def _printable(text: str) -> str:
    """Make a part of a message printable, with limited length."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text):,} characters)"
    return UNPRINTABLE.sub(lambda sign: repr(sign[0])[1:-1], text)
