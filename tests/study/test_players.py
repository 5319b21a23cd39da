"""Regions of a video: each player's strokes, gaps, groups and files are the player's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study import samples, splits, tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.players import view_of
from crisp.study.samples import Sample
from crisp.study.tables import VideoRow
from tests.lab import Lab, MakeVideo, told

REGIONS = "left=0,0,0.5,1; right=0.5,0,1,1"
NARROW = "left=0,0,0.1,1; right=0.5,0,1,1"
ACTION = "xml/train.xml, action 1"
BOTH = [
    Stroke(0, 10, "Hit", "left"),
    Stroke(0, 10, "Push", "right"),  # at the same time
    Stroke(5, 20, "Hit", "right"),
    Stroke(25, 35, "Push", "left"),
]
SMALL = [{"name": "rgb", "size": [8, 20, 20]}]


@pytest.fixture
def lab(make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(tmp_path)
    found = Lab(make_video)
    found.change("train", regions=REGIONS, group="left=Anna; right=Ben")
    write_annotation("xml/train.xml", BOTH)
    return found


def collected(lab: Lab, **changes: object) -> list[Sample]:
    study = lab.study(**changes)
    return samples.collect_samples(study, {view: row.working_frames for view, row in study.views.items()})


def test_annotation_keeps_players(tmp_path: Path) -> None:
    write_annotation(tmp_path / "a.xml", BOTH)
    assert read_annotation(tmp_path / "a.xml") == sorted(BOTH)
    plain = [stroke._replace(player="") for stroke in BOTH]
    write_annotation(tmp_path / "b.xml", plain)
    assert "player" not in (tmp_path / "b.xml").read_text()
    assert [stroke.row for stroke in plain] == [list(stroke[:3]) for stroke in plain]


@pytest.mark.parametrize(
    ("regions", "player", "view"),
    [
        ("", "", "v"),
        ("", "left", "v"),
        (REGIONS, "left", "v@left"),
        (REGIONS, "", None),
        (REGIONS, "Cleo", None),
        ("left=0,0,0.5,1", "", "v@left"),  # the only one
        ("left=0,0,0.5,1", "right", None),
    ],
)
def test_view_of_a_stroke(regions: str, player: str, view: str | None) -> None:
    assert view_of(Stroke(0, 1, "Hit", player), VideoRow("v", "v.mp4", regions=regions)) == view


def test_samples_and_gaps_of_each_player(lab: Lab) -> None:
    found = [one for one in collected(lab) if one.video.startswith("train")]
    strokes = {(one.video, one.begin, one.end, one.label) for one in found if one.kind == "stroke"}
    assert strokes == {(f"train@{one.player}", one.begin, one.end, one.label) for one in BOTH}
    assert {one.sample for one in found} >= {"train@left:0-10", "train@right:0-10"}
    negatives = [one for one in found if one.kind == "negative"]
    assert negatives
    for one in negatives:  # the other player may be striking
        own = [stroke for stroke in BOTH if one.video == f"train@{stroke.player}"]
        assert all(stroke.end <= one.begin or stroke.begin >= one.end for stroke in own)


def test_without_regions_nothing_changes(lab: Lab) -> None:
    before = collected(lab)
    digests = [samples.labels_digest(samples.parsed_labels(lab.study())), splits.split_digest(lab.study())]
    lab.change("validation", regions="")
    lab.write()
    assert "regions" in Path("videos.tsv").read_text().splitlines()[0]
    assert collected(lab) == before
    assert digests == [
        samples.labels_digest(samples.parsed_labels(lab.study())),
        splits.split_digest(lab.study()),
    ]
    lab.change("train", regions="", group="")
    assert "regions" not in Path("videos.tsv").read_text().splitlines()[0]


def test_groups_and_files_of_each_player(lab: Lab) -> None:
    study = lab.study()
    assert list(study.views) == ["train@left", "train@right", "validation", "test"]
    assert study.groups == ("Anna", "Ben", "video:validation", "video:test")
    folder = study.volumes / "train"
    assert study.stage_file("train@left", "roi", "dis") == folder / "roi/dis@left.h5"
    assert study.stage_file("train@left", "pose") == folder / "pose@left.h5"
    assert study.stage_file("train@left", "flow", "dis") == folder / "flow/dis.h5"
    assert study.stage_file("train@left", "frames") == folder / "frames.h5"
    assert study.stage_file("test", "roi", "dis") == study.volumes / "test/roi/dis.h5"


def test_players_are_kept_apart(lab: Lab) -> None:
    study = lab.study(split={"method": "leave_one_group_out"})
    assert study.split_names == ("fold-1", "fold-2", "fold-3", "fold-4")
    found = collected(lab, split={"method": "leave_one_group_out"})
    split = splits.assign_split(study, found, "fold-2")
    assert {one.video for one in found if split.get(one.sample) == "test"} == {"train@right"}


def test_region_is_part_of_the_split(lab: Lab) -> None:
    before = splits.split_digest(lab.study())
    lab.change("train", group="left=Anna; right=Cleo")
    assert splits.split_digest(lab.study()) != before


def test_snapshot_of_the_labels(lab: Lab, tmp_path: Path) -> None:
    from crisp.core.files import write_json

    study = lab.study()
    write_json(tmp_path / "labels.json", samples.labels(study))
    kept = samples.read_labels(tmp_path / "labels.json")
    write_annotation("xml/train.xml", BOTH[:1])
    assert samples.annotated(study, "train@right", kept) == [
        Stroke(0, 10, "Push", "right"),
        Stroke(5, 20, "Hit", "right"),
    ]
    assert samples.annotated(study, "train@right") == []


def test_good_study_with_regions(lab: Lab) -> None:
    findings = lab.check(variants=SMALL)
    assert findings.faults == []


@pytest.mark.parametrize(
    ("regions", "strokes", "where", "what"),
    [
        (
            REGIONS,
            [Stroke(0, 9, "Hit", "Cleo")],
            "xml/train.xml, action 1",
            "stroke of a player whom the video",
        ),
        (REGIONS, [Stroke(0, 9, "Hit")], "xml/train.xml, action 1", "stroke of an unknown player"),
        (
            "left=0,0,0.1,1; right=0.5,0,1,1",
            BOTH,
            "videos.tsv, video train",
            "region left is smaller than a crop",
        ),
    ],
)
def test_bad_players(lab: Lab, regions: str, strokes: list[Stroke], where: str, what: str) -> None:
    lab.change("train", regions=regions)
    write_annotation("xml/train.xml", strokes)
    faults = [fault for fault in told(lab.check(variants=SMALL).faults) if fault[1].startswith(what)]
    assert [found for found, _ in faults] == [where]


def test_warned_of(lab: Lab) -> None:
    write_annotation("xml/train.xml", [one for one in BOTH if one.player == "left"])
    warned = told(lab.check(variants=SMALL).warnings)
    assert ("annotations.tsv, video train", "region right has no stroke") in warned
    lab.change("train", regions="", group="")
    warned = told(lab.check(variants=SMALL).warnings)
    assert any("but the video has no regions" in what for _, what in warned)


def test_same_interval_of_one_player_is_a_fault(lab: Lab) -> None:
    write_annotation("xml/train.xml", [BOTH[0], BOTH[0]._replace(label="Push")])
    assert any(what == "interval has two labels" for _, what in told(lab.check(variants=SMALL).faults))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"regions": "left=0,0,2,1"}, "regions: a region inside the picture"),
        ({"regions": REGIONS, "group": "middle=Cleo"}, "one of 'middle'"),
    ],
)
def test_bad_table(lab: Lab, row: dict[str, str], words: str) -> None:
    rows = [replace(one, **row) if one.video == "train" else one for one in lab.rows]
    tables.write_videos("videos.tsv", rows)
    with pytest.raises(CrispError, match=r"videos\.tsv, line 2") as error:
        lab.study().videos  # noqa: B018
    assert words in str(error.value)
