"""Read and write the tables that CRISP makes."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from crisp.core.cells import guarded
from crisp.core.files import replacing
from crisp.core.limits import LARGEST_TEXT
from crisp.core.unreadable import reading, reason

T = TypeVar("T")


def write_table(path: str | Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a tab-separated results table.

    Parameters
    ----------
    path : path-like
        File to write.
    columns : iterable of str
        Header.
    rows : iterable of iterables
        Cells of each row: a float is written with six decimals, a bool as yes or no, None as an empty cell.

    Raises
    ------
    CrispError
        If the file cannot be written (see `crisp.core.files.replacing`).
    """
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(map(_cell, row) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6f}" if isinstance(value, float) else str(guarded(value))


def read_table(
    path: str | Path,
    name: str,
    columns: Sequence[str],
    convert: Callable[[dict[str, str]], T],
    rule: str = "",
    delimiter: str = "\t",
) -> list[T]:
    """Read a table that CRISP has written.

    Parameters
    ----------
    path : path-like
    name : str
        Name of the table in messages.
    columns : sequence of str
        Columns that it must have; there may be more.
    convert : callable
        Makes the result of a row from its cells by column; raises ValueError for a bad cell.
    rule : str
        The workflow rule that makes the table.
    delimiter : str
        A tab, with unquoted cells, or a comma.

    Returns
    -------
    list
        The result of `convert` for each row.

    Raises
    ------
    CrispError
        If it is missing or unreadable, lacks a column, or has a bad row; the message gives the line.
    """
    expected = f"columns {', '.join(columns)[:200]}"
    with (
        reading(path, name, expected, rule, largest=LARGEST_TEXT),
        open(path, encoding="utf-8", newline="") as file,
    ):
        reader = csv.DictReader(
            file, delimiter=delimiter, quoting=csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
        )
        if missing := [column for column in columns if column not in (reader.fieldnames or ())]:
            raise ValueError(f"no column {', '.join(sorted(missing))[:200]}")
        found = []
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num}: wrong number of cells")
            try:
                found.append(convert(row))
            except (ArithmeticError, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"line {reader.line_num}: {reason(error)}") from None
        return found
