"""Models: parameter counts at full size, and the numbers of a forward pass against plain numpy."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from crisp import models
from crisp.core.errors import CrispError
from crisp.study.load import resolve_study
from crisp.study.variants import Variant

VARIANT = Variant.from_config({"name": "v", "size": (100, 120, 120), "pose_norm": "crop"})
SMALL = (8, 16, 24)


def small(model: str, classes: int = 4) -> Any:
    torch.manual_seed(3)
    return models.build(dataclasses.replace(VARIANT, model=model, size=SMALL), classes)


def streams(batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    return {
        name: torch.rand((batch, count, *SMALL), generator=generator)
        for name, count in models.CHANNELS.items()
    }


def trunk_by_hand(weights: dict[str, np.ndarray], clip: np.ndarray) -> np.ndarray:
    """Features (B, 500) of clips (B, C, T, H, W) in float64, from the description alone."""
    for stage in range(3):
        kernel, bias = weights[f"blocks.{stage}.0.weight"], weights[f"blocks.{stage}.0.bias"]
        padded = np.pad(clip, ((0, 0), (0, 0), (1, 1), (1, 1), (1, 1)))
        windows = sliding_window_view(padded, (3, 3, 3), axis=(2, 3, 4))
        clip = np.einsum("bcthwijk,ocijk->bothw", windows, kernel, optimize=True) + bias[:, None, None, None]
        clip = np.maximum(clip, 0)
        batch, channels, frames, height, width = clip.shape
        clip = clip.reshape(batch, channels, frames // 2, 2, height // 2, 2, width // 2, 2).max(
            axis=(3, 5, 7)
        )
    flat = clip.reshape(len(clip), -1)
    return np.maximum(flat @ weights["dense.weight"].T + weights["dense.bias"], 0)


def weights_of(model: torch.nn.Module, prefix: str) -> dict[str, np.ndarray]:
    return {
        name.removeprefix(prefix): value.double().numpy()
        for name, value in model.state_dict().items()
        if name.startswith(prefix)
    }


@pytest.mark.parametrize(
    ("model", "count"), [("twin", 221_611_811), ("rgb", 108_191_821), ("flow", 108_191_011)]
)
def test_parameter_count_at_full_size(model: str, count: int) -> None:
    with torch.device("meta"):
        built = models.build(dataclasses.replace(VARIANT, model=model), 21)
    assert sum(weights.numel() for weights in built.parameters()) == count


def test_table_tells_parameters_and_inputs() -> None:
    study = resolve_study(
        {
            "study": "s",
            "dataset": {"name": "d", "videos": "v.tsv", "annotations": "a.tsv"},
            "classes": ["Negative", *(f"stroke {number}" for number in range(20))],
            "variants": [{"name": "both"}, {"name": "motion", "model": "flow"}],
        }
    )
    assert models.model_table(study) == [
        {
            "variant": "both",
            "model": "twin",
            "parameters": 221_611_811,
            "inputs": {"rgb": (3, 100, 120, 120), "flow": (2, 100, 120, 120)},
        },
        {
            "variant": "motion",
            "model": "flow",
            "parameters": 108_191_011,
            "inputs": {"flow": (2, 100, 120, 120)},
        },
    ]


@pytest.mark.parametrize("stream", ["rgb", "flow"])
def test_branch_forward_against_numpy(stream: str) -> None:
    model, clips = small(stream), streams()
    features = trunk_by_hand(weights_of(model, "trunk."), clips[stream].double().numpy())
    head = weights_of(model, "head.")
    with torch.no_grad():
        np.testing.assert_allclose(model.features(clips)[0].numpy(), features, atol=1e-5)
        np.testing.assert_allclose(
            model(clips).numpy(), features @ head["weight"].T + head["bias"], atol=1e-5
        )


def test_twin_forward_against_numpy() -> None:
    model, clips = small("twin"), streams()
    rgb = trunk_by_hand(weights_of(model, "rgb."), clips["rgb"].double().numpy())
    flow = trunk_by_hand(weights_of(model, "flow."), clips["flow"].double().numpy())
    head = weights_of(model, "head.")
    expected = np.einsum("bi,oij,bj->bo", rgb, head["weight"], flow) + head["bias"]
    with torch.no_grad():
        np.testing.assert_allclose(model(clips).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("model", ["rgb", "flow", "twin"])
def test_gradients_reach_every_weight(model: str) -> None:
    built = small(model)
    torch.nn.functional.cross_entropy(built(streams()), torch.tensor([0, 1])).backward()
    for name, weights in built.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name


def test_outputs_are_logits_of_each_sample_by_itself() -> None:
    model, clips = small("twin"), streams(3)
    with torch.no_grad():
        together = model(clips)
        alone = torch.cat([model({name: clip[i : i + 1] for name, clip in clips.items()}) for i in range(3)])
    assert together.shape == (3, 4)
    assert not torch.allclose(together.sum(dim=1), torch.ones(3))
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_twin_works_in_half_precision() -> None:
    model = small("twin")
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(streams())
    with torch.no_grad():
        torch.testing.assert_close(half.float(), model(streams()), atol=0.05, rtol=0.05)


@pytest.mark.parametrize("size", [(7, 16, 16), (8, 7, 16), (8, 16, 7)])
@pytest.mark.parametrize("model", ["rgb", "flow", "twin"])
def test_too_small_a_clip_is_refused(model: str, size: tuple[int, int, int]) -> None:
    with pytest.raises(CrispError, match="clip is too small"):
        models.build(dataclasses.replace(VARIANT, model=model, size=size), 4)


@pytest.mark.parametrize("model", ["rgb", "flow", "twin"])
def test_he_weights_keep_the_signal_and_start_at_chance(model: str) -> None:
    """With the library's defaults features hardly depend on the input; see docs/differences.md."""
    clips = {"rgb": torch.rand(8, 3, 16, 32, 32), "flow": torch.rand(8, 2, 16, 32, 32) - 0.5}
    spread = {}
    for init in ("he", "torch"):
        torch.manual_seed(0)
        built = models.build(dataclasses.replace(VARIANT, model=model, size=(16, 32, 32), init=init), 6)
        with torch.no_grad():
            spread[init] = min(float(part.std(0).mean()) for part in built.features(clips))
            loss = torch.nn.functional.cross_entropy(built(clips), torch.arange(8) % 6)
        assert float(loss) == pytest.approx(math.log(6), abs=0.3)
    assert spread["he"] > 5 * spread["torch"]


@pytest.mark.parametrize("model", ["rgb", "flow", "twin"])
def test_attention_starts_with_features_as_large_as_without(model: str) -> None:
    clips = {"rgb": torch.rand(8, 3, 16, 32, 32), "flow": torch.rand(8, 2, 16, 32, 32) - 0.5}
    sizes = {}
    for attention in (False, True):
        torch.manual_seed(0)
        variant = dataclasses.replace(VARIANT, model=model, size=(16, 32, 32), attention=attention)
        built = models.build(variant, 6)
        with torch.no_grad():
            sizes[attention] = [float(part.std()) for part in built.features(clips)]
            loss = torch.nn.functional.cross_entropy(built(clips), torch.arange(8) % 6)
        assert float(loss) == pytest.approx(math.log(6), abs=0.3)
    for without, beside in zip(sizes[False], sizes[True], strict=True):
        assert 0.6 < beside / without < 1.6
