"""Videos are found by what other machines and programs call them."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.study.importers.media_files import MediaFiles


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        "b.mp4",
        "day 1/Match 1.MP4",
        "day 1/clip.mp4",
        "day 2/clip.mp4",
        "day 2/notes.txt",
        ".x/h.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("b.mp4", "b.mp4"),
        (" b.mp4 ", "b.mp4"),
        ("b", "b.mp4"),
        ("day 1\\clip.mp4", "day 1/clip.mp4"),
        ("C:\\Users\\me\\b.mp4", "b.mp4"),
        ("/home/me/videos/b.mp4", "b.mp4"),
        ("file:///media/stick/match 1.mp4", "day 1/Match 1.MP4"),
        ("../b.mp4", "b.mp4"),
        ("match-1", "day 1/Match 1.MP4"),
        ("D:/all/day 2/clip.mp4", "day 2/clip.mp4"),
        ("day 2/clip", "day 2/clip.mp4"),
        ("gone.mp4", "gone.mp4"),
    ],
)
def test_paths(folder: Path, text: str, path: str) -> None:
    media = MediaFiles(folder)
    assert media.path(text) == path
    assert media.find(text) == (path if path != "gone.mp4" else "")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("clip.mp4", "several videos of this name"),
        ("/elsewhere/clip.mp4", "several videos of this name"),
        ("/gone.mp4", "bad video"),
        ("../../gone.mp4", "bad video"),
        ("", "bad video"),
        ("a\tb.mp4", "bad video"),
    ],
)
def test_no_path(folder: Path, text: str, what: str) -> None:
    media = MediaFiles(folder)
    with pytest.raises(ValueError, match=what):
        media.path(text)
    assert media.find(text) == ""


def test_only_what_was_elsewhere_is_told(folder: Path) -> None:
    media = MediaFiles(folder)
    for text in ("b.mp4", "b", "C:\\x\\b.mp4"):
        media.path(text)
    assert media.moved == {"C:\\x\\b.mp4": "b.mp4"}
