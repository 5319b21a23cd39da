"""Groups of clips: by pattern, by column, guessed from names; and none that would follow the class."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study import load
from crisp.study.importers import player_groups
from crisp.study.importers.discovery import FoundVideo
from crisp.study.tables import read_videos
from crisp.workflow import importing

MakeVideo = Callable[..., Path]
PLAYERS = ("anna", "bert", "carl", "dora")


def clips(name: str) -> list[tuple[str, str]]:
    """Two clips of each of two classes of each of four players, named as given."""
    return [
        (name.format(player=player, number=number, label=label, take=take), label)
        for number, player in enumerate(PLAYERS)
        for label in ("Hit", "Push")
        for take in range(2)
    ]


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("p0{number}_{label}_{take}.mp4", {"p00", "p01", "p02", "p03"}),
        ("{label}/Player {number}, take {take}.mp4", {"player0", "player1", "player2", "player3"}),
        ("v_{label}_g0{number}_c0{take}.avi", {"g00", "g01", "g02", "g03"}),
        ("{player}-{label}-{take}.mp4", set(PLAYERS)),
        ("{player}/{take}{label}.mp4", set(PLAYERS)),
        ("{label}-{take}{player}.mp4", set()),  # the first word is the class
        ("{label}/{take}{player}.mp4", set()),
        ("stop{number}_{label}{take}.mp4", set()),  # no player, and one first word
        ("{take}{number}{label}.mp4", set()),
    ],
)
def test_guess(name: str, groups: set[str]) -> None:
    assert set(player_groups.guess(clips(name)).values()) == groups


def test_no_guess_where_groups_would_follow_the_class() -> None:
    """First words of side, hand and stroke, as llb and llf: each is of one class."""
    named = [(f"{side}{hand}{'bf'[label]}-{take}.mp4", "ab"[label]) for side in "lr" for hand in "lr"
             for label in (0, 1) for take in range(4)]  # fmt: skip
    assert player_groups.guess(named) == {}


def test_pattern() -> None:
    videos = [FoundVideo(path) for path in ("day 1/anna-3.mp4", "day 2/bert-4.mp4")]
    player_groups.give(videos, r"/([a-z]+)-")
    assert [video.group for video in videos] == ["anna", "bert"]
    player_groups.give(videos, r"day \d")
    assert [video.group for video in videos] == ["day 1", "day 2"]
    with pytest.raises(CrispError, match="bad pattern"):
        player_groups.give(videos, "(")
    with pytest.raises(CrispError, match=r"finds no group in 1 path[\s\S]*in day 2/bert-4\.mp4"):
        player_groups.give(videos, "(anna)")


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve clips of four players, and nothing of them in the names."""
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        make_video(tmp_path / f"raw/{number:02}.mp4", frames=20, seed=number)
    return tmp_path / "raw"


def table(folder: Path, column: str = "", names: tuple[str, ...] = PLAYERS) -> None:
    rows = [f"{number:02}.mp4,0,20,{'ab'[number % 2]}" for number in range(12)]
    if column:
        rows = [f"{row},{names[number // 3 % len(names)]}" for number, row in enumerate(rows)]
    header = "video,begin,end,label" + (f",{column}" if column else "")
    (folder / "strokes.csv").write_text("\n".join([header, *rows]))


@pytest.mark.parametrize("column", ["group", "Player"])
def test_a_column_of_the_table(folder: Path, column: str) -> None:
    table(folder, column)
    report = importing.import_dataset(folder, "tt")
    assert [row.group for row in read_videos("config/tt/videos.tsv")] == [
        PLAYERS[number // 3] for number in range(12)
    ]
    assert load.load_study("config/tt/study.yaml").split_method == "by_video"
    assert report.warnings == []


def test_unknown_players_are_warned_of(folder: Path) -> None:
    table(folder)
    (warning,) = importing.import_dataset(folder, "tt").warnings
    assert warning.what.startswith("the players of the clips are not known")
    assert load.load_study("config/tt/study.yaml").split_method == "stratified"


def test_guessed_groups_are_reported(folder: Path) -> None:
    for number in range(12):
        (folder / f"{number:02}.mp4").rename(folder / f"{PLAYERS[number // 3]}-{number}.mp4")
    rows = [f"{PLAYERS[number // 3]}-{number}.mp4,0,20,{'ab'[number % 2]}" for number in range(12)]
    (folder / "strokes.csv").write_text("\n".join(["video,begin,end,label", *rows]))
    report = importing.import_dataset(folder, "tt")
    assert report.warnings == []
    assert any(
        "4 groups guessed from the names of the clips: anna, bert, carl, dora" in one for one in report
    )
    assert {row.group for row in read_videos("config/tt/videos.tsv")} == set(PLAYERS)
    assert load.load_study("config/tt/study.yaml").split_method == "by_video"


def test_two_groups_of_a_video(folder: Path) -> None:
    rows = "00.mp4,0,9,a,anna\n00.mp4,9,20,b,bert\n01.mp4,0,20,a,bert\n"
    (folder / "strokes.csv").write_text(f"video,begin,end,label,group\n{rows}")
    with pytest.raises(CrispError, match=r"video 00.mp4: bad group[\s\S]*'anna', 'bert'"):
        importing.import_dataset(folder, "tt")
    assert not Path("config").exists()
    # Two players are in one picture.
    (folder / "strokes.csv").write_text(f"video,begin,end,label,player\n{rows}")
    importing.import_dataset(folder, "tt")
    assert [row.group for row in read_videos("config/tt/videos.tsv")] == ["", "bert"]


def test_option(folder: Path) -> None:
    table(folder, "group")
    importing.import_dataset(folder, "tt", group="^.")
    assert {row.group for row in read_videos("config/tt/videos.tsv")} == {"0", "1"}
