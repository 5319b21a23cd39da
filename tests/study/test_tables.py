"""videos.tsv and annotations.tsv: what is written reads back, what is wrong is told with its line."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core import names
from crisp.core.errors import CrispError
from crisp.core.unicode_forms import compose
from crisp.study.tables import (
    SPLITS,
    TASKS,
    Annotation,
    VideoRow,
    read_annotations,
    read_videos,
    write_annotations,
    write_videos,
)

HEADER = "video\tpath\tsize\tframes\tsha256\tfps\tgroup\tuse\tnote\n"

ids = st.from_regex(names.ID, fullmatch=True).filter(names.is_id)
cell_text = st.text(st.characters(blacklist_categories=["Cs", "Cc"])).map(compose)
notes = cell_text.map(str.strip)
videos = st.builds(
    VideoRow,
    video=ids,
    path=cell_text.filter(bool),
    size=st.integers(0, 10**15),
    frames=st.integers(0, 10**8),
    sha256=st.from_regex("[0-9a-f]{64}", fullmatch=True),
    fps=st.integers(10, 99999).map(lambda number: float(f"{number / 100:.6g}")),
    group=notes,
    use=st.booleans(),
    note=notes,
    frame_step=st.integers(1, 10),
)


@settings(max_examples=40)
@given(st.lists(videos, unique_by=lambda row: row.video.lower(), max_size=5))
def test_videos_round_trip(rows: list[VideoRow]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_videos(Path(folder, "videos.tsv"), rows)
        assert read_videos(Path(folder, "videos.tsv")) == rows


@settings(max_examples=40)
@given(
    st.lists(
        st.builds(
            Annotation, ids, cell_text.filter(bool), st.sampled_from(TASKS), st.sampled_from([*SPLITS, ""])
        )
    )
)
def test_annotations_round_trip(rows: list[Annotation]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_annotations(Path(folder, "annotations.tsv"), rows)
        assert read_annotations(Path(folder, "annotations.tsv")) == rows


def test_annotators_only_where_given(tmp_path: Path) -> None:
    path, row = tmp_path / "annotations.tsv", Annotation("a", "a.xml", split="train")
    write_annotations(path, [row])
    assert path.read_text() == "video\tpath\ttask\tsplit\na\ta.xml\tclassification\ttrain\n"
    named = [row, Annotation("a", "b.xml", annotator="Zoë B.")]
    write_annotations(path, named)
    assert path.read_text().splitlines()[0] == "video\tpath\ttask\tsplit\tannotator"
    assert read_annotations(path) == named


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("anna", "Anna"), "line 3: annotators differ only by case"),
        (("a;b", "c"), "line 2: bad annotator"),
        (("a=b", "c"), "line 2: bad annotator"),
        (("a" * 101, "c"), "line 2: bad annotator"),
    ],
)
def test_bad_annotators(tmp_path: Path, names: tuple[str, str], message: str) -> None:
    path = tmp_path / "annotations.tsv"
    rows = "".join(f"a\t{number}.xml\tclassification\t\t{name}\n" for number, name in enumerate(names))
    path.write_text(f"video\tpath\ttask\tsplit\tannotator\n{rows}")
    with pytest.raises(CrispError, match=message):
        read_annotations(path)


def faults_of(tmp_path: Path, text: str) -> str:
    path = tmp_path / "videos.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CrispError) as error:
        read_videos(path)
    return str(error.value)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("a b\ta.mp4\t1\t1\tx\t25\t\tyes\t", "line 2: bad video id"),
        ("-a\ta.mp4\t1\t1\tx\t25\t\tyes\t", "line 2: bad video id"),
        ("..\ta.mp4\t1\t1\tx\t25\t\tyes\t", "line 2: bad video id"),
        ("a" * 101 + "\ta.mp4\t1\t1\tx\t25\t\tyes\t", "line 2: bad video id"),
        ("a\t\t1\t1\tx\t25\t\tyes\t", "line 2: empty path"),
        ("a\ta.mp4\t-1\t1\tx\t25\t\tyes\t", "size: a whole number"),
        ("a\ta.mp4\t1\tmany\tx\t25\t\tyes\t", "frames: a whole number"),
        ("a\ta.mp4\t1\t1\tx\tnan\t\tyes\t", "fps: frames per second"),
        ("a\ta.mp4\t1\t1\tx\t25\t\tmaybe\t", "use: yes or no"),
        ("a\ta.mp4\t1\t1\tx\t25\tyes", "wrong number of cells"),
    ],
)
def test_bad_cell_is_told_with_its_line(tmp_path: Path, cells: str, message: str) -> None:
    assert message in faults_of(tmp_path, HEADER + cells + "\n")


def test_ids_equal_but_for_case(tmp_path: Path) -> None:
    row = "{}\ta.mp4\t1\t1\tx\t25\t\tyes\t\n"
    message = faults_of(tmp_path, HEADER + row.format("clip") + row.format("Clip"))
    assert "line 3: video id is taken (ignoring case)" in message
    assert "also line 2" in message


def test_all_faults_are_listed(tmp_path: Path) -> None:
    rows = "a b\ta.mp4\t1\t1\tx\t25\t\tyes\t\nc\tc.mp4\tbig\t1\tx\t25\t\tyes\t\n"
    message = faults_of(tmp_path, HEADER + rows)
    assert "line 2" in message
    assert "line 3" in message


@pytest.mark.parametrize(
    "header", ["", "video\tpath\n", HEADER.replace("fps", "rate"), HEADER.replace("\t", ",")]
)
def test_wrong_columns(tmp_path: Path, header: str) -> None:
    assert "line 1: wrong columns" in faults_of(tmp_path, header)


def test_missing_and_undecodable_tables(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match=r"table is missing[\s\S]*crisp import"):
        read_videos(tmp_path / "videos.tsv")
    (tmp_path / "latin.tsv").write_bytes(HEADER.encode() + b"a\tM\xfcller.mp4\t1\t1\tx\t25\t\tyes\t\n")
    with pytest.raises(CrispError, match=r"table cannot be read[\s\S]*remedy: "):
        read_videos(tmp_path / "latin.tsv")


def test_table_saved_by_a_spreadsheet(tmp_path: Path) -> None:
    """A byte order mark and Windows line ends."""
    path = tmp_path / "videos.tsv"
    text = HEADER + "007\ta.mp4\t1\t2\tx\t25\t\tyes\tfine\n\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert read_videos(path) == [VideoRow("007", "a.mp4", 1, 2, "x", 25.0, "", True, "fine")]


def test_optional_columns_only_where_needed(tmp_path: Path) -> None:
    path = tmp_path / "videos.tsv"
    write_videos(path, [VideoRow("a", "a.mp4", frames=11, fps=50)])
    assert path.read_text().splitlines()[0].endswith("use\tnote")
    write_videos(path, [VideoRow("a", "a.mp4", frames=11, fps=50, frame_step=2)])
    assert path.read_text().splitlines()[0].endswith("use\tnote\tframe_step")
    (row,) = read_videos(path)
    assert (row.working_fps, row.working_frames) == (25, 6)
    rows = [VideoRow("a", "a.mp4", fps=30, capture_fps=240), VideoRow("b", "b.mp4", timing="starts at 1 s")]
    write_videos(path, rows)
    assert path.read_text().splitlines()[0].endswith("use\tnote\ttiming\tcapture_fps")
    assert read_videos(path) == rows
    assert rows[0].working_fps == 240
    rows = [VideoRow("a", "a.mp4", fps=30, facing="left"), VideoRow("b", "b.mp4", facing="right")]
    write_videos(path, rows)
    assert read_videos(path) == rows
    assert [row.is_mirrored(row.video) for row in rows] == [True, False]
    path.write_text(path.read_text().replace("left", "west"))
    with pytest.raises(CrispError, match="facing: left, right, or one of them for each region"):
        read_videos(path)
    (mirrored,) = rows = [VideoRow("a", "a.mp4", fps=30, timing="starts at 1.000 s", picture="mirrored: so")]
    write_videos(path, rows)
    assert path.read_text().splitlines()[0].endswith("use\tnote\ttiming\tpicture")
    assert read_videos(path) == rows
    assert mirrored.remark == "starts at 1.000 s: labels in seconds go by time stamps; mirrored: so"


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a\ta.xml\tclassify\ttrain", "unknown task"),
        ("a\ta.xml\tdetection\ttraining", "unknown split"),
        ("a\t\tdetection\ttrain", "empty path"),
    ],
)
def test_bad_annotation_rows(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "annotations.tsv"
    path.write_text(f"video\tpath\ttask\tsplit\n{row}\n")
    with pytest.raises(CrispError, match=re.escape(f"{path}, line 2: {message}")):
        read_annotations(path)


def test_valid_means_validation(tmp_path: Path) -> None:
    path = tmp_path / "annotations.tsv"
    path.write_text("video\tpath\ttask\tsplit\na\ta.xml\tdetection\tvalid\n")
    assert read_annotations(path)[0].split == "validation"


@pytest.mark.parametrize("name", ["frames", "Pose"])
def test_id_like_a_stage_file_is_refused(tmp_path: Path, name: str) -> None:
    """The volume ``frames/frames.h5`` would be the frames stage file itself."""
    write_videos(tmp_path / "videos.tsv", [VideoRow(name, "a.mp4")])
    with pytest.raises(CrispError, match="name of a stage file"):
        read_videos(tmp_path / "videos.tsv")
