"""Windows that share their convolutions give the logits of separate windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.models import build, input_shape, sliding
from crisp.models.sliding import pays, window_logits
from crisp.study.variants import Variant

FRAMES = st.integers(8, 40)
SIDES = st.integers(8, 13)
MODELS = st.sampled_from(["rgb", "flow", "twin", "pose", "rgb-pose", "three-stream"])
POOLING = st.sampled_from([[2], [2, 3, 1], [1, 2, 2], [3, 1, 2], [[1, 2, 2], [2, 2, 2], [4, 1, 1]]])


def variant(model: str, size: tuple[int, int, int], **keys: Any) -> Variant:
    small = {"filters": [4, 5, 6], "features": 7}
    return Variant.from_config({"name": "v", "model": model, "size": list(size), **small, **keys})


def streams(of: Variant, length: int, seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {name: input_shape(name, of) for name in of.streams}
    return {
        name: torch.rand((shape[0], length, *shape[2:]), generator=generator)
        for name, shape in shapes.items()
    }


def network(of: Variant) -> torch.nn.Module:
    torch.manual_seed(1)
    return build(of, 5).eval()


def separate(
    model: torch.nn.Module, clips: dict[str, torch.Tensor], starts: np.ndarray, frames: int
) -> torch.Tensor:
    windows = [{name: clip[None, :, at : at + frames] for name, clip in clips.items()} for at in starts]
    return torch.cat([model(window) for window in windows])


@settings(deadline=None, max_examples=60)
@given(
    model=MODELS,
    frames=FRAMES,
    sides=st.tuples(SIDES, SIDES),
    more=st.integers(0, 60),
    stride=st.integers(1, 17),
    pooling=POOLING,
    head=st.sampled_from(["flatten", "pooled"]),
    batch=st.integers(1, 9),
)
@torch.inference_mode()
def test_logits_are_those_of_separate_windows(
    model: str,
    frames: int,
    sides: tuple[int, int],
    more: int,
    stride: int,
    pooling: list[Any],
    head: str,
    batch: int,
) -> None:
    of = variant(model, (frames, *sides), pooling=pooling, head=head)
    made, clips = network(of), streams(of, frames + more)
    starts = np.append(np.arange(0, more, stride), more)
    found = window_logits(made, clips, starts, frames, batch)
    torch.testing.assert_close(found, separate(made, clips, starts, frames), rtol=1e-5, atol=1e-6)


@torch.inference_mode()
def test_long_streams_are_taken_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    of = variant("twin", (16, 8, 8))
    made, clips = network(of), streams(of, 200)
    starts = np.arange(0, 185)
    expected = separate(made, clips, starts, 16)
    for windows, span in ((128, 4), (7, 4), (128, 1), (1, 4)):
        monkeypatch.setattr(sliding, "MOST_WINDOWS", windows)
        monkeypatch.setattr(sliding, "SPAN", span)
        torch.testing.assert_close(window_logits(made, clips, starts, 16, 4), expected, rtol=1e-5, atol=1e-6)


def multiplications(of: Variant, length: int, starts: np.ndarray) -> tuple[int, int]:
    """Count those of the convolutions, shared and separately, by what is given to them."""
    made, clips = network(of), streams(of, length)
    counts = []
    convolve = torch.nn.functional.conv3d

    def counting(maps: torch.Tensor, weight: torch.Tensor, *rest: Any, **keys: Any) -> torch.Tensor:
        found = convolve(maps, weight, *rest, **keys)
        counts.append(found.numel() * weight[0].numel())
        return found

    with pytest.MonkeyPatch.context() as patched, torch.inference_mode():
        patched.setattr(torch.nn.functional, "conv3d", counting)
        window_logits(made, clips, starts, of.size[0], 4)
        shared = sum(counts)
        counts.clear()
        patched.setattr(
            torch.nn.Conv3d,
            "_conv_forward",
            lambda layer, clip, *_: counting(clip, layer.weight, layer.bias, padding=layer.padding),
        )
        separate(made, clips, starts, of.size[0])
    return shared, sum(counts)


@pytest.mark.parametrize(("stride", "most"), [(1, 0.2), (4, 0.25), (8, 0.35)])
def test_less_is_computed(stride: int, most: float) -> None:
    """The published trunk; of a long stream in steps of 8 frames about a sixth is left."""
    of = variant("flow", (100, 16, 16))
    starts = np.arange(0, 401, stride)
    shared, plain = multiplications(of, 500, starts)
    assert shared < most * plain
    assert pays(network(of), streams(of, 500), starts, 100)


def test_windows_far_apart_do_not_pay() -> None:
    of = variant("flow", (16, 8, 8))
    clips, made = streams(of, 500), network(of)
    assert not pays(made, clips, np.arange(0, 480, 40), 16)
    assert not pays(made, clips, np.array([3]), 16)


@pytest.mark.parametrize(
    "keys",
    [{"model": "twin", "attention": True}, {"model": "pose", "pose_attention": True}, {"model": "slim"}],
)
def test_models_that_see_the_whole_window_share_nothing(keys: dict[str, Any]) -> None:
    of = Variant.from_config({"name": "v", "size": [16, 16, 16], **keys})
    assert sliding.trunks(build(of, 3)) == {}
    assert not pays(build(of, 3), streams(of, 40), np.arange(20), 16)
