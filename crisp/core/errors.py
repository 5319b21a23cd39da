"""Faults, told to the person who has to fix the file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST_ALIKE, MOST = 20, 100  # faults of one kind, and of all kinds, that one message holds
LONGEST = 1000  # characters of a part of a message
# What would steer a terminal, and halves of characters, as names of files from elsewhere may have them.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class Fault:
    """One thing wrong with the input.

    Parameters
    ----------
    where : str
        File, and line, frame or key in it.
    what : str
        What is wrong, in a few words.
    expected, found : str
        What was expected there and what was found instead.
    remedy : str
        What to do about it.
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
        """Cross from process to process as faults, not as their text."""
        return type(self), self.faults


def fail(where: object, what: str, expected: str = "", found: object = "", remedy: str = "") -> CrispError:
    """Build the error for a single fault, to be raised by the caller."""
    return CrispError(Fault(str(where), what, expected, str(found), remedy))


def listed(faults: Sequence[Fault]) -> list[str]:
    """The texts of faults; of very many, or very many alike, the first ones and how many there are more."""
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
    """A part of a message as a terminal shows it, in bounds."""
    if len(text) > LONGEST:
        text = f"{text[:LONGEST]}... ({len(text):,} characters)"
    return UNPRINTABLE.sub(lambda sign: repr(sign[0])[1:-1], text)
