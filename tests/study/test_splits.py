"""Splits: whole groups, shares, stability under edits, and what is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from crisp.core.errors import CrispError
from crisp.study import config, load, splits, tables
from crisp.study.samples import Sample
from crisp.study.splits import assign_split, overlapping, read_split, write_split
from crisp.study.tables import SPLITS, Annotation, VideoRow

CLASSES = ("Hit", "Push")
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
    "classes": list(CLASSES),
    "negatives": {"share": 0},
    "variants": [{"name": "rgb"}],
}
MakeStudy = Callable[..., config.Study]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeStudy:
    monkeypatch.chdir(tmp_path)
    return made


def made(videos: list[VideoRow], **split: Any) -> config.Study:
    """A study of these videos in the working folder, with these keys of `split`."""
    tables.write_videos("videos.tsv", videos)
    return load.resolve_study({**CONTENT, "split": split})


def videos(count: int, per_group: int = 1) -> list[VideoRow]:
    """Videos of varying length in consecutive groups."""
    return [
        VideoRow(f"v{i}", f"v{i}.mp4", frames=100 + 37 * i % 90, fps=12, group=f"g{i // per_group}")
        for i in range(count)
    ]


def strokes_of(rows: list[VideoRow], each: int = 4) -> list[Sample]:
    """Strokes of alternating class in every video in use, apart from each other."""
    return [
        sample(row.video, 20 * i, 20 * i + 10, CLASSES[i % 2]) for row in rows if row.use for i in range(each)
    ]


def sample(video: str, begin: int, end: int, label: str = "Hit", given: str = "") -> Sample:
    return Sample(video, begin, end, label, "stroke", f"{video}:{begin}-{end}", given)


def refused(made_study: config.Study, samples: list[Sample]) -> str:
    with pytest.raises(CrispError) as error:
        assign_split(made_study, samples)
    return str(error.value)


@pytest.mark.parametrize("per_group", [1, 3])
def test_no_group_in_two_sets(make: MakeStudy, per_group: int) -> None:
    rows = videos(30, per_group)
    split = assign_split(make(rows), strokes_of(rows))
    groups: dict[str, set[str]] = {}
    for one in strokes_of(rows):
        groups.setdefault(rows[int(one.video[1:])].group, set()).add(split[one.sample])
    assert all(len(found) == 1 for found in groups.values())
    assert set(split.values()) == set(SPLITS)


def test_group_named_like_a_video_is_another_group(make: MakeStudy) -> None:
    rows = [VideoRow("a", "a.mp4"), VideoRow("b", "b.mp4", group="a")]
    made_study = make(rows)
    assert made_study.group_of("a") != made_study.group_of("b")


@pytest.mark.parametrize("group", ["g1", "g10", ""])
def test_new_last_video_moves_nobody(make: MakeStudy, group: str) -> None:
    rows = videos(60, per_group=3)
    before = assign_split(make(rows), strokes_of(rows))
    rows.append(VideoRow("new", "new.mp4", frames=5000, fps=12, group=group))
    after = assign_split(make(rows), strokes_of(rows))
    assert {name: after[name] for name in before} == before
    if group:  # the new video goes where its group is
        number = int(group[1:]) * 3
        assert after["new:0-10"] == before[f"v{number}:0-10"]


def test_leaving_videos_out_and_fixing_labels_moves_nobody(make: MakeStudy) -> None:
    rows = videos(30)
    before = assign_split(make(rows), strokes_of(rows))
    test_videos = [name.split(":")[0] for name, part in before.items() if part == "train"]
    rows = [replace(row, use=row.video != test_videos[0]) for row in rows]
    samples = [
        one._replace(label="Push") if one.begin == 0 and one.video in ("v1", "v7") else one
        for one in strokes_of(rows)
    ]
    after = assign_split(make(rows), samples)
    assert after == {name: before[name] for name in after}
    assert len(after) == len(before) - 4


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shares", [[0.7, 0.2, 0.1], [0.34, 0.33, 0.33], [0.98, 0.01, 0.01]])
def test_three_groups_fill_three_sets(make: MakeStudy, seed: int, shares: list[float]) -> None:
    rows = videos(3)
    assert set(assign_split(make(rows, seed=seed, shares=shares), strokes_of(rows)).values()) == set(SPLITS)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shares", [[0.7, 0.2, 0.1], [0.5, 0.25, 0.25]])
def test_shares_are_approached(make: MakeStudy, seed: int, shares: list[float]) -> None:
    rows = videos(60)
    split = assign_split(make(rows, seed=seed, shares=shares), strokes_of(rows))
    frames: Counter[str] = Counter()
    for row in rows:
        frames[split[f"{row.video}:0-10"]] += row.frames
    total = sum(frames.values())
    for name, share in zip(SPLITS, shares, strict=True):
        assert frames[name] / total == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize("method", ["by_video", "stratified"])
def test_seed_alone_decides(make: MakeStudy, method: str) -> None:
    rows = videos(30)
    first, again, other = (
        assign_split(make(rows, method=method, seed=seed), strokes_of(rows)) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(3))
def test_stratified_keeps_the_shares_of_each_class(make: MakeStudy, seed: int) -> None:
    rows = videos(30)
    samples = [one for one in strokes_of(rows, each=5) if one.begin != 20]  # 90 of Hit, 30 of Push
    split = assign_split(make(rows, method="stratified", seed=seed), samples)
    counts = Counter((one.label, split[one.sample]) for one in samples)
    assert [counts["Hit", name] for name in SPLITS] == [63, 18, 9]
    assert [counts["Push", name] for name in SPLITS] == [21, 6, 3]


def test_stratified_keeps_together_what_shares_frames(make: MakeStudy) -> None:
    rows = videos(20)
    samples = [
        sample(row.video, begin, end, label)
        for row in rows
        # The third begins inside the first only; the last one touches but shares no frame.
        for begin, end, label in (
            (0, 60, "Hit"),
            (10, 20, "Push"),
            (50, 70, "Push"),
            (70, 80, "Hit"),
            (82, 90, "Push"),
        )
    ]
    split = assign_split(make(rows, method="stratified"), samples)
    for row in rows:
        assert len({split[f"{row.video}:{name}"] for name in ("0-60", "10-20", "50-70")}) == 1
    assert any(split[f"{row.video}:50-70"] != split[f"{row.video}:70-80"] for row in rows)
    assert set(split.values()) == set(SPLITS)


def test_stratified_label_fix_moves_few(make: MakeStudy) -> None:
    rows = videos(50)
    before = assign_split(make(rows, method="stratified"), strokes_of(rows))
    fixed = [one._replace(label="Push") if one.sample == "v9:0-10" else one for one in strokes_of(rows)]
    after = assign_split(make(rows, method="stratified"), fixed)
    assert sum(after[name] != before[name] for name in before) <= 5


@settings(max_examples=50)
@given(
    some.lists(some.tuples(some.sampled_from("ab"), some.integers(0, 60), some.integers(1, 9)), max_size=25)
)
def test_clusters_part_nothing_that_shares_frames(found: list[tuple[str, int, int]]) -> None:
    samples = [sample(video, begin, begin + length) for video, begin, length in found]
    clusters = overlapping(samples)
    assert sorted(one for cluster in clusters for one in cluster) == sorted(samples)
    for position, cluster in enumerate(clusters):
        for other in clusters[position + 1 :]:
            for a in cluster:
                assert not any(a.video == b.video and a.begin < b.end and b.begin < a.end for b in other)


def test_given_is_taken(make: MakeStudy) -> None:
    rows = videos(3)
    samples = [one._replace(given=SPLITS[int(one.video[1:])]) for one in strokes_of(rows)]
    split = assign_split(make(rows, method="given"), samples)
    assert split == {one.sample: one.given for one in samples}
    samples[0] = samples[0]._replace(given="")
    message = refused(make(rows, method="given"), samples)
    assert "annotations.tsv, video v0: no split is given" in message
    assert "fill in the column split" in message


@pytest.mark.parametrize("method", ["by_video", "stratified"])
@pytest.mark.parametrize("label", ["Unknown", "UNKNOWN"])
def test_unlabelled_strokes_only_test(make: MakeStudy, method: str, label: str) -> None:
    rows = videos(20)
    samples = strokes_of(rows) + [sample(row.video, 90, 95, label) for row in rows]
    split = assign_split(make(rows, method=method), samples)
    assert {split[one.sample] for one in samples if one.label == label} == {"test"}


@pytest.mark.parametrize("part", ["train", "validation"])
def test_unlabelled_strokes_given_elsewhere_are_refused(make: MakeStudy, part: str) -> None:
    rows = videos(3)
    samples = [one._replace(given=SPLITS[int(one.video[1:])]) for one in strokes_of(rows)]
    samples.append(sample("v0", 90, 95, "Unknown", part))
    message = refused(make(rows, method="given"), samples)
    assert "sample v0:90-95: unlabelled stroke outside the test split" in message
    assert "label it, or move it to test" in message


def test_empty_split_and_class_without_training_sample(make: MakeStudy) -> None:
    rows = videos(2)
    message = refused(make(rows), [one for one in strokes_of(rows) if one.label == "Hit"])
    assert "split by_video: the test split is empty" in message or "validation split is empty" in message
    assert "change split.shares or split.seed" in message
    assert "class 'Push' has no training sample" in message
    assert "annotate more, remove it from classes, or change split.seed" in message


def test_table_round_trip(tmp_path: Path) -> None:
    split = {"a:0-10": "train", "b:0-10": "validation", "b:20-30": "test"}
    write_split(tmp_path / "main.tsv", split)
    assert read_split(tmp_path / "main.tsv") == split


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "split table is missing"),
        ("", "split table cannot be read"),
        ("sample\tspilt\na\ttrain\n", "split table cannot be read"),
        ("sample\tsplit\na\ttra", "split table cannot be read"),
        ("sample\tsplit\na\n", "split table cannot be read"),
        ("sample\tsplit\n\xff", "split table cannot be read"),
    ],
)
def test_bad_table(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "main.tsv"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(CrispError, match=message):
        read_split(path)


def test_digest_follows_what_decides(make: MakeStudy) -> None:
    rows = videos(4)
    before = splits.split_digest(make(rows))
    assert splits.split_digest(make([replace(row, note="seen", sha256="x") for row in rows])) == before
    for changes in ({"seed": 1}, {"method": "stratified"}, {"folds": 2}, {"shares": [0.6, 0.3, 0.1]}):
        assert splits.split_digest(make(rows, **changes)) != before
    assert splits.split_digest(make([replace(row, group="one") for row in rows])) != before


def annotated(rows: list[VideoRow]) -> None:
    """Write the table that says which groups there are to leave out."""
    tables.write_annotations("annotations.tsv", [Annotation(row.video, f"{row.video}.xml") for row in rows])


def every_fold(made_study: config.Study, samples: list[Sample]) -> dict[str, dict[str, str]]:
    return {name: assign_split(made_study, samples, name) for name in made_study.split_names}


FOLDS: list[dict[str, Any]] = [
    {"folds": 5},
    {"folds": 3},
    {"folds": 4, "method": "stratified"},
    {"method": "leave_one_group_out"},
]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    how=some.sampled_from(FOLDS),
    seed=some.integers(0, 999),
    sizes=some.lists(some.integers(1, 6), min_size=6, max_size=9),
)
def test_each_sample_is_tested_in_one_fold(
    make: MakeStudy, how: dict[str, Any], seed: int, sizes: list[int]
) -> None:
    groups = [number for number, size in enumerate(sizes) for _ in range(size)]
    rows = [
        VideoRow(f"v{i}", f"v{i}.mp4", frames=100 + 37 * i % 90, fps=12, group=f"g{group}")
        for i, group in enumerate(groups)
    ]
    annotated(rows)
    samples = [*strokes_of(rows), sample("v0", 90, 95, "Unknown")]
    made_study = make(rows, seed=seed, **how)
    folds = every_fold(made_study, samples)
    assert len(folds) == how.get("folds", len(sizes))
    for one in samples:
        parts = [split.get(one.sample) for split in folds.values()]
        assert parts.count("test") == 1
        # Unlabelled strokes are predicted once and are nowhere else.
        others = {None} if one.label == "Unknown" else {"train", "validation"}
        assert set(parts) - {"test"} <= others
    for split in folds.values():
        assert set(split.values()) == set(SPLITS)
        if how.get("method") != "stratified":
            where: dict[str, set[str]] = {}
            for name, part in split.items():
                where.setdefault(made_study.group_of(name.split(":")[0]), set()).add(part)
            assert all(len(parts) == 1 for parts in where.values())


@pytest.mark.parametrize("how", [{"folds": 5}, {"method": "leave_one_group_out"}])
@pytest.mark.parametrize("group", ["g1", "g6", "new", ""])
def test_new_last_video_moves_nobody_in_any_fold(make: MakeStudy, how: dict[str, Any], group: str) -> None:
    rows = videos(30, per_group=3)
    annotated(rows)
    before = every_fold(make(rows, **how), strokes_of(rows))
    rows.append(VideoRow("new", "new.mp4", frames=5000, fps=12, group=group))
    annotated(rows)
    after = every_fold(make(rows, **how), strokes_of(rows))
    for fold, split in before.items():
        assert {name: after[fold][name] for name in split} == split
    if group.startswith("g"):
        number = int(group[1:]) * 3
        for fold in before:
            assert after[fold]["new:0-10"] == before[fold][f"v{number}:0-10"]
    elif "method" in how:
        assert list(after) == [*before, "fold-11"]


def test_leaving_a_group_out_of_use_renumbers_no_fold(make: MakeStudy) -> None:
    rows = videos(12, per_group=3)
    annotated(rows)
    before = every_fold(make(rows, method="leave_one_group_out"), strokes_of(rows))
    rows = [replace(row, use=row.group != "g1") for row in rows]
    after = every_fold(make(rows, method="leave_one_group_out"), strokes_of(rows))
    assert list(before) == ["fold-1", "fold-2", "fold-3", "fold-4"]
    assert list(after) == ["fold-1", "fold-3", "fold-4"]
    for fold, split in after.items():
        tested = {name for name, part in split.items() if part == "test"}
        assert tested == {name for name, part in before[fold].items() if part == "test"}
        assert len({rows[int(name.split(":")[0][1:])].group for name in tested}) == 1


def test_stratified_folds_hold_equal_parts_of_each_class(make: MakeStudy) -> None:
    rows = videos(40)
    samples = [one for one in strokes_of(rows, each=5) if one.begin != 20]  # 120 of Hit, 40 of Push
    for split in every_fold(make(rows, method="stratified", folds=4), samples).values():
        counts = Counter((one.label, split[one.sample]) for one in samples)
        # Of the rest 7 to 2, as of the shares of 0.7 and 0.2.
        assert [counts["Hit", name] for name in SPLITS] == [70, 20, 30]
        assert [counts["Push", name] for name in SPLITS] in ([23, 7, 10], [24, 6, 10])


def test_folds_validate_on_different_samples(make: MakeStudy) -> None:
    for method in ("by_video", "stratified"):
        rows = videos(30)
        folds = every_fold(make(rows, method=method, folds=5), strokes_of(rows))
        parts = [{name for name, part in split.items() if part == "validation"} for split in folds.values()]
        assert len(set.union(*parts)) > 1.8 * max(map(len, parts))


def test_folds_follow_the_seed(make: MakeStudy) -> None:
    rows = videos(30)
    first, again, other = (every_fold(make(rows, folds=5, seed=seed), strokes_of(rows)) for seed in (0, 0, 1))
    assert first == again
    assert first["fold-1"] != other["fold-1"]


@pytest.mark.parametrize(
    ("name", "split"), [("fold-1", {}), ("main", {"folds": 5}), ("fold-6", {"folds": 5})]
)
def test_split_of_another_name_is_refused(make: MakeStudy, name: str, split: dict[str, Any]) -> None:
    rows = videos(30)
    with pytest.raises(CrispError, match=f"study s: no split '{name}'"):
        assign_split(make(rows, **split), strokes_of(rows), name)


def test_faults_name_the_fold(make: MakeStudy) -> None:
    rows = videos(5)
    samples = [one._replace(label="Push" if one.video == "v2" else "Hit") for one in strokes_of(rows)]
    annotated(rows)
    with pytest.raises(
        CrispError, match="split leave_one_group_out: class 'Push' has no training sample in fold-3"
    ):
        assign_split(make(rows, method="leave_one_group_out"), samples, "fold-3")
