"""BORIS projects (.boris): state events of the observations of video files.

The fields of an event are its behaviour (``label``), behavioural category (``tier``), subject, modifiers
(all, and ``modifier 1`` and so on), comment, observation and the independent variables of that. The videos
of the first player are labelled; where they follow each other, their lengths in the project say which. BORIS
adds the time offset of an observation to the times that it shows, not to those that it stores.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from crisp.core import json_file, json_schema
from crisp.core.errors import Fault, fail
from crisp.study.importers.tools.label_file import LABEL, SUBJECT, TIER, Event, LabelFile, Medium

NAME = "BORIS project"
REMEDY = "open the project in BORIS, and save it again"
MODIFIERS = "modifiers"
START, STOP, POINT = "START", "STOP", "POINT"


class Coded(NamedTuple):
    """A coded event: `status` is ``START`` or ``STOP`` of a state, or ``POINT``; `time` in s."""

    time: float
    status: str
    fields: Mapping[str, str]
    where: str


def is_one(path: Path) -> bool:
    """Return whether a file is named as a BORIS project."""
    return path.suffix.lower() == ".boris"


def read(path: Path) -> LabelFile:
    """Read a BORIS project.

    Raises
    ------
    CrispError
        If it is missing or no project, or lacks the lengths of videos that follow each other.
    """
    project = json_file.read(
        path, json_schema.schema("boris"), NAME, REMEDY, expected="JSON of BORIS", plain=False
    )
    behaviours = {one["code"]: one for one in project.get("behaviors_conf", {}).values()}
    file = LabelFile(path)
    for name, observation in project["observations"].items():
        kind = observation.get("type", "MEDIA")
        files = observation.get("file") or {}
        media = files.get("1", []) if isinstance(files, dict) else []
        if kind != "MEDIA" or not media:
            what = "observation of no video file, not read"
            file.remarks.append(Fault(f"{path}, observation {name}", what, "type MEDIA, with a file", kind))
            continue
        lengths = observation.get("media_info", {}).get("length", {})
        known = [lengths[one] for one in media if one in lengths]
        where = f"observation {name}"
        variables = {name: str(value) for name, value in observation.get("independent_variables", {}).items()}
        coded = _coded(where, observation["events"], behaviours, variables, file)
        file.media += on_media(f"{path}, {where}", where, media, known, paired(coded))
    return file


def _coded(
    where: str,
    events: Iterable[Sequence[Any]],
    behaviours: Mapping[str, Mapping[str, Any]],
    variables: Mapping[str, str],
    file: LabelFile,
) -> Iterator[Coded]:
    """Yield the events of an observation by time: those of a state begin and end it in turn."""
    begun: dict[tuple[str, ...], bool] = {}
    observation = where.removeprefix("observation ")
    for number, event in sorted(enumerate(events, start=1), key=lambda item: _time(item[1])):
        place = f"{where}, event {number}"
        behaviour = behaviours.get(event[2])
        if behaviour is None or not isinstance(event[0], int | float):
            file.skip(place, "no time" if behaviour else "a behaviour that is not in the ethogram")
            continue
        subject, label, modifiers, comment = (*event[1:5], "", "")[:4]
        status = POINT
        if "state" in behaviour["type"].lower():
            key = subject, label, modifiers
            begun[key] = not begun.get(key, False)
            status = START if begun[key] else STOP
        fields = {
            **variables,
            LABEL: label,
            TIER: behaviour.get("category", ""),
            SUBJECT: subject,
            "comment": comment,
        }
        fields |= {"observation": observation, **modifier_fields(modifiers.split("|"))}
        yield Coded(event[0], status, fields, place)


def _time(event: Sequence[Any]) -> float:
    return event[0] if isinstance(event[0], int | float) else 0


def modifier_fields(modifiers: Sequence[str]) -> dict[str, str]:
    """Return the fields of the modifiers of an event, without those that are ``None``."""
    given = ["" if one.strip() == "None" else one.strip() for one in modifiers]
    numbered = {f"modifier {number}": one for number, one in enumerate(given, start=1)}
    return {**numbered, MODIFIERS: " ".join(one for one in given if one)}


def paired(coded: Iterable[Coded]) -> list[Event]:
    """Return coded events, in order of time, as intervals; an event without its other one has no duration."""
    open_states: dict[tuple[str, ...], Coded] = {}
    found = []
    for one in coded:
        key = tuple(one.fields.get(name, "") for name in (SUBJECT, LABEL, MODIFIERS, "observation"))
        begin = open_states.pop(key, None)
        if one.status == STOP and begin:
            found.append(Event(begin.time, one.time, begin.fields, begin.where))
            continue
        if begin:
            found.append(_point(begin))
        if one.status == START:
            open_states[key] = one
        else:
            found.append(_point(one))
    return [*found, *map(_point, open_states.values())]


def _point(one: Coded) -> Event:
    return Event(one.time, one.time, one.fields, one.where)


def on_media(
    place: str, where: str, names: Sequence[str], lengths: Sequence[float], events: Iterable[Event]
) -> list[Medium]:
    """Distribute the events of an observation over the videos that follow each other in it.

    Parameters
    ----------
    place, where : str
        The observation, with and without its file, for messages.
    names : sequence of str
        Paths of its videos.
    lengths : sequence of float
        Of these, s; may be missing if there is one.
    events : iterable of Event
        In seconds from the begin of the first video.

    Returns
    -------
    list of Medium

    Raises
    ------
    CrispError
        If a length is missing.
    """
    if len(names) > 1 and len(lengths) < len(names):
        expected, found = f"{len(names)} lengths", str(len(lengths))
        what = "lengths of the videos that follow each other are not known"
        raise fail(place, what, expected, found, "import the BORIS project (.boris) that states them")
    begins = [0.0, *accumulate(lengths[: len(names) - 1])]
    media = [Medium((name,), where=where) for name in names]
    for event in events:
        number = max(bisect_right(begins, event.begin) - 1, 0)
        begin, end = event.begin - begins[number], event.end - begins[number]
        media[number].events.append(event._replace(begin=begin, end=end))
    return media
