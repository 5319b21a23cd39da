"""Projects of VIA 3 (.json): temporal segments, in seconds.

The fields of a segment are its attributes by name; ``label`` is the first that belongs to segments and has a
value. Segments without an end, and regions of the picture, are no strokes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from crisp.core import json_file, json_schema
from crisp.core.errors import fail
from crisp.study.importers.tools import sniff
from crisp.study.importers.tools.label_file import LABEL, Event, LabelFile, Medium

NAME = "VIA project"
REMEDY = "save the project in VIA again"
SEGMENT = "FILE1_Z2_XY0"  # anchor of the attributes of a temporal segment of one file


def is_one(path: Path) -> bool:
    """Return whether a JSON file begins as a project of VIA 3."""
    head = sniff.head(path, ".json")
    return '"anchor_id"' in head or '"fid_list"' in head


def read(path: Path) -> LabelFile:
    """Read a project of VIA 3.

    Raises
    ------
    CrispError
        If it is missing, no JSON or no such project, or a segment refers to a file that is not in it.
    """
    schema = json_schema.schema("via")
    project = json_file.read(path, schema, NAME, REMEDY, expected="JSON of VIA 3", plain=False)
    views = {
        name: Medium(_names(path, name, view, project["file"]), where=f"view {name}")
        for name, view in project["view"].items()
    }
    attributes = project.get("attribute", {})
    for name, segment in project["metadata"].items():
        where, view = f"segment {name}", str(segment["vid"])
        if view not in views:
            raise fail(f"{path}, {where}", "its view is not in the project", "a view", view[:100], REMEDY)
        if times := segment["z"]:
            fields = _fields(segment["av"], attributes)
            views[view].events.append(Event(times[0], times[-1], fields, where))
    return LabelFile(path, list(views.values()))


def _names(path: Path, name: str, view: Mapping[str, Any], files: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the name and address of the file that a view shows; of several, of the first."""
    shown = next((files.get(str(number)) for number in view["fid_list"]), None)
    if shown is None:
        found = str(view["fid_list"])[:100]
        raise fail(f"{path}, view {name}", "its file is not in the project", "a file", found, REMEDY)
    names = (shown["fname"], shown.get("src", ""))
    return tuple(name for name in names if name and not name.startswith("data:"))


def _fields(values: Mapping[str, Any], attributes: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    label = ""
    for number, attribute in attributes.items():
        text = _text(str(values.get(number, "")), attribute.get("options", {}))
        fields[attribute["aname"]] = text
        if attribute.get("anchor_id", SEGMENT) == SEGMENT:
            label = label or text
    return {LABEL: label, **fields}


def _text(value: str, options: Mapping[str, str]) -> str:
    """Return the value of an attribute: the text of its option, or of several by commas."""
    chosen = [value] if value in options else value.split(",")
    return ", ".join(options[one] for one in chosen) if options.keys() >= set(chosen) else value
