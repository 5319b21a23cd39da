"""The plan of a study against Snakemake's own, and against sums made by hand."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.study import tables
from crisp.study.config import Study
from crisp.study.load import resolve_study
from crisp.workflow import plan
from crisp.workflow.plan import plan_study

ROOT = Path(__file__).parents[2]
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
    "classes": ["Hit", "Push"],
    "split": {"method": "given"},
    "negatives": {"share": 0},
    "variants": [{"name": "rgb", "model": "rgb"}, {"name": "twin"}],
    "seeds": [1, 2],
    "training": {"epochs": 10},
}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """An hour of video at 120 frames per second in three parts, two strokes of 120 frames in each."""
    monkeypatch.chdir(tmp_path)
    rows = [tables.VideoRow(name, f"{name}.mp4", 1, 144_000, "0" * 64, 120.0) for name in tables.SPLITS]
    tables.write_videos("videos.tsv", rows)
    strokes = '<action begin="0" end="120" move="Hit"/><action begin="200" end="320" move="Push"/>'
    Path("strokes.xml").write_text(f"<video>{strokes}</video>")
    tables.write_annotations(
        "annotations.tsv", [tables.Annotation(name, "strokes.xml", split=name) for name in tables.SPLITS]
    )
    return resolve_study(CONTENT)


def jobs(found: plan.Plan) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for row in found.rows:
        counted[row.rule] += row.jobs
    return dict(counted)


def row(found: plan.Plan, rule: str, of: str = "") -> plan.CostRow:
    return next(row for row in found.rows if (row.rule, row.of) == (rule, of))


ALL = {"frames": 3, "flow": 3, "roi": 3, "strokes": 1, "split": 1, "training_samples": 1, "normalisation": 1}
ALL |= {"train": 4, "evaluate": 4, "quality": 3, "summary": 1}


@pytest.mark.usefixtures("study")
def test_poses_are_a_job_a_video() -> None:
    variants = [{"name": "pose", "model": "pose"}]
    posed = resolve_study(
        {**CONTENT, "dataset": {**CONTENT["dataset"], "poses": "poses"}, "variants": variants}
    )
    expected = {**ALL, "pose": 3, "train": 2, "evaluate": 2}
    del expected["normalisation"]
    assert jobs(plan_study(posed)) == expected


def test_cost_of_an_hour(study: Study) -> None:
    found = plan_study(study)
    assert jobs(found) == ALL
    flow = row(found, "flow", "deepflow")
    assert flow.core_hours == pytest.approx(432_000 * 0.16 / 3600 + 3 * 5 / 3600)
    assert flow.gigabytes == pytest.approx(432_000 * 70e3 / 1e9)
    # Two training clips at 4.8 s and two validation clips at 1.6 s, ten epochs, two seeds.
    assert row(found, "train", "twin").gpu_hours == pytest.approx(2 * 10 * (2 * 4.8 + 2 * 1.6) / 3600 / 100)
    assert row(found, "train", "rgb").gpu_hours == pytest.approx(row(found, "train", "twin").gpu_hours / 2)
    # Windows of 100 frames fit into 120 frames 21 times.
    assert row(found, "evaluate", "twin").gpu_hours == pytest.approx(2 * 2 * 21 * 1.6 / 3600 / 100)
    assert found.core_hours_without_gpu == pytest.approx(100 * found.total("gpu_hours"))
    assert found.total("jobs") == sum(ALL.values())


def test_features_of_a_frozen_network_come_before_its_trainings(study: Study) -> None:
    weights = {"model": "r3d_18", "size": [100, 120, 120], "weights": "kinetics400", "frozen": True}
    frozen = resolve_study({**CONTENT, "variants": [{"name": "frozen", **weights}]})
    expected = {**ALL, "features": 1, "train": 2, "evaluate": 2}
    del expected["normalisation"]
    found = plan_study(frozen)
    assert jobs(found) == expected
    # One window each 25 frames of the training and validation videos; an RGB clip is half a Twin clip.
    frames = sum(row.working_frames for row in study.used.values() if row.video != "test")
    assert row(found, "features", "frozen").gpu_hours == pytest.approx(frames / 25 * 0.8 / 3600 / 100)
    assert row(found, "train", "frozen").gpu_hours == 0
    for seed in (1, 2):
        path = frozen.model_folder("frozen", "main", seed) / "model.pt"
        path.parent.mkdir(parents=True)
        path.touch()
    assert jobs(plan_study(frozen))["train"] == 2


def test_width_and_frame_step(study: Study) -> None:
    rows = [tables.VideoRow(**{**vars(row), "frame_step": 2}) for row in study.videos.values()]
    tables.write_videos("videos.tsv", rows)
    wide = plan_study(resolve_study({**CONTENT, "preparation": {"width": 640}}))
    before = plan_study(study)
    # Twice the width are four times the pixels, of half the frames; every frame is decoded.
    assert row(wide, "roi", "deepflow").gigabytes == pytest.approx(
        2 * row(before, "roi", "deepflow").gigabytes
    )
    assert row(wide, "frames").core_hours == pytest.approx(row(before, "frames").core_hours)


def test_what_is_done_is_left_out(study: Study) -> None:
    def make(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    for video in study.used:
        for stage, method in (("frames", ""), ("flow", "deepflow"), ("roi", "deepflow")):
            make(study.stage_file(video, stage, method))
    assert jobs(plan_study(study)) == {
        rule: count for rule, count in ALL.items() if rule not in ("frames", "flow", "roi")
    }
    for name in ("strokes.tsv", "splits/main.tsv", "summary.tsv", "normalisation/main-deepflow-normal.json"):
        make(study.results / name)
    for name in ("train", "validation"):
        make(study.results / "splits/main" / f"{name}.tsv")
    for seed in (1, 2):
        for variant in ("rgb", "twin"):
            for name in ("model.pt", "metrics.json"):
                make(study.model_folder(variant, "main", seed) / name)
    for video in study.used:
        make(study.quality_picture(video))
    assert jobs(plan_study(study)) == {}
    assert jobs(plan_study(study, everything=True)) == ALL
    (study.model_folder("twin", "main", 2) / "model.pt").unlink()
    assert jobs(plan_study(study)) == {"train": 1, "evaluate": 1, "summary": 1}
    study.stage_file("test", "flow", "deepflow").unlink()
    anew = {"flow": 1, "roi": 1, "evaluate": 4, "summary": 1, "quality": 1}
    assert jobs(plan_study(study)) == {**anew, "train": 1}
    study.stage_file("validation", "roi", "deepflow").unlink()
    assert jobs(plan_study(study)) == {**anew, "roi": 2, "quality": 2, "normalisation": 1, "train": 4}


def test_detection_in_untrimmed_videos(study: Study) -> None:
    rows = [*study.annotations, tables.Annotation("test", "strokes.xml", "detection", "test")]
    tables.write_annotations("annotations.tsv", rows)
    content = {**CONTENT, "classes": ["Hit", "Push", "Negative"], "negatives": {"share": 0.3}}
    found = plan_study(resolve_study(content))
    assert jobs(found) == {**ALL, "detect": 4}
    # 0.04 s are five frames of 120 per second; a window costs 1.6 s, with two seeds.
    assert row(found, "detect", "twin").gpu_hours == pytest.approx(2 * 144_000 / 5 * 1.6 / 3600 / 100)


@pytest.mark.usefixtures("study")
def test_added_method_is_prepared_alone() -> None:
    both = resolve_study({**CONTENT, "preparation": {"flow_methods": ["deepflow", "dis"]}})
    found = plan_study(both)
    assert jobs(found) == {**ALL, "flow": 6, "roi": 6}
    assert row(found, "flow", "dis").core_hours < row(found, "flow", "deepflow").core_hours / 10


@pytest.mark.usefixtures("study")
def test_folds_are_counted() -> None:
    whole, folds = (
        plan_study(resolve_study(CONTENT)),
        plan_study(resolve_study({**CONTENT, "split": {"method": "leave_one_group_out"}})),
    )
    times = {
        rule: 3 * ALL[rule] for rule in ("split", "training_samples", "normalisation", "train", "evaluate")
    }
    assert jobs(folds) == {**ALL, **times}
    assert folds.total("gpu_hours") > 2 * whole.total("gpu_hours")


def test_unscanned_video_is_named(study: Study) -> None:
    rows = list(study.videos.values())
    tables.write_videos("videos.tsv", [*rows[:2], tables.VideoRow("test", "test.mp4")])
    with pytest.raises(CrispError, match="video test: video has not been scanned"):
        plan_study(resolve_study(CONTENT))


@pytest.mark.usefixtures("study")
def test_verb_prints_a_table_and_json() -> None:
    Path("study.json").write_text(json.dumps(CONTENT))
    runner = CliRunner()
    said = runner.invoke(application.app, ["plan", "--study", "study.json"]).stdout
    assert "s: 3 videos, 1.0 hours, 432,000 frames of 320 px width" in said
    assert next(line for line in said.splitlines() if line.startswith("total")).split()[1] == "25"
    found = json.loads(runner.invoke(application.app, ["plan", "--study", "study.json", "--json"]).stdout)
    assert sum(row["jobs"] for row in found["rows"]) == 25


def test_every_method_has_a_cost() -> None:
    from crisp.preparation import flow

    assert set(plan.FLOW) == set(flow.METHODS)


def test_table_of_the_docs_is_computed() -> None:
    said = (ROOT / "docs/plan.md").read_text()
    frames, bytes_ = 432_000, plan.BYTES
    for method, seconds in plan.FLOW.items():
        line = f"| `flow`, `{method}` | {frames * seconds / 3600:.1f} | {frames * bytes_['flow'] / 1e9:.0f} |"
        assert line in said
    for stage, seconds in (("frames", plan.DECODING), ("roi", plan.ROI)):
        assert f"| `{stage}` | {frames * seconds / 3600:.1f} | {frames * bytes_[stage] / 1e9:.0f} |" in said


@pytest.mark.usefixtures("study")
def test_a_gpu_for_deepflow_alone() -> None:
    methods = {"flow_methods": ["deepflow", "dis"], "flow_backend": "gpu"}
    found = plan_study(resolve_study({**CONTENT, "preparation": methods}))
    flow = row(found, "flow", "deepflow")
    assert flow.gpu_hours == pytest.approx(432_000 / 400 / 3600)
    assert flow.core_hours == pytest.approx(432_000 * 0.007 / 3600 + 3 * 5 / 3600)
    assert row(found, "flow", "dis").gpu_hours == 0


@pytest.mark.usefixtures("study")
def test_deepflow_of_opencv_takes_longer() -> None:
    found = plan_study(resolve_study({**CONTENT, "preparation": {"flow_backend": "opencv"}}))
    assert row(found, "flow", "deepflow").core_hours == pytest.approx(432_000 * 0.31 / 3600 + 3 * 5 / 3600)


@pytest.mark.usefixtures("study")
def test_pictures_of_the_first_videos_only() -> None:
    assert jobs(plan_study(resolve_study({**CONTENT, "report": {"videos": 2}})))["quality"] == 2
    assert "quality" not in jobs(plan_study(resolve_study({**CONTENT, "report": {"videos": 0}})))


def test_seconds_of_a_job(study: Study) -> None:
    found = plan.seconds(study, gpu=True, cores=2)
    assert set(found) == {"frames", "flow", "roi", "train", "evaluate"}
    frames = plan.START + 144_000 * plan.DECODING
    assert found["frames"] == pytest.approx(frames)
    cpu = plan.seconds(study, gpu=False, cores=2)
    assert cpu["frames"] == found["frames"]
    assert found["train"] == plan.START < cpu["train"]


def test_seconds_are_of_the_jobs_of_a_plan(study: Study) -> None:
    """A training alone, on two cores without a GPU."""
    whole = plan_study(study, everything=True)
    trained = [one for one in whole.rows if one.rule == "train"]
    hours = sum(one.gpu_hours for one in trained) * plan.GPU_CORES / sum(one.jobs for one in trained)
    assert plan.seconds(study, gpu=False, cores=2)["train"] == pytest.approx(hours * 3600 / 2)
