"""Tables that CRISP has written: each fault is reported with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.csv_table import read_table
from crisp.core.errors import CrispError


def read(path: Path, delimiter: str = "\t") -> list[tuple[str, int]]:
    return read_table(
        path, "table", ("name", "count"), lambda row: (row["name"], int(row["count"])), delimiter=delimiter
    )


def test_rows_are_converted_and_further_columns_ignored(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_text('name\tnote\tcount\n"a"\tx\t1\nb\t\t2\n')
    assert read(path) == [('"a"', 1), ("b", 2)]
    path.write_text('name,count\n"a, b",1\n')
    assert read(path, ",") == [("a, b", 1)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("name\na\n", "no column count"),
        ("name\tcount\na\t1\nb\n", "line 3: wrong number of cells"),
        ("name\tcount\na\t1\t2\n", "line 2: wrong number of cells"),
        ("name\tcount\na\t1\nb\tmany\n", "line 3: invalid literal"),
    ],
)
def test_a_fault_is_reported_with_its_line(tmp_path: Path, text: str, found: str) -> None:
    path = tmp_path / "table.tsv"
    path.write_text(text)
    with pytest.raises(CrispError, match=rf"table\.tsv: table cannot be read[\s\S]*found: {found}"):
        read(path)
