"""Samples: strokes of the annotations, negatives of the gaps, and what counts as a change of labels."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crisp.core.errors import CrispError
from crisp.study import config as study
from crisp.study import samples as strokes
from crisp.study import tables
from crisp.study.load import resolve_study
from crisp.study.samples import Sample, collect_samples, gaps, read_samples, write_samples
from crisp.study.splits import assign_split
from crisp.study.tables import Annotation, VideoRow

FRAMES = 400
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
    "classes": ["Hit", "Push", "Negative"],
    "negatives": {"share": 0.5},
    "variants": [{"name": "rgb"}],
}


class Data:
    """Tables and annotation files in the working folder."""

    def __init__(self) -> None:
        self.videos: list[VideoRow] = []
        self.rows: list[Annotation] = []

    def add(
        self, name: str, *actions: tuple[int, int, str], task: str = "classification", **more: Any
    ) -> None:
        """A video at 12 fps (hence 20-frame negatives) with one annotation file of these actions."""
        if name not in [video.video for video in self.videos]:
            video = VideoRow(name, f"{name}.mp4", frames=FRAMES, fps=12)
            self.videos.append(replace(video, **{key: more[key] for key in more if key != "split"}))
        self.rows.append(Annotation(name, f"{name}-{len(self.rows)}.xml", task, more.get("split", "")))
        self.xml(len(self.rows) - 1, *actions)

    def xml(self, row: int, *actions: tuple[int, int, str]) -> Path:
        """Write the annotation file of a row in the given order."""
        text = "".join(f'<action begin="{b}" end="{e}" move="{move}"/>\n' for b, e, move in actions)
        path = Path(self.rows[row].path)
        path.write_text(f"<video>\n{text}</video>")
        return path

    def study(self, **changes: Any) -> study.Study:
        tables.write_videos("videos.tsv", self.videos)
        tables.write_annotations("annotations.tsv", self.rows)
        return resolve_study({**CONTENT, **changes})

    def collect(self, **changes: Any) -> list[Sample]:
        made = self.study(**changes)
        return collect_samples(made, {name: row.working_frames for name, row in made.used.items()})

    def fault(self, **changes: Any) -> str:
        with pytest.raises(CrispError) as error:
            self.collect(**changes)
        return str(error.value)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Data:
    monkeypatch.chdir(tmp_path)
    return Data()


def negatives(samples: list[Sample]) -> list[Sample]:
    return [sample for sample in samples if sample.kind == "negative"]


def spans(samples: list[Sample]) -> list[tuple[int, int]]:
    return [(sample.begin, sample.end) for sample in samples]


def test_sorted_by_table_and_time_with_unique_ids(data: Data) -> None:
    data.add("b", (300, 320, "Hit"), (10, 30, "Push"), (10, 25, "Hit"))
    data.add("a", (50, 80, "Hit"))
    samples = data.collect()
    assert samples == sorted(samples, key=lambda one: ("ba".index(one.video), one.begin, one.end))
    assert len({one.sample for one in samples}) == len(samples) == 8
    assert [one.sample for one in samples if one.kind == "stroke"] == [
        "b:10-25",
        "b:10-30",
        "b:300-320",
        "a:50-80",
    ]


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ((0, 6), (0, 2)),
        ((1, 7), (1, 3)),  # frames 3 and 6 of the video
        ((2, 6), (1, 2)),
        ((4, 5), (1, 2)),  # between frames 3 and 6: the one before
        ((1, 3), (0, 1)),
        ((398, 400), (133, 134)),
        ((397, 399), (132, 133)),
    ],
)
def test_frame_step_keeps_at_least_one_frame(
    data: Data, interval: tuple[int, int], expected: tuple[int, int]
) -> None:
    data.add("v", (*interval, "Hit"), frame_step=3)
    assert data.study().used["v"].working_frames == 134
    assert spans([one for one in data.collect() if one.kind == "stroke"]) == [expected]


@given(
    begin=some.integers(0, 500),
    length=some.integers(1, 50),
    rest=some.integers(0, 20),
    step=some.integers(1, 9),
)
def test_no_stroke_is_empty_or_outside_after_frame_step(
    begin: int, length: int, rest: int, step: int
) -> None:
    first, last = strokes.working_interval(begin, begin + length, step)
    assert 0 <= first < last <= -(-(begin + length + rest) // step)
    inside = [i for i in range(begin + length) if begin <= i * step < begin + length]
    assert not inside or list(range(first, last)) == inside


def test_stroke_beyond_the_end_names_file_and_stroke(data: Data) -> None:
    data.add("v", (0, 10, "Hit"), (390, 401, "Hit"))
    data.add("w", (500, 510, "Push"))
    message = data.fault()
    assert "v-0.xml, action begin=390 end=401: stroke ends after the video" in message
    assert "w-1.xml, action begin=500 end=510" in message
    assert "expected: end <= 400" in message
    assert "begin=0" not in message


def test_interval_given_twice_is_a_fault(data: Data) -> None:
    data.add("v", (0, 10, "Hit"))
    data.add("v", (0, 10, "Push"))
    assert "v-1.xml, action begin=0 end=10: interval is annotated twice" in data.fault()


def test_all_blocks_of_the_gaps(data: Data) -> None:
    # Overlapping and nested strokes: the gap after them begins at the running maximum, 100.
    data.add("v", (45, 100, "Hit"), (50, 60, "Push"), (90, 95, "Hit"), (139, 389, "Push"))
    found = data.collect(negatives={"share": 0.9})
    # [0, 45) gives two blocks and drops 5 frames, [100, 139) one, [389, 400) none.
    assert spans(negatives(found)) == [(0, 20), (20, 40), (100, 120)]
    assert {one.label for one in negatives(found)} == {"Negative"}


def test_gap_to_the_end_counts(data: Data) -> None:
    data.add("v", (0, 340, "Hit"))
    assert spans(negatives(data.collect(negatives={"share": 0.9}))) == [(340, 360), (360, 380), (380, 400)]


@pytest.mark.parametrize(("fps", "length"), [(12, 20), (120, 200), (0.3, 1)])
def test_blocks_last_five_thirds_of_a_second(data: Data, fps: float, length: int) -> None:
    data.add("v", (0, 20, "Hit"), fps=fps)
    (first, *_) = negatives(data.collect())
    assert first.end - first.begin == length


@pytest.mark.parametrize(("share", "expected"), [(0, 0), (0.1, 2), (0.25, 7), (0.5, 20), (0.99, 220)])
def test_share_of_all_samples(data: Data, share: float, expected: int) -> None:
    for number in range(20):  # 20 strokes, and 11 blocks a video at most
        data.add(f"v{number}", (begin := 180, begin + 5, "Hit"), frames=225)
    assert len(negatives(data.collect(negatives={"share": share}))) == expected


def test_share_is_spread_over_the_videos(data: Data) -> None:
    for number in range(10):
        data.add(f"v{number}", *((begin, begin + 5, "Hit") for begin in range(0, 200, 10)))
    found = negatives(data.collect(negatives={"share": 0.2}))
    assert [sum(one.video == f"v{number}" for one in found) for number in range(10)] == [5] * 10


def test_no_class_no_negatives(data: Data) -> None:
    data.add("v", (0, 20, "Hit"))
    assert len(data.collect(negatives={"class": "", "share": 0})) == 1


def test_seed_chooses_the_blocks(data: Data) -> None:
    data.add("v", (0, 20, "Hit"), (20, 40, "Push"))
    found = [spans(negatives(data.collect(split={"seed": seed}))) for seed in range(5)]
    assert found[0] == spans(negatives(data.collect(split={"seed": 0})))
    assert len(set(map(tuple, found))) > 1


def test_last_row_changes_no_other_negative(data: Data) -> None:
    for name in "abc":
        data.add(name, (0, 20, "Hit"), (200, 230, "Push"), (240, 250, "Push"))
    before = data.collect(negatives={"share": 0.3})
    data.add("d", (0, 20, "Hit"))
    after = data.collect(negatives={"share": 0.3})
    assert [one for one in after if one.video != "d"] == before


def test_left_out_video_has_no_samples(data: Data) -> None:
    data.add("a", (0, 20, "Hit"))
    data.add("b", (0, 20, "Hit"), use=False)
    assert {one.video for one in data.collect()} == {"a"}


def test_kept_labels_stand_in_for_the_files(data: Data) -> None:
    data.add("v", (0, 20, "Hit"), (40, 60, "Push"))
    before, made = data.collect(), data.study()
    kept = strokes.labels(made)
    data.xml(0, (0, 20, "Push"))
    assert collect_samples(made, {"v": FRAMES}, kept) == before
    assert data.collect() != before


def test_annotated_negatives_count_towards_the_share(data: Data) -> None:
    data.add("v", (0, 20, "Hit"), (40, 60, "Push"), (60, 80, "Negative"))
    found = data.collect()
    assert ("v:60-80", "negative") in [(one.sample, one.kind) for one in found]
    assert len(negatives(found)) == 2
    data.xml(0, (0, 20, "Hit"), *((begin, begin + 20, "Negative") for begin in (40, 60, 80)))
    assert spans(negatives(data.collect())) == [(40, 60), (60, 80), (80, 100)]


def test_unknown_strokes_are_samples_and_busy(data: Data) -> None:
    data.add("v", (0, 380, "UNKNOWN"))
    stroke, negative = data.collect()
    assert (stroke.label, stroke.kind) == ("UNKNOWN", "stroke")
    assert spans([negative]) == [(380, 400)]


def test_detection_rows_are_busy_but_no_samples(data: Data) -> None:
    data.add("v", (0, 20, "Hit"), (380, 400, "Push"))
    data.add("v", (30, 360, ""), task="detection")
    found = data.collect()
    assert [one.sample for one in found] == ["v:0-20", "v:360-380", "v:380-400"]


def test_no_negatives_where_nobody_looked_for_strokes(data: Data) -> None:
    data.add("full", (0, 400, "Hit"))  # asks for a negative but has no gap
    data.add("detected", (0, 20, ""), task="detection", split="train")
    data.videos.append(replace(data.videos[0], video="unseen", path="unseen.mp4"))
    assert [one.sample for one in data.collect()] == ["full:0-400"]


@pytest.mark.parametrize("how", [{"method": "given"}, {}, {"folds": 3}, {"method": "leave_one_group_out"}])
def test_strokes_of_a_test_video_change_no_training_sample(data: Data, how: dict[str, Any]) -> None:
    strokes_of = [(0, 20, "Hit"), (200, 230, "Push"), (300, 340, "Hit")]
    for number, part in enumerate(["train", "test", "validation", "train", "test", "train"]):
        data.add(f"v{number}", *strokes_of, split=part)
    config = {"split": how, "negatives": {"share": 0.3}}
    before, tested = parts(data, config)
    for row, video in enumerate(data.videos):
        data.xml(
            row, (0, 15, "Push"), (40, 60, "Hit"), (210, 240, "Push"), (250, 260, "Hit"), (330, 340, "Hit")
        )
        after, _ = parts(data, config)
        data.xml(row, *strokes_of)
        for name in before:
            assert (after[name] == before[name]) == (video.video in tested[name]), (name, video.video)


def parts(data: Data, config: dict[str, Any]) -> tuple[dict[str, list[Sample]], dict[str, set[str]]]:
    """The training and validation samples of each split, and the videos that it tests."""
    made, found = data.study(**config), data.collect(**config)
    trained, tested = {}, {}
    for name in made.split_names:
        split = assign_split(made, found, name)
        trained[name] = [one for one in found if split[one.sample] != "test"]
        tested[name] = {one.video for one in found if split[one.sample] == "test"}
        assert tested[name]
    return trained, tested


def test_video_annotated_as_empty_gives_negatives_of_its_split(data: Data) -> None:
    data.add("full", (0, 400, "Hit"), split="train")
    data.add("empty", split="validation")
    found = data.collect(split={"method": "given"})
    assert [(one.video, one.given) for one in found] == [("full", "train"), ("empty", "validation")]


def test_negative_belongs_to_the_split_of_the_nearest_stroke(data: Data) -> None:
    data.add("v", (100, 120, "Hit"), split="train")
    data.add("v", (300, 320, "Hit"), split="test")
    found = negatives(data.collect(negatives={"share": 0.99}))
    assert {one.given for one in found if one.end <= 200} == {"train"}
    assert {one.given for one in found if one.begin >= 220} == {"test"}


@pytest.mark.parametrize(
    ("busy", "expected"),
    [
        ([], [(0, 10)]),
        ([(0, 10)], []),
        ([(2, 4), (4, 6)], [(0, 2), (6, 10)]),
        ([(1, 9), (2, 3)], [(0, 1), (9, 10)]),
        ([(0, 3), (1, 5), (7, 8)], [(5, 7), (8, 10)]),
    ],
)
def test_gaps(busy: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    assert gaps(busy, 10) == expected


@given(some.lists(some.tuples(some.integers(0, 49), some.integers(1, 20))), some.integers(50, 60))
def test_gaps_are_exactly_the_frames_of_no_stroke(starts: list[tuple[int, int]], count: int) -> None:
    busy = sorted((begin, min(begin + length, count)) for begin, length in starts)
    found = gaps(busy, count)
    free = [frame for frame in range(count) if not any(begin <= frame < end for begin, end in busy)]
    assert [frame for begin, end in found for frame in range(begin, end)] == free
    assert all(first[1] < second[0] for first, second in pairwise(found))


def test_table_round_trip(data: Data) -> None:
    data.add("v", (0, 20, "Serve &quot;quoted&quot; é"), split="test")
    samples = data.collect()
    write_samples("strokes.tsv", samples)
    assert read_samples("strokes.tsv") == samples
    assert Path("strokes.tsv").read_text().startswith("video\tbegin\tend\tlabel\tkind\tsample\tgiven\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "table of samples is missing"),
        ("video\tbegin\nv\t0\n", "table of samples cannot be read"),
        (
            "video\tbegin\tend\tlabel\tkind\tsample\nv\tx\t1\tHit\tstroke\tv:0-1\n",
            "table of samples cannot be read",
        ),
        *(
            (
                f"video\tbegin\tend\tlabel\tkind\tsample\nv\t{begin}\t{end}\tHit\tstroke\tv\n",
                "0 <= begin < end <=",
            )
            for begin, end in ((-1, 5), (5, 5), (9, 5), (0, 10**15))
        ),
    ],
)
def test_bad_table(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "strokes.tsv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(CrispError, match=message):
        read_samples(path)


def test_digest_ignores_what_says_nothing(data: Data) -> None:
    actions = [(0, 20, "Hit"), (30, 50, "Push")]
    data.add("v", *actions)
    before = strokes.labels_digest(strokes.parsed_labels(data.study()))
    path = data.xml(0, *reversed(actions))
    text = path.read_text()
    path.write_text(text.replace("<video>", "<video><!-- checked -->\n\n\n").replace("Hit", " Hit  "))
    os.utime(path, (0, 0))
    assert strokes.labels_digest(strokes.parsed_labels(data.study())) == before


@pytest.mark.parametrize("change", ["label", "bound", "split", "task", "use", "broken"])
def test_digest_follows_what_says_something(data: Data, change: str) -> None:
    data.add("v", (0, 20, "Hit"))
    data.add("w", (0, 20, "Hit"))
    before = strokes.labels_digest(strokes.parsed_labels(data.study()))
    if change in ("split", "task"):
        data.rows[0] = replace(data.rows[0], **{change: {"split": "train", "task": "detection"}[change]})
    elif change == "use":
        data.videos[0] = replace(data.videos[0], use=False)
    elif change == "broken":
        Path(data.rows[0].path).write_text("<video")
    else:
        data.xml(0, (0, 20, "Push") if change == "label" else (0, 21, "Hit"))
    assert strokes.labels_digest(strokes.parsed_labels(data.study())) != before


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"a.xml": "abc"},
        {"a.xml": [[0, 5]]},
        {"a.xml": [[0, 5, "Hit", 3]]},
        {"a.xml": [[0, 5, "Hit", "left", "more"]]},
        {"a.xml": [[0.0, 5, "Hit"]]},
        {"a.xml": [[0, 10**15, "Hit"]]},
        {"a.xml": [[-1, 5, "Hit"]]},
        {"a.xml": [[5, 5, "Hit"]]},
        {"a.xml": [[0, 5, "H\0t"]]},
    ],
)
def test_bad_labels(tmp_path: Path, content: object) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(content))
    with pytest.raises(CrispError) as error:
        strokes.read_labels(path)
    assert all(fault.where.startswith(f"{path}, $") for fault in error.value.faults)


def test_labels_as_kept(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    kept = {"a.xml": [strokes.Stroke(0, 5, "Hit").row], "b.xml": []}
    path.write_text(json.dumps(kept))
    assert strokes.read_labels(path) == {"a.xml": [[0, 5, "Hit"]], "b.xml": []}


DETECTION = {"task": "detection", "classes": ["Negative", "Stroke"], "split": {"method": "given"}}


def test_the_detection_task_trains_on_its_own_rows(data: Data) -> None:
    data.add("a", (40, 60, "Hit"), (100, 130, ""), (200, 220, "Negative"), task="detection", split="train")
    data.add("a", (300, 320, "Hit"), task="classification", split="train")
    found = data.collect(**DETECTION)
    strokes = [(one.begin, one.end, one.label) for one in found if one.kind == "stroke"]
    assert strokes == [(40, 60, "Stroke"), (100, 130, "Stroke")]
    assert (200, 220) in spans(negatives(found))
    for one in negatives(found):
        assert one.label == "Negative"
        assert one.end <= 300 or one.begin >= 320, "strokes of other rows are no gap"


def test_a_test_video_without_annotation_is_cut_into_blocks(data: Data) -> None:
    """150 frames at 120 fps in the campaign; here 15 at 12."""
    data.add("a", (40, 60, ""), task="detection", split="train")
    data.add("b", task="detection", split="test")
    blocks = [one for one in data.collect(**DETECTION) if one.video == "b"]
    assert [one.begin for one in blocks] == list(range(0, FRAMES - 14, 15))
    assert {(one.end - one.begin, one.label, one.given) for one in blocks} == {(15, "Unknown", "test")}
    by_video = data.collect(**{**DETECTION, "split": {"method": "by_video"}})
    assert {one.label for one in by_video if one.video == "b"} <= {"Negative"}, "known to hold no stroke"


def test_the_detection_task_has_two_classes(data: Data) -> None:
    data.add("a", (40, 60, ""), task="detection", split="train")
    with pytest.raises(CrispError, match="tells strokes from everything else"):
        data.study(**{**DETECTION, "classes": ["Negative", "Hit", "Push"]})
