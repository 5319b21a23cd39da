"""Tasks of Label Studio (.json, also JSON-MIN): spans of a video's timeline, boxes in it, spans of its sound.

Frame numbers begin at 1, ends are inclusive, and they count at the ``frameRate`` of the tag ``<Video>``;
spans of sound are in seconds. The fields of a label are its text, its control (``tier``), and what other
controls say of the same region, by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from crisp.core import files, json_file, json_schema
from crisp.core.errors import Fault
from crisp.study.importers.discovery import OTHER_FILES
from crisp.study.importers.tools import sniff
from crisp.study.importers.tools.label_file import LABEL, TIER, Event, LabelFile, Medium

NAME = "export of Label Studio"
REMEDY = "export the project again as JSON"
RATE = "Label Studio counts frames at the frameRate of its <Video> tag, 24 if it states none"
LABELS = ("timelinelabels", "labels")  # keys of the labels of a region
TEXTS = (*LABELS, "choices", "text")
UPLOADED = re.compile(r"^(.*/)?[0-9a-f]{8}-([^/]+)$")  # name of an uploaded file, with what is put before it


def is_one(path: Path) -> bool:
    """Return whether a JSON file begins as an export of Label Studio with labels of videos."""
    head = sniff.head(path, ".json")
    marks = ({'"timelinelabels"'}, {'"videorectangle"'}, {'"result"', '"annotations"'})
    return any(all(mark in head for mark in some) for some in (*marks, {'"annotation_id"', '"lead_time"'}))


def read(path: Path) -> LabelFile:
    """Read the tasks of an export of Label Studio.

    Raises
    ------
    CrispError
        If it is missing, no JSON, or not of Label Studio.
    """
    content = files.read_json(path, NAME, expected="JSON of Label Studio")
    tasks = content if isinstance(content, list) else [content]
    json_file.check(path, tasks, json_schema.schema("label_studio"), REMEDY)
    file = LabelFile(path)
    for number, task in enumerate(tasks, start=1):
        where = f"task {task.get('id', number)}"
        medium = Medium(tuple(_names(task)), where=where)
        file.media.append(medium)
        for name, regions in _regions(_results(task, where, file)):
            medium.events += _events(f"{where}, region {name}", regions)
    if any(not event.seconds for medium in file.media for event in medium.events):
        file.rate = RATE
    return file


def _names(task: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names by which the video of a task may be found: of its key ``video`` first."""
    data = task.get("data", task)
    texts = [data.get("video"), task.get("file_upload"), *data.values()]
    for text in dict.fromkeys(text for text in texts if isinstance(text, str)):
        suffix = Path(text.split("?")[0] or text).suffix
        if "?" in text or (suffix and not OTHER_FILES.fullmatch(suffix)):
            yield text
            if match := UPLOADED.match(text):
                yield match[2]


def _results(task: Mapping[str, Any], where: str, file: LabelFile) -> list[Mapping[str, Any]]:
    """Return the results of the one annotation of a task that counts, or those of a task in JSON-MIN."""
    if "annotations" not in task:
        return [
            {"from_name": name, "value": value}
            for name, values in task.items()
            if isinstance(values, list)
            for value in values
            if isinstance(value, dict)
        ]
    given = [one for one in task["annotations"] if not one.get("was_cancelled")]
    given.sort(key=lambda one: (bool(one.get("ground_truth")), one.get("updated_at") or ""))
    if len(given) > 1:
        what, found = (
            "one of several annotations is taken: the ground truth, or else the last",
            str(len(given)),
        )
        remedy = "to compare people, export and import the annotations of each on their own"
        file.remarks.append(Fault(f"{file.path}, {where}", what, "1", found, remedy))
    return given[-1]["result"] if given else []


def _regions(results: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """Yield results of the same region together, with its id, or its number if it has none."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for number, result in enumerate(results, start=1):
        found.setdefault(result.get("id", f"{number}"), []).append(result)
    yield from found.items()


def _events(where: str, results: list[Mapping[str, Any]]) -> Iterator[Event]:
    """Yield when a region is; it is described by all its results."""
    fields: dict[str, str] = {}
    for result in results:
        value, name = result.get("value", {}), result.get("from_name", "")
        texts: list[Any] | str = next((value[key] for key in TEXTS if value.get(key)), [])
        text = ", ".join(map(str, texts)) if isinstance(texts, list) else texts
        fields[name] = text
        if any(key in value for key in LABELS):
            fields |= {LABEL: text}
    for result in results:
        value = result.get("value", {})
        about = {**fields, TIER: result.get("from_name", ""), LABEL: fields.get(LABEL, "")}
        for span in value.get("ranges", ()):
            yield _span(span["start"], span["end"], about, where)
        if "sequence" in value:
            for begin, end in _lives(value["sequence"], value.get("framesCount", 0)):
                yield _span(begin, end, about, where)
        elif "ranges" not in value and {"start", "end"} <= value.keys():
            bounds = (value["start"], value["end"])
            if all(isinstance(bound, int | float) for bound in bounds):
                yield Event(*bounds, about, where)


def _span(begin: float, end: float, fields: Mapping[str, str], where: str) -> Event:
    """Return the event of frames from 1, the last one included; of a single frame, without duration."""
    first = int(max(begin, 1)) - 1
    return Event(first, first if begin == end else int(end), fields, where, seconds=False)


def _lives(sequence: Iterable[Mapping[str, Any]], count: float) -> Iterator[tuple[float, float]]:
    """Yield the first and last frame of each time that a box exists: until a key frame that ends it."""
    begin: float | None = None
    frame: float = 0
    for key in sorted(sequence, key=lambda key: key["frame"]):
        frame = key["frame"]
        begin = frame if begin is None else begin
        if not key.get("enabled", True):
            yield begin, frame
            begin = None
    if begin is not None:
        yield begin, max(frame, count)
