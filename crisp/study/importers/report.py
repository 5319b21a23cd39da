"""The report of an import: what was written, kept, decided and doubtful."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from crisp.core.errors import Fault
from crisp.core.words import counted


@dataclass
class Report:
    """Report of an import.

    Attributes
    ----------
    layout : str
        Name of the detected layout.
    source : Path
        Imported path.
    options : sequence of str
        Options of the import besides name and preset, as on the command line.
    added, kept : list of str
        Written and existing files.
    notes : list of str
        Description of the study, with reasons.
    warnings : list of Fault
        Points for the user to check.
    """

    layout: str
    source: Path
    options: Sequence[str] = ()
    added: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def command(self, name: str, preset: str) -> str:
        """Return the command that imports the same under another name, with a preset."""
        given = ["crisp", "import", str(self.source), "--name", name, "--preset", preset]
        return shlex.join([*given, *self.options])

    def note(self, path: Path, added: int, kept: int, unit: str) -> None:
        """Record how many of a table's rows were added and kept.

        Parameters
        ----------
        path : Path
        added, kept : int
        unit : str
            Of the rows, for example ``video``.
        """
        if added:
            self.added.append(f"{path}: {counted(added, unit)}")
        if kept:
            self.kept.append(f"{path}: {counted(kept, unit)}")

    def __iter__(self) -> Iterator[str]:
        """Yield the lines to print, without the warnings."""
        yield f"layout: {self.layout}"
        yield from (f"added: {text}" for text in self.added)
        yield from (f"kept: {text}" for text in self.kept)
        yield from self.notes
