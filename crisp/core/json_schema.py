"""The JSON schemas of all files that CRISP reads, and their validator."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

LARGEST = sys.float_info.max


def _is_finite(_: object, value: object) -> bool:
    """Return whether a value is a finite float; NaN and infinity would pass the schema's bounds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_whole(checker: object, value: Any) -> bool:
    """Return whether a value is an integer; bounds apply to numbers only."""
    return _is_finite(checker, value) and float(value).is_integer()


VALIDATOR = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_finite, "integer": _is_whole}
    ),
)


@cache
def schema(name: str) -> dict[str, Any]:
    """Return a schema of this package by name."""
    path = Path(__file__).parents[1] / "schemas" / f"{name}.schema.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))
