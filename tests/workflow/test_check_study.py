"""The check: everything wrong is told in one list; tables, and who owns the volumes."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from crisp.study.annotations import Stroke
from crisp.study.scan import scan_videos
from crisp.study.tables import Annotation, VideoRow
from tests.lab import CONTENT, STRATIFIED, Lab, told


def test_good_input(lab: Lab) -> None:
    assert lab.check(decode=True, record=True) == ([], [])
    assert lab.check(split=STRATIFIED) == ([], [])


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
    lab.rows += [VideoRow("more", "more.mp4"), VideoRow("idle", "idle.mp4")]
    lab.labels.append(Annotation("idle", "xml/idle.xml", split="train"))
    lab.xml("idle", "<video/>")
    lab.write()
    scan_videos("videos.tsv", "data/d")
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
    assert what.startswith("detection in untrimmed videos")


def test_row_twice(lab: Lab) -> None:
    lab.labels.append(lab.labels[0])
    lab.write()
    assert told(lab.check().faults) == [("annotations.tsv, video train", "duplicate row")]


def test_thousands_of_videos_take_seconds(lab: Lab) -> None:
    source = lab.rows[0]
    names = [f"v{number}" for number in range(2000)]
    for name in names:
        os.link("data/d/train.mp4", f"data/d/{name}.mp4")
        os.link("xml/train.xml", f"xml/{name}.xml")
    lab.rows += [replace(source, video=name, path=f"{name}.mp4") for name in names]
    lab.labels += [Annotation(name, f"xml/{name}.xml", split="train") for name in names]
    lab.write()
    begin = time.process_time()
    assert lab.check(record=True).faults == []
    assert time.process_time() - begin < 5  # 10,000 take about five times as long as these 2,000


@pytest.mark.parametrize("folder", ["a {b}", "a<b>c"])
def test_folders_that_snakemake_would_take_for_patterns(lab: Lab, folder: str) -> None:
    dataset = {**CONTENT["dataset"], "generate": "demo", "data": folder}
    found = told(lab.check(dataset=dataset).faults)
    assert ("my/study.yaml, dataset.data", "Snakemake takes {...} and <...> in a path for its own") in found
