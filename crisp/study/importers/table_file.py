"""Files of cells: CSV and other separated text, and the sheets of a workbook, all as rows of texts.

Text is UTF-8, UTF-16 with a byte order mark, or else Windows-1252; its cells are separated by comma,
semicolon or tab, or as a first line ``sep=;`` states.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from crisp.core.errors import fail
from crisp.core.limits import LARGEST_TEXT
from crisp.core.unicode_forms import compose
from crisp.core.unreadable import check_finite
from crisp.study.importers import workbook

TEXTS = (".csv", ".tsv", ".txt")
NAME = "table of strokes"
HEAD = 1024 * 1024  # bytes in which the header of a text is looked for
OLD = {".xls", ".ods", ".numbers"}  # tables that are not read: their programs save what is
MARKS = {codecs.BOM_UTF16_LE: "UTF-16", codecs.BOM_UTF16_BE: "UTF-16", codecs.BOM_UTF8: "UTF-8-sig"}
FALLBACK = "Windows-1252"
DECLARED = re.compile(r'"?sep=(.)"?\s*', re.IGNORECASE)  # first line that Excel writes and reads
DELIMITERS = {"\t": "tabs", ";": "semicolons", ",": "commas"}


@dataclass(frozen=True)
class Grid:
    """The cells of a text, separated in one way, or of a sheet.

    Attributes
    ----------
    path : Path
    form : str
        How they were read, for messages: ``UTF-8 text separated by commas``, ``sheet Strokes``.
    rows : list of (int, list of str)
        Number of each line or row in the file, from 1, and its cells.
    encoding : str
        Of a text; empty for a sheet.
    delimiter : str
        Of the cells of a text; empty for a sheet.
    sheet : str
        Name of a sheet; empty for a text.
    formulas : dict
        Formula of each cell that has no value, by line and index of the column.
    """

    path: Path
    form: str
    rows: list[tuple[int, list[str]]]
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    formulas: dict[tuple[int, int], str] = field(default_factory=dict)

    def line(self, number: int) -> str:
        """Return the place of a row, for messages."""
        return (
            f"{self.path}, sheet {self.sheet}, row {number}" if self.sheet else f"{self.path}, line {number}"
        )

    def cell(self, number: int, column: int) -> str:
        """Return the place of a cell, for messages: as a spreadsheet names it, or the line of a text."""
        if self.sheet:
            return f"{self.path}, sheet {self.sheet}, cell {workbook.letters(column)}{number}"
        return self.line(number)


def is_table(path: Path) -> bool:
    """Return whether a file's name is that of a text or workbook with tables."""
    return path.suffix.lower() in (*TEXTS, *workbook.SUFFIXES)


def read(path: Path, most: int | None = None) -> list[Grid]:
    """Read a file: a workbook as a grid for each visible sheet, a text as one for each way to separate cells.

    Parameters
    ----------
    path : Path
    most : int, optional
        Number of lines or rows to read; default: all.

    Returns
    -------
    list of Grid
        Without those that have no row.

    Raises
    ------
    CrispError
        If it is a pipe, too large, no workbook, or of a format that is not read.
    OSError, ValueError, csv.Error
        If it cannot be read, is no text, or has an endless cell.
    """
    if path.suffix.lower() in OLD:
        kind = path.suffix.lower().removeprefix(".")
        remedy = "save it as .xlsx or as CSV in UTF-8, then import that"
        raise fail(path, f"tables of the format {kind} are not read", "CSV, TSV or XLSX", kind, remedy)
    if path.suffix.lower() in workbook.SUFFIXES:
        return [
            Grid(path, f"sheet {sheet.name}", sheet.rows, sheet=sheet.name, formulas=sheet.formulas)
            for sheet in workbook.read(path, most)
            if sheet.rows
        ]
    return list(_texts(path, most))


def head(path: Path) -> str:
    """Return the first lines of a text, of a large file those in its first `HEAD` bytes.

    Raises
    ------
    CrispError
        If it is a pipe.
    OSError, ValueError
        If it cannot be read, or is no text.
    """
    return _decoded_head(path)[0]


def _decoded_head(path: Path) -> tuple[str, str]:
    check_finite(path, NAME, LARGEST_TEXT)
    with path.open("rb") as file:
        content = file.read(HEAD)
    if len(content) == HEAD:  # without the last line, which may be cut within a letter
        content = content[: content.rfind(b"\n") + 1 + content.startswith(codecs.BOM_UTF16_LE)]
    return decoded(content)


def _texts(path: Path, most: int | None) -> Iterator[Grid]:
    check_finite(path, NAME, LARGEST_TEXT)
    text, encoding = decoded(path.read_bytes()) if most is None else _decoded_head(path)
    lines = io.StringIO(compose(text), newline="")
    first = lines.readline()
    declared = DECLARED.fullmatch(first)
    skipped = int(declared is not None)
    if not declared:
        lines.seek(0)
    begin = lines.tell()
    for delimiter in declared[1] if declared else DELIMITERS:
        lines.seek(begin)
        reader = csv.reader(lines, delimiter=delimiter)
        rows = [(skipped + reader.line_num, cells) for cells in islice(reader, most)]
        if rows:
            name = DELIMITERS.get(delimiter, repr(delimiter))
            yield Grid(path, f"{encoding} text separated by {name}", rows, encoding, delimiter)


def decoded(content: bytes) -> tuple[str, str]:
    """Return a text and its encoding: as its byte order mark says, else UTF-8 or Windows-1252.

    Raises
    ------
    ValueError
        If it is no text.
    """
    for mark, encoding in MARKS.items():
        if content.startswith(mark):
            return content.decode(encoding), encoding.removesuffix("-sig")
    try:
        return content.decode("utf-8"), "UTF-8"
    except UnicodeDecodeError:
        if b"\0" in content:
            raise
        return content.decode(FALLBACK), FALLBACK
