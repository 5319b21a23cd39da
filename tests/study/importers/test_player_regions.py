"""Regions at import: of the players that the strokes name, with the groups of these players."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.tables import VideoRow, read_videos
from crisp.workflow import importing

MakeVideo = Callable[..., Path]
REGIONS = "left=0,0,0.5,1; right=0.5,0,1,1"


@pytest.fixture
def folder(make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a", "b")):
        make_video(f"films/{name}.mp4", frames=40, seed=number)
    return Path("films")


def imported(folder: Path, header: str, *lines: str, regions: str = REGIONS) -> dict[str, VideoRow]:
    (folder / "strokes.csv").write_text("\n".join([header, *lines]) + "\n")
    importing.import_dataset(folder, "films", regions=regions)
    return {row.video: row for row in read_videos("config/films/videos.tsv")}


def strokes(video: str) -> list[Stroke]:
    return read_annotation(f"config/films/annotations/classification/{video}.xml")


def test_regions_and_players(folder: Path) -> None:
    rows = imported(
        folder,
        "video,begin,end,label,region,player",
        "a.mp4,0,10,Hit,left,Anna",
        "a.mp4,5,15,Push,right,Ben",
        "b.mp4,0,10,Hit,right,Anna",
    )
    assert (rows["a"].regions, rows["a"].group) == (REGIONS, "left=Anna; right=Ben")
    # Nothing is known of the other half of b.
    assert (rows["b"].regions, rows["b"].group) == ("right=0.5,0,1,1", "right=Anna")
    assert rows["a"].group_of("a@left") == rows["b"].group_of("b@right") == "Anna"
    assert strokes("a") == [Stroke(0, 10, "Hit", "left"), Stroke(5, 15, "Push", "right")]


def test_names_of_players_are_regions(folder: Path) -> None:
    lines = "a.mp4,0,10,Hit,left", "a.mp4,5,15,Push,right"
    rows = imported(folder, "video,begin,end,label,player", *lines)
    assert rows["a"].regions == REGIONS
    assert strokes("a")[1].player == "right"


def test_without_regions_players_are_kept_only_where_they_differ(folder: Path) -> None:
    lines = "a.mp4,0,10,Hit,Anna", "a.mp4,12,15,Push,Ben", "b.mp4,0,10,Hit,Anna"
    rows = imported(folder, "video,begin,end,label,player", *lines, regions="")
    assert [stroke.player for stroke in strokes("a")] == ["Anna", "Ben"]
    assert [stroke.player for stroke in strokes("b")] == [""]
    assert (rows["a"].group, rows["b"].group) == ("", "Anna")
    assert rows["a"].regions == ""


@pytest.mark.parametrize(
    ("regions", "words"),
    [
        ("left=0,0,2,1", "--regions: bad regions"),
        ("left=0,0,.5,1", "stroke of a player who has no region"),
    ],
)
def test_bad_regions_import_nothing(folder: Path, regions: str, words: str) -> None:
    lines = "a.mp4,0,10,Hit,left", "a.mp4,5,15,Push,right"
    with pytest.raises(CrispError) as error:
        imported(folder, "video,begin,end,label,region", *lines, regions=regions)
    assert words in str(error.value)
    assert not Path("config").exists()


def test_one_region_of_two_groups(folder: Path) -> None:
    lines = "a.mp4,0,10,Hit,left,Anna", "a.mp4,12,15,Push,left,Ben"
    with pytest.raises(CrispError, match="bad group"):
        imported(folder, "video,begin,end,label,region,group", *lines)
