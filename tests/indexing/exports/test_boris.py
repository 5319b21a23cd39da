"""BORIS: the structure of a project of format 7.0, and what BORIS makes of its events."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from crisp.indexing.exports import boris
from tests.indexing.exports import sample


def project(tmp_path: Path, **changes: Any) -> dict[str, Any]:
    path = tmp_path / "strokes.boris"
    boris.write(path, sample.index(tmp_path / "game.mp4", **changes))
    return json.loads(path.read_text(encoding="utf-8"))


def test_has_all_parts_of_a_project(tmp_path: Path) -> None:
    made = project(tmp_path)
    assert set(made) == {
        "time_format",
        "project_date",
        "project_name",
        "project_description",
        "project_format_version",
        "subjects_conf",
        "behaviors_conf",
        "observations",
        "behavioral_categories",
        "behavioral_categories_config",
        "independent_variables",
        "coding_map",
        "behaviors_coding_map",
        "converters",
    }
    assert made["project_format_version"] == "7.0"


def test_classes_are_state_events_with_keys_of_their_own(tmp_path: Path) -> None:
    behaviours = project(tmp_path)["behaviors_conf"].values()
    assert [one["code"] for one in behaviours] == sample.CLASSES[:2], "no stroke is no behaviour"
    assert {one["type"] for one in behaviours} == {"State event"}
    assert [one["key"] for one in behaviours] == ["1", "2"]


def test_more_classes_than_keys(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(40)]
    made = project(tmp_path, strokes=[], model={"classes": names, "negative": "Negative"})
    keys = [one["key"] for one in made["behaviors_conf"].values()]
    assert len(keys) == 40
    assert len(set(keys[:35])) == 35
    assert keys[35:] == [""] * 5


def test_observation_plays_the_video(tmp_path: Path) -> None:
    observation = project(tmp_path)["observations"]["game"]
    media = str(tmp_path / "game.mp4")
    assert observation["type"] == "MEDIA"
    assert observation["file"] == {"1": [media], **{str(player): [] for player in range(2, 9)}}
    assert observation["media_info"]["fps"] == {media: sample.FPS}
    assert observation["media_info"]["length"] == {media: 4.004}


def test_events_pair_into_the_strokes(tmp_path: Path) -> None:
    """As BORIS does: of a behaviour, events in order of time begin and end it in turn."""
    events = project(tmp_path)["observations"]["game"]["events"]
    by_behaviour: dict[str, list] = defaultdict(list)
    for time, subject, behaviour, modifier, comment, frame in sorted(events, key=lambda event: event[0]):
        assert (subject, modifier) == ("", "")
        assert time == pytest.approx(frame / sample.FPS, abs=0.0005)
        by_behaviour[behaviour].append((frame, comment))
    found = [
        (begin, end, behaviour, comment)
        for behaviour, of in by_behaviour.items()
        for (begin, comment), (end, _) in zip(of[::2], of[1::2], strict=True)
    ]
    first, second, _ = sample.CLASSES
    assert sorted(found) == [
        (0, 15, first, "class 0.70, any stroke 0.88"),
        (40, 61, second, "class 0.40, any stroke 0.50"),
        (90, 120, first, "class 1.00, any stroke 1.00"),
    ]


def test_players_are_subjects(tmp_path: Path) -> None:
    path = tmp_path / "strokes.boris"
    boris.write(path, sample.rally(tmp_path / "game.mp4"))
    made = json.loads(path.read_text(encoding="utf-8"))
    assert [one["name"] for one in made["subjects_conf"].values()] == ["left", "right"]
    events = made["observations"]["game"]["events"]
    assert [event[0] for event in events] == sorted(event[0] for event in events)
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for (
        _,
        subject,
        behaviour,
        _,
        _,
        frame,
    ) in events:  # pairs of each subject's behaviour, as BORIS makes them
        found[subject, behaviour].append(frame)
    first, second, _ = sample.CLASSES
    assert found == {
        ("left", first): [0, 15, 50, 120],
        ("right", first): [5, 20],
        ("right", second): [40, 61],
    }
