"""Pages from templates: no text becomes markup, and a missing value is an error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from crisp.core import html_pages
from crisp.core.html_table import Link, Table, write_tables

HOSTILE = "</script><img src=x onerror='alert(1)'>\" {{ 7 * 7 }} {% raw %}"


def test_no_text_of_a_table_becomes_markup(tmp_path: Path) -> None:
    table = Table([HOSTILE, "Class"], [[HOSTILE, Link(HOSTILE, HOSTILE)]], [HOSTILE], HOSTILE)
    write_tables(tmp_path / "one.html", HOSTILE, HOSTILE, [table])
    page = (tmp_path / "one.html").read_text()
    assert "<img" not in page
    assert "</script" not in page
    assert "'alert" not in page
    assert page.count("{{ 7 * 7 }} {% raw %}") == 10, "texts are no templates"


def test_json_never_ends_its_script() -> None:
    content = {"label": HOSTILE, "é": [1, None, "&amp;"]}
    text = html_pages.script_json(content)
    assert "<" not in text
    assert json.loads(text) == content


def test_missing_value_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="note"):
        html_pages.render("core/templates/tables.html", title="t", tables=[])


def test_jinja_is_loaded_with_the_first_page_alone() -> None:
    modules = "crisp.core.html_table, crisp.indexing.viewer, crisp.report.summary"
    check = f"import sys, {modules}; sys.exit('jinja2' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
