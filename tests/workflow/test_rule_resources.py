"""Threads, memory, minutes and GPUs of the rules' jobs; Snakemake asks for them in `test_gpu.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from snakemake.iocontainers import Wildcards

from crisp.study import tables
from crisp.study.config import Study
from crisp.study.load import resolve_study
from crisp.workflow.rule_resources import RuleResources
from tests.lab import CONTENT

FRAMES = {"short": 900, "long": 60_000}


def job(**values: Any) -> Wildcards:
    return Wildcards(fromdict={name: str(value) for name, value in values.items()})


def study(**changes: Any) -> Study:
    return resolve_study({**CONTENT, **changes})


@pytest.fixture(autouse=True)
def videos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [tables.VideoRow(name, f"{name}.mp4", 1, count, "", 30.0) for name, count in FRAMES.items()]
    tables.write_videos(CONTENT["dataset"]["videos"], rows)


def asked(made: Study) -> RuleResources:
    return RuleResources(made, {}, bool)


def test_requests_grow_with_each_attempt() -> None:
    memory = asked(study()).memory(1000)
    assert [memory(job(video="short"), attempt, "frames", 1) for attempt in (1, 2, 3)] == [1000, 2000, 3000]


def test_no_request_is_above_the_limit_of_its_rule() -> None:
    limits = {("frames", "mem_mb"): 1500}
    memory = RuleResources(study(), limits, bool).memory(1000)
    assert memory(job(video="short"), 2, "frames", 1) == 1500
    assert memory(job(video="short"), 2, "flow", 1) == 2000
    limits["flow", "mem_mb"] = 1200
    assert memory(job(video="short"), 2, "flow", 1) == 1200


def test_minutes_follow_the_length_of_the_video() -> None:
    runtime = asked(study()).runtime(10, 0.05)
    assert runtime(job(video="short"), 1, "frames", 1) == 10
    assert runtime(job(video="long"), 1, "frames", 1) == 10 + 50
    assert asked(study()).runtime(5)(job(), 2, "summary", 1) == 10


@pytest.mark.parametrize(
    ("backend", "video", "gpus", "threads"),
    [("cpu", "short", 0, 1), ("cpu", "long", 0, 8), ("gpu", "short", 1, 2), ("gpu", "long", 1, 2)],
)
def test_flow(backend: str, video: str, gpus: int, threads: int) -> None:
    resources = asked(study(preparation={"flow_backend": backend, "scatter_seconds": 0}))
    wildcards = job(video=video, method="deepflow")
    assert resources.flow_gpus(wildcards) == gpus
    assert resources.flow_threads(wildcards) == threads
    assert resources.flow_megabytes(wildcards, threads) == (5000 if gpus else 500) + 500 * threads
    assert resources.flow_gpus(job(video=video, method="dis")) == 0
    seconds = FRAMES[video] * (0.05 if gpus else 0.5)
    assert resources.flow_minutes(wildcards, threads) == 10 + int(seconds / 60)


def test_joining_parts_takes_next_to_nothing() -> None:
    resources = asked(study(preparation={"flow_backend": "gpu", "scatter_seconds": 1000}))
    whole = job(video="long", method="deepflow")
    part = job(video="long", method="deepflow", part=1, parts=2)
    assert resources.part_count("long", "deepflow") == 2
    assert (resources.flow_frames(whole), resources.flow_gpus(whole), resources.flow_threads(whole)) == (
        0,
        0,
        1,
    )
    assert (resources.flow_frames(part), resources.flow_gpus(part)) == (30_000, 1)


def test_last_layer_of_a_frozen_network_needs_no_gpu() -> None:
    weights = {"model": "r3d_18", "weights": "kinetics400"}
    variants = [{"name": "tuned", **weights}, {"name": "frozen", **weights, "frozen": True}]
    resources = asked(study(variants=variants, training={"gpus": 2}))
    frozen, tuned = (job(variant=name, split="main", seed=1) for name in ("frozen", "tuned"))
    assert (resources.training_gpus(frozen), resources.training_gpus(tuned)) == (0, 2)
    assert resources.training_megabytes(frozen, 1) < resources.training_megabytes(tuned, 1)
    assert resources.features_minutes(frozen, 1) == 60 + int(0.05 * sum(FRAMES.values()) / 60)
