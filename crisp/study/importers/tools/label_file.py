"""What a file of an annotation tool gives: events of its media, each with fields, and what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from crisp.core.errors import Fault
from crisp.core.words import counted, few

LABEL, TIER, SUBJECT = "label", "tier", "subject"  # fields of the events of most tools
MOST = 5  # places named in a message


class Event(NamedTuple):
    """A labelled interval, in seconds of its medium or, without `seconds`, in frames; ends exclusive.

    `fields` holds what the tool stores of it as text, by name. `where` is its place in the file; of one thing
    that changes its fields with time, the events share it.
    """

    begin: float
    end: float
    fields: Mapping[str, str]
    where: str
    seconds: bool = True


@dataclass
class Medium:
    """A labelled video.

    Attributes
    ----------
    names : tuple of str
        Paths and addresses by which it may be found, the best first.
    events : list of Event
        In the order of the file.
    named : bool
        Whether the file names it; if not, the only video of a folder is taken for it.
    where : str
        Its place in the file; empty if there is one only.
    """

    names: tuple[str, ...]
    events: list[Event] = field(default_factory=list)
    named: bool = True
    where: str = ""


@dataclass
class LabelFile:
    """A file of labels.

    Attributes
    ----------
    path : Path
    media : list of Medium
        The videos that it labels, also those without any event.
    tiers : tuple of str
        Tiers to take if none is chosen; empty = all.
    rate : str
        How its frame numbers count, if not necessarily as frames of the video; empty if they do.
    remarks : list of Fault
        What is to be checked.
    skipped : dict
        Places of what is not taken, by the reason.
    """

    path: Path
    media: list[Medium] = field(default_factory=list)
    tiers: tuple[str, ...] = ()
    rate: str = ""
    remarks: list[Fault] = field(default_factory=list)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def skip(self, where: str, reason: str) -> None:
        """Count a label that is not taken; there is one message for each reason."""
        self.skipped.setdefault(reason, []).append(where)

    @property
    def faults(self) -> list[Fault]:
        """Return the remarks, and how many labels were skipped for which reason."""
        return [
            *self.remarks,
            *(
                Fault(
                    str(self.path),
                    f"{counted(len(places), 'label')} skipped: {reason}",
                    found=few(list(dict.fromkeys(places)), MOST),
                    remedy="if these are strokes, correct them in the tool, then import again",
                )
                for reason, places in self.skipped.items()
            ),
        ]
