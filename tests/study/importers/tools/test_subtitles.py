"""Subtitles written by webvtt-py, by hand, and by ``crisp index``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from webvtt import Caption, WebVTT

from crisp.indexing.exports import webvtt as export
from crisp.study import importers
from crisp.study.annotations import Stroke
from crisp.study.index_file import IndexFile
from tests.indexing.exports import sample
from tests.study.importers.tools import about, imported, refused, rows, strokes

MakeVideo = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("films")
CUES = [
    Caption("00:00:00.400", "00:00:00.800", "Serve"),
    Caption("00:00:01.200", "00:00:02.000", "<v Anna>Push &amp; <i>hit</i></v>"),
    Caption("00:00:02.000", "00:00:02.400", ["two", "lines"]),
]


@pytest.mark.parametrize("suffix", ["vtt", "srt"])
def test_cues_are_strokes(suffix: str) -> None:
    subtitles = WebVTT(captions=CUES)
    path = Path(f"films/a.{suffix}")
    (subtitles.save if suffix == "vtt" else subtitles.save_as_srt)(str(path))
    assert importers.detect_layout(Path("films")) == importers.detect_layout(path) == "subtitles"
    report = imported(path, player_from="none")
    assert strokes() == [Stroke(10, 20, "Serve"), Stroke(30, 50, "Push & hit"), Stroke(50, 60, "two lines")]
    assert not about(report, f"a.{suffix}")


def written(name: str, text: str, encoding: str = "utf-8") -> Path:
    path = Path("films", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def test_voices_are_players() -> None:
    text = (
        "WEBVTT\n\n00:00.400 --> 00:00.800\n<v Anna>Serve\n\n00:00.600 --> 00:01.000\n<v.loud Ben>Ben: Push\n"
    )
    imported(written("a.vtt", text))
    assert strokes() == [Stroke(10, 20, "Serve", "Anna"), Stroke(15, 25, "Push", "Ben")]


ONE = "1\r\n00:00:00,400 --> 00:00:00,800\r\n{}\r\n"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(encoding: str) -> None:
    imported(written("a.srt", ONE.format("Défense"), encoding))
    assert strokes() == [Stroke(10, 20, "Défense")]


@pytest.mark.parametrize(
    "name", ["day 2/match É.srt", "day 2/Match é.en.srt", "Match é/strokes.srt", "x/Match é.srt"]
)
def test_the_video_has_the_name_of_the_file_or_its_folder(name: str) -> None:
    written(name, ONE.format("Hit"))
    imported(Path("films"))
    assert list(rows()) == ["day 2/Match é.mp4"]


def test_the_only_video_of_a_folder() -> None:
    Path("films/day 2/Match é.mp4").unlink()
    imported(written("strokes.srt", ONE.format("Hit")))
    assert strokes() == [Stroke(10, 20, "Hit")]


def test_no_video_of_that_name() -> None:
    refused(written("strokes.srt", ONE.format("Hit")), "the video of these labels is not below the folder")


@pytest.mark.parametrize("index", [sample.index, sample.rally])
def test_round_trip_of_an_index(make_video: MakeVideo, index: Callable[[Path], IndexFile]) -> None:
    found = index(make_video("films/game.mp4", frames=120, fps=sample.FPS))
    export.write(Path("films/game.vtt"), found)
    report = imported(
        Path("films/game.vtt"), regions="left=0,0,0.5,1; right=0.5,0,1,1" if found.players else ""
    )
    expected = sorted(Stroke(one.begin, one.end, one.label, one.player) for one in found.strokes)
    assert strokes("game") == expected
    assert not about(report, "game.vtt")


def test_a_percentage_is_kept_where_not_all_cues_have_one() -> None:
    text = "WEBVTT\n\n00:00.400 --> 00:00.800\nspin 50%\n\n00:00.800 --> 00:01.000\nspin\n"
    imported(written("a.vtt", text))
    assert [one.label for one in strokes()] == ["spin 50%", "spin"]


def test_cues_without_text_or_duration() -> None:
    text = "WEBVTT\n\n00:00.400 --> 00:00.800\n\n00:01.000 --> 00:01.000\nA\n\n00:02.000 --> 00:01.000\nB\n"
    report = imported(written("a.vtt", text))
    assert strokes() == []
    assert len(about(report, "1 label skipped")) == 3


def test_ten_thousand_cues() -> None:
    cues = [
        f"00:{n // 600:02}:{n // 10 % 60:02}.{n % 10}00 --> 00:50:00.000\nPush {n}\n" for n in range(10_000)
    ]
    imported(written("a.vtt", "WEBVTT\n\n" + "\n".join(cues)))
    assert len(strokes()) == 40


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.vtt", "", "an empty file"),
        ("a.srt", "", "an empty file"),
        ("a.vtt", "\n\n", "no text"),
        ("a.vtt", "00:00.400 --> 00:00.800\nA\n", "Invalid format"),
        ("a.vtt", "WEBVTT\n\n00:00.400 --> soon\nA\n", ", line 3: bad times of a cue"),
        ("a.srt", "1\n00:00:00,400 --> 00:61:00,800\nA\n", ", line 2: bad times of a cue"),
        ("a.srt", "1\n00:00:00,400 --> 99999999999:00:00,800\nA\n", ", line 2: bad times of a cue"),
        ("a.srt", "1\n00:00,400 --> 00:01,800\nA\n", ", line 2: bad times of a cue"),
        ("a.vtt", "\0\0\xff", "cannot be read"),
    ],
)
def test_damaged_files(name: str, content: str, words: str) -> None:
    refused(written(name, content, "latin-1"), f"films/{name}[\\s\\S]*{words}")
