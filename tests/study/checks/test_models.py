"""What a training would refuse after all preparation is told before any job."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch

from crisp import models
from crisp.study import variants
from crisp.training import checkpoints
from tests.lab import CONTENT, Lab, told

SMALL = {"size": [8, 8, 8]}


@pytest.mark.parametrize(
    ("changes", "where", "what"),
    [
        (
            {"variants": [{"name": "rgb", "attention": True}], "training": {"batch_size": 1}},
            "my/study.yaml, training.batch_size",
            "attention and batch normalisation cannot learn from batches of one clip",
        ),
        (
            {"preparation": {"width": 64, "flow_methods": ["deepflow", "pcaflow"]}},
            "my/study.yaml, preparation.width",
            "too narrow for the flow method pcaflow",
        ),
        (
            {"variants": [{"name": "rgb", "init_from": "none.pt"}]},
            "none.pt",
            "model is missing",
        ),
        (
            {"variants": [{"name": "rgb", "init_from": "videos.tsv"}]},
            "videos.tsv",
            "model cannot be read",
        ),
        (
            {"variants": [{"name": "r", "model": "r3d_18", "weights": "none.pth"}]},
            "none.pth",
            "no weights",
        ),
        (
            {"variants": [{"name": "r", "model": "r3d_18", "weights": "videos.tsv"}]},
            "videos.tsv",
            "not weights",
        ),
        (
            {"variants": [{"name": "i", "model": "i3d", "training": {"batch_size": 1}}]},
            "my/study.yaml, training.batch_size",
            "attention and batch normalisation cannot learn from batches of one clip",
        ),
    ],
)
def test_trainings_that_cannot_begin(lab: Lab, changes: dict[str, Any], where: str, what: str) -> None:
    ((found_where, found_what),) = told(lab.check(**changes).faults)
    assert found_where == where
    assert found_what.startswith(what)


@pytest.mark.parametrize(
    ("name", "what"),
    [("Unknown", "class 'Unknown' has the name that"), ("Hit  hard", "white space in the name of a class")],
)
def test_classes_that_no_annotation_can_have(lab: Lab, name: str, what: str) -> None:
    found = told(lab.check(classes=[*CONTENT["classes"], name]).faults)
    assert found[0][0] == "my/study.yaml, classes"
    assert found[0][1].startswith(what)


def test_tensorboard_that_is_not_there(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name != "tensorboard" and found(name))
    (fault,) = lab.check(training={"tensorboard": True}).faults
    assert (fault.where, fault.what) == (
        "my/study.yaml, training.tensorboard",
        "TensorBoard is not installed",
    )


def test_start_from_a_model_of_the_same_layers(lab: Lab) -> None:
    variant = variants.Variant.from_config({"name": "rgb", "model": "rgb", **SMALL})
    content = {
        "schema": checkpoints.MODEL_SCHEMA,
        "variant": {**vars(variant), "size": [8, 8, 8]},
        "classes": CONTENT["classes"],
        "preparation": {},
    }
    torch.save({**content, "model": models.build(variant, 3).state_dict()}, "model.pt")
    same = {"name": "rgb", "model": "rgb", "init_from": "model.pt", **SMALL}
    assert lab.check(variants=[same]).faults == []
    (fault,) = lab.check(variants=[{**same, "size": [16, 16, 16]}]).faults
    assert (fault.where, fault.what) == ("model.pt", "model has other layers than variant 'rgb'")


def test_start_from_a_model_that_the_study_trains(lab: Lab) -> None:
    path = "results/studies/s/models/first/main/seed-1/model.pt"
    variants = [{"name": "first"}, {"name": "second", "init_from": path}]
    assert lab.check(variants=variants).faults == []
    assert not Path(path).exists()
    (fault,) = lab.check(variants=[variants[1]]).faults
    assert (fault.where, fault.what) == (path, "model is missing")


@pytest.mark.parametrize(
    "origins",
    [{"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "a"}],
    ids=lambda one: "".join(one),
)
def test_variants_that_would_start_from_each_other(lab: Lab, origins: dict[str, str]) -> None:
    variants = [
        {"name": name, "init_from": f"results/studies/s/models/{other}/main/seed-1/model.pt"}
        for name, other in origins.items()
    ]
    found = told(lab.check(variants=variants).faults)
    assert found == [
        (f"study s, variant {name}", "would start from a model that is initialised from its own")
        for name in origins
    ]


def test_variant_that_starts_from_one_of_the_same_run(lab: Lab) -> None:
    origin = "results/studies/s/models/a/main/seed-1/model.pt"
    assert lab.check(variants=[{"name": "a"}, {"name": "b", "init_from": origin}]).faults == []
