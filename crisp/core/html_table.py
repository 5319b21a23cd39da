"""Tables as self-contained HTML pages: light or dark, for the report and phones."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crisp.core.html_pages import write_html

# Headings of text columns; all other columns hold numbers, aligned right.
WORDS = {
    "Baseline",
    "Variant",
    "Split",
    "Decision",
    "Class",
    "First",
    "Second",
    "Method",
    "Backend",
    "Versions",
    "Video",
    "Time",
    "Annotated",
    "Predicted",
    "Likely error",
    "Guess",
    "Rule",
    "Longest job",
    "Part",
    "Key",
    "Annotator",
    "Ratings",
    "Kind",
    "Confused with",
    "Annotated as",
    "Value",
}
LONGEST_LINE = 16  # letters of a text cell that stay on one line
WIDE, FULL = 12, 26  # letters of a cell that takes two columns, or a whole line, on a narrow page
FEW_COLUMNS = 6  # fit on a tablet in portrait


class Link(NamedTuple):
    """A table cell that links to another page."""

    text: str
    target: str


Cells = Sequence[str | Link]


class Table(NamedTuple):
    """A table: `headings`, `rows` with one cell per heading, and `remarks` with one text per row or empty."""

    headings: Sequence[str]
    rows: Sequence[Cells]
    remarks: Sequence[str] = ()
    caption: str = ""


def write_page(
    path: str | Path,
    title: str,
    note: str,
    headings: Sequence[str],
    body: Iterable[Cells],
    remarks: Sequence[str] = (),
) -> None:
    """Write one table as an HTML page that needs no other files except those it links to.

    Parameters
    ----------
    path : path-like
        Page to write.
    title, note : str
        Its heading, and an introduction to the table.
    headings : sequence of str
        Headings in `WORDS` are for text columns, the others for numbers.
    body : iterable of sequences
        Cells of each row, as many as headings.
    remarks : sequence of str, optional
        A text for each row, printed on a separate line below it; empty for none.

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    write_tables(path, title, note, [Table(headings, list(body), remarks)])


class Picture(NamedTuple):
    """A PNG file that a page shows, and its caption; the page holds a copy."""

    path: Path
    caption: str


def write_tables(
    path: str | Path, title: str, note: str, tables: Iterable[Table], pictures: Iterable[Picture] = ()
) -> None:
    """Write several tables, and pictures below them, as one HTML page.

    Parameters
    ----------
    path : path-like
        Page to write.
    title, note : str
        Its heading, and an introduction to the tables.
    tables : iterable of Table
    pictures : iterable of Picture, optional

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    write_html(
        path,
        "core/templates/tables.html",
        title=title,
        note=note,
        tables=map(_laid_out, tables),
        pictures=[(_embedded(one.path), one.caption) for one in pictures],
    )


def text_lines(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table for the terminal, its columns aligned as on a page.

    Parameters
    ----------
    headings : sequence of str
        Headings in `WORDS` are for text columns, the others for numbers.
    rows : iterable of sequence of str
        Cells of each row, as many as headings.

    Returns
    -------
    list of str
        The headings, and a line for each row.
    """
    table = [headings, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for cells in table:
        padded = [
            cell.ljust(width) if name in WORDS else cell.rjust(width)
            for name, cell, width in zip(headings, cells, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    return lines


def _embedded(picture: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def _laid_out(table: Table) -> dict[str, Any]:
    """Return the values of a table in the template."""
    remarks = table.remarks or [""] * len(table.rows)
    return {
        "size": "few" if len(table.headings) <= FEW_COLUMNS else "many",
        "caption": table.caption,
        "headings": [{"text": name, "classes": _side(name)} for name in table.headings],
        "rows": [
            ([_cell(name, cell) for name, cell in zip(table.headings, cells, strict=True)], remark)
            for cells, remark in zip(table.rows, remarks, strict=True)
        ],
    }


def _cell(heading: str, cell: str | Link) -> dict[str, Any]:
    words, target = cell if isinstance(cell, Link) else (cell, "")
    side = _side(heading)
    # The spread over folds is printed below that over seeds.
    head, between, tail = (words, "", "") if side else words.partition(" (")
    # Keep a number with its unit, and the parts of a short name, on one line.
    long = ["long"] if side and len(words) > LONGEST_LINE else []
    size = ["full"] if len(words) > FULL else ["wide"] if len(words) > WIDE else []
    return {
        "heading": heading,
        "text": head,
        "spread": f"({tail}" if between else "",
        "target": target,
        "classes": [*side, *long, *size],
    }


def _side(heading: str) -> list[str]:
    return ["left"] if heading in WORDS else []
