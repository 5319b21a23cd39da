"""The layouts of 2022 and 2023: trimmed clips by class, detection videos, and both together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study import importers, load
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.samples import collect_samples
from crisp.study.scan import scan_videos
from crisp.study.tables import read_annotations, read_videos
from crisp.workflow import importing
from crisp.workflow.check_study import check_study

MakeVideo = Callable[..., Path]


@pytest.fixture
def clips(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "raw"
    names = [
        "train/Serve Forehand Loop/1.mp4",
        "train/Hit/2.mp4",
        "validation/Hit/2.mp4",
        "test/4.mp4",
        "test/5.mp4",
    ]
    for number, name in enumerate(names):
        make_video(folder / "classificationTask" / name, frames=10 + number, seed=number)
    (folder / "classificationTask/test.xml").write_text(
        '<videos><video name="4.mp4" class="UNKNOWN"/><video name="5.mp4" class="Hit"/></videos>'
    )
    return folder


def add_detection(folder: Path, make_video: MakeVideo) -> None:
    for number, split in enumerate(["train", "validation", "test"]):
        make_video(folder / "detectionTask" / split / f"{number}.mp4", frames=30, seed=20 + number)
        if split != "test":
            text = '<video><action begin="10" end="20"/><action begin="0" end="12"/></video>'
            (folder / "detectionTask" / split / f"{number}.xml").write_text(text)


def test_clips_get_one_editable_xml_each(clips: Path) -> None:
    assert importers.detect_layout(clips) == "ttstroke22-classification"
    report = importing.import_dataset(clips, "tt")
    assert report.warnings == []
    rows = {row.video: row for row in read_videos("config/tt/videos.tsv")}
    assert list(rows) == ["2", "1", "2-validation", "4", "5"]
    assert rows["1"].path == "classificationTask/train/Serve Forehand Loop/1.mp4"
    strokes = {
        row.video: (row.split, *read_annotation(Path("config/tt", row.path)))
        for row in read_annotations("config/tt/annotations.tsv")
    }
    assert strokes == {
        "2": ("train", Stroke(0, 11, "Hit")),
        "1": ("train", Stroke(0, 10, "Serve Forehand Loop")),
        "2-validation": ("validation", Stroke(0, 12, "Hit")),
        "4": ("test", Stroke(0, 13, "UNKNOWN")),
        "5": ("test", Stroke(0, 14, "Hit")),
    }


def test_clips_template(clips: Path) -> None:
    importing.import_dataset(clips, "tt")
    made = load.load_study("config/tt/study.yaml")
    assert made.classes == ("Hit", "Serve Forehand Loop")
    assert (made.split_method, made.negative_share, made.negative_class) == ("given", 0, "")
    assert check_study(made, ["config/tt/study.yaml"]) == ([], [])


def test_clips_with_a_negative_class(clips: Path, make_video: MakeVideo) -> None:
    make_video(clips / "classificationTask/train/Negative/9.mp4")
    importing.import_dataset(clips, "tt")
    made = load.load_study("config/tt/study.yaml")
    assert made.classes == ("Negative", "Hit", "Serve Forehand Loop")
    assert (made.negative_share, made.negative_class) == (0, "Negative")


def test_unreadable_clip_has_no_annotation_until_it_is_scanned(clips: Path, make_video: MakeVideo) -> None:
    bad = clips / "classificationTask/train/Hit/bad.mp4"
    bad.write_text("no video")
    report = importing.import_dataset(clips, "tt")
    assert [fault.what for fault in report.warnings] == [
        "video is not used: not a video",
        "video has no annotation file",
    ]
    assert report.warnings[1].found == "the number of frames is not known"
    assert "bad" not in {row.video for row in read_annotations("config/tt/annotations.tsv")}

    make_video(bad)
    scan_videos("config/tt/videos.tsv", clips, only=["bad"])
    assert importing.import_dataset(clips, "tt").warnings == []
    assert read_annotation(Path("config/tt/annotations/classification/train/bad.xml")) == [
        Stroke(0, 20, "Hit")
    ]


def test_clips_that_do_not_fit_are_told(clips: Path, make_video: MakeVideo) -> None:
    make_video(clips / "classificationTask/train/loose.mp4")
    make_video(clips / "classificationTask/test/unlisted.mp4")
    xml = clips / "classificationTask/test.xml"
    xml.write_text(xml.read_text().replace("</videos>", '<video name="77.mp4" class="Hit"/></videos>'))
    report = importing.import_dataset(clips, "tt")
    told = {(Path(fault.where).name, fault.what, fault.expected) for fault in report.warnings}
    assert ("loose.mp4", "clip has no label", "a clip in the folder of its class") in told
    assert ("test.xml", "a listed clip is missing", "test/77.mp4") in told
    assert (
        read_annotation(Path("config/tt/annotations/classification/test/unlisted.xml"))[0].label == "Unknown"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("<videos>", "not well-formed XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><videos/>', "DOCTYPE is refused"),
    ],
)
def test_bad_list_of_test_clips(clips: Path, text: str, message: str) -> None:
    (clips / "classificationTask/test.xml").write_text(text)
    with pytest.raises(CrispError, match=message):
        importing.import_dataset(clips, "tt")


def test_detection(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    add_detection(tmp_path / "raw", make_video)
    assert importers.detect_layout("raw") == "ttstroke22-detection"
    report = importing.import_dataset("raw", "tt")
    assert [row.video for row in read_videos("config/tt/videos.tsv")] == ["0", "1", "2"]
    rows = read_annotations("config/tt/annotations.tsv")
    assert [(row.video, row.task, row.split) for row in rows] == [
        ("0", "detection", "train"),
        ("1", "detection", "validation"),
        ("2", "detection", "test"),
    ]
    assert (
        read_annotation(Path("config/tt", rows[2].path)) == []
    )  # to be looked into, and nothing is known of it
    assert Path("config/tt", rows[0].path).read_bytes() == Path("raw/detectionTask/train/0.xml").read_bytes()
    assert report.warnings == []
    made = load.load_study("config/tt/study.yaml")
    assert (made.task, made.classes) == ("detection", ("Negative", "Stroke"))


def test_detection_with_gaps_is_a_study_without_faults(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strokes against the gaps between them; the test videos, of which nothing is known, in blocks."""
    monkeypatch.chdir(tmp_path)
    text = '<video><action begin="10" end="20"/><action begin="80" end="95"/></video>'
    for number, split in enumerate(["train", "train", "validation", "test"]):
        video = make_video(Path("raw/detectionTask", split, f"{number}.mp4"), frames=160, seed=number)
        video.with_suffix(".xml").write_text("<video/>" if split == "test" else text)
    report = importing.import_dataset("raw", "tt")
    assert report.warnings == []
    made = load.load_study("config/tt/study.yaml")
    assert (made.task, made.classes, made.split_method) == ("detection", ("Negative", "Stroke"), "given")
    assert check_study(made, ["config/tt/study.yaml"]) == ([], [])
    samples = collect_samples(made, {video: row.working_frames for video, row in made.used.items()})
    found = {(one.given, one.label) for one in samples}
    known = {(split, label) for split in ("train", "validation") for label in made.classes}
    assert found == {*known, ("test", "Unknown")}


def test_both_parts(clips: Path, make_video: MakeVideo) -> None:
    add_detection(clips, make_video)
    assert importers.detect_layout(clips) == "ttstroke22"
    importing.import_dataset(clips, "tt")
    ids = [row.video for row in read_videos("config/tt/videos.tsv")]
    assert ids == ["2", "1", "2-validation", "4", "5", "0", "1-validation", "2-test"]
    made = load.load_study("config/tt/study.yaml")
    assert made.negative_share == 0
    faults, warnings = check_study(made, ["config/tt/study.yaml"])
    assert faults == []
    assert [warning.what for warning in warnings] == [
        "detection in untrimmed videos needs a class for frames without strokes",
        "video has no stroke",
    ]
