"""Write the study file of an import: every key with its default, and its description as a comment."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from crisp.study.schema import schema

MODELS = ("rgb", "flow", "twin")
HEAD = "The study of data set {}. Every key is here; one that keeps its default may be deleted."


def content(folder: Path, link: Path, classes: list[str], method: str) -> dict[str, Any]:
    """Return the initial content of a study file, before preset and data.

    Parameters
    ----------
    folder : Path
        Folder of the two tables; its name is that of the data set and of the study.
    link : Path
        Link to the videos.
    classes : list of str
        Names found.
    method : str
        Method of the split.

    Returns
    -------
    dict
    """
    dataset = folder.name
    return {
        "study": dataset,
        "dataset": {
            "name": dataset,
            "data": "" if link == Path("data", dataset) else link.as_posix(),
            "videos": (folder / "videos.tsv").as_posix(),
            "annotations": (folder / "annotations.tsv").as_posix(),
        },
        "classes": classes,
        "negatives": {},
        "split": {"method": method},
        "variants": variants(),
    }


def variants(models: Sequence[str] = MODELS) -> list[dict[str, Any]]:
    """Return a variant of each model, by its name."""
    return [{"name": model, "model": model} for model in models]


def text(values: dict[str, Any], marks: Mapping[str, str], about: Sequence[str]) -> str:
    """Return the text of a complete study file.

    Parameters
    ----------
    values : dict
        Values that differ from the defaults, as in a study.
    marks : mapping
        Comments by dotted key.
    about : sequence of str
        Lines about the study, for its header.

    Returns
    -------
    str
    """
    head = _comments([HEAD.format(values["dataset"]["name"]), *about], "")
    return "\n".join([*head, *_object(schema(), values, marks, "", "")]) + "\n"


def _comments(texts: Iterable[str], margin: str) -> list[str]:
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text,
            100,
            initial_indent=f"{margin}# ",
            subsequent_indent=f"{margin}# ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    ]


def _object(
    rule: dict[str, Any], values: dict[str, Any], marks: Mapping[str, str], place: str, margin: str
) -> list[str]:
    lines = []
    for key, part in rule["properties"].items():
        if "$ref" in part:
            part = {**schema()["$defs"][part["$ref"].rsplit("/", 1)[1]], **part}
        if key not in values and "default" not in part:
            continue  # a variant's name cannot be among the shared keys
        if "description" in part:
            lines += _comments([part["description"]], margin)
        value = values.get(key, part.get("default"))
        mark = f"  # {marks[place + key]}" if place + key in marks else ""
        if "properties" in part:
            lines += [f"{margin}{key}:{mark}", *_object(part, value, marks, f"{place}{key}.", margin + "  ")]
        elif isinstance(value, list) and key in ("classes", "variants"):
            lines += [f"{margin}{key}:{mark}", *(f"{margin}  - {_flow(item)}" for item in value)]
        else:
            lines.append(f"{margin}{key}: {_flow(value)}{mark}")
    return lines


def _flow(value: Any) -> str:
    """Format a value on one line; strings are quoted, so that class names are always strings."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
