"""Reading an index: everything that is wrong with it is told before a page is made of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from crisp import files
from crisp.errors import CrispError, Fault
from crisp.study import VALIDATOR

REMEDY = "make it again with crisp index"


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of what the viewer reads."""
    return yaml.safe_load(Path(__file__).with_name("index.schema.yaml").read_text(encoding="utf-8"))


def read(path: str | Path) -> dict[str, Any]:
    """Read an ``index.json``.

    Raises
    ------
    CrispError
        If it is missing, damaged, or not an index of this version; lists all faults.
    """
    by_hand = "crisp index makes an index.json for each video"
    index = files.read_json(path, "index", by_hand, "an index.json of crisp index")
    errors = sorted(VALIDATOR(schema()).iter_errors(index), key=lambda error: list(map(str, error.path)))
    faults = [Fault(f"{path}, {error.json_path}", error.message, remedy=REMEDY) for error in errors]
    if not faults:
        faults = [Fault(f"{path}, {where}", what, remedy=REMEDY) for where, what in _contradictions(index)]
    if faults:
        raise CrispError(*faults)
    return index


def _contradictions(index: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    for key in ("strokes", "truth"):
        for number, stroke in enumerate(index.get(key) or []):
            if stroke["begin"] >= stroke["end"]:
                found.append((f"$.{key}[{number}]", "empty or negative interval"))
    if probabilities := index.get("probabilities"):
        shape = f"rows of {len(probabilities['classes'])} numbers from 0 to 1"
        if probabilities["values"] and not _is_table(
            probabilities["values"], len(probabilities["classes"]), 0, 1
        ):
            found.append(("$.probabilities.values", f"not {shape}"))
    if index.get("roi") and not _is_table(index["roi"], 2, -np.inf, np.inf):
        found.append(("$.roi", "not pairs of numbers"))
    return found


def _is_table(rows: list[Any], columns: int, least: float, most: float) -> bool:
    try:
        table = np.asarray(rows, float)
    except (TypeError, ValueError):
        return False
    finite = table.shape == (len(rows), columns) and np.isfinite(table).all()
    return bool(finite and table.min() >= least and table.max() <= most)
