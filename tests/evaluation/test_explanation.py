"""Grad-CAM and attention: against the formula, and on models whose evidence is known."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from crisp import models
from crisp.core.errors import CrispError
from crisp.evaluation.explanation import explain_clip
from crisp.models.attention import Attention
from crisp.study.variants import Variant

SIZE = (16, 24, 32)
CLASSES = 3
CLIP = Variant.from_config({"name": "clip", "size": SIZE})


def model(name: str, **keys: Any) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(
        Variant.from_config({"name": name, "model": name, "size": SIZE, **keys}), CLASSES
    ).eval()


def clip(*streams: str) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {stream: torch.rand(models.input_shape(stream, CLIP), generator=generator) for stream in streams}


def test_heat_is_the_published_formula() -> None:
    made, one = model("twin"), clip("rgb", "flow")
    kept: dict[str, torch.Tensor] = {}
    for stream in ("rgb", "flow"):
        getattr(made, stream).blocks.register_forward_hook(
            lambda *given, stream=stream: kept.update({stream: given[-1]})
        )
    logits = made({stream: array[None] for stream, array in one.items()})
    outputs = dict(kept)
    strongest = []
    for stream, target in product(outputs, range(CLASSES)):
        (gradient,) = torch.autograd.grad(logits[0, target], outputs[stream], retain_graph=True)
        weights = gradient.mean(dim=(2, 3, 4), keepdim=True)
        maps = torch.relu((weights * outputs[stream]).sum(dim=1, keepdim=True))
        expected = functional.interpolate(maps, SIZE, mode="trilinear")[0, 0].detach().numpy()
        found = explain_clip(made, one, target).heat[stream]
        assert found.shape == SIZE
        assert np.allclose(found * expected.max(), expected, atol=1e-6 * expected.max())
        strongest.append(found.max())
    assert 0 < sum(strongest) == pytest.approx(np.count_nonzero(strongest))


def test_heat_is_where_the_evidence_is() -> None:
    """A model that sees only the brightness of one channel, on a clip with one bright corner."""
    made = model("rgb")
    with torch.no_grad():
        for block in made.trunk.blocks:
            block[0].weight.zero_()
            block[0].bias.zero_()
            block[0].weight[0, 0, 1, 1, 1] = 1
        made.trunk.dense.weight.fill_(0.01)
        made.trunk.dense.bias.zero_()
        made.head.weight.zero_()
        made.head.weight[2] = 1
    one = {"rgb": torch.zeros(models.input_shape("rgb", CLIP))}
    one["rgb"][0, :8, :8, 24:] = 1
    heat = explain_clip(made, one, 2).heat["rgb"]
    assert heat[:4, :4, 28:].min() > 0.9
    assert heat[12:].max() == heat[:, 16:].max() == heat[..., :12].max() == 0
    assert explain_clip(made, one, 0).heat["rgb"].max() == 0  # nothing speaks for another class


@pytest.mark.parametrize(("name", "streams"), [("pose", ["pose"]), ("three-stream", ["rgb", "flow", "pose"])])
def test_poses_have_evidence_over_time(name: str, streams: list[str]) -> None:
    found = explain_clip(model(name), clip(*streams), 0)
    assert list(found.heat) == streams
    assert found.heat["pose"].shape == SIZE[:1]
    assert found.attention == {}


def test_attention_is_the_mask_of_each_module() -> None:
    made, one = model("twin", attention=True), clip("rgb", "flow")
    found = explain_clip(made, one, 0)
    assert {stream: masks.shape for stream, masks in found.attention.items()} == {
        "rgb": (3, *SIZE),
        "flow": (3, *SIZE),
    }
    first = next(part for part in made.rgb.modules() if isinstance(part, Attention))
    with torch.no_grad():
        first.to_mask[-1].weight.fill_(100)  # open everywhere: its input is after a ReLU
    opened = explain_clip(made, one, 0).attention["rgb"]
    assert opened[0].min() >= 0.5
    assert (opened[0] > found.attention["rgb"][0] - 1e-6).all()


@pytest.mark.parametrize(("name", "given"), [("i3d", "rgb-flow"), ("r3d_18", "flow")])
def test_other_networks_have_evidence(name: str, given: str) -> None:
    streams = given.split("-")
    heat = explain_clip(model(name, input=given), clip(*streams), 0).heat
    assert {stream: one.shape for stream, one in heat.items()} == dict.fromkeys(streams, SIZE)


def test_network_of_tokens_is_one_error() -> None:
    with pytest.raises(CrispError, match="the model's evidence cannot be shown"):
        explain_clip(model("swin3d_t"), clip("rgb"), 0)
