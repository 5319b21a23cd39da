"""YAML as people mean it: a key that is there twice is a fault, where YAML libraries take the last one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from crisp import files
from crisp.errors import CrispError, Fault, fail
from crisp.unreadable import explained, kind_of


def read(path: str | Path) -> Any:
    """Content of a study file.

    Raises
    ------
    CrispError
        If it is missing or not YAML, or for each key that a mapping has twice, with its line.
    """
    try:
        loader = yaml.SafeLoader(Path(path).read_text(encoding="utf-8"))
        root = loader.get_single_node()
        # Before the content is made of them: that merges the nodes that `<<` refers to.
        faults = list(_repeated(root, str(path), set()))
        content = loader.construct_document(root) if root else None
    except FileNotFoundError:
        raise fail(
            path,
            "study file is missing",
            "a YAML file",
            f"nothing{files.counted_from(path)}",
            "correct the path, or go to the folder that it counts from",
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        if isinstance(error, OSError) or kind_of(path):
            raise explained(path, error, "study file", "YAML") from None
        raise fail(path, "study file cannot be read", "YAML", error, "see config/README.md") from None
    if faults:
        raise CrispError(*faults)
    return content


def _repeated(node: yaml.Node | None, path: str, seen: set[yaml.Node]) -> Iterator[Fault]:
    """A fault for each repeated key in a node and below it; no node is looked at twice (aliases)."""
    if not isinstance(node, yaml.CollectionNode) or node in seen:
        return
    seen.add(node)
    first: dict[Any, int] = {}
    for item in node.value:
        if isinstance(node, yaml.MappingNode):
            key, item = item
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                continue  # it cannot be a key: constructing the content says so
            if key.value in first:
                yield Fault(
                    f"{path}, line {line}",
                    f"key {key.value!r} is there twice",
                    "each key once",
                    f"also in line {first[key.value]}",
                    "delete one of the two",
                )
            first.setdefault(key.value, line)
        yield from _repeated(item, path, seen)
