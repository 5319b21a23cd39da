"""Workbooks as openpyxl, pandas and spreadsheet programs write them."""

from __future__ import annotations

import datetime
import zipfile
from pathlib import Path

import openpyxl
import pytest
from openpyxl.chart import LineChart, Reference

from crisp.core.errors import CrispError
from crisp.study.importers import workbook


def written(path: Path, rows: list[list[object]], formats: dict[str, str] | None = None) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for cell, shown in (formats or {}).items():
        book.active[cell].number_format = shown
    book.save(path)
    return path


def test_cells_as_they_are_shown(tmp_path: Path) -> None:
    time, long = datetime.time(0, 12), datetime.timedelta(hours=1, minutes=2, seconds=3.25)
    rows = [["Übung", 12.5, 0.1 + 0.2, 3.0, None, True], [time, time, long, "1:02.5", None, None]]
    path = written(tmp_path / "a.xlsx", rows, {"A2": "h:mm", "B2": "h:mm:ss", "C2": "[h]:mm:ss.000"})
    (sheet,) = workbook.read(path)
    assert sheet.rows == [
        (1, ["Übung", "12.5", "0.3", "3", "", "TRUE"]),
        # Minutes and seconds, typed as 0:12, are shown so; what shows seconds is hours.
        (2, ["0:12", "0:12:00.000", "1:02:03.250", "1:02.5"]),
    ]
    assert workbook.read(path, most=1)[0].rows == sheet.rows[:1]


def test_formulas_without_a_value_are_known(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [["begin"], ["=12*25"]])
    (sheet,) = workbook.read(path)
    assert sheet.formulas == {(2, 0): "=12*25"}
    assert workbook.letters(27) == "AB"


def test_hidden_sheets_and_empty_rows_are_left_out(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Strokes"
    book.active["B3"] = 1
    book.create_sheet("old").sheet_state = "hidden"
    chart = LineChart()
    chart.add_data(Reference(book.active, min_col=2, min_row=3, max_row=4))
    book.create_chartsheet("chart").add_chart(chart)
    book.save(tmp_path / "a.xlsx")
    assert [(sheet.name, sheet.rows) for sheet in workbook.read(tmp_path / "a.xlsx")] == [
        ("Strokes", [(3, ["", "1"])])
    ]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"video,begin,end,label\n", "damaged, or protected by a password"),
        (b"PK\x03\x04 and more", "damaged, or protected by a password"),
        (b"\x89PNG", "a picture"),
        (b"", "an empty file"),
    ],
)
def test_no_workbook(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(content)
    with pytest.raises(CrispError) as error:
        workbook.read(path)
    (fault,) = error.value.faults
    assert (fault.where, fault.what, fault.found) == (str(path), "workbook cannot be read", found)


def test_another_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(CrispError, match="workbook cannot be read"):
        workbook.read(tmp_path / "a.xlsx")


def damaged(path: Path, part: str, old: bytes, new: bytes) -> None:
    """Replace bytes in a part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert old in parts[part]
    parts[part] = parts[part].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def test_entities_and_broken_xml_are_refused(tmp_path: Path) -> None:
    part, head = "xl/worksheets/sheet1.xml", b"<worksheet"
    bomb = b'<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY big "&lol;&lol;&lol;">]>' + head
    for new in (bomb, b"<worksheet><"):
        path = written(tmp_path / "a.xlsx", [[1]])
        damaged(path, part, head, new)
        with pytest.raises(CrispError, match="workbook cannot be read"):
            workbook.read(path)


def test_an_archive_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.xlsx", [[1]])
    damaged(path, "xl/worksheets/sheet1.xml", b"</worksheet>", b" " * 3_000_000 + b"</worksheet>")
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(workbook, "LARGEST_CONTENT", 2_000_000)
    with pytest.raises(CrispError, match=r"workbook unpacks to too much[\s\S]*at most 2,000,000 bytes"):
        workbook.read(path)


def test_a_cell_that_claims_to_be_far_below(tmp_path: Path) -> None:
    path = written(tmp_path / "a.xlsx", [["a"], ["b"]])
    damaged(path, "xl/worksheets/sheet1.xml", b'r="2"', b'r="2000000000"')
    assert [row for row in workbook.read(path)[0].rows if row[0] > 1] == []


def test_too_many_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 3)
    with pytest.raises(CrispError, match="sheet has too many rows"):
        workbook.read(written(tmp_path / "a.xlsx", [[1]] * 4))
