"""The check: everything wrong is told in one list; tables, and who owns the volumes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crisp import files
from crisp.annotations import Stroke
from crisp.scan import scan
from crisp.tables import Annotation, Video
from tests.lab import CONTENT, Lab, told


def test_good_input(lab: Lab) -> None:
    assert lab.check(decode=True, record=True) == ([], [])
    assert lab.check(split={"method": "stratified"}) == ([], [])


def test_faults_of_both_tables_in_one_list(lab: Lab) -> None:
    Path("videos.tsv").write_text("video\n")
    Path("annotations.tsv").unlink()
    assert [what for _, what in told(lab.check().faults)] == ["wrong columns", "table is missing"]


def test_everything_in_one_list(lab: Lab) -> None:
    Path("data/d/train.mp4").unlink()
    lab.xml("validation", "<video")
    lab.strokes("test", Stroke(0, 99, "Hti"))
    assert told(lab.check().faults) == [
        ("data/d/train.mp4", "video train is missing"),
        ("xml/validation.xml", "not well-formed XML"),
        ("xml/test.xml, action 1", "stroke ends after the video"),
        ("xml/test.xml, action 1", "unknown class"),
    ]


def test_unknown_video_id(lab: Lab) -> None:
    lab.labels.append(Annotation("trian", "xml/train.xml", split="train"))
    lab.write()
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("annotations.tsv, video trian", "no such video")
    assert fault.remedy == "did you mean 'train'?"


def test_no_video_in_use(lab: Lab) -> None:
    for row in lab.rows:
        lab.change(row.video, use=False)
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("videos.tsv", "no video is in use")
    assert fault.found == "use=no in all of 3 rows"
    lab.rows = []
    lab.write()
    assert [(fault.what, fault.found) for fault in lab.check().faults] == [("no video is in use", "no row")]


def test_video_without_row_or_stroke_is_a_warning(lab: Lab) -> None:
    lab.make_video("data/d/more.mp4", frames=40, seed=8)
    lab.make_video("data/d/idle.mp4", frames=40, seed=9)
    lab.rows += [Video("more", "more.mp4"), Video("idle", "idle.mp4")]
    lab.labels.append(Annotation("idle", "xml/idle.xml", split="train"))
    lab.xml("idle", "<video/>")
    lab.write()
    scan("videos.tsv", "data/d")
    faults, warnings = lab.check()
    assert faults == []
    assert told(warnings) == [
        ("annotations.tsv, video more", "video in use has no annotation row"),
        ("annotations.tsv, video idle", "video has no stroke"),
    ]


def test_untrimmed_videos_without_a_negative_class_are_a_warning(lab: Lab) -> None:
    lab.labels.append(Annotation("test", "xml/test.xml", "detection", "test"))
    lab.write()
    assert lab.check() == ([], [])
    faults, warnings = lab.check(classes=["Hit", "Push"], negatives={"share": 0})
    assert not faults
    ((where, what),) = told(warnings)
    assert where == "my/study.yaml, negatives.class"
    assert what.startswith("no strokes can be found in untrimmed videos")


def test_row_twice(lab: Lab) -> None:
    lab.labels.append(lab.labels[0])
    lab.write()
    assert told(lab.check().faults) == [("annotations.tsv, video train", "row is there twice")]


def test_another_study_has_to_agree(lab: Lab) -> None:
    assert lab.check(record=True).faults == []
    owner = files.read_json("results/volumes/d/preparation.json")
    assert owner["study"] == "s"
    other = {"study": "other", "preparation": {"width": 160}}
    (fault,) = lab.check(record=True, **other).faults
    assert "were prepared otherwise, by study 's'" in fault.what
    assert (fault.expected, fault.found) == ("width 320", "width 160")
    assert "use another dataset name" in fault.remedy
    assert lab.check(record=True, study="other").faults == []
    assert files.read_json("results/volumes/d/preparation.json") == owner
    # The owner may change its own parameters.
    assert lab.check(record=True, preparation={"width": 160}).faults == []
    assert files.read_json("results/volumes/d/preparation.json")["parameters"]["width"] == 160


def test_studies_with_poses_share_volumes_and_agree_on_poses(lab: Lab) -> None:
    """A study that takes none has nothing to say about them, whoever made the volumes."""
    for video in lab.rows:
        Path("poses").mkdir(exist_ok=True)
        Path(f"poses/{video.video}.json").touch()
    dataset = {**CONTENT["dataset"], "poses": "poses"}
    posed = {"dataset": dataset, "variants": [{"name": "pose", "model": "pose"}]}
    assert lab.check(record=True).faults == []
    assert lab.check(record=True, study="first", **posed).faults == []
    record = files.read_json("results/volumes/d/preparation.json")
    assert record["study"] == "s"
    assert record["parameters"]["pose"] == {"estimator": "", "width": 0, "joints": {}, "roi": "deepflow"}
    (fault,) = lab.check(study="second", **posed, preparation={"pose": {"width": 320}}).faults
    assert "were prepared otherwise" in fault.what
    assert "'width': 320.0" in fault.found
    assert lab.check(record=True).faults == []
    Path("poses/test.json").unlink()
    (fault,) = lab.check(study="first", **posed).faults
    assert fault.what == "pose file of video test is missing"


def test_nothing_is_recorded_of_a_bad_study(lab: Lab) -> None:
    Path("xml/test.xml").unlink()
    assert lab.check(record=True).faults
    assert not Path("results/volumes/d/preparation.json").exists()


def test_damaged_record(lab: Lab) -> None:
    files.write_json("results/volumes/d/preparation.json", [])
    (fault,) = lab.check(record=True).faults
    assert fault.what == "not a record of preparation parameters"


def test_thousands_of_videos_take_seconds(lab: Lab) -> None:
    source = lab.rows[0]
    names = [f"v{number}" for number in range(2000)]
    for name in names:
        os.link("data/d/train.mp4", f"data/d/{name}.mp4")
        os.link("xml/train.xml", f"xml/{name}.xml")
    lab.rows += [replace(source, video=name, path=f"{name}.mp4") for name in names]
    lab.labels += [Annotation(name, f"xml/{name}.xml", split="train") for name in names]
    lab.write()
    begin = time.monotonic()
    assert lab.check().faults == []
    assert time.monotonic() - begin < 5  # 10,000 take about five times as long as these 2,000


@pytest.mark.parametrize(
    ("split", "needed"), [({"folds": 4}, 4), ({"folds": 2}, 3), ({"method": "leave_one_group_out"}, 3)]
)
def test_too_few_groups_for_the_folds(lab: Lab, split: dict[str, Any], needed: int) -> None:
    assert needed == 4 or lab.check(split=split).faults == []
    lab.change("train", group="anna")
    lab.change("test", group="anna")
    (fault,) = lab.check(split=split).faults
    assert (fault.where, fault.what) == ("my/study.yaml, split", "too few groups for the folds")
    assert fault.expected.startswith(f"{needed} groups")
    assert fault.found == "2"
    assert lab.check(split={"method": "stratified", "folds": 2}).faults == []
