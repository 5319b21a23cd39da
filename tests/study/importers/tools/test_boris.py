"""BORIS projects in the structure of its user guide and saved projects, and those of ``crisp index``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crisp.indexing.exports import boris as export
from crisp.study import importers, load
from crisp.study.annotations import Stroke
from crisp.study.index_file import IndexFile
from crisp.workflow.check_study import check_study
from tests.indexing.exports import sample
from tests.study.importers.tools import about, imported, refused, rows, strokes

MakeVideo = Callable[..., Path]
pytestmark = pytest.mark.usefixtures("films")
STATES = {"Serve": "State event", "Push": "State event with coding map", "Bounce": "Point event"}


def observation(*events: list[Any], media: tuple[str, ...] = ("a.mp4",), **more: Any) -> dict[str, Any]:
    players = {str(number): [] for number in range(1, 9)}
    return {
        "file": players | {"1": list(media)},
        "type": "MEDIA",
        "date": "2026-03-01T10:00:00",
        "description": "first line\nsecond line",
        "time offset": 12.5,
        "events": list(events),
        "independent_variables": {},
        "media_info": {"length": {}, "fps": {}, "offset": {"1": 0.0}},
        **more,
    }


def project(path: str = "films/game.boris", **observations: dict[str, Any]) -> Path:
    behaviours = {
        str(number): {"type": kind, "key": "s", "code": code, "category": "racket" * (kind != "Point event")}
        for number, (code, kind) in enumerate(STATES.items())
    }
    content = {
        "time_format": "hh:mm:ss",
        "project_format_version": "7.0",
        "subjects_conf": {},
        "behaviors_conf": behaviours,
        "observations": observations,
    }
    Path(path).write_text(json.dumps(content), encoding="utf-8")
    return Path(path)


def test_states_are_paired_by_subject_behaviour_and_modifier() -> None:
    path = project(
        game=observation(
            [0.4, "Anna", "Serve", "", "", 10],
            [0.8, "Ben", "Serve", "", "", 20],
            [1.2, "Anna", "Serve", "", "", 30],
            [1.4, "Anna", "Push", "Topspin|None", "", 35],
            [1.6, "Ben", "Serve", "", "", 40],
            [1.8, "Anna", "Push", "Topspin|None", "", 45],
        )
    )
    assert importers.detect_layout(Path("films")) == importers.detect_layout(path) == "boris"
    imported(path)
    assert strokes() == [
        Stroke(10, 30, "Serve", "Anna"),
        Stroke(20, 40, "Serve", "Ben"),
        Stroke(35, 45, "Push", "Anna"),
    ]


def test_events_out_of_order_and_adjacent_states() -> None:
    imported(
        project(
            game=observation(
                [1.2, "", "Serve", "", ""],
                [0.4, "", "Serve", "", ""],
                [0.8, "", "Serve", "", ""],
                [0.8, "", "Serve", "", ""],
            )
        )
    )
    assert strokes() == [Stroke(10, 20, "Serve"), Stroke(20, 30, "Serve")]


def test_what_is_no_stroke_is_counted() -> None:
    report = imported(
        project(
            game=observation(
                [0.4, "", "Bounce", "", ""],
                [0.6, "", "Bounce", "", ""],
                [0.8, "", "Push", "", ""],
                [0.9, "", "Dance", "", ""],
                [None, "", "Push", "", ""],
            ),
            live=observation(type="LIVE", file=[]),
        )
    )
    assert strokes() == []
    (points,) = about(report, "3 labels skipped: no end (a point event), or no duration")
    assert "observation game, event 1" in points.found
    assert about(report, "1 label skipped: a behaviour that is not in the ethogram")
    assert about(report, "1 label skipped: no time")
    assert (
        about(report, "observation of no video file, not read")[0].where
        == "films/game.boris, observation live"
    )


def test_modifiers_and_variables_in_class_and_player() -> None:
    seen = observation(
        [0.4, "Anna", "Push", "Topspin|Cross", ""],
        [0.8, "Anna", "Push", "Topspin|Cross", ""],
        independent_variables={"table": "3"},
    )
    path = project(game=seen)
    imported(path, label_from=("label", "modifiers"), player_from="table")
    assert strokes() == [Stroke(10, 20, "Push Topspin Cross")]
    assert rows()["a.mp4"].group == "3"


def test_a_category_is_a_tier() -> None:
    path = project(game=observation([0.4, "", "Push", "", ""], [0.8, "", "Push", "", ""]))
    refused(path, "--tier: no label is in this tier[\\s\\S]*racket", tiers=("feet",))
    imported(path, tiers=("racket",))
    assert strokes() == [Stroke(10, 20, "Push")]


def test_videos_that_follow_each_other() -> None:
    media = ("C:\\lab\\a.mp4", "C:\\lab\\day 2\\Match é.mp4")
    both = observation(
        [3.6, "", "Push", "", ""],
        [4.4, "", "Push", "", ""],
        [4.4, "", "Serve", "", ""],
        [4.8, "", "Serve", "", ""],
    )
    both["file"]["1"] = list(media)
    both["media_info"]["length"] = {media[0]: 4.0, media[1]: 2.0}
    report = imported(project(game=both))
    assert strokes("a") == [Stroke(90, 100, "Push")]
    assert strokes("Match") == [Stroke(10, 20, "Serve")]
    assert about(report, "1 label cut at the end of the video")


def test_unknown_lengths_of_videos_that_follow_each_other() -> None:
    path = project(game=observation(media=("a.mp4", "Match é.mp4")))
    refused(path, "observation game: lengths of the videos that follow each other are not known")


def test_two_observations_of_a_video() -> None:
    one = observation([0.4, "Anna", "Push", "", ""], [0.8, "Anna", "Push", "", ""])
    two = observation([0.6, "Ben", "Push", "", ""], [1.0, "Ben", "Push", "", ""])
    report = imported(project(one=one, two=two))
    assert [one.player for one in strokes()] == ["Anna", "Ben"]
    (fault,) = about(report, "labelled several times")
    assert fault.found == "films/game.boris, observation one, films/game.boris, observation two"


def test_overlapping_states_are_imported_and_reported_by_the_check() -> None:
    events = (
        [0.4, "", "Serve", "", ""],
        [1.2, "", "Serve", "", ""],
        [0.8, "", "Push", "", ""],
        [1.6, "", "Push", "", ""],
    )
    imported(project(game=observation(*events)))
    assert strokes() == [Stroke(10, 30, "Serve"), Stroke(20, 40, "Push")]
    found = check_study(load.load_study("config/tt/study.yaml"), ["config/tt/study.yaml"])
    assert "overlap" in " ".join(fault.what for part in found for fault in part)


@pytest.mark.parametrize("index", [sample.index, sample.rally])
def test_round_trip_of_an_index(make_video: MakeVideo, index: Callable[[Path], IndexFile]) -> None:
    found = index(make_video("films/game.mp4", frames=120, fps=sample.FPS))
    export.write(Path("films/strokes.boris"), found)
    report = imported(Path("films"), regions="left=0,0,0.5,1; right=0.5,0,1,1" if found.players else "")
    expected = sorted(Stroke(one.begin, one.end, one.label, one.player) for one in found.strokes)
    assert strokes("game") == expected
    assert not about(report, "strokes.boris")


def test_ten_thousand_events() -> None:
    events = [[number * 0.002, "Anna" * (number % 3), "Push", "", "", 0] for number in range(10_000)]
    imported(project(game=observation(*events)))
    assert len(strokes()) > 100


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "an empty file"),
        ("{", "cannot be read"),
        ("[]", r"\$: \[\] is not of type 'object'"),
        (
            '{"observations": {"x": {"events": [[0, "", 5]]}}}',
            r"\$.observations.x.events\[0\]\[2\]: 5 is not",
        ),
        ('{"observations": {"x": {"events": [[NaN, "", "a"]]}}}', r"\$.observations.x.events\[0\]\[0\]"),
        ('{"observations": {"x": {"events": [[1e300, "", "a"]]}}}', r"\$.observations.x.events\[0\]\[0\]"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_damaged_projects(content: str, words: str) -> None:
    Path("films/a.boris").write_text(content)
    refused(Path("films"), f"films/a.boris.*[\\s\\S]*{words}")


def test_other_encodings() -> None:
    path = project(game=observation([0.4, "", "Push", "", ""], [0.8, "", "Push", "", ""]))
    text = path.read_text()
    path.write_text("\ufeff" + text, encoding="utf-8")
    imported(path)
    assert strokes() == [Stroke(10, 20, "Push")]
    path.write_text(text, encoding="utf-16")
    with pytest.raises(Exception, match="save it again as UTF-8"):
        imported(path)
