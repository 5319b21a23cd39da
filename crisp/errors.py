"""Faults, told to the person who has to fix the file."""

from __future__ import annotations

from dataclasses import dataclass


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
        lines = [f"{self.where}: {self.what}"]
        lines += [f"    {name}: {text}" for name, text in self._details() if text]
        return "\n".join(lines)

    def _details(self) -> list[tuple[str, str]]:
        return [("expected", self.expected), ("found", self.found), ("remedy", self.remedy)]


class CrispError(Exception):
    """One or more faults in the input; the command line prints them without a traceback."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def fail(where: object, what: str, expected: str = "", found: object = "", remedy: str = "") -> CrispError:
    """Build the error for a single fault, to be raised by the caller."""
    return CrispError(Fault(str(where), what, expected, str(found), remedy))
