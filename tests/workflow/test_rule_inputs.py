"""Inputs of the rules' jobs; Snakemake asks for them in `test_dry_run.py` and `test_rerun.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.study import tables
from crisp.workflow.rule_inputs import RuleInputs, existing
from crisp.workflow.rule_resources import RuleResources
from crisp.workflow.run_labels import RunLabels
from tests.workflow.labelled import labelled_study, write_data_set
from tests.workflow.test_rule_resources import job

VOLUMES = "results/volumes/d"


@pytest.fixture(autouse=True)
def data_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_data_set("bare")


def inputs(**changes: Any) -> RuleInputs:
    study = labelled_study(**changes)
    return RuleInputs(study, RunLabels(study), RuleResources(study, {}, bool))


def touch(path: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()
    return path


def test_a_training_takes_only_what_its_normalisation_does_not_imply() -> None:
    made = inputs(variants=[{"name": "rgb", "model": "rgb"}, {"name": "flow", "model": "flow"}])
    tables_of_split = [f"results/studies/s/splits/main/{part}.tsv" for part in ("train", "validation")]
    method = made.study.variant("rgb").flow
    roi = [f"{VOLUMES}/{video}/roi/{method}.h5" for video in ("train", "validation")]
    assert made.training(job(variant="rgb", split="main")) == [*tables_of_split, *roi]
    fitted = made.study.normalisation_file(made.study.variant("flow"), "main").as_posix()
    assert made.training(job(variant="flow", split="main")) == [*tables_of_split, fitted]
    assert made.training_roi(job(split="main", method=method)) == roi


def test_an_evaluation_takes_the_test_videos_alone() -> None:
    made = inputs(variants=[{"name": "rgb", "model": "rgb"}])
    method = made.study.variant("rgb").flow
    found = made.evaluation(job(variant="rgb", split="main"))
    assert [path for path in found if path.startswith(VOLUMES)] == [f"{VOLUMES}/test/roi/{method}.h5"]
    assert "results/studies/s/strokes.tsv" in found


def test_annotation_files_of_some_videos() -> None:
    made = inputs()
    assert made.annotation_files() == [f"xml/{name}.xml" for name in tables.SPLITS]
    assert made.annotation_files(["train", "bare"]) == ["xml/train.xml"]
    Path("xml/train.xml").unlink()
    assert made.annotation_files(["train"]) == []
    assert made.training_annotations(job(split="main"))  # which are unknown: those of all used videos


def test_deleted_stage_files_come_back() -> None:
    made = inputs()
    method = made.study.flow_methods[0]
    roi = {video: f"{VOLUMES}/{video}/roi/{method}.h5" for video in made.study.used}
    assert made.all_stage_files(job()) == list(roi.values())
    touch(roi["test"])
    touch(f"{VOLUMES}/test/frames.h5")
    missing = {f"{VOLUMES}/test/flow/{method}.h5", f"{VOLUMES}/test/test.h5"}
    assert set(made.all_stage_files(job())) == {*roi.values(), *missing}


def test_flow_is_joined_from_parts_of_a_long_video_alone() -> None:
    short = inputs(preparation={"scatter_seconds": 0})
    wildcards = job(video="train", method=short.study.flow_methods[0])
    assert short.flow_parts(wildcards) == []
    parts = inputs(preparation={"scatter_seconds": 10}).flow_parts(wildcards)
    stem = f"{VOLUMES}/train/flow/{wildcards.method}"
    assert parts == [f"{stem}.part-{part}-of-3.h5" for part in (1, 2, 3)]


def test_only_existing_files_with_plain_names_are_inputs() -> None:
    plain, braces = touch("data/a.mp4"), touch("data/match {final}.mp4")
    assert existing([plain, braces, "data/missing.mp4"]) == [plain]


def test_features_of_a_frozen_network_are_those_of_its_training_videos() -> None:
    added = {"name": "frozen", "model": "r3d_18", "weights": "own.pth", "frozen": True}
    made = inputs(variants=[{"name": "rgb", "model": "rgb"}, added])
    wildcards = job(variant="frozen", split="main")
    method = made.study.variant("frozen").flow
    roi = [f"{VOLUMES}/{video}/roi/{method}.h5" for video in ("train", "validation")]
    assert made.features(wildcards) == [*roi, "own.pth"]
    record = "results/studies/s/features/frozen.json"
    assert record in made.training(wildcards)
    assert not any("features" in path for path in made.training(job(variant="rgb", split="main")))
    assert not any("features" in path for path in made.evaluation(wildcards))
