"""Mixup: shares of clips and of their losses."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crisp.training.mixup import mixed


def batch(count: int) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    clips = torch.arange(count, dtype=torch.float32).view(count, 1, 1).expand(count, 2, 3)
    return {"flow": clips, "rgb": 10 * clips}, torch.arange(count)


@given(st.integers(1, 9), st.floats(0.05, 5), st.integers(0, 99))
def test_all_streams_are_mixed_with_the_clip_of_the_other_label(count: int, alpha: float, seed: int) -> None:
    torch.manual_seed(seed)
    streams, labels = batch(count)
    made = mixed(streams, labels, alpha)
    assert sorted(made.others.tolist()) == labels.tolist()
    assert 0 <= made.share <= 1
    expected = made.share * labels + (1 - made.share) * made.others
    torch.testing.assert_close(made.streams["flow"][:, 0, 0], expected)
    torch.testing.assert_close(made.streams["rgb"][:, 1, 2], 10 * expected)


def test_the_loss_is_that_of_both_labels_by_their_shares() -> None:
    torch.manual_seed(1)
    made = mixed(*batch(4), 1.0)
    assert 0.01 < made.share < 0.99
    losses = torch.tensor([1.0, 2.0, 4.0, 8.0])
    found = made.part(slice(1, 3)).loss(lambda labels: losses[labels].sum())
    own, other = losses[1:3].sum(), losses[made.others[1:3]].sum()
    assert float(found) == pytest.approx(float(made.share * own + (1 - made.share) * other))


def test_without_mixup_nothing_is_drawn() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    streams, labels = batch(3)
    made = mixed(streams, labels, 0)
    assert torch.equal(torch.get_rng_state(), before)
    assert made.streams["flow"] is streams["flow"]
    assert made.loss(lambda given: given.sum()).item() == 3
