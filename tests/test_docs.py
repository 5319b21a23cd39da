"""What the documentation points to exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "config").glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_exist(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
        assert target.startswith("http") or (page.parent / target).exists(), target


def test_named_tests_exist() -> None:
    cells = re.findall(
        r"`(tests/[\w/.]+\.py)((?:::\w+)?)`((?:, `::\w+`)*)", (ROOT / "docs/verification.md").read_text()
    )
    assert len(cells) > 15
    for path, first, more in cells:
        for name in re.findall(r"::(\w+)", first + more):
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"
