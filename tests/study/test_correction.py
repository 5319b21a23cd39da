"""Corrected annotations: what they change, and where they go."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.errors import CrispError
from crisp.core.files import write_json
from crisp.study import samples, tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.correction import Change, changes, find_row, put
from crisp.study.tables import Annotation
from tests.lab import STROKES, Lab

HIT, PUSH = STROKES


def test_kinds_of_changes() -> None:
    before = [
        Stroke(0, 10, "a"),
        Stroke(20, 30, "b"),
        Stroke(40, 50, "c"),
        Stroke(60, 70, "d"),
        Stroke(80, 90, "e"),
    ]
    after = [
        Stroke(0, 10, "a"),
        Stroke(22, 33, "b"),
        Stroke(40, 50, "x"),
        Stroke(61, 70, "y"),
        Stroke(100, 110, "e"),
    ]
    assert changes(before, after) == [
        Change("moved", before[1], after[1]),
        Change("renamed", before[2], after[2]),
        Change("moved, renamed", before[3], after[3]),
        Change("removed", before[4], None),
        Change("added", None, after[4]),
    ]


def test_the_stroke_that_overlaps_most_is_the_same() -> None:
    before = [Stroke(0, 10, "a"), Stroke(10, 20, "a")]
    after = [Stroke(4, 14, "a"), Stroke(11, 21, "a")]
    assert [change.after for change in changes(before, after)] == after
    assert changes(before, after[1:]) == [
        Change("removed", before[0], None),
        Change("moved", before[1], after[1]),
    ]


def test_strokes_of_two_players_are_two() -> None:
    left, right = Stroke(0, 10, "a", "left"), Stroke(2, 10, "a", "right")
    assert [change.kind for change in changes([left], [right])] == ["removed", "added"]
    assert changes([left], [left._replace(player="right")])[0].kind == "other player"
    assert changes([left._replace(player="")], [left])[0].kind == "other player"


def test_thousands_of_changes_take_no_time() -> None:
    before = [Stroke(10 * number, 10 * number + 8, "a") for number in range(20_000)]
    assert len(changes(before, [stroke._replace(end=stroke.end + 1) for stroke in before])) == 20_000


strokes_ = st.lists(
    st.builds(
        lambda begin, length, label, player: Stroke(begin, begin + length, label, player),
        st.integers(0, 60),
        st.integers(1, 20),
        st.sampled_from(["", "a", "b"]),
        st.sampled_from(["", "left", "right"]),
    ),
    max_size=12,
)


@given(strokes_, strokes_)
def test_changes_lead_from_one_to_the_other(before: list[Stroke], after: list[Stroke]) -> None:
    found = changes(before, after)
    rest = list(before)
    for change in found:
        assert change.before != change.after
        if change.before:
            rest.remove(change.before)
    assert sorted([*rest, *(change.after for change in found if change.after)]) == sorted(after)
    assert changes(before, before) == []


@pytest.mark.parametrize("name", ["train.xml", "train (1).xml", "train(12).xml"])
def test_place_by_the_name_of_the_video(lab: Lab, name: str) -> None:
    assert find_row(lab.study(), Path("down loads", name)) == lab.labels[0]


def test_place_by_the_name_of_the_file(lab: Lab) -> None:
    lab.labels[0] = Annotation("train", "xml/old.xml", split="train")
    lab.write()
    assert find_row(lab.study(), Path("old.xml")) == lab.labels[0]
    assert find_row(lab.study(), Path("any.xml"), "train") == lab.labels[0]


def test_no_place(lab: Lab) -> None:
    with pytest.raises(CrispError, match="belongs to no video of the study"):
        find_row(lab.study(), Path("other.xml"))
    with pytest.raises(CrispError, match="no video 'other'"):
        find_row(lab.study(), Path("train.xml"), "other")
    lab.labels.append(Annotation("train", "xml/second.xml", split="train"))
    lab.write()
    with pytest.raises(CrispError, match="fits several annotation files"):
        find_row(lab.study(), Path("any.xml"), "train")
    assert find_row(lab.study(), Path("second.xml"), "train") == lab.labels[-1]


def test_put_with_backup_and_what_the_next_run_sees(lab: Lab) -> None:
    study = lab.study()
    write_annotation("train.xml", [HIT, PUSH._replace(end=35)])
    (done,) = put(study, [Path("train.xml")])
    assert (done.changes, done.is_new, done.counts) == (
        [Change("moved", PUSH, PUSH._replace(end=35))],
        False,
        True,
    )
    assert read_annotation("xml/train.xml") == [HIT, PUSH._replace(end=35)]
    (backup,) = Path("xml/backups").iterdir()
    assert read_annotation(backup) == STROKES
    write_json(study.results / "labels.json", samples.labels(lab.study()))
    (again,) = put(lab.study(), [Path("train.xml")])
    assert (again.changes, again.counts) == ([], False)
    write_annotation("train.xml", [HIT])
    (shown,) = put(lab.study(), [Path("train.xml")], write=False)
    assert (shown.changes[0].kind, shown.counts) == ("removed", True)
    assert len(read_annotation("xml/train.xml")) == 2


def test_first_annotation_of_a_video_gets_a_row(lab: Lab) -> None:
    lab.labels.pop()
    lab.write()
    write_annotation("test.xml", [HIT])
    (done,) = put(lab.study(), [Path("test.xml")])
    assert done.is_new
    row = Annotation("test", "annotations/classification/test.xml")
    assert tables.read_annotations("annotations.tsv")[-1] == row
    assert read_annotation(lab.study().annotation_file(row)) == [HIT]


def test_all_or_nothing(lab: Lab) -> None:
    write_annotation("train.xml", [HIT])
    for bad in ("missing.xml", "validation.xml", "test.xml", "train (1).xml"):
        write_annotation("validation.xml", [Stroke(0, 41, "Hit")])
        Path("test.xml").write_text("<video><action/></video>")
        write_annotation("train (1).xml", [PUSH])
        with pytest.raises(CrispError, match=bad.replace("(", r"\(").replace(")", r"\)")):
            put(lab.study(), [Path("train.xml"), Path(bad)])
        assert read_annotation("xml/train.xml") == STROKES
    assert not Path("xml/backups").exists()


@pytest.mark.parametrize("path", ["../outside.xml", "xml/link.xml"])
def test_no_file_outside_of_the_study_is_written(lab: Lab, tmp_path: Path, path: str) -> None:
    outside = tmp_path.parent / "outside.xml"
    write_annotation(outside, STROKES)
    Path("xml/link.xml").symlink_to(outside)
    lab.labels[0] = Annotation("train", path, split="train")
    lab.write()
    write_annotation("train.xml", [HIT])
    with pytest.raises(CrispError, match="outside of the folders of the study"):
        put(lab.study(), [Path("train.xml")])
    assert read_annotation(outside) == STROKES
