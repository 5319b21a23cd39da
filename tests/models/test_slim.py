"""Slim: a grid of signed changes, which no motion in the other direction cancels."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crisp.models.slim import GRID, LEAST, Slim


def noise(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_opposite_motions_in_a_cell_do_not_cancel() -> None:
    clip = torch.zeros(1, 2, 12, 28, 28)
    clip[:, 0, :, :, 0::2], clip[:, 0, :, :, 1::2] = 0.5, -0.5
    grid = Slim(2, differences=False).grid(clip)
    assert grid.shape == (1, 4, *GRID)
    torch.testing.assert_close(grid[:, [0, 2]], torch.full((1, 2, *GRID), (0.25 + LEAST) ** 0.5))
    torch.testing.assert_close(grid[:, [1, 3]], torch.full((1, 2, *GRID), LEAST**0.5))


@given(st.integers(8, 40), st.integers(14, 40), st.integers(0, 5))
def test_any_size_of_clips_has_the_same_features(frames: int, side: int, seed: int) -> None:
    made = Slim(3, differences=True)
    clip = noise(2, 3, frames, side, side, seed=seed)
    assert made(clip).shape == (2, made.width)
    assert made.grid(clip).isfinite().all()


def test_a_mirrored_clip_has_the_mirrored_grid() -> None:
    made, clip = Slim(2, differences=False), noise(1, 2, 12, 28, 28)
    mirrored = clip.flip(-1) * torch.tensor([-1.0, 1.0]).view(1, 2, 1, 1, 1)
    right, down, left, up = made.grid(clip).flip(-1).unbind(1)
    torch.testing.assert_close(made.grid(mirrored), torch.stack([left, down, right, up], dim=1))


def test_what_stays_as_it_is_does_not_count_in_rgb() -> None:
    still = noise(1, 3, 1, 28, 28).expand(1, 3, 12, 28, 28)
    grid = Slim(3, differences=True).grid(still)
    torch.testing.assert_close(grid, torch.full_like(grid, LEAST**0.5))


@pytest.mark.parametrize("scale", [1e-2, 1.0])
def test_features_of_a_batch_are_standardised(scale: float) -> None:
    made = Slim(2, differences=False)
    features = made(noise(8, 2, 12, 28, 28) * scale)
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(made.width), atol=1e-4, rtol=0)
    assert features.std(dim=0).median() > 0.5
