"""The study file that an import writes: every key with its default, its reason as a comment."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

from crisp.study import schema

NEGATIVE = "Negative"  # TTStroke-21's name for "no stroke"
MODELS = ("rgb", "flow", "twin")


def text(folder: Path, link: Path, classes: list[str], trimmed: bool, given: bool) -> str:
    """Text of a complete study file.

    Parameters
    ----------
    folder : holds the two tables; its name is that of the data set and of the study.
    link : leads to the videos.
    classes : names found.
    trimmed : whether every labelled video is one stroke from end to end.
    given : whether all annotations have a split.
    """
    dataset = folder.name
    negatives: dict[str, Any] = {}
    if trimmed:
        # No gaps to cut negatives from: a class of that name has clips of its own.
        negatives = {"share": 0} if NEGATIVE in classes else {"share": 0, "class": ""}
    elif NEGATIVE not in classes:
        classes = [NEGATIVE, *classes]
    # A study needs two classes; where only bounds are annotated there is nothing to train yet.
    if len(classes) < 2:
        classes = sorted({NEGATIVE, "Stroke", *classes})
    values = {
        "study": dataset,
        "dataset": {
            "name": dataset,
            "data": "" if link == Path("data", dataset) else link.as_posix(),
            "videos": (folder / "videos.tsv").as_posix(),
            "annotations": (folder / "annotations.tsv").as_posix(),
        },
        "classes": classes,
        "negatives": negatives,
        # Clips of one recording would be parted by a split by video.
        "split": {"method": "given" if given else "stratified" if trimmed else "by_video"},
        "variants": [{"name": model, "model": model} for model in MODELS],
    }
    head = f"# The study of data set {dataset}. Every key is here; one that keeps its default may be deleted."
    return "\n".join([head, *_object(schema(), values, "")]) + "\n"


def _object(rule: dict[str, Any], values: dict[str, Any], margin: str) -> list[str]:
    lines = []
    for key, part in rule["properties"].items():
        if "$ref" in part:
            part = {**schema()["$defs"][part["$ref"].rsplit("/", 1)[1]], **part}
        if key not in values and "default" not in part:
            continue  # the name of a variant has no place in what variants share
        if "description" in part:
            lines += textwrap.wrap(
                part["description"], 100, initial_indent=f"{margin}# ", subsequent_indent=f"{margin}# "
            )
        value = values.get(key, part.get("default"))
        if "properties" in part:
            lines += [f"{margin}{key}:", *_object(part, value, margin + "  ")]
        elif isinstance(value, list) and key in ("classes", "variants"):
            lines += [f"{margin}{key}:", *(f"{margin}  - {_flow(item)}" for item in value)]
        else:
            lines.append(f"{margin}{key}: {_flow(value)}")
    return lines


def _flow(value: Any) -> str:
    """A value on one line; strings are quoted, so that no class name can be taken for something else."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
