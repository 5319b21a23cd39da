"""Pages of tables: what stands in them. How they look is tested in test_study_report.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core import html_table
from crisp.core.html_table import Link, Table


def test_cells_remarks_and_links(tmp_path: Path) -> None:
    rows = [["a<b", "95.0 ± 2.1 (folds ± 3.0)", Link("12.50 s", 'v.html?"x"')], ["rgb", "17.0", "1.00 s"]]
    html_table.write_page(
        tmp_path / "one.html", "A & B", "Read <this>.", ["Variant", "Accuracy", "Time"], rows, ["", "5 < 6"]
    )
    text = (tmp_path / "one.html").read_text()
    for part in (
        "<h1>A &amp; B</h1>",
        "<p>Read &lt;this&gt;.</p>",
        '<th class="left">Variant</th><th>Accuracy</th>',
        '<td class="left" data-name="Variant">a&lt;b</td>',
        '<td class="wide" data-name="Accuracy">95.0 ± 2.1 <small>(folds ± 3.0)</small></td>',
        '<a href="v.html?&#34;x&#34;" target="_blank">12.50 s</a>',
        '<tr class="remarked"><td class="left" data-name="Variant">rgb</td>',
        '<td class="remark" colspan="3">5 &lt; 6</td>',
    ):
        assert part in text
    assert text.count('class="remark"') == 1
    assert [path.name for path in tmp_path.iterdir()] == ["one.html"]


@pytest.mark.parametrize(
    ("name", "cell", "classes"),
    [
        ("Video", "player-20", "left"),
        ("Class", "Offensive Forehand Hit", "left long wide"),
        ("Class", "Defensive Backhand Backspin", "left long full"),
        ("Frames", "303 to 321", ""),
        ("Frames", "30300 to 32100", "wide"),
    ],
)
def test_long_words_wrap_and_numbers_do_not(tmp_path: Path, name: str, cell: str, classes: str) -> None:
    html_table.write_page(tmp_path / "one.html", "t", "n", [name], [[cell]])
    said = f' class="{classes}"' if classes else ""
    assert f'<td{said} data-name="{name}">{cell}</td>' in (tmp_path / "one.html").read_text()


def test_several_tables(tmp_path: Path) -> None:
    tables = [Table(["Class"] * count, [], caption=f"Table {count}") for count in (6, 7)]
    html_table.write_tables(tmp_path / "one.html", "t", "n", tables)
    text = (tmp_path / "one.html").read_text()
    assert '<table class="few">\n<caption>Table 6</caption>' in text
    assert '<table class="many">\n<caption>Table 7</caption>' in text


def test_a_row_has_a_cell_for_every_heading(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        html_table.write_page(tmp_path / "one.html", "t", "n", ["Class", "Samples"], [["Hit"]])
    assert list(tmp_path.iterdir()) == []
