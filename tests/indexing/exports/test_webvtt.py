"""WebVTT: what webvtt-py reads."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import pytest
import webvtt

from crisp.indexing.exports import webvtt as subtitles
from tests.indexing.exports import sample


def test_cues_are_read(tmp_path: Path) -> None:
    path, content = tmp_path / "strokes.vtt", sample.index(tmp_path / "game.mp4")
    subtitles.write(path, content)
    cues = list(webvtt.read(str(path)))
    assert [unescape(cue.text) for cue in cues] == [
        f"{one.label} {percent}" for one, percent in zip(content.strokes, ("70%", "40%", "100%"), strict=True)
    ]
    assert "-->" not in cues[1].text, "would end the cue"
    for cue, one in zip(cues, content.strokes, strict=True):
        assert cue.start_in_seconds == int(one.begin / sample.FPS)
        assert cue.end == subtitles._time(one.end / sample.FPS)
    assert cues[1].start == "00:00:01.335"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (59.9996, "00:01:00.000"), (3723.004, "01:02:03.004"), (360000, "100:00:00.000")],
)
def test_times(seconds: float, text: str) -> None:
    assert subtitles._time(seconds) == text


def test_no_strokes_is_still_webvtt(tmp_path: Path) -> None:
    path = tmp_path / "strokes.vtt"
    subtitles.write(path, sample.index(tmp_path / "game.mp4", strokes=[]))
    assert list(webvtt.read(str(path))) == []


def test_who_is_meant_is_said_in_voice_and_words(tmp_path: Path) -> None:
    path = tmp_path / "strokes.vtt"
    subtitles.write(path, sample.rally(tmp_path / "game.mp4"))
    cues = list(webvtt.read(str(path)))
    assert [cue.voice for cue in cues] == ["left", "right", "right", "left"]
    assert unescape(cues[2].text) == f"right: {sample.CLASSES[1]} 40%"
