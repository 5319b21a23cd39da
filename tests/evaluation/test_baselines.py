"""Simple baselines: they find what is in the data and nothing else, in folds as in one split."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crisp.core.skeleton import POINTS
from crisp.evaluation.baselines import INSTANTS, baselines, pose_features
from crisp.study import load, tables
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.config import Study
from crisp.study.samples import Sample, collect_samples, write_samples
from crisp.study.splits import assign_split, write_split
from crisp.study.tables import Annotation, VideoRow
from tests import stagefiles

FRAMES, VIDEOS = 40, 12
NAMES = (
    "most frequent class",
    "linear classifier, flow statistics of the sample",
    "linear classifier, flow statistics by frame",
    "extra trees, poses",
)


def pose(raised: bool, place: tuple[float, float], scale: float) -> np.ndarray:
    """A player (40, 14, 3) somewhere, of some size, who raises the right wrist or not."""
    points = np.ones((FRAMES, len(POINTS), 3))
    for index, name in enumerate(POINTS):
        height = {"shoulder": 1.0, "hip": 0.0}.get(name.split()[-1], 0.5)
        points[:, index, :2] = (0.2 if "right" in name else -0.2, -height)
    if raised:
        points[:, POINTS.index("right wrist"), 1] = -np.linspace(0, 1.5, FRAMES)
    points[..., :2] = points[..., :2] * scale + place
    return points


@pytest.fixture
def content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Twelve clips of two classes: Hit moves to the right and raises a hand, Push moves to the left."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    rows, labels = [], []
    for number in range(VIDEOS):
        name, hit = f"v{number}", number % 2 == 0
        rows.append(VideoRow(name, f"{name}.mp4", frames=FRAMES, fps=25))
        labels.append(Annotation(name, f"{name}.xml"))
        write_annotation(f"{name}.xml", [Stroke(0, FRAMES, "Hit" if hit else "Push")])
        flow = random.normal(2 if hit else -2, 0.5, (FRAMES, 8, 8, 2))
        points = pose(hit, tuple(random.uniform(2, 6, 2)), random.uniform(1, 5))
        rgb = np.zeros((FRAMES, 8, 8, 3), np.uint8)
        stagefiles.write(Path("results/volumes/d", name), rgb, flow, pose=points.astype(np.float32))
    tables.write_videos("videos.tsv", rows)
    tables.write_annotations("annotations.tsv", labels)
    return {
        "study": "s",
        "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv", "poses": "poses"},
        "preparation": {"flow_methods": [stagefiles.METHOD]},
        "classes": ["Hit", "Push"],
        "negatives": {"class": "", "share": 0},
        "defaults": {"size": [8, 8, 8], "flow": stagefiles.METHOD},
        "variants": [{"name": "rgb", "model": "rgb"}, {"name": "pose", "model": "pose"}],
    }


def run(content: dict[str, Any], **split: Any) -> Study:
    made = load.resolve_study({**content, "split": split})
    samples = collect_samples(made, dict.fromkeys(made.used, FRAMES))
    write_samples(made.results / "strokes.tsv", samples)
    for name in made.split_names:
        write_split(made.split_table(name), assign_split(made, samples, name))
    return made


@pytest.mark.parametrize("folds", [0, 3])
def test_what_is_in_the_data_is_found(content: dict[str, Any], folds: int) -> None:
    found = baselines(run(content, method="stratified", folds=folds, shares=[0.5, 0.2, 0.3]))
    assert tuple(one.name for one in found) == NAMES
    n = VIDEOS if folds else found[0].n
    assert [one.n for one in found] == [n] * 4
    assert n >= 2
    assert found[0].accuracy == pytest.approx(0.5, abs=0.2)
    assert [one.accuracy for one in found[1:]] == [1, 1, 1]


def test_labels_that_say_nothing_are_not_learnt(content: dict[str, Any]) -> None:
    random = np.random.default_rng(1)
    for number in range(VIDEOS):
        label = ("Hit", "Push")[int(random.integers(2))]
        write_annotation(f"v{number}.xml", [Stroke(0, FRAMES, label)])
    for one in baselines(run(content, method="stratified", folds=3)):
        assert one.accuracy is not None
        assert one.accuracy < 0.95


def test_without_poses_and_with_missing_files(content: dict[str, Any]) -> None:
    made = run({**content, "variants": content["variants"][:1]}, method="stratified", shares=[0.5, 0.2, 0.3])
    assert tuple(one.name for one in baselines(made)) == NAMES[:3]
    shutil.rmtree(made.volumes / "v3")
    found = baselines(made)
    assert found[0].n > 0
    for one in found[1:]:
        assert (one.n, one.accuracy) == (0, None)
        assert "v3" in one.remark


def test_damaged_file_is_a_remark(content: dict[str, Any]) -> None:
    made = run(content, method="stratified", shares=[0.5, 0.2, 0.3])
    made.stage_file("v2", "pose").write_bytes(b"no HDF5")
    assert [bool(one.remark) for one in baselines(made)] == [False, False, False, True]


def test_poses_are_in_the_players_own_frame() -> None:
    sample = Sample("v", 0, FRAMES, "Hit", "stroke", "v:0")
    near, far = (pose_features(pose(True, *where), sample) for where in (((100, 80), 40), ((10, 9), 2)))
    assert near.shape == (13 * 2 * (INSTANTS + 2),)
    np.testing.assert_allclose(near, far, atol=1e-9)
    other = pose_features(pose(False, (100, 80), 40), sample)
    assert np.abs(near - other).max() > 0.9
    unknown = pose(True, (100, 80), 40)
    unknown[..., 2] = 0
    assert np.isnan(pose_features(unknown, sample)).all()
