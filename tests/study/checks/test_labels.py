"""The check of annotation files: malformed, mislabelled, out of bounds, missing from a split."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crisp.core import xml_files
from crisp.preparation.frames import extract_frames
from crisp.study import annotations as annotation_files
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.scan import scan_videos
from crisp.study.tables import Annotation
from tests.lab import STROKES, Lab, told


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("<video><action></video>", "not well-formed XML"),
        ('<!DOCTYPE video [<!ENTITY a "b">]><video/>', "XML with a DOCTYPE is refused"),
        ('<video><action begin="5" end="5" move="Hit"/></video>', "empty or negative interval"),
        ('<video><action begin="5" end="3" move="Hit"/></video>', "empty or negative interval"),
        ("x" * (xml_files.LARGEST_FILE + 1), "annotation file is too large"),
    ],
)
def test_bad_xml_hides_no_other_fault(lab: Lab, text: str, what: str) -> None:
    lab.xml("test", text)
    lab.strokes("train", Stroke(0, 10, "Hit"), Stroke(20, 50, "Push"))
    found = lab.check().faults
    assert [fault.what for fault in found] == [what, "stroke ends after the video"]
    assert "xml/test.xml" in found[0].where


def test_every_fault_of_one_file_in_one_list(lab: Lab) -> None:
    """A bad interval hides neither an unknown class, its own or another's, nor an end beyond the video."""
    lab.xml(
        "test",
        '<video><action begin="9" end="3" move="Hti"/><action begin="x" end="77" move="Hit"/>'
        '<action begin="20" end="50"/><action begin="12" end="16" move="Hit"/>'
        '<action begin="12" end="16" move="Push"/></video>',
    )
    assert told(lab.check().faults) == [
        ("xml/test.xml, action 1", "empty or negative interval"),
        ("xml/test.xml, action 2", "bad begin"),
        ("xml/test.xml, action 2", "stroke ends after the video"),
        ("xml/test.xml, action 3", "stroke ends after the video"),
        ("xml/test.xml, action 5", "interval has two labels"),
        ("xml/test.xml, action 1", "unknown class"),
        ("xml/test.xml, action 3", "no label"),
    ]


def test_fault_of_a_file_of_two_rows_is_told_once(lab: Lab) -> None:
    lab.labels.append(Annotation("test", "xml/test.xml", "detection", "test"))
    lab.write()
    lab.strokes("test", Stroke(0, 99, "Hit"))
    assert told(lab.check().faults) == [("xml/test.xml, action 1", "stroke ends after the video")]
    Path("xml/test.xml").unlink()
    assert told(lab.check().faults) == [("xml/test.xml", "annotation file is missing")]


def test_missing_xml(lab: Lab) -> None:
    Path("xml/test.xml").unlink()
    assert told(lab.check().faults) == [("xml/test.xml", "annotation file is missing")]


def test_unknown_class_with_a_guess(lab: Lab) -> None:
    lab.strokes("test", Stroke(0, 10, "Psuh"), Stroke(20, 30, "Hit"), Stroke(31, 40, "Psuh"))
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("xml/test.xml, action 1, 3", "unknown class")
    assert (fault.found, fault.remedy) == ("'Psuh'", "did you mean 'Push'?")


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("hit", "'hit'"),
        ("H it", "'H it'"),
        ("Ｈit", "'Ｈit' (Ｈ U+FF28)"),
        ("Ніt", "'Ніt' (Н U+041D, і U+0456)"),
    ],
)
def test_classes_that_look_alike(lab: Lab, label: str, shown: str) -> None:
    lab.strokes("test", Stroke(0, 10, label), Stroke(20, 30, "Push"))
    found = lab.check(classes=["Negative", "Hit", "Push", label])
    (fault,) = [fault for fault in found.warnings if "look-alike" in fault.what]
    assert fault.found == f"'Hit': 2 strokes, {shown}: 1 stroke"
    assert fault.remedy == f"if they are one class, write 'Hit' for {shown} in classes and in xml/test.xml"
    (fault,) = lab.check().faults
    assert (fault.what, fault.found, fault.remedy) == ("unknown class", shown, "did you mean 'Hit'?")


def test_one_class_in_two_unicode_forms(lab: Lab) -> None:
    lab.strokes("train", Stroke(0, 10, "Rückhand"), Stroke(20, 30, "Push"))
    lab.strokes("validation", Stroke(0, 10, "Ru\u0308ckhand"), Stroke(20, 30, "Push"))
    lab.strokes("test", Stroke(0, 10, "Rückhand"), Stroke(20, 30, "Push"))
    classes = ["Negative", "Ru\u0308ckhand", "Push"]
    assert lab.check(classes=classes) == ([], [])
    assert lab.study(classes=classes).classes == ("Negative", "Rückhand", "Push")


def test_empty_label(lab: Lab) -> None:
    lab.xml("test", '<video><action begin="0" end="10"/></video>')
    assert told(lab.check().faults) == [("xml/test.xml, action 1", "no label")]
    lab.labels[2] = replace(lab.labels[2], task="detection")
    lab.write()
    assert told(lab.check().faults) == [("annotations.tsv", "the test split has no stroke")]


@pytest.mark.parametrize("label", ["Unknown", "UNKNOWN"])
def test_unlabelled_strokes_only_in_test(lab: Lab, label: str) -> None:
    for video in ("train", "validation", "test"):
        lab.strokes(video, *STROKES, Stroke(30, 40, label))
    assert told(lab.check().faults) == [
        ("xml/train.xml, action 3", "unlabelled stroke in the train split"),
        ("xml/validation.xml, action 3", "unlabelled stroke in the validation split"),
    ]
    assert lab.check(split={"method": "by_video"}).faults == []


def test_beyond_the_last_frame(lab: Lab) -> None:
    lab.strokes("test", Stroke(0, 40, "Hit"), Stroke(35, 41, "Push"))
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("xml/test.xml, action 2", "stroke ends after the video")
    assert (fault.expected, fault.found) == ("end <= 40 (frames in videos.tsv)", "begin=35 end=41")


def test_decoded_frames_count_for_more_than_the_table(lab: Lab) -> None:
    made = lab.study()
    extract_frames(made.source("test"), made.stage_file("test", "frames"))
    lab.change("test", frames=60)
    lab.strokes("test", Stroke(0, 41, "Hit"))
    (fault,) = lab.check().faults
    assert fault.expected == "end <= 40 (frames decoded)"
    # A stage file of the video before its replacement says nothing about the new one.
    lab.make_video("data/d/test.mp4", frames=60, seed=5)
    scan_videos("videos.tsv", "data/d")
    assert lab.check().faults == []
    made.stage_file("test", "frames").write_bytes(b"damaged")
    assert lab.check().faults == []


def test_same_interval_twice(lab: Lab) -> None:
    lab.strokes("test", *STROKES, Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit"))
    faults, warnings = lab.check()
    assert told(faults) == [
        ("xml/test.xml, action 3", "stroke is annotated twice"),
        ("xml/test.xml, action 4", "interval has two labels"),
    ]
    assert warnings == []


def test_same_interval_in_both_tasks_is_fine(lab: Lab) -> None:
    lab.labels.append(Annotation("test", "xml/test.xml", "detection", "test"))
    lab.write()
    assert lab.check() == ([], [])


def test_overlaps_and_order(lab: Lab) -> None:
    lab.strokes(
        "test", Stroke(20, 30, "Push"), Stroke(18, 22, "Hit"), Stroke(0, 10, "Hit"), Stroke(8, 16, "Hit")
    )
    faults, warnings = lab.check()
    assert faults == []
    assert told(warnings) == [("xml/test.xml, action 1", "overlaps another stroke by 2 frames")]
    assert "at most 25% of the shorter one (4 frames)" in str(warnings[0])


def test_thousands_of_overlaps_are_told_once_a_stroke(lab: Lab) -> None:
    lab.change("test", frames=10_000)
    lab.strokes("test", *(Stroke(begin, begin + 5000, "Hit") for begin in range(5000)))
    assert len(lab.check().warnings) == 4999


def test_thousands_of_the_same_stroke_overlap_nothing(lab: Lab) -> None:
    lab.strokes("test", *([Stroke(0, 10, "Hit")] * 20_000))
    faults, warnings = lab.check()
    assert len(faults) == 19_999
    assert warnings == []


def test_thousands_of_labels_at_fault_are_one_short_message(lab: Lab) -> None:
    lab.change("test", frames=20_000)
    lab.strokes("test", *(Stroke(begin, begin + 1, "Hti") for begin in range(10_000)))
    (fault,) = lab.check().faults
    assert fault.where.endswith(", 20 and 9,980 more")


def test_thousands_of_misspelt_classes_are_not_all_guessed(lab: Lab) -> None:
    lab.change("test", frames=20_000)
    lab.strokes("test", *(Stroke(begin, begin + 1, f"Hit{begin}") for begin in range(3000)))
    faults = lab.check().faults
    assert len(faults) == 3000
    assert 0 < sum(fault.remedy.startswith("did you mean") for fault in faults) <= 20


def test_more_strokes_than_a_video_can_hold(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(annotation_files, "MOST_ACTIONS", 3)
    lab.strokes("test", *([Stroke(0, 10, "Hit")] * 4))
    assert told(lab.check().faults) == [("xml/test.xml", "too many strokes")]


def test_video_that_is_not_labelled_to_its_end(lab: Lab) -> None:
    write_annotation("xml/train.xml", STROKES, begun=True)
    faults, warnings = lab.check()[:2]
    assert faults == []
    assert ("xml/train.xml", "video is not labelled to its end") in told(warnings)
    write_annotation("xml/train.xml", STROKES)
    assert "not labelled to its end" not in str(told(lab.check()[1]))
