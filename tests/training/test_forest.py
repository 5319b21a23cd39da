"""A forest is trained, resumed, saved and used as networks are."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crisp.core.errors import CrispError
from crisp.evaluation import evaluate
from crisp.models.trees import Forest
from crisp.study import load
from crisp.study.config import Study
from crisp.training import checkpoints, finishing, forest, resume
from crisp.training.trainer import Trainer, train_model
from tests import trainable

CPU = torch.device("cpu")


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(finishing.curves, "plot_curves", lambda path, *_: path.write_bytes(b"PNG"))
    monkeypatch.setattr(resume, "SAVING", math.inf)
    trainable.build()
    return load.resolve_study({**trainable.CONTENT, "variants": [{"name": "trees", "model": "trees"}]})


def trained(made: Study, seed: int = 1) -> tuple[Path, dict[str, torch.Tensor]]:
    folder = made.model_folder("trees", "main", seed)
    train_model(made, made.variant("trees"), "main", seed, folder, Path("state"), "cpu")
    return folder, torch.load(folder / "model.pt", weights_only=True)["model"]


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_each_epoch_adds_trees_and_the_last_is_best(small: Study) -> None:
    folder, weights = trained(small)
    rows = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))
    assert len(rows) == 4
    assert {row["best"] for row in rows} == {"1"}
    assert len(weights["head.roots"]) == 4 * forest.PER_EPOCH
    assert same(weights, trained(small)[1])
    assert not same(weights, trained(small, seed=2)[1])
    assert evaluate.evaluate_model(small, small.variant("trees"), "main", 1, "cpu")["n"] == 3


def test_losses_are_those_of_the_saved_forest(small: Study) -> None:
    folder, _ = trained(small)
    last = list(csv.DictReader((folder / "history.csv").read_text().splitlines()))[-1]
    model, _ = checkpoints.load_model(folder / "model.pt", CPU)
    run = Trainer(small, small.variant("trees"), "main", 1, CPU)
    found = []
    for batch in run.supplies["validation"].batches(4, run.order("validation", 4)):
        shares = torch.log_softmax(model(batch.streams), 1)
        found += (-shares[torch.arange(len(batch.labels)), batch.labels]).tolist()
    assert float(last["validation_loss"]) == pytest.approx(np.mean(found), rel=1e-5)


def test_killed_training_resumes_to_the_same_forest(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped, work = type("Stopped", (Exception,), {}), Trainer.epoch

    def stopping(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        if number == 3:
            raise stopped
        return work(self, number, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "epoch", stopping)
        with pytest.raises(stopped):
            trained(small)
    assert Path("state/last.pt").is_file()
    folder, resumed = trained(small)
    assert len((folder / "history.csv").read_text().splitlines()) == 5
    assert same(resumed, trained(small)[1])


def test_forest_is_full_at_some_size(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crisp.models.trees.MOST", 2 * forest.PER_EPOCH)
    folder, weights = trained(small)
    assert len(weights["head.roots"]) == 2 * forest.PER_EPOCH
    assert len((folder / "history.csv").read_text().splitlines()) == 3


def test_rare_classes_count_more_if_configured() -> None:
    """Nothing tells these clips apart, so that each tree is one leaf."""
    labels, weights = np.array([0, 0, 0, 1]), np.array([1, 1, 1, 3], np.float32)
    for given, share in ((None, [0.75, 0.25, 0]), (weights, [0.5, 0.5, 0])):
        for tree in forest.grow(np.zeros((4, 5), np.float32), labels, 3, (1, 1), given):
            np.testing.assert_allclose(tree.share, [share])


def test_trees_see_what_tells_the_classes_apart() -> None:
    random = np.random.default_rng(1)
    labels = np.arange(600) % 2
    features = random.normal(size=(600, 10)).astype(np.float32)
    features[:, 3] += 4 * labels  # deviations
    made = Forest(10, 2)
    for epoch in range(5):
        made.plant(forest.grow(features[:100], labels[:100], 2, (1, epoch)))
    found = made(torch.from_numpy(features[100:])).argmax(1).numpy()
    assert (found == labels[100:]).mean() > 0.9


def test_damaged_forest_is_one_clear_error(small: Study) -> None:
    folder, _ = trained(small)
    content = torch.load(folder / "model.pt", weights_only=True)
    content["model"]["head.left"][0] = 0  # its own child: nothing would ever end
    torch.save(content, folder / "model.pt")
    with pytest.raises(CrispError, match="nodes refer to"):
        checkpoints.load_model(folder / "model.pt", CPU)
