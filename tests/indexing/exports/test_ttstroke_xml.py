"""Campaign XML: what the annotation reader of a study gives back."""

from __future__ import annotations

from pathlib import Path

from crisp.indexing.exports import ttstroke_xml
from crisp.study.annotations import Stroke, read_annotation
from tests.indexing.exports import sample


def test_read_back(tmp_path: Path) -> None:
    path = tmp_path / "strokes.xml"
    ttstroke_xml.write(path, sample.index(tmp_path / "game.mp4"))
    first, second, _ = sample.CLASSES
    assert read_annotation(path) == [Stroke(0, 15, first), Stroke(40, 61, second), Stroke(90, 120, first)]


def test_no_strokes(tmp_path: Path) -> None:
    path = tmp_path / "strokes.xml"
    ttstroke_xml.write(path, sample.index(tmp_path / "game.mp4", strokes=[]))
    assert read_annotation(path) == []


def test_strokes_keep_their_players(tmp_path: Path) -> None:
    path = tmp_path / "strokes.xml"
    ttstroke_xml.write(path, sample.rally(tmp_path / "game.mp4"))
    assert [(one.begin, one.player) for one in read_annotation(path)] == [
        (0, "left"),
        (5, "right"),
        (40, "right"),
        (50, "left"),
    ]
