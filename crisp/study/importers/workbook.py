"""The sheets of a workbook (XLSX) as texts: what a spreadsheet program shows, as far as it can be known.

A workbook is an archive of XML, which openpyxl reads in parts, with defusedxml. What the archive unpacks to
is limited before, and so are the rows and columns: a single cell can claim to be in row 1,048,576.
"""

from __future__ import annotations

import datetime
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from crisp.core.errors import CrispError, fail
from crisp.core.unreadable import check_finite, explained, kind_of

SUFFIXES = (".xlsx", ".xlsm")
LARGEST_FILE = 64 * 1024 * 1024  # bytes; 100,000 strokes are about 5 MB
LARGEST_CONTENT = 512 * 1024 * 1024  # bytes of what the archive unpacks to
MOST_ROWS, MOST_COLUMNS = 200_000, 256
FORMULA = re.compile(rb"<(\w+:)?f[\s>/]")  # its element in the XML of a sheet
NAME = "workbook"


class Sheet(NamedTuple):
    """A sheet: its name, the number and cells of each row, and the formulas of cells without a value."""

    name: str
    rows: list[tuple[int, list[str]]]
    formulas: dict[tuple[int, int], str]


def letters(column: int) -> str:
    """Return the letters by which a spreadsheet names a column, of its index from 0."""
    return get_column_letter(column + 1)


def read(path: Path, most: int | None = None) -> list[Sheet]:
    """Read the visible sheets of a workbook.

    Parameters
    ----------
    path : Path
    most : int, optional
        Number of rows to read of each sheet; default: all.

    Returns
    -------
    list of Sheet
        Empty rows are left out.

    Raises
    ------
    CrispError
        If it is no workbook, damaged, or unpacks to more than can be a table of strokes.
    """
    check_finite(path, NAME, LARGEST_FILE)
    try:
        formulas = _formulas(path, most) if _inspect(path) else {}
        return [
            _sheet(path, sheet.title, _rows(sheet, most), formulas.get(sheet.title, {}))
            for sheet in _visible(path, data_only=True)
        ]
    except CrispError:
        raise
    except Exception as error:  # many kinds: of zipfile, the XML parser, and openpyxl's model of the format
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> CrispError:
    if isinstance(error, OSError):
        return explained(path, error, NAME)
    kind = kind_of(path)
    found = "damaged, or protected by a password" if kind in ("a ZIP archive", "") else kind
    remedy = "save it again as .xlsx, without a password, or as CSV in UTF-8"
    return fail(path, "workbook cannot be read", "a workbook in XLSX", found, remedy)


def _inspect(path: Path) -> bool:
    """Return whether any sheet has a formula; refuse an archive that unpacks to more than a table can be."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        size = sum(part.file_size for part in parts)  # zipfile reads no more than is stated here
        if size > LARGEST_CONTENT:
            what, remedy = "workbook unpacks to too much", "save the strokes alone as CSV in UTF-8"
            raise fail(path, what, f"at most {LARGEST_CONTENT:,} bytes", f"{size:,}", remedy)
        sheets = [part for part in parts if part.filename.startswith("xl/worksheets/")]
        return any(FORMULA.search(archive.read(part)) for part in sheets)


def _visible(path: Path, data_only: bool) -> Iterator[Any]:
    """Yield the visible sheets, with values or else with formulas."""
    book = load_workbook(path, read_only=True, data_only=data_only)
    try:
        yield from (sheet for sheet in book.worksheets if sheet.sheet_state == "visible")
    finally:
        book.close()


def _formulas(path: Path, most: int | None) -> dict[str, dict[tuple[int, int], str]]:
    """Return all formulas by sheet, row and index of the column."""
    return {
        sheet.title: {
            (number, column): str(cell.value)
            for number, cells in enumerate(_rows(sheet, most), 1)
            for column, cell in enumerate(cells)
            if cell.data_type == "f"
        }
        for sheet in _visible(path, data_only=False)
    }


def _sheet(
    path: Path, name: str, cells: Iterable[Iterable[Any]], formulas: dict[tuple[int, int], str]
) -> Sheet:
    rows: list[tuple[int, list[str]]] = []
    unvalued = {}
    for number, row in enumerate(cells, 1):
        texts = [_text(cell) for cell in row]
        if number > MOST_ROWS and any(texts):
            what, remedy = "sheet has too many rows", "save the strokes alone, as XLSX or as CSV in UTF-8"
            raise fail(f"{path}, sheet {name}", what, f"at most {MOST_ROWS:,}", "more", remedy)
        for column, text in enumerate(texts):
            if not text and (number, column) in formulas:
                unvalued[number, column] = formulas[number, column]
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            rows.append((number, texts))
    return Sheet(name, rows, unvalued)


def _rows(sheet: Any, most: int | None) -> Iterator[Iterable[Any]]:
    sheet.reset_dimensions()  # those stated in the file may be wrong
    return iter(sheet.iter_rows(max_row=min(most or MOST_ROWS + 1, MOST_ROWS + 1), max_col=MOST_COLUMNS))


def _text(cell: Any) -> str:
    """Return what a cell shows; of a time formatted without seconds, the hours and minutes."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return format(value, ".15g")
    if isinstance(value, datetime.time | datetime.timedelta):
        return _clock(value, str(cell.number_format))
    return str(value)


def _clock(value: datetime.time | datetime.timedelta, shown: str) -> str:
    if isinstance(value, datetime.time):
        value = datetime.timedelta(
            hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
        )
    minutes, seconds = divmod(round(value / datetime.timedelta(milliseconds=1)), 60_000)
    hours, minutes = divmod(minutes, 60)
    if not seconds and "s" not in shown.lower():
        return f"{hours}:{minutes:02}"
    return f"{hours}:{minutes:02}:{seconds / 1000:06.3f}"
