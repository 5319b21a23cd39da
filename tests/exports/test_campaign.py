"""Campaign XML: what the annotation reader of a study gives back."""

from __future__ import annotations

from pathlib import Path

from crisp import annotations
from crisp.annotations import Stroke
from crisp.exports import campaign
from tests.exports import sample


def test_read_back(tmp_path: Path) -> None:
    path = tmp_path / "strokes.xml"
    campaign.write(path, sample.index(tmp_path / "game.mp4"))
    first, second, _ = sample.CLASSES
    assert annotations.read(path) == [Stroke(0, 15, first), Stroke(40, 61, second), Stroke(90, 120, first)]


def test_no_strokes(tmp_path: Path) -> None:
    path = tmp_path / "strokes.xml"
    campaign.write(path, sample.index(tmp_path / "game.mp4", strokes=[]))
    assert annotations.read(path) == []
