"""The sheets of a workbook (XLSX) as texts: what a spreadsheet program shows, as far as it can be known.

A workbook is an archive of XML, which openpyxl reads in parts, with defusedxml. What the archive unpacks to
is limited before, and so are the rows and columns: a single cell can claim to be in row 1,048,576.
"""

from __future__ import annotations

import datetime
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.utils.exceptions import InvalidFileException

from crisp.core.errors import CrispError, fail
from crisp.core.unreadable import ERRORS, check_finite, explained, kind_of

SUFFIXES = (".xlsx", ".xlsm")
LARGEST_FILE = 64 * 1024 * 1024  # bytes; 100,000 strokes are about 5 MB
LARGEST_CONTENT = 512 * 1024 * 1024  # bytes of what the archive unpacks to
MOST_ROWS, MOST_COLUMNS = 200_000, 256
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
        _limit(path)
        values, written = (load_workbook(path, read_only=True, data_only=only) for only in (True, False))
        try:
            return [
                _sheet(sheet, written[sheet.title], path, most)
                for sheet in values.worksheets
                if sheet.sheet_state == "visible"
            ]
        finally:
            values.close()
            written.close()
    except CrispError:
        raise
    except (zipfile.BadZipFile, InvalidFileException, *ERRORS) as error:
        raise _unreadable(path, error) from None
    except Exception as error:  # of the XML parser, or of openpyxl for content against the format
        raise _unreadable(path, ValueError(str(error) or type(error).__name__)) from None


def _unreadable(path: Path, error: Exception) -> CrispError:
    if isinstance(error, OSError):
        return explained(path, error, NAME)
    kind = kind_of(path)
    found = "damaged, or protected by a password" if kind in ("a ZIP archive", "") else kind
    remedy = "save it again as .xlsx, without a password, or as CSV in UTF-8"
    return fail(path, "workbook cannot be read", "a workbook in XLSX", found, remedy)


def _limit(path: Path) -> None:
    """Refuse an archive that unpacks to more than a table can be; zipfile reads no more than it states."""
    with zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > LARGEST_CONTENT:
        remedy = "do not open it if it came from somebody; save the strokes alone as CSV in UTF-8"
        raise fail(
            path, f"{NAME} unpacks to too much", f"at most {LARGEST_CONTENT:,} bytes", f"{size:,}", remedy
        )


def _sheet(values: Any, written: Any, path: Path, most: int | None) -> Sheet:
    rows: list[tuple[int, list[str]]] = []
    formulas: dict[tuple[int, int], str] = {}
    for number, (cells, sources) in enumerate(zip(_rows(values, most), _rows(written, most), strict=True), 1):
        texts = [_text(cell) for cell in cells]
        if number > MOST_ROWS and any(texts):
            what, remedy = "sheet has too many rows", "save the strokes alone, as XLSX or as CSV in UTF-8"
            raise fail(f"{path}, sheet {values.title}", what, f"at most {MOST_ROWS:,}", "more", remedy)
        for column, (text, source) in enumerate(zip(texts, sources, strict=True)):
            if not text and isinstance(source.value, str) and source.data_type == "f":
                formulas[number, column] = source.value
        while texts and not texts[-1]:
            texts.pop()
        if texts:
            rows.append((number, texts))
    return Sheet(values.title, rows, formulas)


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
