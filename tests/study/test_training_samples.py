"""Tables of the training and validation samples, and what decides whether a training runs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.study import samples as strokes
from crisp.study.samples import write_samples
from crisp.study.splits import assign_split, write_split
from crisp.study.training_samples import read_training_samples, write_training_samples
from crisp.workflow.split_samples import SplitSamples
from tests.study.test_samples import FRAMES, Data, data  # noqa: F401 a fixture

ACTIONS = ((0, 20, "Hit"), (100, 130, "Push"), (300, 340, "Hit"))
GIVEN = ("train", "test", "validation", "train")
HOW = {"split": {"method": "given"}, "negatives": {"share": 0.3}}


@pytest.fixture
def four(data: Data) -> Data:  # noqa: F811
    for number, part in enumerate(GIVEN):
        data.add(f"v{number}", *ACTIONS, split=part)
    return data


def test_tables_hold_what_the_split_assigns(four: Data) -> None:
    made = four.study(**HOW)
    samples = four.collect(**HOW)
    assigned = assign_split(made, samples)
    write_split(made.results / "splits/main.tsv", assigned)
    write_samples(made.results / "strokes.tsv", samples)
    write_training_samples(made, "main", dict.fromkeys(made.used, FRAMES))
    for part in ("train", "validation", "test"):
        expected = [one for one in samples if assigned[one.sample] == part]
        assert read_training_samples(made, "main", part) == expected
        assert {one.kind for one in expected} == {"stroke", "negative"}


def test_labels_of_the_start_are_taken(four: Data) -> None:
    made = four.study(**HOW)
    kept = {**strokes.labels(made), four.rows[0].path: [(0, 20, "Push"), (100, 130, "Hit")]}
    write_training_samples(made, "main", dict.fromkeys(made.used, FRAMES), kept)
    found = read_training_samples(made, "main", "train")
    assert [one.label for one in found if (one.video, one.kind) == ("v0", "stroke")] == ["Push", "Hit"]


def test_missing_table_is_named(four: Data) -> None:
    with pytest.raises(CrispError, match=r"train\.tsv: table of samples is missing(.|\n)*training_samples"):
        read_training_samples(four.study(**HOW), "main", "train")


@pytest.mark.parametrize(("video", "changes"), [(0, True), (1, False), (2, True), (3, True)])
@pytest.mark.parametrize(
    "actions",
    [
        ((0, 20, "Push"), *ACTIONS[1:]),
        ((0, 21, "Hit"), *ACTIONS[1:]),
        ACTIONS[1:],
        (*ACTIONS[:2], (200, 230, "Push"), ACTIONS[2]),
    ],
    ids=["class", "bounds", "removed", "added"],
)
def test_digest_changes_with_training_and_validation_alone(
    four: Data, video: int, actions: tuple, changes: bool
) -> None:
    before = SplitSamples(four.study(**HOW)).training_digest("main")
    four.xml(video, *actions)
    assert (SplitSamples(four.study(**HOW)).training_digest("main") != before) == changes


def test_a_new_test_video_changes_no_digest(four: Data) -> None:
    before = SplitSamples(four.study(**HOW))
    digest, videos = before.training_digest("main"), before.views("main", "train", "validation")
    four.add("new", *ACTIONS, split="test")
    after = SplitSamples(four.study(**HOW))
    assert after.training_digest("main") == digest
    assert after.views("main", "train", "validation") == videos == ["v0", "v2", "v3"]
    assert after.views("main", "test") == ["v1", "new"]


def test_digest_does_not_depend_on_what_decodes(four: Data) -> None:
    """The number of frames that decode is known only after the first run, which must not make a second."""
    before = SplitSamples(four.study(**HOW)).training_digest("main")
    frames = four.study(**HOW).stage_file("v0", "frames")
    frames.parent.mkdir(parents=True)
    frames.touch()
    assert SplitSamples(four.study(**HOW)).training_digest("main") == before


def test_faulty_labels_count_as_a_change_and_all_videos(four: Data) -> None:
    before = SplitSamples(four.study(**HOW)).training_digest("main")
    Path(four.rows[1].path).write_text("no XML")
    faulty = SplitSamples(four.study(**HOW))
    assert faulty.training_digest("main") != before
    assert faulty.views("main", "train") == ["v0", "v1", "v2", "v3"]


def test_stratified_samples_may_be_of_any_video(four: Data) -> None:
    made = four.study(**{**HOW, "split": {"method": "stratified"}})
    assert SplitSamples(made).views("main", "train") == list(made.used)
