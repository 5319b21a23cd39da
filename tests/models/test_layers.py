"""Keys that change the layers of a trunk, stream pairs, and attention along time."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn import functional

from crisp import models
from crisp.models.attention import Attention
from crisp.study.variants import Variant
from crisp.workflow import model_memory

SIZE = (16, 32, 24)
BASELINE = {  # the attention network of MediaEval 2022's baseline: whole frames of 320x180 px
    "model": "rgb",
    "size": (98, 180, 320),
    "filters": (8, 16, 32, 64, 128, 256),
    "pooling": ([1, 2, 2], 2, 2, 2, 2, 2),
    "attention": True,
    "attention_blocks": 2,
    "features": 1920,
}


def variant(**keys: Any) -> Variant:
    return Variant.from_config({"name": "v", "size": SIZE, **keys})


def streams(size: tuple[int, int, int] = SIZE) -> dict[str, torch.Tensor]:
    noise = torch.Generator().manual_seed(1)
    return {
        "rgb": torch.rand(2, 3, *size, generator=noise),
        "flow": torch.rand(2, 2, *size, generator=noise),
        "pose": torch.rand(2, 70, size[0], generator=noise),
    }


CASES: list[dict[str, Any]] = [
    {"model": "rgb-pose"},
    {"model": "flow-pose", "pose_attention": True},
    {"model": "three-stream", "attention": True, "pose_attention": True, "features": 20},
    {"model": "pose", "pose_attention": True, "filters": [4, 6]},
    {"model": "twin", "head": "pooled", "attention": True, "attention_blocks": 1},
    {"model": "rgb", "head": "pooled", "dropout": 0.3},
    {"model": "flow", "filters": [4, 5, 6, 7], "pooling": [[1, 2, 2], 2, [2, 2, 1], 2], "features": 9},
]


@pytest.mark.parametrize("keys", CASES, ids=str)
def test_a_step_reaches_every_weight_and_memory_counts_them(keys: dict[str, Any]) -> None:
    torch.manual_seed(0)
    model = models.build(variant(**keys), 5)
    logits = model(streams())
    assert logits.shape == (2, 5)
    functional.cross_entropy(logits, torch.tensor([0, 3])).backward()
    # A residual block starts as the identity: of its weights only the last has a gradient.
    for name, weights in model.head.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name
    assert sum(one.numel() for one in model.parameters()) == model_memory.parameters(variant(**keys), 5)
    assert sum(part.shape[1] for part in model.features(streams())) == models.widths(model)


@pytest.mark.parametrize("keys", CASES, ids=str)
def test_plain_keys_rebuild_the_model(keys: dict[str, Any]) -> None:
    first = models.build(variant(**keys), 5).eval()
    again = models.build(Variant.from_config(variant(**keys).plain()), 5).eval()
    again.load_state_dict(first.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(again(streams()), first(streams()))


def test_pair_is_one_bilinear_layer_of_its_trunks() -> None:
    model, clips = models.build(variant(model="rgb-pose"), 5), streams()
    with torch.no_grad():
        rgb, pose = model.features(clips)
        by_hand = torch.einsum("bi,oij,bj->bo", rgb, model.head.weight, pose) + model.head.bias
        torch.testing.assert_close(model(clips), by_hand, atol=1e-5, rtol=1e-4)


def test_attention_along_time_is_that_of_maps_of_one_pixel() -> None:
    torch.manual_seed(0)
    along, video = Attention(8, 1), Attention(8, 3)
    for one, other in zip(along.state_dict().items(), video.state_dict().items(), strict=True):
        assert one[0] == other[0]
        middle = other[1]
        if middle.dim() == 5:
            middle = middle[:, :, :, middle.shape[3] // 2, middle.shape[4] // 2]
        one[1].copy_(middle)
    poses = torch.rand(2, 8, 12)
    with torch.no_grad():
        expected = video.eval()(poses[..., None, None])[..., 0, 0]
        torch.testing.assert_close(along.eval()(poses), expected, atol=1e-5, rtol=1e-4)


def test_baseline_of_the_campaign_can_be_stated() -> None:
    with torch.device("meta"):
        model = models.build(variant(**BASELINE), 21)
    # Maps of the last block: 3 x 2 x 5 places of 256 filters, a quarter of which the layer after has.
    assert model.trunk.dense.in_features == 7680 == 4 * model.trunk.dense.out_features
    assert [len(block) for block in model.trunk.blocks] == [3, 3, 3, 3, 4, 4]


def test_pooled_head_has_few_weights() -> None:
    with torch.device("meta"):
        model = models.build(variant(model="rgb", size=(100, 120, 120), head="pooled"), 21)
    convolutions = (3 * 30 + 30 * 60 + 60 * 80) * 27 + 30 + 60 + 80
    assert sum(one.numel() for one in model.parameters()) == convolutions + 81 * 21
