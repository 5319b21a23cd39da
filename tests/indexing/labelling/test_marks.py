"""Classes of the command line."""

from __future__ import annotations

import pytest

from crisp.core.errors import CrispError
from crisp.indexing.labelling.marks import parse_marks


def test_digits_are_given_in_order() -> None:
    marks = parse_marks(",".join(f"class {number}" for number in range(12)))
    assert [mark.key for mark in marks] == [*"123456789", "", "", ""]
    assert marks[11] == ("class 11", "", "")


def test_own_keys_and_colours() -> None:
    marks = parse_marks("a:F, b b :#E03131 ,c:2:#0000ff,d:#00ff00:x,e")
    assert marks == (
        ("a", "f", ""),
        ("b b", "1", "#e03131"),
        ("c", "2", "#0000ff"),
        ("d", "x", "#00ff00"),
        ("e", "3", ""),
    )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a,,b", "bad name of a class"),
        (":f", "bad name of a class"),
        ("a,Unknown", "bad name of a class"),
        ("a\x07", "bad name of a class"),
        ("a, a", "two classes of one name"),
        ("a:f,b:F", "two classes with one key"),
        ("a:i", "neither key nor colour: 'i'"),
        ("a:fg", "neither key nor colour: 'fg'"),
        ("a:#12345", "neither key nor colour: '#12345'"),
        ("a:?", "neither key nor colour"),
        ("a:f:g", "neither key nor colour: 'g'"),
        ("a:", "neither key nor colour: ''"),
    ],
)
def test_bad_classes(text: str, fault: str) -> None:
    with pytest.raises(CrispError, match="--classes") as raised:
        parse_marks(text)
    assert fault in str(raised.value)
