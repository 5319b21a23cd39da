"""The JSON schema of a study file: defaults and validation."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from crisp.core import json_schema, strict_yaml
from crisp.core.errors import Fault

# Numbers that arrive as strings: PyYAML follows YAML 1.1 and reads 1e-3 as a string, and Snakemake's
# --config reads all list items as strings.
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def schema() -> dict[str, Any]:
    """Return the JSON schema of a study."""
    return json_schema.schema("study")


def defaults(key: str) -> dict[str, Any]:
    """Return the schema's defaults of an object of the study, including nested objects."""
    config: dict[str, Any] = {key: {}}
    fill_defaults(schema(), config)
    return config[key]


def fill_defaults(part: dict[str, Any], config: dict[str, Any]) -> None:
    """Set the defaults of a schema's properties, in nested objects but not in lists."""
    for key, rule in part.get("properties", {}).items():
        rule = _followed(rule)
        if "default" in rule:
            config.setdefault(key, copy.deepcopy(rule["default"]))
        if isinstance(config.get(key), dict):
            fill_defaults(rule, config[key])


def _followed(rule: dict[str, Any]) -> dict[str, Any]:
    """Return a part of the schema with references resolved."""
    if "$ref" not in rule:
        return rule
    return {**reduce(getitem, rule["$ref"].split("/")[1:], schema()), **rule}


def parse_numbers(part: dict[str, Any], value: Any) -> Any:
    """Convert numbers in `value` by the schema: ``1e-3`` to 0.001, an integer ``10.0`` to 10."""
    rule = _followed(part)
    if isinstance(value, dict):
        parts = [*map(_followed, rule.get("allOf", [])), rule]
        properties = {key: item for part in parts for key, item in part.get("properties", {}).items()}
        return {key: parse_numbers(properties.get(key, {}), item) for key, item in value.items()}
    if isinstance(value, list):
        return [parse_numbers(rule.get("items", {}), item) for item in value]
    if rule.get("type") in ("number", "integer") and isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if rule.get("type") == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def schema_faults(where: str, error: Any) -> list[Fault]:
    """Return the faults of a validation error, with the expected values and the most likely correction."""
    place = ".".join(str(part) for part in error.path) or "top level"
    if error.validator == "additionalProperties" and "properties" in error.schema:
        known = list(error.schema["properties"])
        return [
            Fault(f"{where}, {place}", "unknown key", ", ".join(known), key, _meant(key, known))
            for key in sorted(map(str, set(error.instance) - set(known)))
        ]
    if error.validator == "required":
        return [Fault(f"{where}, {place}", error.message, remedy="add it; see config/README.md")]
    expected, remedy = f"{error.validator} {error.validator_value}", "see config/README.md"
    if error.validator == "enum":
        choices = list(map(str, error.validator_value))
        expected, remedy = ", ".join(choice or "''" for choice in choices), _meant(error.instance, choices)
    if error.validator == "pattern":
        expected = error.schema.get("$comment", expected)
    found = repr(error.instance)
    if (error.validator, error.validator_value) == ("type", "string") and not isinstance(
        error.instance, list | dict
    ):
        text = strict_yaml.written(where, error.absolute_path, error.instance)
        if text:
            found = f"{text}, which YAML reads as {found}"
        remedy = f'put it in quotes: "{text}"' if text else "put it in quotes"
    return [Fault(f"{where}, {place}", "bad value", expected, found[:200], remedy)]


def _meant(given: object, known: Sequence[str]) -> str:
    """Return the remedy for an unknown word: the most similar one, or the right place of a key."""
    lower = {word.lower(): word for word in known}
    if close := difflib.get_close_matches(str(given).lower(), lower, n=1):
        return f"correct the spelling: {lower[close[0]]}?"
    if homes := [home for home in _homes(schema(), str(given)) if home]:
        return f"put it where it belongs: {' or '.join(homes)}"
    return "correct the spelling; see config/README.md"


def _homes(part: dict[str, Any], key: str, place: str = "") -> Iterator[str]:
    """Yield the places of the schema, as dotted keys, that have a key."""
    for name, rule in part.get("properties", {}).items():
        if name == key:
            yield f"{place}{name}"
        inner = _followed(rule)
        yield from _homes(_followed(inner.get("items", inner)), key, f"{place}{name}.")
