"""Read JSON by a schema: all faults of a file are reported before its content is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from jsonschema.validators import extend

from crisp.core import files, plain_text
from crisp.core.errors import CrispError, Fault
from crisp.core.json_schema import VALIDATOR

MOST = 20  # maximum number of reported faults
LONGEST = 300  # maximum characters of a fault; some quote the whole faulty value

# Unlike JSON Schema, Python cannot count to 40.0.
STRICT = extend(
    VALIDATOR,
    type_checker=VALIDATOR.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    ),
)


def read(
    path: str | Path,
    schema: dict[str, Any],
    name: str,
    remedy: str,
    by_hand: str = "",
    expected: str = "JSON",
    plain: bool = True,
) -> Any:
    """Read and validate a JSON file by its schema.

    Parameters
    ----------
    path : path-like
        File to read.
    schema : dict
        JSON schema.
    name : str
        The file's name in messages.
    remedy : str
        How to fix an invalid file.
    by_hand, expected : str
        As for `crisp.core.files.read_json`.
    plain : bool
        Whether to refuse texts with control characters, such as line breaks.

    Returns
    -------
    dict, list, str, int, float, bool or None
        The content.

    Raises
    ------
    CrispError
        If it is missing, damaged, or violates its schema; lists all faults.
    """
    content = files.read_json(path, name, by_hand, expected)
    check(path, content, schema, remedy)
    refuse(path, _odd_texts(content) if plain else (), remedy)
    return content


def check(path: str | Path, content: Any, schema: dict[str, Any], remedy: str) -> None:
    """Raise one error for all parts of a file's content that violate a schema.

    Parameters
    ----------
    path : path-like
        The file, named in messages.
    content : dict, list, str, int, float, bool or None
        What was read from it.
    schema : dict
        JSON schema.
    remedy : str
        How to fix the file.

    Raises
    ------
    CrispError
        If there is any.
    """
    errors = sorted(STRICT(schema).iter_errors(content), key=lambda error: list(map(str, error.path)))
    refuse(path, ((error.json_path, error.message) for error in errors), remedy)


def _odd_texts(content: Any) -> Iterator[tuple[str, str]]:
    for place, text in plain_text.faulty(content):
        yield place, f"text with control characters: {text!r}"


def refuse(path: str | Path, found: Iterable[tuple[str, str]], remedy: str) -> None:
    """Raise one error for all faults of a file, each with its place; do nothing if there are none.

    Parameters
    ----------
    path : path-like
        The file, named in messages.
    found : iterable of (str, str)
        Place and description of each fault.
    remedy : str
        How to fix the file.

    Raises
    ------
    CrispError
        For any fault.
    """
    faults = [Fault(f"{path}, {_shown(where)}", _shown(what), remedy=remedy) for where, what in found]
    if len(faults) > MOST:
        faults[MOST:] = [Fault(str(path), f"{len(faults) - MOST} more faults", remedy=remedy)]
    if faults:
        raise CrispError(*faults)


def _shown(text: str) -> str:
    """Shorten a text for a message by omitting its middle."""
    text = text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"
    return text if plain_text.is_plain(text) else repr(text)
