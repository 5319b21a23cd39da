"""Write the table of all keys into config/README.md: ``python docs/keys.py``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crisp.study.schema import schema

README = Path(__file__).parents[1] / "config" / "README.md"
BEGIN, END = "<!-- keys -->\n", "<!-- end of keys -->\n"


def rows(part: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """A Markdown row for each key of a schema, nested keys with dots."""
    for key, rule in part["properties"].items():
        if "$ref" in rule:
            rule = {**schema()["$defs"][rule["$ref"].rsplit("/", 1)[1]], **rule}
        name = prefix + key
        if name == "defaults.name":
            continue
        if "properties" in rule:
            yield from rows(rule, f"{name}.")
            continue
        if "items" in rule and "$ref" in rule["items"]:
            yield f"| `{name}` | list | *required* | {rule['description']} |"
            continue
        default = f"`{json.dumps(rule['default'])}`" if "default" in rule else "*required*"
        values = ", ".join(f"`{value}`" for value in rule.get("enum", []) if value) or rule.get(
            "type", "text"
        )
        yield f"| `{name}` | {values} | {default} | {rule.get('description', '')} |"


def table() -> str:
    """The whole table."""
    return "\n".join(["| key | values | default | meaning |", "|---|---|---|---|", *rows(schema())]) + "\n"


def updated(text: str) -> str:
    """`text` with its table replaced."""
    head, rest = text.split(BEGIN)
    return head + BEGIN + table() + END + rest.split(END)[1]


if __name__ == "__main__":
    README.write_text(updated(README.read_text()))
