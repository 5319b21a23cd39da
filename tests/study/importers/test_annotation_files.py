"""Labels written earlier change only on request, and their old content is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crisp.study.annotations import Stroke, read_annotation
from crisp.study.tables import read_annotations
from crisp.workflow import importing

MakeVideo = Callable[..., Path]
XML = Path("config/tt/annotations/classification/train/b.xml")


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "raw" / "b.mp4", frames=50)
    make_video(tmp_path / "raw" / "c.mp4", frames=50, seed=1)
    return tmp_path / "raw"


def write(folder: Path, *rows: str) -> None:
    (folder / "strokes.csv").write_text("\n".join(["video,begin,end,label,split", *rows]))


def test_labels_that_differ(folder: Path) -> None:
    write(folder, "b.mp4,0,10,Hit,train", "c.mp4,0,10,Push,train")
    importing.import_dataset(folder, "tt")
    old = XML.read_bytes()
    write(folder, "b.mp4,2,10,Hit,train", "c.mp4,0,10,Push,train")
    report = importing.import_dataset(folder, "tt")
    (warning,) = [one for one in report.warnings if one.where == str(XML)]
    assert warning.what == "differs from the source, not overwritten"
    assert (warning.expected, warning.found) == ("2 to 10 'Hit' (source)", "0 to 10 'Hit' (here)")
    assert XML.read_bytes() == old

    report = importing.import_dataset(folder, "tt", update=True)
    told = f"updated: {XML}: 2 to 10 'Hit' for 0 to 10 'Hit'; old file kept as b.xml.bak"
    assert told in report.notes
    assert "1 annotation file as in the source" in report.kept
    assert read_annotation(XML) == [Stroke(2, 10, "Hit")]
    assert XML.with_name("b.xml.bak").read_bytes() == old

    XML.write_text("damaged")
    assert not [note for note in importing.import_dataset(folder, "tt").notes if "updated" in note]
    importing.import_dataset(folder, "tt", update=True)
    assert read_annotation(XML) == [Stroke(2, 10, "Hit")]
    assert XML.with_name("b.xml.bak1").read_text() == "damaged"
    assert importing.import_dataset(folder, "tt", update=True).added == []
    assert len(list(XML.parent.iterdir())) == 4


def test_a_split_that_differs(folder: Path) -> None:
    write(folder, "b.mp4,0,10,Hit,train", "c.mp4,0,10,Push,train")
    importing.import_dataset(folder, "tt")
    table = Path("config/tt/annotations.tsv")
    old = table.read_bytes()
    write(folder, "b.mp4,0,10,Hit,test", "c.mp4,0,10,Push,train")
    (warning,) = importing.import_dataset(folder, "tt").warnings
    assert "import again with --update" in warning.remedy
    assert table.read_bytes() == old
    report = importing.import_dataset(folder, "tt", update=True)
    assert "updated: split of b: test for train" in report.notes
    assert f"updated: {table}, old table kept as annotations.tsv.bak" in report.notes
    assert [(row.video, row.split) for row in read_annotations(table)] == [("b", "test"), ("c", "train")]
    assert table.with_name("annotations.tsv.bak").read_bytes() == old


def test_strokes_and_split_that_differ(folder: Path) -> None:
    write(folder, "b.mp4,0,10,Hit,train", "c.mp4,0,10,Push,train")
    importing.import_dataset(folder, "tt")
    write(folder, "b.mp4,2,10,Hit,test", "c.mp4,0,10,Push,train")
    importing.import_dataset(folder, "tt", update=True)
    (row, _) = read_annotations("config/tt/annotations.tsv")
    assert (row.path, row.split) == ("annotations/classification/train/b.xml", "test")
    assert read_annotation(XML) == [Stroke(2, 10, "Hit")]
    assert read_annotation(XML.with_name("b.xml.bak")) == [Stroke(0, 10, "Hit")]


def test_strokes_that_overlap(folder: Path) -> None:
    rows = ["b.mp4,0,20,Hit,train", "b.mp4,18,30,Hit,train", "b.mp4,24,40,Push,train"]
    write(folder, *rows, "c.mp4,0,10,Push,train")
    told = [one for one in importing.import_dataset(folder, "tt").warnings if "overlaps" in one.what]
    assert [(one.where, one.what, one.found) for one in told] == [
        (
            f"{folder}/strokes.csv, line 4",
            "stroke overlaps another by 6 frames",
            f"'Push' here, 'Hit' at {folder}/strokes.csv, line 3",
        )
    ]


def test_strokes_after_the_end_of_the_video(folder: Path) -> None:
    write(folder, "b.mp4,40,60,Hit,train", "b.mp4,70,80,Hit,train", "c.mp4,0,10,Push,train")
    warnings = importing.import_dataset(folder, "tt").warnings
    told = [(one.where, one.what, one.found) for one in warnings if "video" in one.what]
    assert told == [
        ("b.mp4", "1 label cut at the end of the video", f"{folder}/strokes.csv, line 2"),
        ("b.mp4", "1 label left out, after the video", f"{folder}/strokes.csv, line 3"),
    ]
    assert read_annotation(XML) == [Stroke(40, 50, "Hit")]
