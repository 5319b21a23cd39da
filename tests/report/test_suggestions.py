"""Suggestions: from features to the list, on small drawn studies."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core import files
from crisp.core.errors import CrispError
from crisp.core.skeleton import POINTS
from crisp.report.suggestions import Suggestions, suggest_samples
from crisp.study import load, tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.config import Study
from crisp.study.tables import Annotation, VideoRow
from tests import stagefiles

FRAMES = 12
MOTION = {"Hit": (3, 0), "Push": (-3, 0), "Serve": (0, 3)}  # px per frame


def build(videos: dict[str, tuple[float, float]], labels: dict[str, str], **changes: Any) -> Study:
    """Write a study of clips that move so, on average; those in `labels` are annotated."""
    random = np.random.default_rng(0)
    for name, motion in videos.items():
        speed = random.uniform(0.5, 1.5)
        flow = speed * np.asarray(motion) + random.normal(0, 0.1, (FRAMES, 8, 8, 2))
        points = np.ones((FRAMES, len(POINTS), 3))
        points[..., :2] = random.normal(0, 0.01, (FRAMES, len(POINTS), 2)) + np.arange(len(POINTS))[:, None]
        points[:, POINTS.index("right wrist"), :2] += motion
        pose = points.astype(np.float32)
        rgb = np.zeros((FRAMES, 8, 8, 3), np.uint8)
        stagefiles.write(Path("results/volumes/d", name), rgb, flow, fps=25, pose=pose)
    tables.write_videos("videos.tsv", [VideoRow(name, f"{name}.mp4", fps=25) for name in videos])
    tables.write_annotations("annotations.tsv", [Annotation(name, f"{name}.xml") for name in labels])
    for name, label in labels.items():
        write_annotation(f"{name}.xml", [Stroke(0, FRAMES, label)])
    content = {
        "study": "s",
        "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv", "poses": "poses"},
        "preparation": {"flow_methods": [stagefiles.METHOD]},
        "classes": list(MOTION),
        "negatives": {"class": "", "share": 0},
        "defaults": {"size": [8, 8, 8], "flow": stagefiles.METHOD},
        "variants": [{"name": "flow", "model": "flow"}],
        **changes,
    }
    Path("study.yaml").write_text(yaml.safe_dump(content))
    return load.load_study("study.yaml")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def clips(prefix: str, **counts: int) -> dict[str, tuple[float, float]]:
    """Return videos of each kind of motion."""
    return {f"{prefix}-{name}-{n}": MOTION[name] for name, count in counts.items() for n in range(count)}


def kinds(found: Suggestions) -> list[str]:
    return [one.video.split("-")[1] for one in found.suggestions]


def test_without_labels_every_kind_of_motion_is_suggested() -> None:
    made = build(clips("new", Hit=8, Push=5, Serve=2), {})
    found = suggest_samples(made, 3)
    assert kinds(found) == ["Hit", "Push", "Serve"], "the most frequent first"
    assert (found.by, found.labelled, len(found.pool)) == ("", 0, 15)
    assert all((one.guess, one.uncertainty, one.distance) == ("", None, None) for one in found.suggestions)
    assert "3 of 15 unlabelled samples" in found.scope
    assert "no classifier" in found.scope


def test_with_labels_the_uncertain_ones_come_first() -> None:
    known = clips("known", Hit=10, Push=10)
    between = {f"new-between-{number}": (0.2, 0.0) for number in range(2)}
    made = build(
        {**known, **clips("new", Hit=8, Push=8), **between}, {name: name.split("-")[1] for name in known}
    )
    found = suggest_samples(made, 18)
    assert found.by == "linear classifier, flow statistics of the sample"
    doubt = {one.video: one.uncertainty or 0 for one in found.suggestions}
    assert list(doubt.values()) == sorted(doubt.values(), reverse=True)
    assert np.mean([doubt[video] for video in between]) > 2 * np.median(list(doubt.values()))
    first = found.suggestions[0]
    assert (first.distance or 0) > 0.1
    assert sum(first.probabilities) == pytest.approx(1, abs=1e-5)
    assert len(first.probabilities) == 3, "of all classes, also those without labels"


def test_guesses_are_of_the_poses_where_a_variant_takes_them() -> None:
    known = clips("known", Hit=4, Push=4, Serve=4)
    variants = [{"name": "pose", "model": "pose"}]
    labels = {name: name.split("-")[1] for name in known}
    made = build({**known, **clips("new", Hit=2, Push=2, Serve=2)}, labels, variants=variants)
    found = suggest_samples(made, 100)
    assert found.by == "extra trees, poses"
    assert len(found.suggestions) == 6, "all that there are"
    assert all(one.guess in one.video for one in found.suggestions)


def test_one_labelled_class_teaches_no_classifier() -> None:
    known = clips("known", Hit=3)
    found = suggest_samples(build({**known, **clips("new", Push=3)}, dict.fromkeys(known, "Hit")), 2)
    assert found.by == ""
    assert all(one.uncertainty is None and one.distance is not None for one in found.suggestions)


def test_nothing_to_label_is_said() -> None:
    known = clips("known", Hit=2, Push=2)
    made = build(known, {name: name.split("-")[1] for name in known})
    with pytest.raises(CrispError, match=r"annotations\.tsv: nothing to label") as caught:
        suggest_samples(made, 5)
    assert "4 videos, 4 labelled samples" in str(caught.value)
    assert "crisp scan and crisp run" in str(caught.value)


@pytest.mark.parametrize("missing", ["frames.h5", f"roi/{stagefiles.METHOD}.h5"])
def test_study_that_is_not_prepared_names_the_command(missing: str) -> None:
    made = build(clips("new", Hit=2), {})
    (made.volumes / "new-Hit-1" / missing).unlink()
    with pytest.raises(CrispError, match=r"run snakemake: the (frames|roi) rule makes it") as caught:
        suggest_samples(made, 5)
    assert f"new-Hit-1/{missing}" in str(caught.value)


def test_verb_writes_table_list_and_pages() -> None:
    known = clips("known", Hit=3, Push=3)
    labels = {name: name.split("-")[1] for name in known}
    made = build({**known, **clips("new", Hit=3, Push=2)}, {**labels, "new-Push-1": "Unknown"})
    write_annotation("new-Push-1.xml", [Stroke(2, 9, "Unknown")])
    command = ["suggest", "--study", "study.yaml", "--number", "3"]
    done = CliRunner().invoke(application.app, command, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    out = made.results / "suggestions"
    assert str(out / "index.html") in done.output
    assert "3 of 5 unlabelled samples to label next; labelled so far: 6" in done.output
    with (out / "suggestions.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["rank"] for row in rows] == ["1", "2", "3"]
    assert list(rows[0]) == ["rank", "sample", "video", "begin", "end", "guess", "uncertainty", "distance"]
    page = (out / "index.html").read_text()
    for row in rows:
        assert f'href="{row["video"]}.html#frame={row["begin"]}"' in page
        assert row["video"] in done.output
        index = files.read_json(out / f"{row['video']}.json")
        bounds = int(row["begin"]), int(row["end"])
        assert [(one["begin"], one["end"], one["label"]) for one in index["truth"]] == [(*bounds, "Unknown")]
        assert [(one["begin"], one["end"], one["label"]) for one in index["strokes"]] == [
            (*bounds, row["guess"])
        ]
        assert (out / f"{row['video']}.html").exists()
    told = json.loads(CliRunner().invoke(application.app, [*command, "--json"]).stdout)
    assert (told["unlabelled"], told["labelled"]) == (5, 6)
    assert [one["page"] for one in told["suggested"]] == [
        f"{row['video']}.html#frame={row['begin']}" for row in rows
    ]


def test_labelled_suggestions_leave_the_list() -> None:
    made = build(clips("new", Hit=3, Push=3), {})
    for _ in range(2):
        video = suggest_samples(load.load_study("study.yaml"), 1).suggestions[0].video
        rows = [*tables.read_annotations("annotations.tsv"), Annotation(video, f"{video}.xml")]
        write_annotation(f"{video}.xml", [Stroke(0, FRAMES, video.split("-")[1])])
        tables.write_annotations("annotations.tsv", rows)
    found = suggest_samples(load.load_study("study.yaml"), 10)
    assert found.labelled == 2
    assert len(found.suggestions) == len(made.used) - 2
    assert not {row.video for row in rows} & {one.video for one in found.suggestions}


def test_page_of_a_long_video_keeps_what_is_not_suggested_unknown() -> None:
    known = clips("known", Hit=2)
    made = build({**known, **clips("new", Push=1)}, dict.fromkeys(known, "Hit"))
    for name in known:
        write_annotation(f"{name}.xml", [Stroke(0, 3, "Hit"), Stroke(6, 9, "Push")])
    done = CliRunner().invoke(application.app, ["suggest", "--study", "study.yaml", "--number", "1"])
    assert done.exit_code == 0, done.output
    index = files.read_json(made.results / "suggestions/new-Push-0.json")
    assert [(one["begin"], one["end"]) for one in index["truth"]] == [(0, 3), (3, 6), (6, 9), (9, 12)]
    assert len(index["strokes"]) == 1
    # The saved annotation, with one stroke labelled, leaves the others to be suggested next.
    kept = [Stroke(one["begin"], one["end"], one["label"]) for one in index["truth"]]
    write_annotation("new-Push-0.xml", [kept[0]._replace(label="Push"), *kept[1:]])
    assert len(read_annotation("new-Push-0.xml")) == 4
    rows = [*tables.read_annotations("annotations.tsv"), Annotation("new-Push-0", "new-Push-0.xml")]
    tables.write_annotations("annotations.tsv", rows)
    found = suggest_samples(load.load_study("study.yaml"), 10)
    assert sorted((one.begin, one.end) for one in found.suggestions) == [(3, 6), (6, 9), (9, 12)]
