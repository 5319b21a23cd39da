"""Which labels of a tool's file are strokes, and which of their fields name the class and the player."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from crisp.core.errors import fail
from crisp.core.limits import LEAST_FPS, MOST_FRAMES
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose
from crisp.core.words import few
from crisp.study.importers.discovery import AnnotatedInterval
from crisp.study.importers.tools.label_file import LABEL, SUBJECT, TIER, Event, LabelFile

NOBODY = "none"  # --player-from: players are not told apart
LONGEST = MOST_FRAMES / LEAST_FPS  # s
MOST = 20  # names in a message


@dataclass(frozen=True)
class Selection:
    """What to take of the labels of a tool.

    Attributes
    ----------
    tiers : tuple of str
        Tiers to take; empty = those that the file proposes. ``strokes`` is also ``strokes@left``.
    label_from : tuple of str
        Fields whose texts, joined by spaces, are the class.
    player_from : str
        Field that names the player, or ``none``.
    fps : float
        Rate at which frame numbers of the file count, frames per second; 0 = the video's.
    """

    tiers: tuple[str, ...] = ()
    label_from: tuple[str, ...] = (LABEL,)
    player_from: str = SUBJECT
    fps: float = 0.0

    def options(self) -> list[str]:
        """Return it as options of the command line."""
        usual = Selection()
        stated = {
            "--tier": ",".join(self.tiers),
            "--label-from": ",".join(self.label_from) if self.label_from != usual.label_from else "",
            "--player-from": self.player_from if self.player_from != usual.player_from else "",
            "--label-fps": f"{self.fps:g}" if self.fps else "",
        }
        return [text for option, value in stated.items() if value for text in (option, value)]

    def check(self, files: Iterable[LabelFile]) -> None:
        """Refuse tiers and fields that no event has.

        Raises
        ------
        CrispError
            If there is one; it lists those there are.
        """
        events = [event for file in files for medium in file.media for event in medium.events]
        tiers = {event.fields[TIER] for event in events if event.fields.get(TIER)}
        fields = {name for event in events for name in event.fields}
        for tier in self.tiers:
            if events and not any(_is_tier(name, tier) for name in tiers):
                _refuse("--tier", "no label is in this tier", tiers, tier)
        for name in self.label_from:
            if events and name not in fields:
                _refuse("--label-from", "no label has this field", fields, name)
        if events and self.player_from not in (SUBJECT, NOBODY, *fields):
            _refuse("--player-from", "no label has this field", fields | {NOBODY}, self.player_from)

    def intervals(self, events: Iterable[Event], file: LabelFile) -> list[AnnotatedInterval]:
        """Return the strokes among the events of a medium; those that are none are counted as skipped."""
        found: list[AnnotatedInterval] = []
        tiers = self.tiers or file.tiers
        for event in events:
            if tiers and not any(_is_tier(event.fields.get(TIER, ""), name) for name in tiers):
                continue
            interval = self._interval(event, file)
            if reason := _untimed(event) or _unnamed(interval):
                file.skip(event.where, reason)
            elif found and _continues(found[-1], interval):
                found[-1] = replace(found[-1], end=interval.end)
            else:
                found.append(interval)
        return found

    def _interval(self, event: Event, file: LabelFile) -> AnnotatedInterval:
        fields = event.fields
        label = " ".join(fields.get(name, "") for name in self.label_from)
        player = "" if self.player_from == NOBODY else fields.get(self.player_from, "")
        begin, end, seconds = max(event.begin, 0.0), max(event.end, 0.0), event.seconds
        if self.fps and not seconds:
            begin, end, seconds = begin / self.fps, end / self.fps, True
        where = f"{file.path}, {event.where}"
        return AnnotatedInterval(begin, end, _name(label), seconds, _name(player), where)


def _is_tier(name: str, wanted: str) -> bool:
    return name == wanted or name.startswith(f"{wanted}@")


def _name(text: str) -> str:
    return " ".join(compose(text).split())


def _untimed(event: Event) -> str:
    """Return why an event is no interval of a video; empty if it is one."""
    begin, end = max(event.begin, 0.0), max(event.end, 0.0)
    if math.isnan(begin) or math.isnan(end):
        return "no time of its own"
    if begin == end:
        return "no end (a point event), or no duration"
    if begin > end:
        return "the end is before the begin"
    return (
        "" if end <= (LONGEST if event.seconds else MOST_FRAMES) else "the end is later than any video lasts"
    )


def _unnamed(interval: AnnotatedInterval) -> str:
    """Return what prevents its names from being written; empty if nothing does."""
    if not interval.label:
        return "no class"
    plain = is_plain(interval.label) and is_plain(interval.player)
    return "" if plain else "a name with control characters"


def _continues(before: AnnotatedInterval, after: AnnotatedInterval) -> bool:
    """Return whether an interval goes on with another: one thing, whose class and player stay."""
    same = (before.where, before.label, before.player) == (after.where, after.label, after.player)
    return same and before.end == after.begin


def _refuse(option: str, what: str, known: Iterable[str], found: str) -> None:
    names: Sequence[str] = sorted(known)
    raise fail(option, what, f"one of {few(list(names), MOST)}" if names else "none", found, "correct it")
