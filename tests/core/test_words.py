"""Words of messages that depend on numbers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from crisp.core.words import counted, few

CRISP = Path(__file__).parents[2] / "crisp"
NOUNS = "videos|strokes|samples|files|frames|clips|rows|windows|jobs|packets"


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 videos"), (1, "1 video"), (2, "2 videos"), (12345, "12,345 videos")]
)
def test_counted(number: int, said: str) -> None:
    assert counted(number, "video") == said


def test_irregular() -> None:
    assert counted(1, "class", "classes") == "1 class"
    assert counted(3, "class", "classes") == "3 classes"


def test_few() -> None:
    assert few(["a", "b"], 2) == "a, b"
    assert few(["a"] * 1234, 2) == "a, a and 1,232 more"
    assert few([], 2) == ""


def test_no_message_has_a_plural_of_its_own() -> None:
    """What stands behind a number that may be 1; constants are always more, decimals are plural."""
    pattern = re.compile(
        rf"(?<!clip of )\{{(?!size\b|shrink\b|name\b|fps\b)[a-z][^{{}}]*(?<!:\.1f)\}} ({NOUNS})\b(?!/s)"
    )
    found = [
        f"{path.name}: {line.strip()}"
        for path in sorted(CRISP.rglob("*.py"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if pattern.search(line)
    ]
    assert found == []
