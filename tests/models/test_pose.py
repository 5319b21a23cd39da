"""Models with poses: parameter counts by hand, and the numbers of a forward pass against plain numpy."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from crisp import models
from crisp.core.errors import CrispError
from tests.models.test_models import SMALL, VARIANT, small, streams, trunk_by_hand, weights_of

# Three Conv1d of kernel 3 with 30, 60, 80 filters, and a dense layer of 80 filters x 12 pooled frames.
TRUNK = (42 * 3 * 30 + 30) + (30 * 3 * 60 + 60) + (60 * 3 * 80 + 80) + (80 * 12 * 500 + 500)
VIDEO_TRUNKS = 221_611_811 - (500 * 500 * 21 + 21)  # those of the Twin


def posed(batch: int = 2) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(6)
    return {**streams(batch), "pose": torch.rand((batch, 42, SMALL[0]), generator=generator)}


def pose_trunk_by_hand(weights: dict[str, np.ndarray], poses: np.ndarray) -> np.ndarray:
    """Features (B, 500) of poses (B, 42, T) in float64, from the description alone."""
    for stage in range(3):
        kernel, bias = weights[f"blocks.{stage}.0.weight"], weights[f"blocks.{stage}.0.bias"]
        frames = poses.shape[2]
        padded = np.pad(poses, ((0, 0), (0, 0), (1, 1)))
        found = sum(
            np.einsum("bct,oc->bot", padded[..., tap : tap + frames], kernel[..., tap]) for tap in range(3)
        )
        found = np.maximum(found + bias[:, None], 0)
        poses = found.reshape(*found.shape[:2], frames // 2, 2).max(axis=3)
    return np.maximum(poses.reshape(len(poses), -1) @ weights["dense.weight"].T + weights["dense.bias"], 0)


@pytest.mark.parametrize(
    ("model", "attention", "count"),
    [
        ("pose", False, TRUNK + 500 * 21 + 21),
        ("three-stream", False, VIDEO_TRUNKS + TRUNK + 3 * (500 * 500 * 21 + 21)),
        ("three-stream", True, VIDEO_TRUNKS + TRUNK + 3 * (500 * 500 * 21 + 21) + 635_240),
    ],
)
def test_parameter_count_at_full_size(model: str, attention: bool, count: int) -> None:
    variant = dataclasses.replace(VARIANT, model=model, attention=attention)
    with torch.device("meta"):
        built = models.build(variant, 21)
    assert sum(weights.numel() for weights in built.parameters()) == count


def test_input_shapes() -> None:
    assert models.input_shape("pose", VARIANT) == (42, 100)
    assert models.input_shape("flow", VARIANT) == (2, 100, 120, 120)


def test_pose_forward_against_numpy() -> None:
    model, clips = small("pose"), posed()
    features = pose_trunk_by_hand(weights_of(model, "trunk."), clips["pose"].double().numpy())
    head = weights_of(model, "head.")
    with torch.no_grad():
        np.testing.assert_allclose(model.features(clips)[0].numpy(), features, atol=1e-5)
        np.testing.assert_allclose(
            model(clips).numpy(), features @ head["weight"].T + head["bias"], atol=1e-5
        )


def test_three_stream_forward_against_numpy() -> None:
    model, clips = small("three-stream"), posed()
    with torch.no_grad():
        for layer in model.head.layers:  # they start at zero
            layer.bias.uniform_(-1, 1)
    features = [
        trunk_by_hand(weights_of(model, f"{name}."), clips[name].double().numpy()) for name in ("rgb", "flow")
    ]
    features.append(pose_trunk_by_hand(weights_of(model, "pose."), clips["pose"].double().numpy()))
    head = weights_of(model, "head.layers.")
    expected = np.zeros((2, 4))
    for number, (one, other) in enumerate([(0, 1), (0, 2), (1, 2)]):
        weight, bias = head[f"{number}.weight"], head[f"{number}.bias"]
        expected += np.einsum("bi,oij,bj->bo", features[one], weight, features[other]) + bias
    with torch.no_grad():
        np.testing.assert_allclose(model(clips).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("model", ["pose", "three-stream"])
def test_gradients_reach_every_weight(model: str) -> None:
    built = small(model)
    torch.nn.functional.cross_entropy(built(posed()), torch.tensor([0, 1])).backward()
    for name, weights in built.named_parameters():
        assert weights.grad is not None, name
        assert weights.grad.abs().sum() > 0, name


def test_three_stream_works_in_half_precision() -> None:
    model = small("three-stream")
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        half = model(posed())
    with torch.no_grad():
        torch.testing.assert_close(half.float(), model(posed()), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(("model", "least"), [("pose", [0.05]), ("three-stream", [0.05, 0.05, 0.005])])
def test_he_weights_start_at_chance(model: str, least: list[float]) -> None:
    """Beside video the pose's features start small: products of large, nearly constant ones diverge."""
    clips = {
        "rgb": torch.rand(8, 3, 16, 32, 32),
        "flow": torch.rand(8, 2, 16, 32, 32) - 0.5,
        "pose": torch.rand(8, 42, 16),
    }
    torch.manual_seed(0)
    built = models.build(dataclasses.replace(VARIANT, model=model, size=(16, 32, 32)), 6)
    with torch.no_grad():
        features = built.features(clips)
        loss = torch.nn.functional.cross_entropy(built(clips), torch.arange(8) % 6)
    spread = [float(part.std(0).mean()) for part in features]
    assert all(found > bound for found, bound in zip(spread, least, strict=True))
    assert float(loss) == pytest.approx(math.log(6), abs=0.3)
    if model == "three-stream":
        rgb, flow, pose = (float(part.square().mean().sqrt()) for part in features)
        assert pose < 0.2 * min(rgb, flow)


@pytest.mark.parametrize("model", ["pose", "three-stream"])
def test_too_short_a_clip_is_refused(model: str) -> None:
    with pytest.raises(CrispError, match="clip is too small"):
        models.build(dataclasses.replace(VARIANT, model=model, size=(7, 16, 16)), 4)
