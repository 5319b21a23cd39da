"""Write tab-separated tables."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crisp.core.cells import guarded
from crisp.core.files import replacing


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
        If the file cannot be written (see :func:`crisp.core.files.replacing`).
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
