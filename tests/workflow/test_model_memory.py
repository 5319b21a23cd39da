"""What jobs that run models ask for; the peaks were measured on a CPU (docs/cluster.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from crisp import models
from crisp.study import load, variants
from crisp.study.variants import Variant
from crisp.workflow import model_memory
from tests.trainable import CONTENT

NAMES = [f"class {number}" for number in range(21)]
FULL, DEMO = (100, 120, 120), (16, 36, 36)


def variant(model: str, size: tuple[int, int, int] = DEMO, attention: bool = False) -> Variant:
    return Variant.from_config({"name": "v", "model": model, "size": size, "attention": attention})


def training(**changes: Any) -> variants.Training:
    return replace(load.resolve_study(CONTENT).training, **{"batch_size": 10, **changes})


@pytest.mark.parametrize("size", [FULL, DEMO, (17, 33, 65)])
@pytest.mark.parametrize(
    ("model", "attention"),
    [(model, on) for model in variants.STREAMS for on in (False, True) if (model, on) != ("pose", True)],
)
def test_weights_are_counted_as_torch_does(model: str, size: tuple[int, int, int], attention: bool) -> None:
    content = {
        **CONTENT,
        "classes": NAMES,
        "negatives": {"class": "", "share": 0},
        "variants": [{"name": "v", "model": model, "size": list(size), "attention": attention}],
    }
    (row,) = models.model_table(load.resolve_study(content))
    assert model_memory.parameters(variant(model, size, attention), len(NAMES)) == row["parameters"]


@pytest.mark.parametrize(
    ("model", "size", "batch_size", "classes", "peak"),
    [
        ("twin", DEMO, 5, 6, 539),
        ("twin", FULL, 1, 21, 3980),
        ("twin", FULL, 4, 21, 4785),
        ("twin", (48, 72, 72), 20, 8, 3344),
    ],
)
def test_training_asks_for_more_than_it_took(
    model: str, size: tuple[int, int, int], batch_size: int, classes: int, peak: int
) -> None:
    wanted = model_memory.training_memory(
        variant(model, size), classes, training(batch_size=batch_size), False
    )
    assert 1.15 * peak < wanted < 2 * peak


@pytest.mark.parametrize(
    ("size", "batch_size", "classes", "peak"),
    [(DEMO, 5, 6, 444), ((48, 72, 72), 20, 8, 1594)],
)
def test_inference_asks_for_more_than_it_took(
    size: tuple[int, int, int], batch_size: int, classes: int, peak: int
) -> None:
    assert (
        1.15 * peak
        < model_memory.inference_memory(variant("twin", size), classes, batch_size, False)
        < 2 * peak
    )


@pytest.mark.parametrize("gpu", [False, True])
@pytest.mark.parametrize("model", ["rgb", "flow", "twin"])
def test_demo_runs_on_small_nodes(model: str, gpu: bool) -> None:
    """As the demo's study has them; a node of 4,000 MB is the smallest that clusters have."""
    small = variant(model)
    assert model_memory.training_memory(small, 6, training(batch_size=5), gpu) < 4000
    assert model_memory.inference_memory(small, 6, 5, gpu) < 4000


def test_memory_follows_model_clip_batch_and_loaders() -> None:
    def wanted(model: str = "twin", size: tuple[int, int, int] = FULL, **keys: Any) -> int:
        attention = keys.pop("attention", False)
        return model_memory.training_memory(variant(model, size, attention), 21, training(**keys), False)

    base = wanted()
    assert wanted("rgb") < base
    assert wanted(size=(50, 120, 120)) < base
    assert wanted(batch_size=5) < base
    assert wanted(accumulate=2) < base
    assert wanted(attention=True) > base
    assert wanted(workers=2) > base
    assert wanted(gpus=2) > base
    full = variant("twin", FULL)
    assert model_memory.inference_memory(full, 21, 5, False) < model_memory.inference_memory(
        full, 21, 10, False
    )
    assert model_memory.training_memory(full, 21, training(), True) < base
