"""Folders of videos without a list."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.load import load_study
from crisp.study.tables import read_annotations, read_videos
from crisp.workflow import importing

MakeVideo = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for seed, name in enumerate(["my game.mp4", "day 2/b.MOV", "day 2/c.mp4"]):
        make_video(tmp_path / "raw" / name, frames=50, seed=seed)
    return tmp_path / "raw"


def test_videos_alone_then_labelled(folder: Path) -> None:
    (folder / "plan.pdf").touch()
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "videos"
    assert [row.video for row in read_videos("config/tt/videos.tsv")] == ["my-game", "b", "c"]
    (warning,) = report.warnings
    assert warning.what == "no video is labelled, so there is no study file yet"
    assert "then import again as tt" in warning.remedy
    assert "note: not read: plan.pdf" in report.notes
    assert not Path("config/tt/study.yaml").exists()
    # As the viewer saves it: under the name of the video, or its id.
    write_annotation(folder / "my-game.xml", [Stroke(0, 10, "Hit"), Stroke(20, 30, "Push")])
    write_annotation(folder / "day 2" / "b.xml", [Stroke(5, 15, "Hit"), Stroke(20, 30, "Push")])
    report = importing.import_dataset(folder, "tt")
    assert "note: not labelled yet: day 2/c.mp4" in report.notes
    assert [row.video for row in read_annotations("config/tt/annotations.tsv")] == ["my-game", "b"]
    assert read_annotation("config/tt/annotations/classification/b.xml")[0] == Stroke(5, 15, "Hit")
    assert load_study("config/tt/study.yaml").classes == ("Negative", "Hit", "Push")


def test_xml_that_is_none_or_of_no_video(folder: Path) -> None:
    (folder / "my game.xml").write_text("<NonRealTimeMeta/>")
    write_annotation(folder / "gone.xml", [Stroke(0, 10, "Hit")])
    warnings = importing.import_dataset(folder, "tt").warnings
    assert [(Path(one.where).name, one.what) for one in warnings[:2]] == [
        ("gone.xml", "annotation is not imported"),
        ("my game.xml", "not an annotation file"),
    ]
    assert read_annotations("config/tt/annotations.tsv") == []


def test_a_table_that_is_not_understood_is_not_passed_over(folder: Path) -> None:
    (folder / "strokes.csv").write_text("where,what\n1,Hit\n")
    with pytest.raises(CrispError, match=r"layout not recognised[\s\S]*--layout videos"):
        importing.import_dataset(folder, "tt")
    assert importing.import_dataset(folder, "tt", layout="videos").layout == "videos"


def test_folders_of_splits_and_classes(tmp_path: Path, folder: Path, make_video: MakeVideo) -> None:
    sorted_ = tmp_path / "sorted"
    for seed, part in enumerate(["train", "val", "test"]):
        for label in ("Hit", "Big_Push"):
            make_video(sorted_ / part / label / f"{label}-{part}.mp4", frames=12, seed=seed)
    assert importing.import_dataset(sorted_, "tt").layout == "class-folders"
    rows = read_annotations("config/tt/annotations.tsv")
    assert sorted({row.split for row in rows}) == ["test", "train", "validation"]
    made = load_study("config/tt/study.yaml")
    assert (made.classes, made.split_method) == (("Big Push", "Hit"), "given")
    # Without splits, folders can be anything, so it must be said.
    make_video(folder / "day 1" / "d.mp4", frames=12, seed=5)
    make_video(folder / "day 1" / "e.mp4", frames=12, seed=6)
    (folder / "my game.mp4").unlink()
    report = importing.import_dataset(folder, "days")
    told = "note: if the folders are classes (day 1, day 2), import with --layout class-folders"
    assert told in report.notes
    importing.import_dataset(folder, "classes", layout="class-folders")
    assert load_study("config/classes/study.yaml").classes == ("day 1", "day 2")
