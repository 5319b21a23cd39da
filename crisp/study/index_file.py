"""Read an ``index.json``: all faults are reported before its content is used."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from crisp.core import json_file, json_schema
from crisp.core.limits import LARGEST_SIDE
from crisp.core.words import counted

NAME = "index.json"
REMEDY = "make it again with crisp index"


def read_index(path: str | Path, whole: bool = False) -> dict[str, Any]:
    """Read an ``index.json``.

    Parameters
    ----------
    path : path-like
    whole : bool
        Whether to require all that ``crisp index`` writes and other files are made from.

    Returns
    -------
    dict

    Raises
    ------
    CrispError
        If it is missing, damaged, or not an index of this version; lists all faults.
    """
    by_hand = "crisp index makes an index.json for each video"
    schema = json_schema.schema("index")
    if whole:
        schema = {**schema, "$ref": "#/$defs/whole"}
    index = json_file.read(path, schema, "index", REMEDY, by_hand, "an index.json of crisp index")
    json_file.refuse(path, _contradictions(index), REMEDY)
    return index


def _contradictions(index: dict[str, Any]) -> Iterator[tuple[str, str]]:
    frames, classes = index["video"]["frames"], index["model"]["classes"]
    for key in ("strokes", "truth"):
        for number, stroke in enumerate(index.get(key) or []):
            if stroke["begin"] >= stroke["end"]:
                yield f"$.{key}[{number}]", "empty or negative interval"
    for number, stroke in enumerate(index["strokes"]):
        if stroke["end"] > frames:
            yield f"$.strokes[{number}].end", f"{stroke['end']} is after the last frame, {frames - 1}"
        if stroke["label"] not in classes:
            yield f"$.strokes[{number}].label", f"{stroke['label']!r} is no class of the model"
        if stroke.get("scores", dict.fromkeys(classes)).keys() != set(classes):
            yield f"$.strokes[{number}].scores", "not those of the classes of the model"
    if probabilities := index.get("probabilities"):
        rows, columns = probabilities["values"], len(probabilities["classes"])
        if not _is_table(rows, columns, 0, 1):
            yield "$.probabilities.values", f"not rows of {columns} numbers from 0 to 1"
        if probabilities["first"] + (len(rows) - 1) * probabilities["stride"] >= frames:
            yield "$.probabilities", f"more than {counted(frames, 'frame')} can have"
    places = index.get("roi") or []
    if not _is_table(places, 2, -LARGEST_SIDE, LARGEST_SIDE):
        yield "$.roi", f"not pairs of numbers, px, at most {LARGEST_SIDE}"
    if (len(places) - 1) * index.get("roi_stride", 1) >= frames:
        yield "$.roi", f"more than {counted(frames, 'frame')} can have"
    seconds = frames / index["video"]["fps"]
    if not math.isclose(index["video"].get("duration", seconds), seconds, rel_tol=0.01, abs_tol=1):
        yield "$.video.duration", f"not that of {counted(frames, 'frame')}, {seconds:g} s"


def _is_table(rows: list[Any], columns: int, least: float, most: float) -> bool:
    if not rows:
        return True
    try:
        table = np.asarray(rows)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    if table.dtype.kind not in "iuf" or table.shape != (len(rows), columns):
        return False
    return bool(np.isfinite(table).all() and table.min() >= least and table.max() <= most)
