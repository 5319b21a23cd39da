"""Attention: parameter counts, and a forward pass against numpy from the description alone."""

from __future__ import annotations

import dataclasses
from itertools import product

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from crisp import models
from crisp.models.attention import Attention, Residual
from tests.models.test_models import VARIANT

EPSILON = 1e-5  # of BatchNorm


@pytest.mark.parametrize(("channels", "count"), [(30, 29_520), (60, 104_100), (80, 184_000)])
def test_parameter_count(channels: int, count: int) -> None:
    module = Attention(channels)
    assert sum(weights.numel() for weights in module.parameters()) == count
    assert sum(isinstance(part, Residual) for part in module.modules()) == 12


def test_parameter_count_of_twin_at_full_size() -> None:
    with torch.device("meta"):
        model = models.build(dataclasses.replace(VARIANT, model="twin", attention=True), 21)
    assert sum(weights.numel() for weights in model.parameters()) == 222_247_051


class Weights:
    """The weights of a module, in the order in which it was described, each taken once."""

    def __init__(self, module: Attention) -> None:
        self.arrays = {name: value.double().numpy() for name, value in module.state_dict().items()}
        self.used: set[str] = set()

    def step(self, maps: np.ndarray, norm: str, conv: str) -> np.ndarray:
        """BatchNorm with running statistics, ReLU, convolution."""
        take = {
            part: self.take(f"{norm}.{part}") for part in ("weight", "bias", "running_mean", "running_var")
        }
        shaped = {part: value[:, None, None, None] for part, value in take.items()}
        normal = (maps - shaped["running_mean"]) / np.sqrt(shaped["running_var"] + EPSILON)
        maps = np.maximum(normal * shaped["weight"] + shaped["bias"], 0)
        kernel = self.take(f"{conv}.weight")
        pad = kernel.shape[-1] // 2
        padded = np.pad(maps, ((0, 0), *[(pad, pad)] * 3))
        windows = sliding_window_view(padded, kernel.shape[2:], axis=(1, 2, 3))
        return np.einsum("cthwijk,ocijk->othw", windows, kernel, optimize=True)

    def take(self, name: str) -> np.ndarray:
        assert name not in self.used
        self.used.add(name)
        return self.arrays[name]

    def residual(self, maps: np.ndarray, name: str) -> np.ndarray:
        out = maps
        for first in (0, 3, 6):
            out = self.step(out, f"{name}.path.{first}", f"{name}.path.{first + 2}")
        return maps + out


def pool(maps: np.ndarray) -> np.ndarray:
    padded = np.pad(maps, ((0, 0), *[(1, 1)] * 3), constant_values=-np.inf)
    return sliding_window_view(padded, (3, 3, 3), axis=(1, 2, 3))[:, ::2, ::2, ::2].max(axis=(4, 5, 6))


def up(maps: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Linear along each axis in turn, first and last values kept."""
    for axis in (1, 2, 3):
        old, new = maps.shape[axis], like.shape[axis]
        places = np.arange(new) * ((old - 1) / (new - 1)) if new > 1 else np.zeros(1)
        low = np.minimum(np.floor(places).astype(int), max(old - 2, 0))
        part = (places - low).reshape([-1 if side == axis else 1 for side in range(4)])
        high = np.minimum(low + 1, old - 1)
        maps = maps.take(low, axis) * (1 - part) + maps.take(high, axis) * part
    return maps


def by_hand(module: Attention, maps: np.ndarray) -> tuple[np.ndarray, set[str]]:
    w = Weights(module)
    x = w.residual(maps, "entry")
    trunk = w.residual(w.residual(x, "trunk.0"), "trunk.1")
    a = w.residual(pool(x), "down.0")
    b = w.residual(pool(a), "down.1")
    c = w.residual(w.residual(pool(b), "bottom.0"), "bottom.1")
    m = w.residual(up(c, b) + w.residual(b, "skip.0"), "up.0")
    m = w.residual(up(m, a) + w.residual(a, "skip.1"), "up.1")
    m = w.step(w.step(up(m, x), "to_mask.0", "to_mask.2"), "to_mask.3", "to_mask.5")
    out = w.residual((1 + 1 / (1 + np.exp(-m))) * trunk, "exit")
    return out, set(w.arrays) - w.used


def randomised(channels: int) -> Attention:
    """A module whose every weight and running statistic differs from its neighbour's."""
    torch.manual_seed(7)
    module = Attention(channels).eval()
    for name, value in module.state_dict().items():
        if name.endswith("running_var"):
            value.uniform_(0.5, 2)
        elif value.dtype == torch.float32:
            value.normal_(0, 0.3)
    return module


SIZES = list(product((1, 5), (4, 7), (6,)))


@pytest.mark.parametrize("size", SIZES)
def test_forward_is_the_description(size: tuple[int, int, int]) -> None:
    module = randomised(5)
    maps = torch.randn(2, 5, *size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = module(maps).numpy()
    for one, expected in zip(found, maps.double().numpy(), strict=True):
        wanted, unused = by_hand(module, expected)
        np.testing.assert_allclose(one, wanted, rtol=1e-4, atol=1e-4)
    assert {name.rsplit(".", 1)[1] for name in unused} == {"num_batches_tracked"}


def test_he_weights_begin_as_the_input_weighted_by_a_mask() -> None:
    torch.manual_seed(0)
    variant = dataclasses.replace(VARIANT, model="rgb", size=(16, 16, 16), attention=True)
    module = models.build(variant, 3).trunk.blocks[0][3].eval()
    maps = torch.rand(1, 30, 8, 8, 8)
    with torch.inference_mode():
        ratio = module(maps) / maps
    assert 1 < ratio.min() < ratio.max() < 2


def test_every_block_has_attention_or_none() -> None:
    for wanted in (True, False):
        with torch.device("meta"):
            model = models.build(dataclasses.replace(VARIANT, model="twin", attention=wanted), 21)
        count = sum(isinstance(part, Attention) for part in model.modules())
        assert count == (6 if wanted else 0)
