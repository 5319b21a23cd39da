"""Several annotators of a study's videos: which rows are its labels, and what counts as a change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.core.errors import CrispError
from crisp.study import samples
from crisp.study.annotations import Stroke
from crisp.study.annotators import Merging, label_rows
from crisp.study.tables import Annotation
from tests.lab import Lab, told

MAJORITY = {"merge": "majority"}
HIT, PUSH = Stroke(0, 10, "Hit"), Stroke(20, 30, "Push")


@pytest.fixture
def people(lab: Lab) -> Lab:
    """The training video annotated by Anna and Ben, who starts the first stroke later and finds a third."""
    first, *others = lab.labels
    lab.strokes("ben", Stroke(2, 10, "Hit"), PUSH, Stroke(33, 39, "Hit"))
    lab.labels = [
        Annotation("train", first.path, split="train", annotator="Anna"),
        *others,
        Annotation("train", "xml/ben.xml", split="train", annotator="Ben"),
    ]
    lab.write()
    return lab


def strokes_of(lab: Lab, **annotators: Any) -> list[Stroke]:
    study = lab.study(annotators=annotators)
    return sorted(
        stroke
        for row in study.annotations
        if row.video == "train"
        for stroke in samples.strokes_of(study, row, {})
    )


def test_several_annotators_need_a_rule(people: Lab) -> None:
    (fault,) = people.check().faults
    assert (fault.where, fault.what) == (
        "annotations.tsv, video train",
        "several annotators, and no rule to merge their strokes",
    )
    assert "annotators.merge" in fault.expected
    assert fault.found == "Anna, Ben"


def test_majority_is_checked_and_trained_on(people: Lab) -> None:
    assert people.check(annotators=MAJORITY).faults == []
    assert strokes_of(people, **MAJORITY) == [Stroke(1, 10, "Hit"), PUSH]
    assert strokes_of(people, **MAJORITY, order=["Ben"]) == [
        Stroke(1, 10, "Hit"),
        PUSH,
        Stroke(33, 39, "Hit"),
    ]
    assert strokes_of(people, merge="first", order=["Ben", "Anna"])[0] == Stroke(2, 10, "Hit")
    made = samples.collect_samples(
        people.study(annotators=MAJORITY), dict.fromkeys(["train", "validation", "test"], 40)
    )
    assert [one[:4] for one in made if one.video == "train" and one.kind == "stroke"] == [
        ("train", 1, 10, "Hit"),
        ("train", 20, 30, "Push"),
    ]


def test_adjudicated_strokes_decide(people: Lab) -> None:
    people.strokes("decided", Stroke(3, 12, "Push"))
    people.labels.append(Annotation("train", "xml/decided.xml", split="train", annotator="adjudicated"))
    people.write()
    for rule in ({}, MAJORITY, {"merge": "first", "order": ["Ben"]}):
        assert strokes_of(people, **rule) == [Stroke(3, 12, "Push")]


def test_snapshot_has_the_strokes_of_all_and_the_merged_ones(people: Lab) -> None:
    study = people.study(annotators=MAJORITY)
    snapshot = samples.labels(study)
    merged = "annotations/adjudicated/classification/train/train.xml"
    assert list(snapshot) == [merged, "xml/validation.xml", "xml/test.xml", "xml/train.xml", "xml/ben.xml"]
    assert snapshot[merged] == [[1, 10, "Hit"], [20, 30, "Push"]]
    people.strokes("ben")
    row = study.annotations[0]
    assert samples.strokes_of(study, row, snapshot) == [Stroke(1, 10, "Hit"), PUSH]


def test_only_merged_labels_count_as_a_change(people: Lab) -> None:
    def digest(**annotators: Any) -> str:
        return samples.labels_digest(samples.parsed_labels(people.study(annotators=annotators)))

    before = digest(**MAJORITY)
    assert before == digest(**MAJORITY, iou=0.6)  # the same strokes are merged
    people.strokes("ben", Stroke(2, 10, "Hit"), PUSH)  # a stroke that was outvoted
    assert before == digest(**MAJORITY)
    people.strokes("ben", Stroke(4, 10, "Hit"), PUSH)
    assert before != digest(**MAJORITY)


def test_names_alone_change_nothing(lab: Lab) -> None:
    study = lab.study()
    before = samples.labels_digest(samples.parsed_labels(study)), samples.labels(study)
    lab.labels = [Annotation(row.video, row.path, row.task, row.split, "Anna") for row in lab.labels]
    lab.write()
    study = lab.study()
    assert before == (samples.labels_digest(samples.parsed_labels(study)), samples.labels(study))
    assert study.annotations == study.annotator_rows


def test_each_annotator_is_checked_alone(people: Lab) -> None:
    people.strokes(
        "ben", Stroke(2, 10, "Hit"), Stroke(2, 10, "Push"), Stroke(20, 30, "Psuh"), Stroke(33, 50, "Hit")
    )
    found = told(people.check(annotators=MAJORITY).faults)
    assert found == [
        ("xml/ben.xml, action 4", "stroke ends after the video"),
        ("xml/ben.xml, action 2", "interval has two labels"),
        ("xml/ben.xml, action 3", "unknown class"),
    ]


@pytest.mark.parametrize(
    ("changes", "annotators", "what"),
    [
        ({}, {"merge": "first", "order": []}, "no annotator in the order"),
        ({}, {"merge": "majority", "order": ["Bne"]}, "no such annotator"),
        ({"annotator": ""}, MAJORITY, "some rows of task classification name an annotator, others do not"),
        ({"split": "test"}, MAJORITY, "annotators of one video with different splits"),
    ],
)
def test_rules_that_do_not_apply(
    people: Lab, changes: dict[str, str], annotators: dict[str, Any], what: str
) -> None:
    people.labels[-1] = Annotation(**{**vars(people.labels[-1]), **changes})
    people.write()
    assert [fault.what for fault in people.check(annotators=annotators).faults] == [what]


def test_rows_of_other_tasks_and_several_files_of_a_person() -> None:
    rows = [
        Annotation("v", "a1.xml", split="train", annotator="a"),
        Annotation("v", "a2.xml", split="test", annotator="a"),
        Annotation("v", "d.xml", "detection"),
        Annotation("v", "b1.xml", split="test", annotator="b"),
        Annotation("v", "b2.xml", split="train", annotator="b"),
    ]
    found = label_rows(rows, Merging("majority", ("b",), 0.5), "annotations.tsv")
    assert [(row.task, row.split, [source.path for source in row.sources]) for row in found] == [
        ("classification", "test", ["b1.xml", "a2.xml"]),
        ("classification", "train", ["b2.xml", "a1.xml"]),
        ("detection", "", []),
    ]
    with pytest.raises(CrispError, match="several annotators"):
        label_rows(rows, Merging("", (), 0.5), "annotations.tsv")


def test_a_class_that_one_annotator_does_not_know(people: Lab) -> None:
    people.strokes("ben", Stroke(0, 10, "Unknown"), PUSH)
    assert people.check(annotators=MAJORITY).faults == []
    assert strokes_of(people, **MAJORITY) == [HIT, PUSH]
    people.strokes("train", Stroke(0, 10, "Unknown"), PUSH)
    what = "unlabelled stroke in the train split"
    found = [fault for fault in people.check(annotators=MAJORITY).faults if fault.what == what]
    assert [fault.where for fault in found] == ["annotations.tsv, video train, begin=0 end=10"]


def test_unreadable_file_of_one_annotator(people: Lab) -> None:
    Path("xml/ben.xml").write_text("<video>")
    (fault,) = people.check(annotators=MAJORITY).faults
    assert fault.where.startswith("xml/ben.xml")
