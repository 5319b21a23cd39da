"""A step on a batch: the loss, the optimiser, batches in parts, precision, and memory that runs out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn import functional

from crisp.clips.dataloader import Batch
from crisp.core.errors import CrispError
from crisp.study import load
from crisp.study.super_classes import super_class_index
from crisp.training.distributed import Processes
from crisp.training.train_step import TrainStep
from tests.trainable import CONTENT, configured

CPU = torch.device("cpu")


def learner(variant: str = "flow", size: tuple[int, int, int] = (8, 8, 8), **training: Any) -> TrainStep:
    """A learner of a small variant, of the same initial weights each time."""
    made = configured(**training)
    torch.manual_seed(1)
    return TrainStep(replace(made.variant(variant), size=size), len(made.classes), made.training, CPU)


def batch(count: int = 4, size: tuple[int, int, int] = (8, 8, 8)) -> Batch:
    """Clips of noise, the same each time."""
    noise = torch.Generator().manual_seed(2)
    streams = {
        "rgb": torch.rand(count, 3, *size, generator=noise),
        "flow": torch.rand(count, 2, *size, generator=noise) * 2 - 1,
        "pose": torch.rand(count, 70, size[0], generator=noise),
    }
    return Batch(streams, torch.arange(count) % 3, count)


def training_sizes(one: TrainStep) -> list[int]:
    """How many clips go through the model at a time while it learns; filled as that happens."""
    seen: list[int] = []
    one.model.register_forward_hook(lambda *parts: seen.append(len(parts[-1])))
    return seen


def gradients(one: TrainStep) -> torch.Tensor:
    return torch.cat([w.grad.flatten() for w in one.model.parameters() if w.grad is not None])


def test_a_step_is_one_of_the_mean_loss() -> None:
    one, by_hand, clips = learner(), learner(), batch()
    logits = by_hand.model(clips.streams)
    shares = torch.log_softmax(logits, 1)[torch.arange(4), clips.labels]
    (-shares).mean().backward()
    by_hand.optimizer.step()
    loss, correct = one.step(clips, True, None).tolist()
    assert loss == pytest.approx(float(-shares.sum()), rel=1e-6)
    assert correct == int((logits.argmax(1) == clips.labels).sum())
    for mine, other in zip(one.model.parameters(), by_hand.model.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_looking_changes_no_weight() -> None:
    one = learner()
    before = [weights.clone() for weights in one.model.parameters()]
    with torch.no_grad():
        one.step(batch(), False, None)
    assert all(torch.equal(*both) for both in zip(before, one.model.parameters(), strict=True))


def test_double_softmax_has_the_published_floor() -> None:
    one = learner("plain")
    sure = torch.full((7, 21), -50.0)
    sure[:, 3] = 50
    assert one.loss(sure, torch.full((7,), 3)).item() == pytest.approx(2.123, abs=5e-4)
    assert one.loss(sure, torch.full((7,), 3)).item() == pytest.approx(math.log(math.e + 20) - 1)
    logits = torch.randn(7, 3)
    labels = torch.tensor([0, 1, 2, 0, 1, 2, 0])
    assert torch.equal(learner().loss(logits, labels), functional.cross_entropy(logits, labels))


def test_weighted_loss_is_a_mean_over_samples() -> None:
    weights = torch.tensor([0.5, 2.0, 1.25])
    logits, labels = torch.randn(4, 3), torch.tensor([0, 0, 1, 2])
    each = functional.cross_entropy(logits, labels, reduction="none")
    expected = sum(float(loss * weights[label]) for loss, label in zip(each, labels, strict=True)) / 4
    assert float(learner().loss(logits, labels, weights)) == pytest.approx(expected, rel=1e-5)


def test_optimiser_is_the_configured_one() -> None:
    one = learner(learning_rate="1e-3", momentum=0.25, weight_decay=0.125)
    (group,) = one.optimizer.param_groups
    assert isinstance(one.optimizer, torch.optim.SGD)
    assert (group["lr"], group["momentum"], group["weight_decay"]) == (0.001, 0.25, 0.125)
    assert group["nesterov"]
    assert group["dampening"] == 0
    defaults = load.resolve_study({**CONTENT, "training": {}}).training
    assert (defaults.momentum, defaults.weight_decay, defaults.batch_size) == (0.5, 0.005, 10)
    assert defaults.learning_rate == 0.01


def test_other_optimisers() -> None:
    assert not learner(nesterov=False).optimizer.param_groups[0]["nesterov"]
    adamw = learner(optimiser="adamw", weight_decay=0.125, learning_rate=0.001).optimizer
    assert isinstance(adamw, torch.optim.AdamW)
    assert (adamw.param_groups[0]["lr"], adamw.param_groups[0]["weight_decay"]) == (0.001, 0.125)


@pytest.mark.parametrize("weights", [None, torch.tensor([0.5, 2.0, 1.25])])
def test_label_smoothing_by_hand(weights: torch.Tensor | None) -> None:
    logits, labels = torch.randn(5, 3), torch.tensor([0, 1, 2, 2, 0])
    wanted = torch.full((5, 3), 0.3 / 3)
    wanted[torch.arange(5), labels] += 0.7
    of_class = torch.ones(3) if weights is None else weights
    by_hand = -(wanted * of_class * torch.log_softmax(logits, 1)).sum(1).mean()
    torch.testing.assert_close(learner(label_smoothing=0.3).loss(logits, labels, weights), by_hand)


@pytest.mark.parametrize("variant", ["flow", "plain"])
def test_super_classes_add_their_share_to_the_loss(variant: str) -> None:
    hands = {"hand": {"Hit": "any", "Push": "any", "Negative": "none"}}
    made = load.resolve_study({**CONTENT, "super_classes": hands, "training": {"super_class_loss": 0.5}})
    sets = [super_class_index(made.classes, members) for members in made.super_classes.values()]
    one = TrainStep(made.variant(variant), 3, made.training, CPU, super_classes=sets)
    logits, labels = torch.randn(3, 3), torch.tensor([0, 1, 2])
    seen = torch.softmax(logits, 1) if variant == "plain" else logits  # double softmax
    shares = torch.softmax(seen, 1)
    of_hand = torch.stack([shares[0, :2].sum(), shares[1, :2].sum(), shares[2, 2]])
    by_hand = -(shares[torch.arange(3), labels].log() + 0.5 * of_hand.log()).mean()
    torch.testing.assert_close(one.loss(logits, labels), by_hand)


def test_dropout_is_drawn_from_the_seed_of_the_batch() -> None:
    one = learner()
    one.model.dropout.p = 0.5
    losses = [learner_step(one, draw) for draw in ((1, 2), (1, 2), (1, 3))]
    assert losses[0] == losses[1] != losses[2]
    one.model.eval()
    assert learner_step(one, (1, 2)) == learner_step(one, (1, 3))


def learner_step(one: TrainStep, draw: tuple[int, ...]) -> float:
    """Loss of a step that changes no weight."""
    one.optimizer.param_groups[0]["lr"] = 0.0
    return float(one.step(batch(), True, None, draw)[0])


@pytest.mark.parametrize("largest", [0, 0.01])
def test_gradients_are_clipped_as_configured(largest: float) -> None:
    one = learner(gradient_clip=largest)
    one.step(batch(), True, None)
    norm = gradients(one).norm().item()
    if largest:
        assert norm == pytest.approx(largest, rel=1e-3)
    else:
        assert norm > 0.01


@pytest.mark.parametrize("variant", ["twin", "pose"])
def test_a_batch_in_parts_is_the_same_step(variant: str) -> None:
    whole, parts = (learner(variant, accumulate=count) for count in (1, 3))
    seen = training_sizes(parts)
    sums = [one.step(batch(), True, None) for one in (whole, parts)]
    torch.testing.assert_close(sums[1], sums[0])
    torch.testing.assert_close(gradients(parts), gradients(whole), rtol=1e-3, atol=1e-5)
    assert seen == [2, 1, 1]


@pytest.mark.parametrize(("count", "parts"), [(4, [2, 2]), (2, [2]), (5, [3, 2])])
def test_parts_of_a_batch_leave_attention_its_spread(count: int, parts: list[int]) -> None:
    one = learner("twin-attention", accumulate=4)
    seen = training_sizes(one)
    one.step(batch(count), True, None)
    assert seen == parts


@pytest.mark.parametrize(("total", "parts"), [(10, 2), (7, 1), (2, 1), (1, 1)])
def test_every_process_learns_a_batch_in_as_many_parts(total: int, parts: int) -> None:
    """Of 7 clips they have 4 and 3: two parts would leave one clip alone in one of them."""
    found = []
    for rank in range(2):
        one = learner("twin-attention", accumulate=2)
        one.processes = Processes(rank, 2)
        found.append(one.parts(total))
    assert found == [parts, parts]


@pytest.mark.parametrize(("room", "told"), [(2, "memory for 2 clips"), (0, "too little for one clip")])
def test_batch_that_does_not_fit_into_memory(room: int, told: str) -> None:
    def limited(_: object, inputs: tuple[dict[str, torch.Tensor]]) -> None:
        if len(inputs[0]["flow"]) > room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    one, parts = learner(), learner(accumulate=2)
    for each in (one, parts):
        each.model.register_forward_pre_hook(limited)
    with pytest.raises(
        CrispError, match=f"a batch of 4 clips does not fit into memory.*\n.*\n.*{told}"
    ) as error:
        one.step(batch(), True, None)
    assert ("training.accumulate to 2" in str(error.value)) == bool(room)
    assert "training.batch_size" in str(error.value)
    if room:
        assert torch.isfinite(parts.step(batch(), True, None)).all(), "what the error advises"


def test_precision() -> None:
    size = (12, 8, 8)
    whole, half = (learner(size=size, precision=kind) for kind in ("float32", "bfloat16"))
    assert (whole.bfloat16, half.bfloat16) == (False, True)
    assert not learner(precision="auto").bfloat16, "a CPU gains nothing by it"
    kinds: list[torch.dtype] = []
    half.model.trunk.dense.register_forward_hook(lambda *parts: kinds.append(parts[-1].dtype))
    losses = [float(one.step(batch(4, size), True, None)[0]) for one in (whole, half)]
    assert kinds == [torch.bfloat16]
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.05)
    assert all(weights.dtype == torch.float32 for weights in half.model.parameters())


def test_clips_too_short_for_bfloat16_on_a_cpu() -> None:
    with pytest.raises(CrispError, match=r"too short for bfloat16 on a CPU[\s\S]*found: 11"):
        learner(size=(11, 8, 8), precision="bfloat16")
