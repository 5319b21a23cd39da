"""Strict YAML: only the features that a study needs.

A duplicate key is a fault (YAML libraries use the last one). So are aliases that multiply
the content, unlimited nesting, and Snakemake's templates, whose values are Python code.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from crisp.core import unreadable
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.unicode_forms import compose, composed
from crisp.core.unreadable import explained, kind_of

LARGEST_FILE = 1024 * 1024  # bytes; a study of 20 classes and as many variants is below 10 kB
MOST_VALUES = 20_000  # with aliases expanded
DEEPEST = 50  # nesting of mappings and lists; a study has five levels
# PyYAML raises the last four for invalid numbers and dates, e.g. 2026-13-01.
READING = (OSError, yaml.YAMLError, ValueError, TypeError, AttributeError, OverflowError)
TEMPLATE = "__use_yte__"  # at the top level: Snakemake then evaluates values that begin with ? as Python


class _Loader(yaml.SafeLoader):
    """A loader that stops if a file expands beyond the limits."""

    def __init__(self, path: str | Path, text: str) -> None:
        super().__init__(text)
        self.name = str(path)
        self._depth = 0
        self._values = 0
        self._sizes: dict[yaml.Node, int] = {}  # values in a complete node, aliases expanded

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node with its children, and count them, with aliases expanded."""
        mark = self.peek_event().start_mark
        line = f"{mark.name}, line {mark.line + 1}"
        is_alias = self.check_event(yaml.AliasEvent)
        self._depth += 1
        self._values += 1
        if self._depth > DEEPEST:
            raise _unlike(line, "nested too deeply", f"at most {DEEPEST} levels", "more")
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is None or (is_alias and node not in self._sizes):
            raise _unlike(line, "an alias contains itself", "a finite value", "itself")
        self._sizes[node] = 1 + sum(map(self._sizes.__getitem__, _inside(node)))
        if max(self._values, self._sizes[node]) > MOST_VALUES:
            raise _unlike(
                line, "holds too many values", f"at most {MOST_VALUES:,}, aliases written out", "more"
            )
        return node


def read_yaml(path: str | Path) -> Any:
    """Read the content of a study file.

    Raises
    ------
    CrispError
        If it is missing, too large, not YAML, a Snakemake template, endless, or holds an invalid
        character; or for each duplicate key, with its line.
    """
    try:
        loader = _Loader(path, _text(Path(path)))
        root = loader.get_single_node()
        # Before constructing the content, as that merges the nodes that `<<` refers to.
        if faults := list(_faults(root, str(path), set())):
            raise CrispError(*sorted(faults, key=_line))
        content = loader.construct_document(root) if root else None
    except FileNotFoundError:
        raise fail(
            path,
            "study file is missing",
            "a YAML file",
            f"nothing{unreadable.counted_from(path)}",
            "correct the path, or change to the folder that it is relative to",
        ) from None
    except READING as error:
        if isinstance(error, OSError) or kind_of(path):
            raise explained(path, error, "study file", "YAML") from None
        raise fail(path, "study file cannot be read", "YAML", error, "see config/README.md") from None
    return content


def written(path: str | Path, place: Iterable[str | int], value: Any) -> str:
    """Return a value, or a key, as it is written in a study file, for example ``No`` for False.

    Parameters
    ----------
    path : path-like
        The file.
    place : iterable of str or int
        Keys and indices down to the value, or to the mapping that has it as a key.
    value
        What YAML reads.

    Returns
    -------
    str
        Empty if the file cannot be read, or has no such value.
    """
    try:
        loader = _Loader(path, _text(Path(path)))
        node = loader.get_single_node()
        for key in place:
            node = dict(_items(loader, node))[key]
        return node.value if isinstance(node, yaml.ScalarNode) else _keys(loader, node)[value]
    except (CrispError, KeyError, *READING):
        return ""


def _items(loader: _Loader, node: yaml.Node | None) -> Iterator[tuple[Any, yaml.Node]]:
    """Yield the values of a mapping or sequence with their keys or indices."""
    if isinstance(node, yaml.MappingNode):
        yield from ((composed(loader.construct_object(key)), value) for key, value in node.value)
    elif isinstance(node, yaml.SequenceNode):
        yield from enumerate(node.value)


def _keys(loader: _Loader, node: yaml.Node | None) -> dict[Any, str]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {loader.construct_object(key): key.value for key, _ in pairs}


def _text(path: Path) -> str:
    if path.exists() and not path.is_file():
        raise explained(path, OSError(), "study file", "YAML")
    if (size := path.stat().st_size) > LARGEST_FILE:
        raise fail(
            path,
            "study file is too large",
            f"at most {LARGEST_FILE} bytes",
            f"{size} bytes",
            "correct the path",
        )
    return path.read_text(encoding="utf-8")


def _unlike(where: str, what: str, expected: str, found: str) -> CrispError:
    remedy = "correct the file; inspect it first if you received it from somebody"
    return fail(where, f"not a study: {what}", expected, found, remedy)


def _inside(node: yaml.Node) -> Iterator[yaml.Node]:
    """Yield the direct children of a node, including keys of a mapping."""
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _faults(node: yaml.Node | None, path: str, seen: set[yaml.Node]) -> Iterator[Fault]:
    """Yield the faults of a node and its descendants; each node is visited once (aliases)."""
    if node is None or node in seen:
        return
    root = not seen
    seen.add(node)
    if isinstance(node, yaml.ScalarNode):
        yield from _no_text(node, path)
    elif isinstance(node, yaml.MappingNode):
        if root:
            yield from _template(node, path)
        yield from _repeated(node, path)
    for item in _inside(node):
        yield from _faults(item, path, seen)


def _line(fault: Fault) -> int:
    return int(fault.where.rsplit(" ", 1)[1])


def _template(node: yaml.MappingNode, path: str) -> Iterator[Fault]:
    for key, _ in node.value:
        if key.value == TEMPLATE:
            yield Fault(
                f"{path}, line {key.start_mark.line + 1}",
                "this file can run Python code: it asks Snakemake to render it as a template",
                "a study file without templates",
                TEMPLATE,
                "write out the values and delete the key; do not use the file if it came from somebody",
            )


def _no_text(node: yaml.ScalarNode, path: str) -> Iterator[Fault]:
    """Report NUL and lone surrogates, which YAML can escape but no file name or file can hold."""
    if any(sign == "\0" or "\ud800" <= sign <= "\udfff" for sign in node.value):
        yield Fault(
            f"{path}, line {node.start_mark.line + 1}",
            "an invalid character",
            "text that can be written as UTF-8, without NUL",
            repr(node.value),
            "remove it",
        )


def _repeated(node: yaml.MappingNode, path: str) -> Iterator[Fault]:
    """Yield a fault for each duplicate key of a mapping."""
    first: dict[Any, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            continue  # not a valid key: reported when the content is constructed
        name = compose(key.value)
        if name in first:
            yield Fault(
                f"{path}, line {line}",
                f"key {name!r} occurs twice",
                "each key once",
                f"also in line {first[name]}",
                "delete one of the two",
            )
        first.setdefault(name, line)
