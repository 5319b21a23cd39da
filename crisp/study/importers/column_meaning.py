"""The meaning of the columns of a table of strokes, by the words of their headers.

A header is understood if every word of it is known: what its column holds (``start``, ``Schlag``, ``動作``)
and, for bounds, in which unit (``start_ms``, ``Début (s)``, ``開始フレーム``). Case, accents and punctuation
do not count. CRISP's own names (``video``, ``begin``, ``end_seconds``, ...) come before all others.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from crisp.study.importers import column_words as words
from crisp.study.importers.column_words import BEGIN, DURATION, END, FPS, LABEL, VIDEO

# CRISP's own names, in the order in which pairs of bounds are taken.
OWN_BOUNDS = {
    "begin": (BEGIN, ""),
    "end": (END, ""),
    "begin_seconds": (BEGIN, words.SECONDS),
    "end_seconds": (END, words.SECONDS),
}
OWN = {name: (name, "") for name in (VIDEO, LABEL, "split", "group", "player", "region")} | OWN_BOUNDS
BOUNDS = (BEGIN, END, DURATION)
ACCENTS = re.compile("[\u0300-\u036f]")
# Latin letters alone, and others: "开始frame" has two words.
WORD = re.compile(r"[a-z]+|[^\W\da-z_]+|[0-9]+")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
UNIT_ORDER = ("", words.FRAMES, words.SECONDS, words.MILLISECONDS, words.TIME)


class Meaning(NamedTuple):
    """What a column holds, and in which unit; `rank` is 0 for CRISP's own name, 2 for a vague one."""

    role: str
    unit: str = ""
    rank: int = 1


class Bound(NamedTuple):
    """A column of bounds: its index, and its unit; empty if its header does not say it."""

    column: int
    unit: str
    own: bool = False


@dataclass(frozen=True)
class Columns:
    """The columns of a table of strokes.

    Attributes
    ----------
    headers : tuple of str
        As in the file, in lower case.
    at : dict of str to int
        Index of the column by role, without the bounds.
    begin, end, duration : Bound or None
        The bounds; of `end` and `duration` one at least, if the table is one of strokes.
    ambiguous : dict of str to list of str
        Headers of several columns that could have a role, by role.
    """

    headers: tuple[str, ...]
    at: dict[str, int] = field(default_factory=dict)
    begin: Bound | None = None
    end: Bound | None = None
    duration: Bound | None = None
    ambiguous: dict[str, list[str]] = field(default_factory=dict)

    @property
    def bounded(self) -> bool:
        """Return whether it has a label and both bounds."""
        found = {*self.at, *self.ambiguous}
        begun = self.begin is not None or BEGIN in found
        ended = self.end is not None or self.duration is not None or {END, DURATION} & found
        return LABEL in found and begun and bool(ended)

    @property
    def complete(self) -> bool:
        """Return whether it also names the video of each stroke."""
        return self.bounded and VIDEO in {*self.at, *self.ambiguous}

    @property
    def used(self) -> set[int]:
        """Return the indices of the columns that are read."""
        return {*self.at.values(), *(one.column for one in (self.begin, self.end, self.duration) if one)}

    @property
    def unused(self) -> list[str]:
        """Return the headers of the columns that are not read."""
        taken = {self.headers[column] for column in self.used}
        return [name for name in self.headers if name and name not in taken]


def understand(headers: Sequence[str]) -> Columns:
    """Return the columns of a table by its headers, whether or not it is one of strokes."""
    names = tuple(name.strip().lower() for name in headers)
    found: dict[str, list[tuple[int, Meaning]]] = {}
    # A header that is there twice is one column; its cells must agree.
    for column in {name: column for column, name in enumerate(names)}.values():
        if meaning := _meaning(headers[column].strip()):
            found.setdefault(meaning.role, []).append((column, meaning))
    at, ambiguous = dict[str, int](), dict[str, list[str]]()
    for role, several in found.items():
        if role in BOUNDS:
            continue
        rank = min(meaning.rank for _, meaning in several)
        columns = [column for column, meaning in several if meaning.rank == rank]
        at[role] = columns[0]
        if len(columns) > 1:
            ambiguous[role] = [headers[column].strip() for column in columns]
    bounds = {role: found.get(role, []) for role in BOUNDS}
    return Columns(names, at, **_bounds(bounds, headers, ambiguous), ambiguous=ambiguous)


def _bounds(
    found: dict[str, list[tuple[int, Meaning]]], headers: Sequence[str], ambiguous: dict[str, list[str]]
) -> dict[str, Bound | None]:
    """Return the bounds to read: of several pairs, CRISP's own, then frames before times."""
    options = []
    for first in found[BEGIN]:
        for role in (END, DURATION):
            for last in found[role]:
                if _fit(first[1].unit, last[1].unit):
                    order = (max(first[1].rank, last[1].rank), role == DURATION, _order(first), _order(last))
                    options.append((order, first, role, last))
    if not options:
        return dict.fromkeys(BOUNDS)
    order = min(option[0] for option in options)
    best = [option for option in options if option[0] == order]
    for role, columns in (
        (BEGIN, {option[1][0] for option in best}),
        (best[0][2], {option[3][0] for option in best}),
    ):
        if len(columns) > 1:
            ambiguous[role] = [headers[column].strip() for column in sorted(columns)]
    _, first, role, last = best[0]
    bounds: dict[str, Bound | None] = dict.fromkeys(BOUNDS)
    bounds |= {BEGIN: _bound(first), role: _bound(last)}
    lengths = [one for one in found[DURATION] if _fit(first[1].unit, one[1].unit)]
    if role == END and len(lengths) == 1:
        bounds[DURATION] = _bound(lengths[0])
    return bounds


def _bound(one: tuple[int, Meaning]) -> Bound:
    column, meaning = one
    return Bound(column, meaning.unit, meaning.rank == 0)


def _order(one: tuple[int, Meaning]) -> int:
    return UNIT_ORDER.index(one[1].unit)


def _fit(first: str, last: str) -> bool:
    """Return whether two units can be those of one stroke: both frames, or both times."""
    return not first or not last or (first == words.FRAMES) == (last == words.FRAMES)


def _meaning(header: str) -> Meaning | None:
    """Return what a column holds by its header; None if that is not understood."""
    if own := OWN.get(header.lower()):
        return Meaning(*own, rank=0)
    found = split_words(header)
    if len(found) == 1 and (weak := _weak(found[0])):
        return weak
    if not found or not all(word in words.KNOWN for word in found):
        return None
    roles = {words.ROLE_OF[word] for word in found if word in words.ROLE_OF}
    units = {words.UNIT_OF[word] for word in found if word in words.UNIT_OF}
    if len(units) > 1:
        units -= {words.TIME}  # start time in ms
    rank = 1
    if len(roles) == 2 and LABEL in roles:
        roles -= {LABEL}  # the begin, or the player, of a stroke
    elif len(roles) == 2 and VIDEO in roles and roles & {BEGIN, END, FPS}:
        roles, rank = roles - {VIDEO}, 2
    if len(roles) != 1 or len(units) > 1:
        return None
    role = roles.pop()
    unit = units.pop() if units else ""
    if role == LABEL and {"id", "path"} & {*found}:
        return None  # a number of the class
    return Meaning(role, unit if role in BOUNDS else "", rank)


def _weak(word: str) -> Meaning | None:
    if word in words.ROLE_OF or word not in words.WEAK_OF:
        return None
    return Meaning(words.WEAK_OF[word], words.UNIT_OF.get(word, ""), 2)


def split_words(header: str) -> list[str]:
    """Return the words of a header, in lower case and without accents; unknown ones as they are."""
    text = CAMEL.sub(" ", unicodedata.normalize("NFKC", header)).casefold()
    text = unicodedata.normalize("NFC", ACCENTS.sub("", unicodedata.normalize("NFD", text)))
    text = re.sub(r"\bframe[ _-]rate\b", "framerate", text)
    text = re.sub(r"\bsous[ _-]ensemble\b", "sousensemble", text)
    return [word for part in WORD.findall(text) for word in _segments(part)]


def _segments(part: str) -> list[str]:
    """Return the known words of a text without spaces; the text itself if they are not all of it."""
    if part.isascii():
        return [part]
    found, rest = list[str](), part
    while rest:
        word = next((word for word in words.UNSPACED if rest.startswith(word)), "")
        if not word:
            return [part]
        found.append(word)
        rest = rest[len(word) :]
    return found
