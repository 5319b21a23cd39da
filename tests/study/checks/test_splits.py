"""The check makes samples and splits as the rules will: what lacks there is told before any job."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crisp.core.errors import CrispError
from crisp.preparation.frames import extract_frames
from crisp.study import splits, tables
from crisp.study.annotations import Stroke
from crisp.study.checks import splits as check_splits
from crisp.study.config import Study
from crisp.study.samples import collect_samples
from crisp.study.splits import assign_split
from crisp.study.tables import Annotation
from tests.lab import CONTENT, STRATIFIED, STROKES, Lab, told

SHARED = "samples of one group train and test: figures will be too good for other players"


def test_class_without_training_stroke(lab: Lab) -> None:
    lab.strokes("train", Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit"))
    (fault,) = lab.check().faults
    assert (fault.where, fault.what) == ("my/study.yaml, classes", "class 'Push' has no training stroke")
    assert lab.check(split=STRATIFIED).faults == []


def test_negative_class_needs_strokes_where_none_are_cut(lab: Lab) -> None:
    (fault,) = lab.check(negatives={"share": 0}).faults
    assert fault.what == "class 'Negative' has no training stroke"


def test_class_without_any_stroke(lab: Lab) -> None:
    classes = [*CONTENT["classes"], "Smash"]
    (fault,) = lab.check(classes=classes, split=STRATIFIED).faults
    assert fault.what == "class 'Smash' has no stroke"


def test_empty_split(lab: Lab) -> None:
    lab.labels[1] = replace(lab.labels[1], split="train")
    lab.write()
    assert told(lab.check().faults) == [("annotations.tsv", "the validation split has no stroke")]


def test_given_split_that_is_not_given(lab: Lab) -> None:
    lab.labels[0] = replace(lab.labels[0], split="")
    lab.labels.append(Annotation("train", "xml/train.xml", split="train", task="detection"))
    lab.write()
    assert ("annotations.tsv, xml/train.xml", "no split is given") in told(lab.check().faults)
    assert lab.check(split=STRATIFIED).faults == []


@pytest.mark.parametrize("method", ["by_video", "leave_one_group_out"])
def test_whole_groups_of_trimmed_clips(lab: Lab, method: str) -> None:
    for video, label in zip(tables.SPLITS, ["Hit", "Push", "Hit"], strict=True):
        lab.strokes(video, Stroke(0, 40, label))
    changes = {"split": {"method": method}, "classes": ["Hit", "Push"], "negatives": {"share": 0}}
    (fault,) = lab.check(**changes).faults
    assert fault.where == "my/study.yaml, split.method"
    assert fault.what.startswith(f"{method} on trimmed clips")
    assert "clips cut from one recording would fall into different splits" in fault.what
    assert "column group" in fault.remedy
    lab.change("train", group="anna")
    assert not any("trimmed" in one.what for one in lab.check(**changes).faults)


@pytest.mark.parametrize(
    ("split", "needed"),
    [({"folds": 2}, 4), ({"folds": 4}, 4), ({"folds": 3}, 3), ({"method": "leave_one_group_out"}, 3)],
)
def test_too_few_groups_for_the_folds(lab: Lab, split: dict[str, Any], needed: int) -> None:
    assert needed == 4 or lab.check(split=split).faults == []
    lab.change("train", group="anna")
    lab.change("test", group="anna")
    (fault,) = lab.check(split=split).faults
    assert (fault.where, fault.what) == ("my/study.yaml, split", "too few groups for the folds")
    assert fault.expected.startswith(f"{needed} groups")
    assert fault.found == "2"
    assert lab.check(split={**STRATIFIED, "folds": 2}).faults == []


def refusal(made: Study, name: str) -> str:
    """What the rules strokes and split end with, as they would run now."""
    samples = collect_samples(made, {video: row.working_frames for video, row in made.used.items()})
    with pytest.raises(CrispError) as error:
        assign_split(made, samples, name)
    return error.value.faults[0].what


def test_no_gap_is_long_enough_for_a_negative(lab: Lab) -> None:
    """The run would end at the rule split: all gaps are of 10 frames, 0.4 s."""
    seconds = {"negatives": {"share": 0.3, "seconds": 0.5}}
    assert refusal(lab.study(**seconds), "main") == "class 'Negative' has no training sample"
    (fault,) = lab.check(**seconds).faults
    assert fault.where == "my/study.yaml, negatives.seconds"
    assert fault.what == "class 'Negative' has no sample: no gap between strokes is as long as one"
    assert (fault.expected[:21], fault.found) == ("a gap of at least 0.5", "the longest is 0.4 s, in train")
    assert fault.remedy.startswith("negatives.seconds of at most 0.4, or set negatives.share: 0")
    assert lab.check(negatives={"share": 0.3, "seconds": 0.4}).faults == []
    lab.strokes("train", *STROKES, Stroke(31, 32, "Negative"))
    assert lab.check(**seconds).faults == []


def test_without_any_gap_negatives_are_no_remedy(lab: Lab) -> None:
    for video in tables.SPLITS:
        lab.strokes(video, Stroke(0, 20, "Hit"), Stroke(20, 40, "Push"))
    (fault,) = lab.check().faults
    assert (fault.found, fault.remedy) == (
        "no gap",
        "set negatives.share: 0 and remove 'Negative' from classes",
    )


def test_share_that_asks_for_no_negative(lab: Lab) -> None:
    (fault,) = lab.check(negatives={"share": 0.01, "seconds": 0.2}).faults
    assert (fault.where, fault.what) == (
        "my/study.yaml, split",
        "class 'Negative' has no training sample",
    )
    assert "raise negatives.share, shorten negatives.seconds" in fault.remedy


def test_other_faults_do_not_hide_negatives_that_are_too_long(lab: Lab) -> None:
    lab.strokes("train", Stroke(0, 10, "Hti"), Stroke(20, 99, "Push"))
    lab.xml("test", '<video><action begin="5" end="3" move="Hit"/></video>')
    found = [what for _, what in told(lab.check(negatives={"share": 0.3, "seconds": 3}).faults)]
    assert found == [
        "empty or negative interval",
        "stroke ends after the video",
        "unknown class",
        "class 'Hit' has no training stroke",
        "class 'Negative' has no sample: no gap between strokes is as long as one",
    ]


@pytest.mark.parametrize("split", [{"seed": 2}, {"folds": 3}, {"method": "leave_one_group_out"}])
def test_splits_are_made_as_the_rule_makes_them(lab: Lab, split: dict[str, Any]) -> None:
    """Class Push is annotated in one video only: where that is not trained on, no model learns it."""
    lab.strokes("train", Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit"))
    lab.strokes("test", Stroke(0, 10, "Hit"), Stroke(20, 30, "Hit"))
    made = lab.study(split=split)
    (fault,) = lab.check(split=split).faults
    assert fault.where == "my/study.yaml, split"
    refused = []
    for name in made.split_names:
        try:
            refusal(made, name)
            refused.append(name)
        except pytest.fail.Exception:
            pass
    told_of = "" if refused == ["main"] else f" in {', '.join(refused)}"
    assert fault.what == f"class 'Push' has no training sample{told_of}"
    assert "split.method stratified" in fault.remedy


def test_group_without_a_sample_cannot_be_tested(lab: Lab) -> None:
    lab.strokes("test")
    split = {"method": "leave_one_group_out"}
    negatives = {"share": 0}
    classes = ["Hit", "Push"]
    assert refusal(lab.study(split=split, negatives=negatives, classes=classes), "fold-3") == (
        "the test split is empty in fold-3"
    )
    faults = lab.check(split=split, negatives=negatives, classes=classes).faults
    assert "the test split is empty in fold-3" in [fault.what for fault in faults]
    assert "none of test" in [fault.found for fault in faults]


def test_too_few_videos_for_three_sets(lab: Lab) -> None:
    lab.change("test", use=False)
    (fault,) = lab.check(split={"method": "by_video"}).faults
    assert fault.what.endswith("split is empty")
    assert "change split.shares or split.seed" in fault.remedy


def test_intervals_that_frame_step_makes_one(lab: Lab) -> None:
    for video in tables.SPLITS:
        lab.change(video, frame_step=4)
    lab.strokes("train", *STROKES, Stroke(21, 31, "Hit"), Stroke(22, 32, "Push"))
    (fault,) = lab.check().faults
    assert fault.where == "xml/train.xml, action begin=22 end=32"
    assert fault.what == "interval is annotated twice among the frames that frame_step 4 keeps"


def test_decoded_frames_count_for_more_than_the_table(lab: Lab) -> None:
    """The video is 40 frames long, whatever the table has: the gap at its end holds no negative."""
    negatives = {"share": 0.3, "seconds": 1}
    for video in tables.SPLITS:
        lab.change(video, frames=60)
    assert lab.check(negatives=negatives).faults == []
    made = lab.study()
    for video in tables.SPLITS:
        extract_frames(made.source(video), made.stage_file(video, "frames"))
    (fault,) = lab.check(negatives=negatives).faults
    assert fault.where == "my/study.yaml, negatives.seconds"


def test_untrimmed_video_of_a_group_that_trains_is_a_warning(lab: Lab) -> None:
    lab.change("train", group="anna")
    lab.change("test", group="anna")
    lab.labels.append(Annotation("test", "xml/test.xml", "detection", "test"))
    lab.write()
    faults, warnings = lab.check()
    assert not faults
    assert told(warnings) == [
        ("annotations.tsv, video test", "strokes will not be detected in this untrimmed video"),
        ("my/study.yaml, split.method", SHARED),
    ]


def test_players_who_train_and_test_are_a_warning(lab: Lab) -> None:
    lab.change("train", group="anna")
    lab.change("test", group="bert")
    assert lab.check().warnings == []
    lab.change("test", group="anna")
    faults, (warning,) = lab.check()
    assert not faults
    assert (warning.where, warning.what) == ("my/study.yaml, split.method", SHARED)
    assert warning.found == "1 group in both: anna"


def test_clips_of_unknown_players_are_a_warning(lab: Lab) -> None:
    for number, video in enumerate(tables.SPLITS):
        lab.strokes(video, Stroke(0, 40, ["Hit", "Push"][number % 2]))
    changes = {"split": STRATIFIED, "classes": ["Hit", "Push"], "negatives": {"share": 0}}
    unknown = "the players of the clips are not known"
    assert any(one.what.startswith(unknown) for one in lab.check(**changes).warnings)
    lab.change("train", group="anna")
    assert not any(one.what.startswith(unknown) for one in lab.check(**changes).warnings)


def test_of_thousands_of_splits_the_first_are_made(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    whole = splits.assigned
    monkeypatch.setattr(splits, "assigned", lambda *given: made.append(given[2]) or whole(*given))
    split = {"method": "leave_one_group_out"}
    assert lab.check(split=split).faults == []
    assert made == ["fold-1", "fold-2", "fold-3"]
    monkeypatch.setattr(check_splits, "MOST", 20)
    assert lab.check(split=split).faults == []
    assert made[3:] == ["fold-1", "fold-2"]
