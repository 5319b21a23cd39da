"""ELAN documents (.eaf): annotations of tiers, on the first linked video.

Without a choice of tiers, ``strokes`` is taken if there is one, as in the documents of ``crisp index``; else
all that depend on no other. The fields of an annotation are its value (``label``; the name of its tier, if it
has none), tier, participant (``subject``), annotator, type, and the values of the annotations that depend on
it, by their tier and its type.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from crisp.core import xml_files
from crisp.core.errors import CrispError, fail
from crisp.study.importers.discovery import OTHER_FILES
from crisp.study.importers.tools.label_file import LABEL, SUBJECT, TIER, Event, LabelFile, Medium

NAME = "ELAN document"
USUAL = "strokes"  # tier of the documents of crisp index
LONGEST = 15  # digits of a time, ms
CORRECT = "open it in ELAN, and save it again"
UNKNOWN = (math.nan, math.nan)

Times = dict[str, float | None]  # ms, by time slot; None of a slot that is not aligned
Span = tuple[float, float]  # begin and end, ms


class Note(NamedTuple):
    """An annotation: `slots` are empty if it has no time of its own; `parent` is the one it depends on."""

    id: str
    value: str
    slots: tuple[str, ...] = ()
    parent: str = ""


class Tier(NamedTuple):
    """A tier: its attributes, and its annotations in the order of the file."""

    name: str
    about: Mapping[str, str]
    notes: Sequence[Note]


def is_one(path: Path) -> bool:
    """Return whether a file is named as an ELAN document."""
    return path.suffix.lower() == ".eaf"


def read(path: Path) -> LabelFile:
    """Read an ELAN document.

    Raises
    ------
    CrispError
        If it is missing, no XML, no ELAN document, or an annotation refers to what does not exist.
    """
    root = xml_files.read(path, NAME)
    if root.tag != "ANNOTATION_DOCUMENT":
        expected = "root element <ANNOTATION_DOCUMENT>"
        raise fail(path, f"not an {NAME}", expected, f"<{root.tag}>"[:100], "save it in ELAN")
    header = root.find("HEADER")
    units = "" if header is None else header.get("TIME_UNITS", "")
    if units not in ("", "milliseconds"):
        raise fail(path, "times are not in milliseconds", "milliseconds", units[:100], CORRECT)
    tiers = list(_tiers(root))
    medium, origin = _medium(path, header)
    spans = _spans(path, root, tiers)
    dependent = _dependent(tiers)
    for tier in tiers:
        for note in tier.notes:
            begin, end = ((time + origin) / 1000 for time in spans[note.id])
            where = f"tier {tier.name}, annotation {note.id}"
            medium.events.append(Event(begin, end, _fields(tier, note, dependent), where))
    return LabelFile(path, [medium], tiers=_usual(tiers))


def _medium(path: Path, header: Element | None) -> tuple[Medium, float]:
    """Return the first linked video, and the time in it, ms, at which the document's time begins."""
    for linked in header.iter("MEDIA_DESCRIPTOR") if header is not None else ():
        names = [linked.get("RELATIVE_MEDIA_URL", ""), linked.get("MEDIA_URL", "")]
        names = [name for name in names if name]
        sound = linked.get("MIME_TYPE", "").startswith("audio")
        if names and not sound and not OTHER_FILES.fullmatch(Path(names[0]).suffix):
            return Medium(tuple(names)), _number(path, "TIME_ORIGIN", linked.get("TIME_ORIGIN", "0"))
    old = header.get("MEDIA_FILE", "") if header is not None else ""
    return Medium((old or path.stem,), named=bool(old)), 0.0


def _number(path: Path, name: str, text: str) -> float:
    digits = text.strip().removeprefix("-")
    if not digits.isdecimal() or len(digits) > LONGEST:
        raise fail(path, f"bad {name}", "milliseconds", repr(text[:50]), CORRECT)
    return float(text)


def _tiers(root: Element) -> Iterator[Tier]:
    """Yield the tiers; an annotation without a value has that of its entry of a vocabulary."""
    entries = {
        entry.get("CVE_ID", ""): {value.get("LANG_REF"): value.text or "" for value in entry}
        for entry in root.iter("CV_ENTRY_ML")
    }
    for tier in root.iter("TIER"):
        notes = []
        for found in (one for annotation in tier.iter("ANNOTATION") for one in annotation):
            values = entries.get(found.get("CVE_REF", ""), {})
            entry = values.get(tier.get("LANG_REF")) or next(iter(values.values()), "")
            value = (found.findtext("ANNOTATION_VALUE") or "").strip() or entry
            slots = [found.get(name, "") for name in ("TIME_SLOT_REF1", "TIME_SLOT_REF2")]
            timed = tuple(slots) if found.tag == "ALIGNABLE_ANNOTATION" else ()
            notes.append(Note(found.get("ANNOTATION_ID", ""), value, timed, found.get("ANNOTATION_REF", "")))
        yield Tier(tier.get("TIER_ID", ""), tier.attrib, notes)


def _usual(tiers: Sequence[Tier]) -> tuple[str, ...]:
    """Return the tiers that are taken if none is chosen."""
    names = [tier.name for tier in tiers if tier.notes and not tier.about.get("PARENT_REF")]
    strokes = [tier.name for tier in tiers if tier.name.split("@")[0] == USUAL]
    return tuple(dict.fromkeys(strokes or names))


def _spans(path: Path, root: Element, tiers: Sequence[Tier]) -> dict[str, Span]:
    """Return the begin and end of each annotation; not a number if it has none."""
    times: Times = {}
    for slot in root.iter("TIME_SLOT"):
        name, value = slot.get("TIME_SLOT_ID", ""), slot.get("TIME_VALUE")
        times[name] = None if value is None else _number(path, f"time of slot {name}", value)
    spans: dict[str, Span] = {}
    for tier in tiers:
        if missing := [note for note in tier.notes if not times.keys() >= set(note.slots)]:
            raise _missing(path, tier, missing[0], " and ".join(missing[0].slots))
        _align(times, tier.notes)
        for note in tier.notes:
            if note.slots:
                begin, end = times[note.slots[0]], times[note.slots[1]]
                spans[note.id] = UNKNOWN if begin is None or end is None else (begin, end)
    _inherit(path, tiers, spans)
    return spans


def _align(times: Times, notes: Sequence[Note]) -> None:
    """Give slots without time between annotations in a row evenly spaced times, as ELAN does."""
    after = {note.slots[0]: note.slots[1] for note in notes if note.slots}
    for slot in after:
        begin, chain = times[slot], [slot]
        if begin is None:
            continue
        while chain[-1] in after and len(chain) <= len(after):
            chain.append(after[chain[-1]])
            if times[chain[-1]] is not None:
                break
        end = times[chain[-1]]
        for number, inner in enumerate(chain[1:-1], start=1):
            times[inner] = None if end is None else begin + (end - begin) * number / (len(chain) - 1)


def _inherit(path: Path, tiers: Sequence[Tier], spans: dict[str, Span]) -> None:
    """Give annotations without time that of the one on which they depend, if they are its only ones."""
    parents = {note.id: (tier, note) for tier in tiers for note in tier.notes}
    alone = Counter((tier.name, note.parent) for tier, note in parents.values())
    for tier, note in parents.values():
        chain = [(tier, note)]
        while (here := chain[-1][1]).id not in spans and len(chain) <= len(parents):
            if here.parent not in parents:
                raise _missing(path, *chain[-1], here.parent)
            chain.append(parents[here.parent])
        span = spans.get(here.id, UNKNOWN)
        for tier, one in reversed(chain[:-1]):
            span = span if alone[tier.name, one.parent] == 1 else UNKNOWN
            spans[one.id] = span


def _missing(path: Path, tier: Tier, note: Note, found: str) -> CrispError:
    where = f"{path}, tier {tier.name}, annotation {note.id}"
    return fail(
        where, "refers to what the document does not have", "its time or parent", found[:100], CORRECT
    )


def _dependent(tiers: Sequence[Tier]) -> dict[str, dict[str, str]]:
    """Return the values of the annotations that depend on each, by tier and by type of tier."""
    found: dict[str, dict[str, str]] = {}
    for tier in tiers:
        for note in tier.notes:
            if note.parent:
                for name in (tier.name, tier.about.get("LINGUISTIC_TYPE_REF", "")):
                    found.setdefault(note.parent, {}).setdefault(name, note.value)
    return found


def _fields(tier: Tier, note: Note, dependent: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    about = {
        "annotator": tier.about.get("ANNOTATOR", ""),
        "type": tier.about.get("LINGUISTIC_TYPE_REF", ""),
        SUBJECT: tier.about.get("PARTICIPANT", ""),
    }
    return {**dependent.get(note.id, {}), **about, LABEL: note.value or tier.name, TIER: tier.name}
