"""The joint loss: hand-worked value, the explicit formula and its gradient, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some
from torch.nn import functional

from crisp.training.hierarchical_loss import HierarchicalLoss

SETS = [np.array([0, 0, 1]), np.array([1, 0, 0])]
WEIGHTS = torch.tensor([0.5, 2.0, 1.25])


def explicit(
    logits: torch.Tensor, labels: torch.Tensor, smoothing: float, weights: torch.Tensor
) -> torch.Tensor:
    """The formula with weight 0.5, class by class, from sums of probabilities."""
    total = logits.new_zeros(())
    probabilities = torch.softmax(logits, 1)
    for row, label in zip(probabilities, labels.tolist(), strict=True):
        for c in range(3):
            share = smoothing / 3 + (1 - smoothing) * (c == label)
            coarse = [row[torch.from_numpy(index == index[c])].sum().log() for index in SETS]
            total = total - share * weights[c] * (row[c].log() + 0.5 * (coarse[0] + coarse[1]) / 2)
    return total / len(labels)


def test_hand_worked_case() -> None:
    # Probabilities 1/2, 1/4, 1/4, of class 1: its super-classes have 1/2 + 1/4 and 1/4 + 1/4.
    logits = torch.tensor([[2.0, 1.0, 1.0]]).log()
    found = HierarchicalLoss(SETS, 0.5)(logits, torch.tensor([1]))
    assert found.item() == pytest.approx(math.log(4) + 0.5 * (math.log(4 / 3) + math.log(2)) / 2)


@pytest.mark.parametrize("smoothing", [0, 0.3])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_value_and_gradient_are_those_of_the_formula(smoothing: float, weights: torch.Tensor | None) -> None:
    labels = torch.tensor([0, 1, 2, 2, 0])
    mine, other = (
        torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
        for _ in range(2)
    )
    found = HierarchicalLoss(SETS, 0.5, smoothing)(mine, labels, weights)
    expected = explicit(other, labels, smoothing, torch.ones(3) if weights is None else weights)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    torch.testing.assert_close(mine.grad, other.grad)


def test_a_super_class_of_all_costs_nothing_and_those_of_one_double_the_loss() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 1])
    plain = functional.cross_entropy(logits, labels)
    torch.testing.assert_close(HierarchicalLoss([np.array([0, 0, 0])], 1)(logits, labels), plain)
    torch.testing.assert_close(HierarchicalLoss([np.arange(3)], 1)(logits, labels), 2 * plain)


def test_improbable_classes_give_finite_losses_and_gradients() -> None:
    logits = torch.tensor([[500.0, -500.0, -500.0]], requires_grad=True)
    loss = HierarchicalLoss(SETS, 1)(logits, torch.tensor([2]))
    loss.backward()
    assert logits.grad is not None
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_it_adds_nothing_to_a_model_file() -> None:
    assert not list(HierarchicalLoss(SETS, 1).parameters())


@given(some.data())
def test_invariants(data: some.DataObject) -> None:
    classes = data.draw(some.integers(2, 6))
    drawn = some.lists(some.integers(0, 3), min_size=classes, max_size=classes)
    sets = [np.unique(index, return_inverse=True)[1] for index in data.draw(some.lists(drawn, min_size=1))]
    numbers = some.lists(some.floats(-30, 30), min_size=3 * classes, max_size=3 * classes)
    logits = torch.tensor(data.draw(numbers), dtype=torch.float64).reshape(3, classes)
    labels = torch.tensor(data.draw(some.lists(some.integers(0, classes - 1), min_size=3, max_size=3)))
    smoothing = data.draw(some.floats(0, 0.9))
    plain = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    torch.testing.assert_close(HierarchicalLoss(sets, 0, smoothing)(logits, labels), plain)
    loss = HierarchicalLoss(sets, 1, smoothing)(logits, labels)
    assert plain - 1e-9 <= loss <= 2 * plain + 1e-9, "a super-class is at least as probable as its class"
    shares = HierarchicalLoss(sets, 1).log_probabilities(logits).exp()
    sums = [part.sum(1) for part in shares.split([int(index.max()) + 1 for index in sets], 1)]
    torch.testing.assert_close(torch.stack(sums), torch.ones(len(sets), 3, dtype=torch.float64))
