"""A plain CSV of strokes."""

from __future__ import annotations

import datetime
import unicodedata
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

from crisp.core.errors import CrispError
from crisp.study import importers, load, samples
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers import stroke_table, table_file
from crisp.study.tables import read_annotations, read_videos
from crisp.workflow import importing

MakeVideo = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_video(tmp_path / "raw" / "day 1" / "a.mp4", frames=50)
    make_video(tmp_path / "raw" / "b.mp4", frames=50, seed=1)
    return tmp_path / "raw"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_frames(folder: Path, delimiter: str) -> None:
    lines = ["video,begin,end,label", "day 1/a.mp4,20,30,Hit", "day 1/a.mp4,0,10,Serve", "b.mp4,5,15.0,Hit"]
    (folder / "strokes.csv").write_text("\n".join(lines).replace(",", delimiter))
    assert importers.detect_layout(folder) == "csv"
    importing.import_dataset(folder, "tt")
    assert [row.path for row in read_videos("config/tt/videos.tsv")] == ["day 1/a.mp4", "b.mp4"]
    a, b = read_annotations("config/tt/annotations.tsv")
    assert (a.path, a.task, a.split) == ("annotations/classification/a.xml", "classification", "")
    assert read_annotation(Path("config/tt", a.path)) == [Stroke(0, 10, "Serve"), Stroke(20, 30, "Hit")]
    assert read_annotation(Path("config/tt", b.path)) == [Stroke(5, 15, "Hit")]
    made = load.load_study("config/tt/study.yaml")
    assert (made.classes, made.split_method) == (("Negative", "Hit", "Serve"), "by_video")


def test_seconds_with_decimal_commas_and_splits(folder: Path) -> None:
    header = "\ufeffvideo;begin_seconds;end_seconds;label;split"
    lines = [header, 'b.mp4;0,2;0,6;"A; B";train', "b.mp4;1;1,2;Hit;valid", ""]
    (folder / "strokes.csv").write_bytes("\r\n".join(lines).encode())
    importing.import_dataset(folder / "strokes.csv", "tt")
    assert read_annotation(Path("config/tt/annotations/classification/train/b.xml")) == [
        Stroke(5, 15, "A; B")
    ]
    assert read_annotation(Path("config/tt/annotations/classification/validation/b.xml")) == [
        Stroke(25, 30, "Hit")
    ]
    assert load.load_study("config/tt/study.yaml").split_method == "given"
    assert Path("data/tt").resolve() == folder


def test_whole_clips_are_split_stratified(folder: Path) -> None:
    (folder / "strokes.csv").write_text("video,begin,end,label\nb.mp4,0,50,Hit\nday 1/a.mp4,0,50,Serve\n")
    importing.import_dataset(folder, "tt")
    made = load.load_study("config/tt/study.yaml")
    assert (made.split_method, made.negative_share, made.classes) == ("stratified", 0, ("Hit", "Serve"))


def test_missing_video(folder: Path) -> None:
    lines = ["video,begin_seconds,end_seconds,label", "gone.mp4,0,1,Hit", "b.mp4,0,1,Hit"]
    (folder / "strokes.csv").write_text("\n".join(lines))
    report = importing.import_dataset(folder, "tt")
    assert [row.use for row in read_videos("config/tt/videos.tsv")] == [False, True]
    told = [(fault.what, fault.found) for fault in report.warnings]
    assert told[0][0] == "video is not used: video file is missing"
    assert told[1] == ("video has no annotation file", "the frame rate is not known")


def test_no_video_of_a_table_is_there(folder: Path) -> None:
    rows = [f"gone-{number}.mp4,0,1,Hit\n" for number in range(7)]
    (folder / "strokes.csv").write_text("video,begin,end,label\n" + "".join(rows))
    with pytest.raises(CrispError, match=r"no video of this table exists[\s\S]*gone-4.mp4 and 2 more"):
        importing.import_dataset(folder, "tt")
    assert not Path("config").exists()
    assert not Path("data").exists()


def test_no_video_can_be_used(folder: Path) -> None:
    (folder / "b.mp4").write_text("no video")
    (folder / "strokes.csv").write_text("video,begin,end,label\nb.mp4,0,1,Hit\n")
    with pytest.raises(CrispError, match=r"b.mp4: video is not used: not a video[\s\S]*remedy"):
        importing.import_dataset(folder, "tt")
    assert not Path("config").exists()
    assert not Path("data").exists()


def test_another_split_in_the_source_makes_no_second_row(folder: Path) -> None:
    table = "video,begin,end,label,split\nb.mp4,0,10,Hit,{}\nday 1/a.mp4,0,10,Push,train\n"
    (folder / "strokes.csv").write_text(table.format("train"))
    importing.import_dataset(folder, "tt")
    (folder / "strokes.csv").write_text(table.format("test"))
    (warning,) = importing.import_dataset(folder, "tt").warnings
    assert warning.where == "config/tt/annotations.tsv, video b"
    assert (warning.expected, warning.found) == ("test (source)", "train (here)")
    assert [row.split for row in read_annotations("config/tt/annotations.tsv")] == ["train", "train"]


def test_videos_by_their_ids(folder: Path, make_video: MakeVideo) -> None:
    make_video(folder / "my clip.mp4", frames=50, seed=2)
    (folder / "strokes.csv").write_text("video,begin,end,label\nb,0,10,Hit\nmy-clip,0,10,Hit\n")
    importing.import_dataset(folder, "tt")
    assert [row.path for row in read_videos("config/tt/videos.tsv")] == ["b.mp4", "my clip.mp4"]


def test_samples_of_a_study_are_no_annotation(folder: Path) -> None:
    header = "\t".join(samples.Sample._fields)
    (folder / "strokes.tsv").write_text(f"{header}\nb\t0\t10\tHit\tstroke\tb:0-10\t\n")
    with pytest.raises(CrispError, match="the samples of a study, not a table of annotated strokes"):
        importing.import_dataset(folder, "tt")


def test_every_bad_line_is_listed_and_nothing_written(folder: Path) -> None:
    lines = [
        "video,begin,end,label,split",
        "b.mp4,9,5,Hit,train",
        "b.mp4,x,5,Hit,train",
        "b.mp4,1.5,5,Hit,train",
        "b.mp4,1,5,,train",
        "b.mp4,1,5,Hit,practice",
        "/c.mp4,1,5,Hit,train",
        "../c.mp4,1,5,Hit,train",
        "b.mp4,1,5",
        "b.mp4,-1,5,Hit,train",
    ]
    (folder / "strokes.csv").write_text("\n".join(lines))
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    assert [(fault.where.rsplit(" ")[-1], fault.what) for fault in error.value.faults] == [
        ("2", "empty or negative interval"),
        ("3", "bad bound"),
        ("4", "bad bound"),
        ("5", "no label"),
        ("6", "unknown split"),
        ("7", "bad video"),
        ("8", "bad video"),
        ("9", "wrong number of cells"),
        ("10", "bad bound"),
    ]
    assert not Path("config").exists()


def test_not_such_a_table(folder: Path) -> None:
    (folder / "strokes.csv").write_text("file,from,to\n")
    with pytest.raises(
        CrispError,
        match=r"layout not recognised[\s\S]*strokes.csv: UTF-8 text separated by commas, columns file",
    ):
        importing.import_dataset(folder, "tt")
    with pytest.raises(CrispError, match=r"UTF-8 text separated by commas, columns file, from, to"):
        importing.import_dataset(folder / "strokes.csv", "tt")
    with pytest.raises(CrispError, match="not one table of strokes"):
        importing.import_dataset(folder, "tt", layout="csv")


@pytest.mark.parametrize(
    ("encoding", "read_as"), [("utf-8", ""), ("utf-8-sig", ""), ("utf-16", ""), ("cp1252", "Rückhand")]
)
def test_tables_as_spreadsheets_write_them(folder: Path, encoding: str, read_as: str) -> None:
    lines = [
        "sep=;",
        "Video;Label;Begin_Seconds;End_Seconds;label",
        "b.mp4;Rückhand;00:00:00,4;0:0:1.2;Rückhand",
    ]
    (folder / "strokes.csv").write_bytes("\r\n".join(lines).encode(encoding))
    report = importing.import_dataset(folder, "tt")
    assert read_annotation("config/tt/annotations/classification/b.xml") == [Stroke(10, 30, "Rückhand")]
    assert [fault.found for fault in report.warnings if "was read as" in fault.what] == [read_as] * bool(
        read_as
    )


@pytest.mark.parametrize(
    ("line", "what", "expected"),
    [
        ("b.mp4;Hit;0;1;Push", "two columns label differ", "one column of this name"),
        ("b.mp4;Hit;00:0a;1;Hit", "bad bound", "seconds, or HH:MM:SS"),
        ("b.mp4;Hit;00:00:61;1;Hit", "bad bound", "seconds, or HH:MM:SS"),
        ("b.mp4;Hit;00:61:00;1;Hit", "bad bound", "seconds, or HH:MM:SS"),
        ("b.mp4;Hit;1;;Hit", "stroke has no end", "a bound in column 'end_seconds'"),
        ("b.mp4;Hit;;2;Hit", "stroke has no begin", "a bound in column 'begin_seconds'"),
    ],
)
def test_cells_that_are_not_guessed(folder: Path, line: str, what: str, expected: str) -> None:
    header = "sep=;\nvideo;label;begin_seconds;end_seconds;label\n"
    (folder / "strokes.csv").write_text(f"{header}b.mp4;Hit;0;1;Hit\n{line}\n")
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    assert [(fault.where.rsplit(" ")[-1], fault.what, fault.expected) for fault in error.value.faults] == [
        ("4", what, expected)
    ]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
@pytest.mark.parametrize("in_table", ["NFC", "NFD"])
def test_one_class_and_one_file_in_either_unicode_form(
    folder: Path, make_video: MakeVideo, on_disk: str, in_table: str
) -> None:
    make_video(folder / unicodedata.normalize(on_disk, "Übung/Rück.mp4"), frames=50, seed=2)
    path = unicodedata.normalize(in_table, "Übung/Rück.mp4")
    labels = [unicodedata.normalize(form, "Rückhand") for form in ("NFC", "NFD")]
    rows = [f"{path},0,10,{labels[0]}", f"b.mp4,0,10,{labels[1]}", "day 1/a.mp4,0,10,Hit"]
    (folder / "strokes.csv").write_text("\n".join(["video,begin,end,label", *rows]))
    for kept in (False, True):
        report = importing.import_dataset(folder, "tt")
        assert [fault for fault in report.warnings if "class" not in fault.what] == []
        assert any("3 videos" in line for line in report.kept) is kept
    made = load.load_study("config/tt/study.yaml")
    assert made.classes == ("Negative", "Hit", labels[0])
    assert [row.path for row in made.videos.values()] == ["Übung/Rück.mp4", "b.mp4", "day 1/a.mp4"]
    assert made.source("R-ck").is_file()


def test_files_that_differ_only_in_unicode_form_are_refused(folder: Path, make_video: MakeVideo) -> None:
    for form in ("NFC", "NFD"):
        make_video(folder / unicodedata.normalize(form, "Rück.mp4"), frames=50, seed=2)
    (folder / "strokes.csv").write_text("video,begin,end,label\nRück.mp4,0,10,Hit\n")
    with pytest.raises(CrispError, match="two files differ only in the Unicode form of their names"):
        importing.import_dataset(folder, "tt")


def test_nothing_is_written_if_the_link_cannot_be_made(folder: Path) -> None:
    (folder / "strokes.csv").write_text("video,begin,end,label\nb.mp4,0,10,Hit\n")
    Path("data").touch()
    with pytest.raises(CrispError, match="data/tt: link to the videos cannot be made"):
        importing.import_dataset(folder, "tt")
    assert not Path("config").exists()


def test_a_missing_source_names_the_working_folder(folder: Path) -> None:
    with pytest.raises(CrispError, match=f"relative to the working folder, {folder.parent}"):
        importing.import_dataset("raw/fehlt", "tt")


def strokes_of(folder: Path, lines: list[str], name: str = "strokes.csv") -> list[Stroke]:
    """The strokes of video b by a table."""
    (folder / name).write_text("\n".join(lines), encoding="utf-8")
    importing.import_dataset(folder, "tt")
    return read_annotation("config/tt/annotations/classification/b.xml")


@pytest.mark.parametrize(
    "lines",
    [
        ["video,begin,end,label", "b.mp4,0.4,1.2,Hit"],
        ["video,begin,end,label", "b.mp4,0:00.4,0:01.2,Hit"],
        ["Video;Start (s);Ende (s);Schlag", "C:\\Filme\\b.mp4;0,4;1,2;Hit"],
        ["file,start_ms,duration_ms,class", "b,400,800,Hit"],
        ["File\tStart Time\tEnd Time\tStroke", "b.mp4\t00:00:00:10\t00:00:01:05\tHit"],
        ["video,start_frame,end_frame,label,fps", "b.mp4,20,60,Hit,50"],
        ["video,start_frame,end_frame,label,fps", "b.mp4,10,30,Hit,25"],
        ["動画,開始時刻,長さ（秒）,動作", 'b.mp4,"0:00,4",0.8,Hit'],
        [
            "Recorded by: A. Bee",
            "Camera;2",
            "",
            "Vidéo;Début (s);Durée (s);Coup;Avis",
            "b;0,4;0,8;Hit;bon",
            ";;;;",
        ],
        ["Start (s),End (s),Stroke", "0.4,1.2,Hit", "0.4,1.2,Hit"],
    ],
)
def test_the_same_stroke_in_many_tables(folder: Path, lines: list[str]) -> None:
    name = "b.csv" if lines[0].startswith("Start") else "strokes.csv"
    assert strokes_of(folder, lines, name) == [Stroke(10, 30, "Hit")]


def test_what_was_decided_is_told(folder: Path) -> None:
    lines = ["Club A", "Datei;Anfang;Ende;Schlag;Spieler;Wetter", "D:\\b.mp4;0,4;1,2;Hit;Ann;heiter"]
    (folder / "strokes.csv").write_text("\n".join([*lines, lines[-1]]))
    notes = importing.import_dataset(folder, "tt").notes
    assert [
        note for note in notes if "strokes.csv" in note or "videos were" in note or "repeated" in note
    ] == [
        "note: strokes.csv: the header is in line 2, lines above are not read",
        "note: strokes.csv: columns 'datei' as video, 'schlag' as label, 'spieler' as player, "
        "'anfang' as begin, 'ende' as end",
        "note: strokes.csv: decimal numbers are seconds",
        "note: strokes.csv: not read: columns wetter",
        "note: 1 row repeated another one: each is read once",
        "note: videos were found by their file names alone: D:\\b.mp4 as b.mp4",
    ]


def test_a_plain_table_needs_no_words(folder: Path) -> None:
    (folder / "strokes.csv").write_text("video,begin,end,label\nb.mp4,0,10,Hit\nb.mp4,20,30,Push\n")
    assert not [note for note in importing.import_dataset(folder, "tt").notes if "strokes.csv" in note]


@pytest.mark.parametrize(
    ("lines", "what", "remedy"),
    [
        (
            ["video,Start,End,Stroke,Class", "b.mp4,100,200,Hit,x"],
            "several columns can be the label",
            "rename the one to take label",
        ),
        (
            ["video,Start,End,Stroke", "b.mp4,1,2,Hit", "b.mp4,5,7,Hit"],
            "bounds can be frames or seconds",
            "rename them begin_frame and end_frame, or begin_seconds and end_seconds",
        ),
    ],
)
def test_real_ambiguity_names_its_remedy(folder: Path, lines: list[str], what: str, remedy: str) -> None:
    (folder / "strokes.csv").write_text("\n".join(lines))
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    (fault,) = error.value.faults
    assert (fault.where, fault.what, fault.remedy) == (f"{folder}/strokes.csv, line 1", what, remedy)
    assert not Path("config").exists()


def test_a_table_for_each_video(folder: Path, make_video: MakeVideo) -> None:
    make_video(folder / "a.mp4", frames=50, seed=2)
    for name, bounds in (("a", "0.2,0.4"), ("b", "0.4,0.8")):
        (folder / f"{name}.csv").write_text(f"start,end,stroke\n{bounds},Hit\n")
    (folder / "other.csv").write_text("one,two\n1,2\n")
    importing.import_dataset(folder, "tt")
    assert [read_annotation(f"config/tt/annotations/classification/{name}.xml") for name in "ab"] == [
        [Stroke(5, 10, "Hit")],
        [Stroke(10, 20, "Hit")],
    ]


def test_a_table_in_a_folder_of_its_own(folder: Path) -> None:
    (folder / "labels").mkdir()
    (folder / "labels" / "all.csv").write_text("video,begin,end,label\nday 1/a.mp4,0,10,Hit\nb,0,10,Hit\n")
    importing.import_dataset(folder, "tt")
    assert [row.path for row in read_videos("config/tt/videos.tsv")] == ["day 1/a.mp4", "b.mp4"]


def test_a_duration_that_contradicts_is_told(folder: Path) -> None:
    lines = ["video,start_s,end_s,duration_s,label", "b.mp4,0.2,0.4,0.2,Hit", "b.mp4,1,1.4,0.9,Hit"]
    (folder / "strokes.csv").write_text("\n".join(lines))
    (fault,) = [one for one in importing.import_dataset(folder, "tt").warnings if "duration" in one.what]
    assert fault.where.endswith("line 3")
    assert (fault.expected, fault.found) == ("an end at 1.9", "1.4")


def test_a_table_without_rows(folder: Path) -> None:
    (folder / "strokes.csv").write_text("video,begin,end,label\n\n")
    with pytest.raises(CrispError, match="table of strokes has no rows"):
        importing.import_dataset(folder, "tt")


def test_workbooks_of_pandas_and_openpyxl(folder: Path) -> None:
    table = pd.DataFrame(
        {
            "Clip": ["b.mp4", "day 1/a.mp4"],
            "Start": [datetime.time(0, 0, 0, 400_000), datetime.time(0, 0, 1)],
            "End": [datetime.time(0, 0, 1, 200_000), datetime.time(0, 0, 2)],
            "Stroke": ["Rückhand", "Hit"],
        }
    )
    table.to_excel(folder / "strokes.xlsx", sheet_name="labels", startrow=3, index=False)
    report = importing.import_dataset(folder, "tt")
    assert report.layout == "csv"
    assert read_annotation("config/tt/annotations/classification/b.xml") == [Stroke(10, 30, "Rückhand")]
    assert "note: strokes.xlsx, sheet labels: clock times are seconds" in report.notes


def book(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name, rows in sheets.items():
        sheet = made.create_sheet(name)
        for row in rows:
            sheet.append(row)
    made.save(path)


def test_a_sheet_for_each_video(folder: Path) -> None:
    header = ["begin_frame", "end_frame", "label"]
    book(folder / "all.xlsx", {"a": [header, [0, 10, "Hit"]], "b": [header, [5, 9, "Hit"]], "notes": [["x"]]})
    importing.import_dataset(folder, "tt")
    assert [row.path for row in read_videos("config/tt/videos.tsv")] == ["day 1/a.mp4", "b.mp4"]
    assert read_annotation("config/tt/annotations/classification/b.xml") == [Stroke(5, 9, "Hit")]


@pytest.mark.parametrize(
    ("sheets", "where", "what"),
    [
        (
            {"1": [["video", "begin", "end", "label"]] * 2, "2": [["video", "begin", "end", "label"]]},
            "all.xlsx",
            "several sheets are tables of strokes",
        ),
        (
            {"1": [["video", "begin", "end", "label"], ["b.mp4", "=5*25", 200, "Hit"]]},
            "all.xlsx, sheet 1, cell B2",
            "formula without a stored value",
        ),
        (
            {"1": [["video", "begin", "end", "label"], ["b.mp4", 10, "soon", "Hit"]]},
            "all.xlsx, sheet 1, cell C2",
            "bad bound",
        ),
        (
            {"1": [["video", "begin", "end", "label"], ["b.mp4", 10]]},
            "all.xlsx, sheet 1, cell D2",
            "no label",
        ),
    ],
)
def test_bad_workbooks(folder: Path, sheets: dict[str, list[list[object]]], where: str, what: str) -> None:
    book(folder / "all.xlsx", sheets)
    with pytest.raises(CrispError) as error:
        importing.import_dataset(folder, "tt")
    (fault,) = error.value.faults
    assert (fault.where, fault.what) == (f"{folder}/{where}", what)
    assert not Path("config").exists()


def test_a_damaged_workbook_is_named(folder: Path) -> None:
    (folder / "all.xlsx").write_bytes(b"PK")
    with pytest.raises(CrispError, match=r"all.xlsx: workbook cannot be read"):
        importing.import_dataset(folder / "all.xlsx", "tt")
    with pytest.raises(CrispError, match=r"layout not recognised[\s\S]*all.xlsx: workbook cannot be read"):
        importing.import_dataset(folder, "tt")


def test_commas_that_can_be_thousands(folder: Path) -> None:
    (folder / "strokes.csv").write_text('video,begin,end,label\nb.mp4,"1,000","1,200",Hit\n')
    with pytest.raises(CrispError, match=r"bad bound[\s\S]*can be one of thousands or of decimals"):
        importing.import_dataset(folder, "tt")
    assert strokes_of(folder, ["video;start;end;label", "b.mp4;0,400;1,200;Hit"]) == [Stroke(10, 30, "Hit")]


def test_a_table_in_another_encoding_is_not_passed_over(folder: Path) -> None:
    (folder / "strokes.csv").write_bytes("動画,開始,終了,動作\nb.mp4,1.5,2.5,打球\n".encode("shift_jis"))
    with pytest.raises(CrispError, match=r"strokes.csv: not readable as UTF-8, UTF-16 or Windows-1252"):
        importing.import_dataset(folder, "tt")


def test_a_timecode_that_the_video_does_not_have(folder: Path) -> None:
    lines = ["video,start,end,label", "b.mp4,00:00:00:29,00:00:01:00,Hit", "day 1/a.mp4,0:00.4,0:01,Hit"]
    (folder / "strokes.csv").write_text("\n".join(lines))
    told = [fault for fault in importing.import_dataset(folder, "tt").warnings if "annotation" in fault.what]
    assert [fault.found for fault in told] == [
        f"{folder}/strokes.csv, line 2: timecode with frame 29, but the video has 25 a second"
    ]


def test_ten_thousand_rows(folder: Path) -> None:
    rows = [f"E:\\raw\\b.mp4;{begin},25;{begin},75;Hit {begin % 7}" for begin in range(10_000)]
    (folder / "strokes.csv").write_text("\n".join(["Datei;Beginn;Ende;Schlag", *rows]))
    found = stroke_table.read(folder)
    ((label,),) = (video.labels for video in found.videos)
    assert len(label.intervals) == 10_000
    assert label.intervals[9_999].where.endswith("strokes.csv, line 10001")


def test_one_decimal_among_frames_names_the_remedy(folder: Path) -> None:
    rows = [f"b.mp4,{begin},{begin + 12},Hit" for begin in range(0, 300, 20)]
    (folder / "strokes.csv").write_text("\n".join(["video,begin,end,label", *rows, "b.mp4,400.5,420,Hit"]))
    with pytest.raises(CrispError, match=r"line 17: bad bound[\s\S]*name the columns begin_seconds"):
        importing.import_dataset(folder, "tt")


def test_a_large_text_is_recognised_by_its_first_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"b.mp4,{begin},{begin + 12},Rückhand" for begin in range(0, 50, 20)]
    text = "\n".join(["video,begin,end,label", *rows])
    for encoding in ("utf-8", "utf-16"):
        (folder / "strokes.csv").write_bytes(text.encode(encoding))
        monkeypatch.setattr(table_file, "HEAD", 91)  # within a letter
        assert stroke_table.matches(folder)
        (label,) = stroke_table.read(folder).videos[0].labels
        assert len(label.intervals) == 3


@pytest.mark.parametrize("suffix", ["xls", "ods"])
def test_formats_that_are_not_read(folder: Path, suffix: str) -> None:
    (folder / f"strokes.{suffix}").write_bytes(b"x")
    with pytest.raises(CrispError, match=r"are not read[\s\S]*save it as .xlsx"):
        importing.import_dataset(folder / f"strokes.{suffix}", "tt", layout="csv")
