"""Batches on a device: their order, the shares of processes, clips made there, loader processes that die."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as some

from crisp.clips import dataset, sampling
from crisp.clips.dataloader import ClipLoader
from crisp.core.errors import CrispError
from crisp.study.config import Study
from tests import trainable
from tests.trainable import configured

CPU = torch.device("cpu")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return trainable.build()


def test_shares_of_processes_make_up_each_batch(small: Study) -> None:
    part = dataset.study_dataset(small, small.variant("flow"), "main", "train", 1)
    batches = [[3, 1, 4], [5, 9], [2]]
    whole = list(ClipLoader(part, CPU).batches(1, batches))
    assert [batch.total for batch in whole] == [3, 2, 1]
    shares = [list(ClipLoader(part, CPU, share=(rank, 2)).batches(1, batches)) for rank in range(2)]
    for number, batch in enumerate(whole):
        found = [share[number] for share in shares if share[number].counts]
        assert sum(len(one.labels) for one in found) == batch.total
        assert all(one.total == batch.total for one in found)
        # Rank 0 has the first, third, …, rank 1 the second, fourth, ….
        rows = np.argsort([index % 2 for index in range(batch.total)], kind="stable").tolist()
        assert torch.equal(torch.cat([one.streams["flow"] for one in found]), batch.streams["flow"][rows])
    assert [batch.counts for batch in shares[1]] == [True, True, False], "none is left of a batch of one"
    assert len(shares[1][2].labels) == 1


@pytest.mark.parametrize("workers", [0, 2])
def test_clips_cut_on_the_device(small: Study, workers: int) -> None:
    variant = small.variant("three-stream")
    part, uncut = (dataset.study_dataset(small, variant, "main", "train", 1) for _ in range(2))
    uncut.defer_crop = True
    supplies = ClipLoader(part, CPU), ClipLoader(uncut, CPU, workers)
    for epoch in (1, 2):
        batches = [supply.batches(epoch, [[0, 1, 2], [3, 9]]) for supply in supplies]
        for expected, found in zip(*batches, strict=True):
            assert torch.equal(found.labels, expected.labels)
            assert found.streams.keys() == {"rgb", "flow", "pose"}
            assert 255 * (found.streams["rgb"] - expected.streams["rgb"]).abs().max() < 1.01
            assert (found.streams["flow"] - expected.streams["flow"]).abs().max() < 1e-3
            assert torch.equal(found.streams["pose"], expected.streams["pose"])
    assert supplies[1].waited > 0


def test_fault_of_a_clip_arrives_whole(small: Study) -> None:
    part = dataset.study_dataset(small, small.variant("flow"), "main", "train", 1)
    (small.volumes / "v" / "flow" / "dis.h5").unlink()
    for workers in (0, 1):
        with pytest.raises(CrispError, match="stage file is missing") as error:
            list(ClipLoader(part, CPU, workers).batches(1, [[0]]))
        assert "Traceback" not in str(error.value)


@pytest.mark.parametrize("workers", [0, 2])
def test_loader_processes_outlive_an_epoch(small: Study, workers: int) -> None:
    part = dataset.study_dataset(configured(), small.variant("flow"), "main", "train", 1)
    supply = ClipLoader(part, CPU, workers)
    seen = []
    for epoch in (1, 2, 1):
        (batch,) = supply.batches(epoch, [[0, 1]])
        seen.append((batch.streams["flow"], {child.pid for child in psutil.Process().children()}))
    assert torch.equal(seen[0][0], seen[2][0])
    assert not torch.equal(seen[0][0], seen[1][0])
    assert seen[0][1] == seen[1][1] == seen[2][1]


def test_class_weights_by_hand() -> None:
    weights = sampling.class_weights([0, 0, 0, 2], 4)
    assert weights.tolist() == pytest.approx([4 / 6, 0, 2, 0])
    assert weights[[0, 0, 0, 2]].mean() == pytest.approx(1)


@settings(deadline=None)
@given(labels=some.lists(some.integers(0, 4), min_size=1, max_size=60), seed=some.integers(0, 99))
def test_balanced_order_numbers_the_draws_of_each_sample(labels: list[int], seed: int) -> None:
    order = sampling.balanced_order(labels, np.random.default_rng(seed))
    n = len(labels)
    assert len(order) == n
    assert len(set(order)) == n  # no two draws of a sample are the same
    for index in range(n):
        times = [place // n for place in order if place % n == index]
        assert times == list(range(len(times)))


def test_balanced_order_draws_classes_alike() -> None:
    labels = np.array([0] * 270 + [1] * 20 + [2] * 10)
    drawn = [
        np.bincount(labels[sampling.balanced_order(labels, np.random.default_rng(seed)) % 300])
        for seed in range(40)
    ]
    np.testing.assert_allclose(np.mean(drawn, axis=0), 100, atol=5)
    # Each sample of a class is as likely as any other of it.
    rare = np.concatenate(
        [sampling.balanced_order(labels, np.random.default_rng(s)) % 300 for s in range(40)]
    )
    np.testing.assert_allclose(np.bincount(rare)[290:], 400, atol=80)


def test_batches_hold_everything_in_order() -> None:
    assert sampling.grouped(range(5), 2) == [[0, 1], [2, 3], [4]]
    assert sampling.grouped(range(5), 2, least=2) == [[0, 1], [2, 3, 4]]
    assert sampling.grouped(range(4), 2, least=2) == [[0, 1], [2, 3]]
    assert sampling.grouped(range(1), 2, least=2) == [[0]]
