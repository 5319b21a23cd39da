"""A preview shows what an import would take, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError

MakeVideo = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "raw" / "a.mp4", frames=50)
    make_video(tmp_path / "raw" / "b.mp4", frames=100, fps=50, seed=1)
    (tmp_path / "raw" / "c.mp4").write_text("no video")
    rows = [
        *(f"a.mp4;{begin / 10};{begin / 10 + 0.4};Hit;train;x" for begin in range(0, 20, 5)),
        "b.mp4;1;3;fh;test;x",
        "c.mp4;0;1.5;Push;;x",
    ]
    (tmp_path / "raw" / "strokes.csv").write_text("\n".join(["Datei;Start;Ende;Schlag;Split;Wetter", *rows]))
    return tmp_path / "raw"


def run(*arguments: str) -> tuple[list[str], str]:
    """The lines of the output, and the warnings."""
    done = CliRunner().invoke(application.app, ["import", *arguments])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.stdout.splitlines(), done.stderr


def test_what_is_shown(folder: Path) -> None:
    before = sorted(folder.parent.rglob("*"))
    lines, told = run("raw", "--preview", "--map", "fh=Forehand", "--ignore", "Push")
    assert sorted(folder.parent.rglob("*")) == before
    assert lines == [
        "layout: csv",
        "preview: 3 videos, 5 strokes, 2 classes; nothing is written",
        "class Forehand: 1 stroke",
        "class Hit: 4 strokes",
        "split test: 1 stroke",
        "split train: 4 strokes",
        "video a.mp4: 50 frames at 25 frames per second, 4 strokes",
        "  0 to 10 (0.000 to 0.400 s): Hit, train",
        "  12 to 22 (0.480 to 0.880 s): Hit, train",
        "  25 to 35 (1.000 to 1.400 s): Hit, train",
        "  and 1 more stroke",
        "video b.mp4: 100 frames at 50 frames per second, 1 stroke",
        "  50 to 100 (1.000 to 2.000 s): Forehand, test",
        "video c.mp4: not usable, no stroke",
        "note: strokes.csv: columns 'datei' as video, 'schlag' as label, 'start' as begin, 'ende' as end",
        "note: strokes.csv: decimal numbers are seconds",
        "note: strokes.csv: not read: columns wetter",
        "note: class 'Push' is left out: 1 stroke",
        "note: class 'fh' is read as 'Forehand': 1 stroke",
    ]
    assert "c.mp4: video would not be used: not a video" in told
    assert "b.mp4: 1 label cut at the end of the video" in told


@pytest.mark.usefixtures("folder")
def test_changes_of_an_earlier_import_are_shown() -> None:
    run("raw", "--name", "tt", "--map", "fh=Forehand")
    assert "class Forehand: 1 stroke" in run("raw", "--name", "tt", "--preview")[0]
    assert "class fh: 1 stroke" in run("raw", "--preview")[0]


@pytest.mark.usefixtures("folder")
def test_a_name_is_needed_to_import() -> None:
    with pytest.raises(CrispError, match=r"data set: bad name[\s\S]*remedy: give it with --name"):
        run("raw")
