"""What ``crisp index`` wrote is imported: the same strokes and labels come back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core import files
from crisp.core.errors import CrispError
from crisp.indexing.exports import csv_table
from crisp.study import index_file
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.index_file import IndexFile
from crisp.study.tables import read_annotations, read_videos
from crisp.workflow import importing
from tests.indexing.exports import sample

MakeVideo = Callable[..., Path]
FOUND = [Stroke(one.begin, one.end, one.label) for one in sample.index(Path()).strokes]


@pytest.fixture
def found(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two videos of two folders, indexed into ``found/game`` and ``found/match-2``."""
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(["games/game.mp4", "matches/match 2.mp4"]):
        video = make_video(tmp_path / "videos" / name, frames=120, fps=30, seed=seed)
        index(tmp_path / "found", video)
    return tmp_path / "found"


def index(found: Path, video: Path) -> None:
    """Write what an index of a video writes, as far as an import reads it."""
    content = sample.content(video)
    content["video"] |= {"id": video.stem.replace(" ", "-"), "sha256": files.sha256(video)}
    folder = found / content["video"]["id"]
    folder.mkdir(parents=True)
    files.write_json(folder / "index.json", content)
    csv_table.write(folder / "strokes.csv", IndexFile.from_json(content))


def imported() -> dict[str, list[Stroke]]:
    """Strokes by the path of their video."""
    paths = {row.video: row.path for row in read_videos("config/mine/videos.tsv")}
    rows = read_annotations("config/mine/annotations.tsv")
    return {paths[row.video]: read_annotation(Path("config/mine", row.path)) for row in rows}


@pytest.mark.parametrize("source", ["found/game", "found/game/strokes.csv"])
def test_one_video(found: Path, source: str) -> None:
    report = importing.import_dataset(source, "mine")
    assert report.layout == "index"
    assert imported() == {"game.mp4": FOUND}
    assert Path("data/mine").resolve() == found.parent / "videos/games"


def test_a_folder_of_videos(found: Path) -> None:
    importing.import_dataset(found, "mine")
    assert imported() == {"games/game.mp4": FOUND, "matches/match 2.mp4": FOUND}
    assert Path("data/mine").resolve() == found.parent / "videos"


def test_players_and_their_regions(found: Path) -> None:
    indexed = replace(sample.rally(Path("videos/games/game.mp4")), digest=None)
    index_file.write_index(found / "game/index.json", indexed)
    csv_table.write(found / "game/strokes.csv", indexed)
    importing.import_dataset(found, "mine")
    rows = {row.path: row for row in read_videos("config/mine/videos.tsv")}
    assert rows["games/game.mp4"].regions == "left=0,0,0.5,1; right=0.5,0,1,1"
    assert rows["matches/match 2.mp4"].regions == ""
    assert imported()["games/game.mp4"] == sorted(
        Stroke(one.begin, one.end, one.label, one.player) for one in indexed.strokes
    )
    assert imported()["matches/match 2.mp4"] == FOUND
    path = found / "game/strokes.csv"
    path.write_text(path.read_text().replace(",left,", ',"le\x07ft",', 1))
    with pytest.raises(CrispError, match="bad player"):
        importing.import_dataset(found, "other")


def test_labels_corrected_in_the_table_count(found: Path) -> None:
    path = found / "game/strokes.csv"
    path.write_text(path.read_text().replace(f",{FOUND[0].label},", ",Smash,", 1))
    importing.import_dataset(found / "game", "mine")
    assert imported()["game.mp4"][0] == FOUND[0]._replace(label="Smash")


def test_a_video_that_was_moved_beside_its_table(found: Path) -> None:
    Path("videos/games/game.mp4").rename(found / "game/game.mp4")
    importing.import_dataset(found / "game", "mine")
    assert imported() == {"game.mp4": FOUND}
    assert Path("data/mine").resolve() == found / "game"


def test_a_table_alone_finds_the_videos_beside_it(found: Path) -> None:
    (found / "game/strokes.csv").rename("videos/games/strokes.csv")
    report = importing.import_dataset("videos/games", "mine")
    assert report.layout == "csv"
    assert imported() == {"game.mp4": FOUND}


def test_missing_videos_end_with_one_error(found: Path) -> None:
    video = Path("videos/games/game.mp4")
    video.unlink()
    done = CliRunner().invoke(application.app, ["import", str(found / "game"), "--name", "mine"])
    assert isinstance(done.exception, CrispError)
    (fault,) = done.exception.faults
    assert (fault.where, fault.what) == (
        str(found / "game/strokes.csv"),
        "the video of these strokes is missing",
    )
    assert fault.expected == str(video.absolute())
    assert not Path("config").exists()
    assert not Path("data").exists()

    report = importing.import_dataset(found, "mine")
    assert fault in report.warnings
    assert imported() == {"match 2.mp4": FOUND}


def test_another_video_of_the_same_name_is_told(found: Path, make_video: MakeVideo) -> None:
    make_video("videos/games/game.mp4", frames=120, fps=30, seed=7)
    (warning,) = [
        one for one in importing.import_dataset(found / "game", "mine").warnings if "was indexed" in one.what
    ]
    assert warning.found == files.sha256("videos/games/game.mp4")


def test_damaged_index(found: Path) -> None:
    (found / "game/index.json").write_text("{")
    with pytest.raises(CrispError, match="index cannot be read"):
        importing.import_dataset(found, "mine")
    assert not Path("config").exists()


def test_strokes_of_another_video_are_refused(found: Path) -> None:
    (found / "match-2/strokes.csv").write_text((found / "game/strokes.csv").read_text())
    with pytest.raises(CrispError, match=r"strokes of another video[\s\S]*keep only those of match-2"):
        importing.import_dataset(found, "mine")
