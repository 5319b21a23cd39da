"""The layout of 2020 and 2021, and what holds for every import: nothing is overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study import importers, load
from crisp.study.tables import read_annotations, read_videos
from crisp.workflow import importing
from crisp.workflow.check_study import check_study

MakeVideo = Callable[..., Path]
XML = '<?xml version="1.0"?>\n<!-- kept -->\n<video><action begin="{}" end="{}" move="{}"/></video>'


@pytest.fixture
def source(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two videos; the first has classification strokes in two splits and one for detection."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "raw"
    for number, name in enumerate(["271.mp4", "my clip.mp4"]):
        make_video(folder / "videos" / name, frames=60, seed=number)
    files = {
        "classificationTask/train/271.xml": XML.format(0, 20, "Serve Forehand Loop"),
        "classificationTask/valid/271.xml": XML.format(30, 40, "Serve Backhand Loop"),
        "classificationTask/test/my clip.xml": XML.format(0, 20, "Unknown"),
        "detectionTask/train/271.xml": '<video><action begin="30" end="40"/></video>',
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_import(source: Path) -> None:
    assert importers.detect_layout(source) == "ttstroke20"
    report = importing.import_dataset(source, "tt")
    assert list(report)[:5] == [
        "layout: ttstroke20",
        "added: config/tt/videos.tsv: 2 videos",
        "added: config/tt/annotations.tsv: 4 rows",
        "added: config/tt/study.yaml",
        f"added: data/tt -> {source}",
    ]
    rows = read_videos("config/tt/videos.tsv")
    assert [(row.video, row.path, row.frames, row.fps) for row in rows] == [
        ("271", "videos/271.mp4", 60, 25),
        ("my-clip", "videos/my clip.mp4", 60, 25),
    ]
    labels = read_annotations("config/tt/annotations.tsv")
    assert [(row.video, row.path, row.task, row.split) for row in labels] == [
        ("271", "annotations/classification/train/271.xml", "classification", "train"),
        ("271", "annotations/classification/validation/271.xml", "classification", "validation"),
        ("271", "annotations/detection/train/271.xml", "detection", "train"),
        ("my-clip", "annotations/classification/test/my-clip.xml", "classification", "test"),
    ]
    copied = Path("config/tt/annotations/classification/train/271.xml").read_bytes()
    assert copied == (source / "classificationTask/train/271.xml").read_bytes()
    assert Path("data/tt").resolve() == source


def test_template_is_a_complete_valid_study(source: Path) -> None:
    report = importing.import_dataset(source, "tt", preset="published")
    made = load.load_study("config/tt/study.yaml")
    assert made.classes == ("Negative", "Serve Backhand Loop", "Serve Forehand Loop")
    assert (made.split_method, made.negative_share, made.width) == ("given", 0.1, 320)
    assert [variant.model for variant in made.variants] == ["rgb", "flow", "twin"]
    text = Path("config/tt/study.yaml").read_text()
    assert all(f"{key}:" in text for key in made.config)
    assert "class 'Serve Backhand Loop' has no training sample" in [fault.what for fault in report.warnings]
    # What the data lack is told, and nothing else.
    assert [fault.what for fault in check_study(made, ["config/tt/study.yaml"]).faults] == [
        "class 'Serve Backhand Loop' has no training stroke",
        "class 'Negative' has no training sample",
    ]


def test_importing_again_overwrites_nothing_and_adds_what_is_new(source: Path, make_video: MakeVideo) -> None:
    importing.import_dataset(source, "tt")
    edited = Path("config/tt/annotations/classification/train/271.xml")
    edited.write_text(XML.format(1, 21, "Serve Forehand Loop"))
    table = Path("config/tt/videos.tsv")
    table.write_text(table.read_text().replace("\tyes\t", "\tno\tblurred", 1))
    Path("config/tt/study.yaml").write_text("mine")
    before = {path: path.read_bytes() for path in Path("config/tt").rglob("*") if path.is_file()}

    report = importing.import_dataset(source, "tt")
    assert {path: path.read_bytes() for path in before} == before
    assert report.added == []
    assert "3 annotation files as in the source" in report.kept
    assert "1 annotation file that differs from the source" in report.kept
    assert any("study.yaml, not overwritten" in line for line in report.kept)
    (warning,) = report.warnings
    assert (warning.where, warning.what) == (str(edited), "differs from the source, not overwritten")
    assert warning.expected == "0 to 20 'Serve Forehand Loop' (source)"
    assert warning.found == "1 to 21 'Serve Forehand Loop' (here)"
    assert "import again with --update" in warning.remedy

    make_video(source / "videos" / "100.mp4", frames=60, seed=9)
    (source / "detectionTask/train/100.xml").write_text("<video/>")
    report = importing.import_dataset(source, "tt")
    assert [row.video for row in read_videos(table)] == ["271", "my-clip", "100"]
    assert read_videos(table)[0].note == "blurred"
    assert read_annotations("config/tt/annotations.tsv")[-1].video == "100"
    assert report.added == ["config/tt/videos.tsv: 1 video", "config/tt/annotations.tsv: 1 row"]


def test_unreadable_video_gets_a_row_with_the_reason(source: Path) -> None:
    (source / "videos" / "bad.mp4").write_bytes(b"")
    (source / "videos" / "lost.mp4").symlink_to("nowhere")
    (source / "videos" / "readme.txt").write_text("no video")
    report = importing.import_dataset(source, "tt")
    rows = {row.video: row for row in read_videos("config/tt/videos.tsv")}
    assert set(rows) == {"271", "my-clip", "bad", "lost"}
    assert not rows["bad"].use
    assert rows["bad"].note.startswith("not a video")
    assert rows["lost"].note.startswith("video file is missing")
    unused = [fault for fault in report.warnings if fault.what.startswith("video is not used: ")]
    assert [Path(fault.where).name for fault in unused] == ["bad.mp4", "lost.mp4"]
    assert all("set use=yes in config/tt/videos.tsv" in fault.remedy for fault in unused)


def test_xml_without_video_is_told(source: Path) -> None:
    (source / "detectionTask/train/gone.xml").write_text("<video/>")
    warnings = importing.import_dataset(source, "tt").warnings
    assert ("gone.xml", "annotation is not imported") in [
        (Path(fault.where).name, fault.what) for fault in warnings
    ]


@pytest.mark.parametrize("name", ["a\tb.mp4", "a\nb.mp4", b"caf\xe9.mp4".decode("utf-8", "surrogateescape")])
def test_path_that_no_table_can_hold_is_refused(source: Path, make_video: MakeVideo, name: str) -> None:
    make_video(source / "videos" / name)
    with pytest.raises(CrispError, match=r"path cannot be written to a table[\s\S]*rename the file"):
        importing.import_dataset(source, "tt")
    assert not Path("config").exists()
    assert not Path("data").exists()


ODD_NAMES = ["it's.mp4", 'say "hi".mp4', "f%04d.mp4", "-i.mp4", "a.b.mp4", "clip", " lead.mp4", "trail .mp4"]


def test_odd_names(source: Path, make_video: MakeVideo) -> None:
    for name in ODD_NAMES:
        make_video(source / "videos" / name)
    report = importing.import_dataset(source, "tt")
    rows = {row.path: row for row in read_videos("config/tt/videos.tsv")}
    assert {f"videos/{name}" for name in ODD_NAMES} <= set(rows)
    assert all(row.use and row.frames for row in rows.values())
    assert not [fault for fault in report.warnings if "not used" in fault.what]


def test_names_that_collide_ignoring_case(source: Path, make_video: MakeVideo) -> None:
    for name in ["Clip.mp4", "clip.mp4", "CLIP.mkv"]:
        make_video(source / "videos" / name)
    importing.import_dataset(source, "tt")
    ids = [row.video for row in read_videos("config/tt/videos.tsv")]
    assert sorted(ids) == ["271", "CLIP", "Clip-2", "clip-3", "my-clip"]


def test_refusals(source: Path, tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    with pytest.raises(CrispError, match=r"layout not recognised[\s\S]*an empty folder"):
        importing.import_dataset(tmp_path / "void", "tt")
    with pytest.raises(CrispError, match="source folder is missing"):
        importing.import_dataset(tmp_path / "none", "tt")
    with pytest.raises(CrispError, match="bad name"):
        importing.import_dataset(source, "../tt")
    with pytest.raises(CrispError, match="no such layout"):
        importing.import_dataset(source, "tt", layout="ttstroke19")
    with pytest.raises(CrispError, match="no such preset"):
        importing.import_dataset(source, "tt", preset="fast")
    Path("data/tt").mkdir(parents=True)
    with pytest.raises(CrispError, match="data set name is taken"):
        importing.import_dataset(source, "tt")
    assert not Path("config").exists()
