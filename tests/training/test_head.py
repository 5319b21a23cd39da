"""The last layer of a frozen network: its optimum, its choice, and the ordinary model that results."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from crisp.clips.augmentation import Draw
from crisp.clips.dataset import study_dataset
from crisp.core.errors import CrispError
from crisp.evaluation import trained_model
from crisp.evaluation.evaluate import evaluate_model
from crisp.study import load
from crisp.study.config import Study
from crisp.study.samples import read_samples
from crisp.study.variants import Training
from crisp.training import checkpoints, head
from crisp.training.features import FrozenNetwork
from crisp.training.head import STRENGTHS, Windows
from crisp.training.history import HISTORY_COLUMNS
from tests import frozen, trainable

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return frozen.write_weights(tmp_path_factory.mktemp("weights") / "mc3_18.pth")


@pytest.fixture
def small(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    trainable.build()
    return frozen.frozen_study(weights)


def train(study: Study, seed: int = 1) -> list[dict[str, float]]:
    folder = study.model_folder("frozen", "main", seed)
    return head.train_head(study, study.variant("frozen"), "main", seed, folder, "cpu")


def clouds(n: int, seed: int, classes: int = 3, width: int = 6) -> Windows:
    """Return windows of as many samples, whose classes overlap."""
    noise = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    features = 5 + 3 * noise.normal(size=(n, width)) + np.eye(classes, width)[labels]
    shares = np.full(n, 1 / n)
    return Windows(*map(torch.from_numpy, (features, labels, shares)), torch.arange(n))


def settings(**changes: Any) -> Training:
    return trainable.configured(**changes).training


@pytest.mark.parametrize("balance", ["none", "loss"])
@pytest.mark.usefixtures("small")
def test_heads_are_those_of_scikit_learn(balance: str) -> None:
    training, validation = clouds(91, 0), clouds(40, 1)
    labels = training.labels.tolist()
    found = list(head.fits(training, validation, 3, settings(balance=balance), labels))
    assert [fit.strength for fit in found] == list(STRENGTHS[: len(found)])
    features = training.features.numpy()
    scale = math.sqrt(features.var(axis=0).mean())
    scaled = (features - features.mean(axis=0)) / scale
    for fit in found[::3]:
        classifier = LogisticRegression(
            C=1 / (fit.strength * len(labels)),
            class_weight="balanced" if balance == "loss" else None,
            tol=1e-10,
            max_iter=10_000,
        )
        expected = classifier.fit(scaled, labels).predict_proba(scaled)
        shares = torch.softmax(fit.head(training.features.float()), dim=1)
        np.testing.assert_allclose(shares.detach().numpy(), expected, atol=1e-4)


@pytest.mark.usefixtures("small")
def test_weaker_regularisation_fits_the_training_windows_better() -> None:
    rows = [fit.row for fit in head.fits(clouds(60, 0), clouds(60, 1), 3, settings(), [])]
    losses = [row["train_loss"] for row in rows]
    assert losses == sorted(losses, reverse=True)
    assert losses[0] == pytest.approx(math.log(3), rel=0.02)
    best = [row["validation_loss"] for row in rows if row["best"]]
    assert best == sorted(best, reverse=True)
    assert best[-1] == min(row["validation_loss"] for row in rows)
    # The search ends after three fits without a lower loss.
    assert len(rows) < len(STRENGTHS)
    assert [row["best"] for row in rows[-4:]] == [1, 0, 0, 0]


@pytest.mark.usefixtures("small")
def test_class_without_samples_and_features_without_variance() -> None:
    training, validation = clouds(40, 0), clouds(20, 1)
    *_, last = head.fits(training, validation, 4, settings(), [])
    assert torch.softmax(last.head(validation.features.float()), dim=1)[:, 3].max() < 0.01
    same = training._replace(features=torch.ones(40, 6).double())
    *_, last = head.fits(same, same, 3, settings(), [])
    assert last.row["train_loss"] == pytest.approx(math.log(3), rel=0.01)


def test_windows_of_a_sample_share_its_weight(small: Study) -> None:
    network = FrozenNetwork(small, small.variant("frozen"), CPU)
    clips = study_dataset(small, network.variant, "main", "train", 1, augment=False)
    found = head.collect(network, clips)
    stored = network.of("v")
    # Samples are frames 4 i to 4 i + 12: three windows of eight frames, every two, the first at 4 i.
    assert len(found.labels) == 30
    torch.testing.assert_close(found.shares, torch.full((30,), 1 / 30, dtype=torch.float64))
    assert found.middles.tolist() == list(range(1, 30, 3))
    for index, sample in enumerate(clips.samples):
        rows = (np.arange(sample.begin, sample.begin + 5, 2) + 4) // 2
        np.testing.assert_array_equal(found.features[3 * index : 3 * index + 3], stored[rows])
        assert found.labels[3 * index : 3 * index + 3].tolist() == [small.classes.index(sample.label)] * 3


def test_model_predicts_what_its_head_does_of_features(small: Study, weights: Path) -> None:
    """An ordinary model.pt, with the frozen weights and all that inference needs."""
    history = train(small)
    network = FrozenNetwork(small, small.variant("frozen"), CPU)
    path = small.model_folder("frozen", "main", 1) / "model.pt"
    model, about = checkpoints.load_model(path, CPU)
    given = torch.load(weights)
    own = model.backbones["rgb"].network.state_dict()
    assert all(torch.equal(own[key], given[key]) for key in own)
    clips = study_dataset(small, network.variant, "main", "train", 1)
    found = head.collect(network, clips)
    expected = torch.softmax(model.head(found.features.float()), dim=1)
    for index, sample in enumerate(clips.samples):
        whole = clips.readers["v"].clip(Draw(sample.begin), (12, 8, 8))["rgb"]
        batch = torch.from_numpy(np.stack([whole[:, begin : begin + 8] for begin in (0, 2, 4)]))
        with torch.inference_mode():
            shares = torch.softmax(model({"rgb": batch}), dim=1)
        torch.testing.assert_close(shares, expected[3 * index : 3 * index + 3].detach(), rtol=0, atol=1e-5)
    assert about["variant"]["frozen"]
    assert about["epoch"] == [row["epoch"] for row in history if row["best"]][-1]
    assert about["reference"]["motion"]


def test_the_network_runs_once_for_all_trainings(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    first = train(small)
    monkeypatch.setattr(FrozenNetwork, "features", None)
    assert train(small, seed=2) == first
    files = [small.model_folder("frozen", "main", seed) for seed in (1, 2)]
    one, two = (torch.load(folder / "model.pt")["model"] for folder in files)
    assert all(torch.equal(one[key], two[key]) for key in one)
    assert sorted(path.name for path in files[1].iterdir()) == ["curves.png", "history.csv", "model.pt"]
    rows = list(csv.DictReader((files[1] / "history.csv").read_text().splitlines()))
    assert tuple(rows[0]) == HISTORY_COLUMNS
    assert [int(row["epoch"]) for row in rows] == list(range(1, len(first) + 1))


def test_evaluation_takes_the_model(small: Study) -> None:
    train(small)
    variant = small.variant("frozen")
    figures = evaluate_model(small, variant, "main", 1, "cpu")
    assert figures["n"] == 3
    other = frozen.frozen_study(Path("elsewhere.pth"), frozen=False, dropout=0.5)
    trained_model.trained_model(other, other.variant("frozen"), "main", 1, "cpu")


def test_split_without_validation_samples_is_refused(small: Study) -> None:
    samples = read_samples(small.results / "strokes.tsv")
    trainable.write_split(small, {sample.sample: "train" for sample in samples})
    with pytest.raises(CrispError, match="no sample"):
        train(small)
    assert not small.model_folder("frozen", "main", 1).exists()


def test_slim_is_fitted_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    trainable.build()
    variant = {"name": "slim", "model": "slim", "input": "flow", "size": [8, 14, 14]}
    study = load.resolve_study(
        {**trainable.CONTENT, "variants": [variant], "training": {"optimiser": "lbfgs", "threads": 1}}
    )
    slim = study.variant("slim")
    for seed in (1, 2):
        head.train_head(study, slim, "main", seed, study.model_folder("slim", "main", seed), "cpu")
    model, about = checkpoints.load_model(study.model_folder("slim", "main", 1) / "model.pt", CPU)
    other, _ = checkpoints.load_model(study.model_folder("slim", "main", 2) / "model.pt", CPU)
    assert all(torch.equal(own, other.state_dict()[name]) for name, own in model.state_dict().items())
    # The network standardises the features of the training clips, and its loss is that of the history.
    clips = study_dataset(study, slim, "main", "train", 1, augment=False)
    streams = {"flow": torch.stack([clips[index][0]["flow"] for index in range(len(clips))])}
    with torch.inference_mode():
        (features,) = model.features(streams)
        logits = model(streams)
    changing = features.std(dim=0, correction=0) > 0.5  # not those cells that hardly change
    torch.testing.assert_close(features.mean(dim=0), torch.zeros(features.shape[1]), atol=1e-4, rtol=0)
    assert changing.float().mean() > 0.9
    rows = list(
        csv.DictReader((study.model_folder("slim", "main", 1) / "history.csv").read_text().splitlines())
    )
    losses = torch.nn.functional.cross_entropy(logits, torch.tensor(clips.labels))
    assert float(losses) == pytest.approx(float(rows[int(about["epoch"]) - 1]["train_loss"]), rel=1e-4)
    assert evaluate_model(study, slim, "main", 1, "cpu")["n"] == 3
