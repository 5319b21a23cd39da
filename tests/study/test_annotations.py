"""Annotation XML: what is written reads back, bad files are refused with their reason."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core import xml_files
from crisp.core.errors import CrispError
from crisp.core.unicode_forms import compose
from crisp.study import annotations
from crisp.study.annotations import Stroke, is_unknown, read_annotation, write_annotation

labels = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn"])).map(
    lambda text: " ".join(compose(text).split())
)
strokes = st.builds(
    lambda begin, length, label: Stroke(begin, begin + length, label),
    st.integers(0, 10**7),
    st.integers(1, 10**6),
    labels,
)


@settings(max_examples=40)
@given(st.lists(strokes, max_size=8))
def test_round_trip(written: list[Stroke]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_annotation(Path(folder, "a.xml"), written)
        assert read_annotation(Path(folder, "a.xml")) == sorted(written)


def test_reads_the_layout_of_ttstroke21(tmp_path: Path) -> None:
    path = tmp_path / "1.xml"
    path.write_text(
        '<video><action begin="400" end="500"/>'
        '<action begin="144" end="276" move=" Defensive  Forehand Push"/></video>'
    )
    assert read_annotation(path) == [Stroke(400, 500), Stroke(144, 276, "Defensive Forehand Push")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<video><action", "not well-formed XML"),
        ("", "annotation file cannot be read"),
        ('<!DOCTYPE v [<!ENTITY a "aaaa">]><video>&a;</video>', "DOCTYPE is refused"),
        ('<!DOCTYPE video SYSTEM "video.dtd"><video/>', "DOCTYPE is refused"),
        ('<?xml version="1.0" encoding="klingon"?><video/>', "annotation file cannot be read"),
        ('<?xml version="1.0" encoding="big5"?><video/>', "annotation file cannot be read"),
        ("<videos/>", "not an annotation file"),
        ('<video><action begin="5" end="5"/></video>', "action 1: empty or negative interval"),
        ('<video><action begin="9" end="5"/></video>', "action 1: empty or negative interval"),
        ('<video><action begin="-1" end="5"/></video>', "action 1: bad begin"),
        ('<video><action begin="1.5" end="5"/></video>', "action 1: bad begin"),
        ('<video><action begin="1"/></video>', "action 1: bad end"),
        (f'<video><action begin="{"9" * 5000}" end="5"/></video>', "action 1: bad begin"),
        ('<video><action begin="1" end="999999999999999999"/></video>', "action 1: bad end"),
        ('<video><action begin="1" end="100000001"/></video>', "action 1: bad end"),
        ('<video><action begin="1" end="²"/></video>', "action 1: bad end"),
        ('<video><action begin="1" end="5" move="a&#x9b;31m"/></video>', "action 1: bad move"),
    ],
)
def test_bad_files(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(content)
    with pytest.raises(CrispError, match=message) as error:
        read_annotation(path)
    assert str(path) in str(error.value)


def test_every_bad_action_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "bad.xml"
    path.write_text(
        '<video><action begin="5" end="1"/><action begin="1" end="2"/><action begin="x" end="-2"/></video>'
    )
    with pytest.raises(CrispError) as error:
        read_annotation(path)
    assert [(fault.where, fault.what) for fault in error.value.faults] == [
        (f"{path}, action 1", "empty or negative interval"),
        (f"{path}, action 3", "bad begin"),
        (f"{path}, action 3", "bad end"),
    ]


def test_actions_with_faults_keep_what_they_have(tmp_path: Path) -> None:
    path = tmp_path / "bad.xml"
    path.write_text('<video><action begin="x" end="99" move="Hti"/><action begin="5" end="1"/></video>')
    first, second = annotations.read_actions(path)
    assert first[:3] == (None, 99, "Hti")
    assert second[:3] == (5, 1, "")
    assert [fault.what for fault in (*first.faults, *second.faults)] == [
        "bad begin",
        "empty or negative interval",
    ]


def test_huge_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.xml"
    with path.open("wb") as file:
        file.truncate(xml_files.LARGEST_FILE + 1)
    with pytest.raises(CrispError, match="annotation file is too large"):
        read_annotation(path)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="annotation file is missing"):
        read_annotation(tmp_path / "none.xml")
    with pytest.raises(CrispError, match="annotation file cannot be read"):
        read_annotation(tmp_path)


def test_unknown_in_any_case() -> None:
    assert all(map(is_unknown, ["Unknown", "UNKNOWN", "unknown"]))
    assert not is_unknown("")
