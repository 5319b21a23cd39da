"""What can be labelled: strokes of unknown class, and videos of which nothing is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from crisp.study import load, tables
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.samples import UNKNOWN, Sample, collect_samples
from crisp.study.tables import Annotation, VideoRow
from crisp.study.unlabelled import unlabelled_samples

WITHOUT = {"classes": ["Hit", "Push"], "negatives": {"class": "", "share": 0}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def found(
    counts: dict[str, int], strokes: dict[str, list[Stroke]], regions: str = "", **changes: Any
) -> list[Sample]:
    """Return the unlabelled samples of videos of 25 frames per second; those in `strokes` are annotated."""
    tables.write_videos(
        "videos.tsv", [VideoRow(name, f"{name}.mp4", fps=25, regions=regions) for name in counts]
    )
    task = changes.get("task", "classification")
    tables.write_annotations(
        "annotations.tsv", [Annotation(name, f"{name}.xml", task, "test") for name in strokes]
    )
    for name, of_video in strokes.items():
        write_annotation(f"{name}.xml", of_video)
    content = {
        "study": "s",
        "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
        "classes": ["Hit", "Push", "Negative"],
        "variants": [{"name": "rgb"}],
        **changes,
    }
    Path("study.yaml").write_text(yaml.safe_dump(content))
    study = load.load_study("study.yaml")
    frames = {view: counts[row.video] for view, row in study.views.items()}
    return unlabelled_samples(study, frames, collect_samples(study, frames))


def bounds(samples: list[Sample]) -> list[tuple[str, int, int]]:
    return [(one.video, one.begin, one.end) for one in samples]


def test_long_videos_are_divided_by_the_length_of_a_stroke() -> None:
    strokes = [Stroke(0, 10, "Hit"), Stroke(20, 30, "Push"), Stroke(40, 75, "Push")]
    samples = found({"known": 100, "long": 34, "clip": 19, "short": 4}, {"known": strokes})
    assert bounds(samples) == [
        *(("long", 0, 11), ("long", 11, 23), ("long", 23, 34)),
        *(("clip", 0, 19), ("short", 0, 4)),
    ]
    assert {(one.label, one.kind) for one in samples} == {(UNKNOWN, "stroke")}
    assert [one.sample for one in samples][-1] == "short:0-4"


def test_without_labels_a_stretch_is_a_block_of_the_detection() -> None:
    samples = found({"v": 100}, {}, detection={"block": 2})
    assert bounds(samples) == [("v", 0, 50), ("v", 50, 100)]


def test_unknown_strokes_keep_their_bounds_and_gaps_are_known() -> None:
    strokes = [Stroke(0, 10, "Hit"), Stroke(20, 33, "unknown"), Stroke(60, 70, "Unknown")]
    assert bounds(found({"v": 100}, {"v": strokes})) == [("v", 20, 33), ("v", 60, 70)]


def test_empty_annotation_is_a_label_only_where_there_are_negatives() -> None:
    assert found({"v": 10}, {"v": []}) == []
    assert bounds(found({"v": 10}, {"v": []}, **WITHOUT)) == [("v", 0, 10)]


def test_each_region_without_annotation_can_be_labelled() -> None:
    both = "left=0,0,0.5,1; right=0.5,0,1,1"
    one = [Stroke(0, 10, "Hit", "left")]
    samples = found({"known": 20, "new": 12}, {"known": one}, both, **WITHOUT)
    assert bounds(samples) == [("new@left", 0, 12), ("new@right", 0, 12)]


def test_blocks_of_the_campaign_are_not_divided_again() -> None:
    changes: dict[str, Any] = {"task": "detection", "classes": ["Stroke", "Negative"]}
    samples = found({"v": 100}, {"v": []}, split={"method": "given"}, detection={"block": 2}, **changes)
    assert bounds(samples) == [("v", 0, 50), ("v", 50, 100)]
