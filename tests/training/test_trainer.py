"""Training: figures by hand, the best weights, equal digits, resuming, and what is refused."""

from __future__ import annotations

import copy
import csv
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from crisp.clips.augmentation import generator
from crisp.clips.dataset import study_dataset
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.evaluation import trained_model
from crisp.study import load, schema
from crisp.study.config import Study
from crisp.study.samples import read_samples, write_samples
from crisp.study.splits import read_split
from crisp.training import calibration, checkpoints, finishing, reference, resume, trainer
from crisp.training.devices import make_deterministic
from crisp.training.history import HISTORY_COLUMNS
from crisp.training.resume import Progress, ResumeState
from crisp.training.train_step import TrainStep
from crisp.training.trainer import Trainer, train_model
from tests import stagefiles, trainable
from tests.trainable import configured, write_scale, write_split

CPU = torch.device("cpu")
Stopped = type("Stopped", (Exception,), {})


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study of one video in the working folder, ready to be trained."""
    monkeypatch.chdir(tmp_path)
    # At the first import matplotlib looks for fonts; the curves have tests of their own.
    monkeypatch.setattr(finishing.curves, "plot_curves", lambda path, *_: path.write_bytes(b"PNG"))
    monkeypatch.setattr(resume, "SAVING", math.inf)  # after each batch, however long that takes
    return trainable.build()


def begin(made: Study, variant: str = "flow", seed: int = 1) -> Trainer:
    make_deterministic(1)
    return Trainer(made, made.variant(variant), "main", seed, CPU)


def batches(run: Trainer, name: str, epoch: int) -> list[tuple[dict[str, torch.Tensor], torch.Tensor]]:
    """Clips and labels of a part's batches in an epoch."""
    found = run.supplies[name].batches(epoch, run.order(name, epoch))
    return [(batch.streams, batch.labels) for batch in found]


def trained(made: Study, variant: str = "flow", seed: int = 1) -> tuple[str, dict[str, Any]]:
    """Text of the history and content of the model file of a training."""
    folder = made.model_folder(variant, "main", seed)
    train_model(made, made.variant(variant), "main", seed, folder, Path("state"), "cpu")
    return (folder / "history.csv").read_text(), torch.load(folder / "model.pt", weights_only=True)


def same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Whether two sets of weights are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def stop_in(made: Study, monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Train until `epoch`, which is never finished."""
    work = Trainer.epoch

    def stopping(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        row = work(self, number, *rest)
        if number == epoch:
            raise Stopped
        return row

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "epoch", stopping)
        with pytest.raises(Stopped):
            trained(made)


def test_losses_are_means_over_samples(small: Study) -> None:
    run = begin(small)
    sizes = [len(labels) for _, labels in batches(run, "train", 1)]
    assert sizes == [4, 4, 2]
    # One weight update a batch: the loss of each batch is that before its update.
    copied = begin(small)
    losses, hits = [], 0
    for streams, labels in batches(copied, "train", 1):
        logits = copied.model(streams)
        shares = torch.log_softmax(logits, 1)[torch.arange(len(labels)), labels]
        losses += (-shares).tolist()
        hits += int((logits.argmax(1) == labels).sum())
        copied.optimizer.zero_grad()
        (-shares).mean().backward()
        copied.optimizer.step()
    row = run.epoch(1)
    assert len(losses) == 10
    assert row["train_loss"] == pytest.approx(np.mean(losses), rel=1e-5)
    assert row["train_accuracy"] == hits / 10
    copied.model.eval()
    with torch.no_grad():
        clips = batches(copied, "validation", 1)
        found = [float(copied.learner.loss(copied.model(s), n)) * len(n) for s, n in clips]
    assert row["validation_loss"] == pytest.approx(sum(found) / 5, rel=1e-5)


def test_super_classes_of_the_study_are_part_of_both_losses(small: Study) -> None:
    keys = {"super_class_loss": 1, "learning_rate": 1e-9}  # the weights stay as they are
    every = {name: {one: one for one in small.classes} for name in ("a", "b")}
    joint = load.resolve_study(
        {**trainable.CONTENT, "super_classes": every, "training": {**trainable.CONTENT["training"], **keys}}
    )
    plain, twice = begin(configured(learning_rate=1e-9)).epoch(1), begin(joint).epoch(1)
    for part in ("train", "validation"):
        assert twice[f"{part}_loss"] == pytest.approx(2 * plain[f"{part}_loss"], rel=1e-5)
        assert twice[f"{part}_accuracy"] == plain[f"{part}_accuracy"]


def test_order_of_the_samples_is_drawn_by_epoch(small: Study) -> None:
    run = begin(small)
    by_epoch = [torch.cat([labels for _, labels in batches(run, "train", epoch)]) for epoch in (1, 2, 1)]
    labels = np.array(run.datasets["train"].labels)
    np.testing.assert_array_equal(by_epoch[0], labels[generator(1, 1, 10).permutation(10)])
    assert torch.equal(by_epoch[0], by_epoch[2])
    assert not torch.equal(by_epoch[0], by_epoch[1])
    assert torch.cat([labels for _, labels in batches(run, "validation", 1)]).tolist() == [1, 2, 0, 1, 2]


@pytest.mark.usefixtures("small")
def test_a_sample_drawn_again_is_augmented_otherwise() -> None:
    run = begin(configured(balance="sampler"))
    part = run.datasets["train"]
    part.epoch = 3
    assert part.draw(2) != part.draw(12)
    clips, label, _ = part[12]
    assert label == part.labels[2]
    assert not torch.equal(clips["flow"], part[2][0]["flow"])


@pytest.mark.usefixtures("small")
def test_sampler_draws_by_seed_and_epoch_alone() -> None:
    one, workers = (begin(configured(balance="sampler", workers=count)) for count in (0, 2))
    first, second, again, other = (
        [(clips["flow"], labels) for clips, labels in batches(run, "train", epoch)]
        for run, epoch in (
            (one, 1),
            (one, 2),
            (workers, 1),
            (begin(configured(balance="sampler"), seed=2), 1),
        )
    )
    assert sum(len(labels) for _, labels in first) == 10
    same_clips = [
        torch.equal(a[0], b[0]) and torch.equal(a[1], b[1]) for a, b in zip(first, again, strict=True)
    ]
    assert all(same_clips)
    for different in (second, other):
        assert not all(torch.equal(a[0], b[0]) for a, b in zip(first, different, strict=True))


@pytest.mark.usefixtures("small")
def test_weights_are_those_of_the_training_samples() -> None:
    run = begin(configured(balance="loss"))
    assert run.weights is not None
    counts = np.bincount(run.datasets["train"].labels)
    assert run.weights.numpy() == pytest.approx(10 / (3 * counts))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("balance", "weighted"), [("none", []), ("sampler", ["validation"]), ("loss", ["train", "validation"])]
)
def test_what_is_weighted(monkeypatch: pytest.MonkeyPatch, balance: str, weighted: list[str]) -> None:
    run = begin(configured(balance=balance))
    work, seen = run.learner.loss, set()

    def told(logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None) -> torch.Tensor:
        if weights is not None:
            seen.add("train" if logits.requires_grad else "validation")
        return work(logits, labels, weights)

    monkeypatch.setattr(run.learner, "loss", told)
    run.epoch(1)
    assert sorted(seen) == weighted


@pytest.mark.parametrize("balance", ["sampler", "loss"])
def test_balanced_training_resumes_to_the_same_digits(
    small: Study, monkeypatch: pytest.MonkeyPatch, balance: str
) -> None:
    made = configured(balance=balance)
    whole = trained(made)
    assert whole[0] != trained(small)[0]
    stop_in(made, monkeypatch, 3)
    resumed = trained(made)
    assert resumed[0] == whole[0]
    assert same(resumed[1]["model"], whole[1]["model"])


def test_validation_is_in_eval_mode_without_gradients(small: Study) -> None:
    run = begin(small)
    seen = []
    run.model.register_forward_hook(
        lambda model, _, logits: seen.append((model.training, torch.is_grad_enabled(), logits.requires_grad))
    )
    run.epoch(1)
    assert seen == [(True, True, True)] * 3 + [(False, False, False)] * 2
    assert not run.datasets["validation"].augment
    assert run.datasets["train"].augment


def test_validation_changes_no_weight(small: Study) -> None:
    run = begin(small)
    updates: list[int] = []
    run.optimizer.register_step_post_hook(lambda *_: updates.append(1))
    run.epoch(1)
    assert len(updates) == 3


def test_model_holds_the_weights_of_least_validation_loss(
    small: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, states = iter([3.0, 1.0, 2.0, 1.0]), []
    work = Trainer.epoch

    def told(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        row = work(self, number, *rest) | {"validation_loss": next(losses)}
        states.append({key: value.clone() for key, value in self.model.state_dict().items()})
        return row

    monkeypatch.setattr(Trainer, "epoch", told)
    history, content = trained(small)
    assert [row["best"] for row in csv.DictReader(history.splitlines())] == ["1", "1", "0", "0"]
    assert content["epoch"] == 2
    assert [same(content["model"], state) for state in states] == [False, True, False, False]
    model, about = checkpoints.load_model(small.model_folder("flow", "main", 1) / "model.pt", CPU)
    assert same(model.state_dict(), states[1])
    assert not model.training
    assert about["classes"] == ["Hit", "Push", "Negative"]
    assert about["normalisation"]["x"] == 4
    assert "model" not in about


def test_history_and_files(small: Study) -> None:
    history, content = trained(small)
    rows = list(csv.DictReader(history.splitlines()))
    assert tuple(rows[0]) == HISTORY_COLUMNS
    assert [row["epoch"] for row in rows] == ["1", "2", "3", "4"]
    assert {row["learning_rate"] for row in rows} == {"0.02"}
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    assert content["epoch"] == int(best["epoch"])
    folder = small.model_folder("flow", "main", 1)
    assert sorted(path.name for path in folder.iterdir()) == ["curves.png", "history.csv", "model.pt"]
    assert not Path("state").exists()


def test_finished_model_knows_its_training_data(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clips of validation and training by the best weights, not augmented; five are enough here."""
    for module in (calibration, reference):
        monkeypatch.setattr(module, "LEAST", 5)
    _, content = trained(small)
    model, about = checkpoints.load_model(small.model_folder("flow", "main", 1) / "model.pt", CPU)
    shares, seen = {}, {}
    for part in ("train", "validation"):
        clips = study_dataset(small, small.variant("flow"), "main", part, 1, augment=False)
        streams = {"flow": torch.stack([clips[index][0]["flow"] for index in range(len(clips))])}
        with torch.inference_mode():
            (seen[part],) = model.features(streams)
            shares[part] = torch.softmax(model(streams).double(), dim=1).numpy()
        labels = clips.labels
    expected = calibration.fit_temperature(shares["validation"], labels)
    assert content["calibration"]["temperature"] == pytest.approx(expected["temperature"], rel=1e-3)
    assert content["calibration"]["samples"] == 5
    known = about["reference"]
    assert (known["shape"], known["width"]) == ([1.0, 1.0], 12)
    found = reference.features(*(seen[part].numpy() for part in ("train", "validation")))
    apart = list(found["distances"].values())
    assert list(known["features"]["distances"].values()) == pytest.approx(apart, rel=1e-2)
    speeds = reference.speeds(small.stage_file("v", "roi", small.variant("flow").flow))
    # The training samples are frames 4 i to 4 i + 12 for i below 10.
    assert known["motion"] == pytest.approx(reference.motion([speeds[:47]]))
    assert content["digest"] == about["digest"]


def test_folders_of_the_state_go_with_the_last_training(small: Study) -> None:
    states = Path("results/state")
    other = states / "other/last.pt"
    other.parent.mkdir(parents=True)
    other.write_bytes(b"a checkpoint")
    folder = small.model_folder("flow", "main", 1)
    for left in ([states / "other"], []):
        train_model(small, small.variant("flow"), "main", 1, folder, states / "flow-main-1", "cpu")
        assert (list(states.iterdir()) if states.exists() else []) == left
        other.unlink(missing_ok=True)
        if other.parent.exists():
            other.parent.rmdir()
    assert not states.exists()


def test_folder_of_other_files_is_no_state(small: Study) -> None:
    """Once all .pt, .csv and .png of the folder were deleted when the training had ended."""
    Path("state").mkdir()
    Path("state/table.csv").write_text("mine")
    with pytest.raises(CrispError, match="state: holds other files"):
        trained(small)
    assert [path.name for path in Path("state").iterdir()] == ["table.csv"]


def test_files_that_come_into_the_state_stay(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_in(small, monkeypatch, 3)
    check, names = trainer.state_folder.check, ["mine.csv", "best-model.pt", "curve.png"]

    def checked_then_come(state: Path) -> None:
        check(state)
        for name in names:
            (state / name).write_text("mine")

    monkeypatch.setattr(trainer.state_folder, "check", checked_then_come)
    trained(small)
    assert sorted(path.name for path in Path("state").iterdir()) == sorted(names)


def test_state_is_kept_until_every_output_is_there(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        if path.parent != Path("state"):
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(finishing.curves, "plot_curves", full)
        with pytest.raises(OSError, match="No space"):
            trained(small)
    best = torch.load("state/last.pt", weights_only=True)["best"]["epoch"]
    kept = sorted(path.name for path in Path("state").iterdir())
    assert kept == [f"best-{best}.pt", "history.csv", "last.pt"]
    monkeypatch.setattr(Trainer, "epoch", None)  # nothing is left to be trained
    assert len(trained(small)[0].splitlines()) == 5


@pytest.mark.parametrize(
    "variant",
    [
        *("flow", "rgb", "pose", "three-stream", "rgb-pose"),
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("i3d", "r3d")),
    ],
)
@pytest.mark.usefixtures("small")
def test_equal_input_gives_equal_digits(variant: str) -> None:
    made = configured(learning_rate=0.0005)  # products of features of noise diverge at higher ones
    (first, one), (second, two) = trained(made, variant), trained(made, variant)
    assert first == second
    assert same(one["model"], two["model"])
    assert one["digest"] == two["digest"]


def test_another_seed_gives_another_model(small: Study) -> None:
    (first, one), (second, two) = trained(small, seed=1), trained(small, seed=2)
    assert first != second
    assert one["digest"] != two["digest"]
    assert not same(one["model"], two["model"])


@pytest.mark.usefixtures("small")
def test_loader_workers_change_nothing() -> None:
    first, one = trained(configured(epochs=2))
    second, two = trained(configured(epochs=2, workers=2))
    assert first == second
    assert same(one["model"], two["model"])
    assert one["digest"] == two["digest"]


@pytest.mark.usefixtures("small")
def test_adamw_and_dropout_resume_to_the_same_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = {**trainable.CONTENT["variants"][0], "dropout": 0.5, "training": {"optimiser": "adamw"}}
    made = load.resolve_study({**trainable.CONTENT, "variants": [changed]})
    history, model = trained(made)
    stop_in(made, monkeypatch, 3)
    again = trained(made)
    assert again[0] == history
    assert same(again[1]["model"], model["model"])
    assert again[1]["training"]["optimiser"] == "adamw"


@pytest.mark.parametrize("variant", ["rgb-pose", "i3d", "r3d"])
def test_model_file_of_other_networks_is_loaded(small: Study, variant: str) -> None:
    made = load.resolve_study({**trainable.CONTENT, "training": {"epochs": 1, "batch_size": 4, "threads": 1}})
    trained(made, variant)
    path = made.model_folder(variant, "main", 1) / "model.pt"
    model, about = checkpoints.load_model(path, torch.device("cpu"))
    assert about["variant"] == made.variant(variant).plain()
    found, _ = trained_model.model_with_settings(small, made.variant(variant), "main", 1, "cpu")
    assert same(found.state_dict(), model.state_dict())
    other = replace(made.variant(variant), name=variant, size=(8, 8, 16))
    with pytest.raises(CrispError, match="another variant"):
        trained_model._check(small, other, "main", about, path)


@pytest.mark.parametrize("epoch", [2, 4])
def test_resumed_training_equals_an_undisturbed_one(
    small: Study, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], epoch: int
) -> None:
    history, content = trained(small)
    stop_in(small, monkeypatch, epoch)
    resumed, model = trained(small)
    assert f"resuming after epoch {epoch - 1}" in capfd.readouterr().err
    assert resumed == history
    assert same(model.pop("model"), content.pop("model"))
    assert model == content


def test_killed_between_best_and_last(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The best weights of before are still there then, and the rest of the state is of before."""
    work, write = Trainer.epoch, checkpoints.save

    def told(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        return work(self, number, *rest) | {"validation_loss": abs(number - 2.0)}

    def stopping(path: Path, saved: dict[str, Any]) -> None:
        if path.name == "last.pt" and len(saved["history"]) == 2 and not saved["within"]:
            raise Stopped
        write(path, saved)

    monkeypatch.setattr(Trainer, "epoch", told)
    history, content = trained(small)
    with monkeypatch.context() as patched:
        patched.setattr(checkpoints, "save", stopping)
        with pytest.raises(Stopped):
            trained(small)
    assert {path.name for path in Path("state").glob("*.pt")} == {"best-1.pt", "best-2.pt", "last.pt"}
    assert len(torch.load("state/last.pt", weights_only=True)["history"]) == 1
    resumed, model = trained(small)
    assert resumed == history
    assert same(model["model"], content["model"])
    assert model["epoch"] == content["epoch"] == 2


def relabel(small: Study) -> Study:
    samples = read_samples(small.results / "strokes.tsv")
    write_samples(small.results / "strokes.tsv", [samples[0]._replace(label="Push"), *samples[1:]])
    write_split(small, read_split(small.results / "splits/main.tsv"))
    return small


def resplit(small: Study) -> Study:
    """Move the last training sample to validation: the samples of both are the same row after row."""
    split = read_split(small.results / "splits/main.tsv")
    write_split(small, split | {"v:9": "validation"})
    return small


def rescale(small: Study) -> Study:
    write_scale(small, 5.0)
    return small


def reprepare(small: Study) -> Study:
    trainable.prepare(small, seed=1)
    return small


@pytest.mark.usefixtures("small")
def test_attention_trains_where_one_clip_is_left_over() -> None:
    """Ten samples in batches of three, and clips so small that a map has a single value."""
    made = configured(batch_size=3, epochs=1, learning_rate=1e-4)
    folder = made.model_folder("twin-attention", "main", 1)
    train_model(made, made.variant("twin-attention"), "main", 1, folder, Path("state"), "cpu")
    assert (folder / "model.pt").exists()


@pytest.mark.usefixtures("small")
def test_attention_with_batches_of_one_is_refused() -> None:
    made = configured(batch_size=1)
    with pytest.raises(CrispError, match="attention cannot learn from batches of one clip"):
        Trainer(made, made.variant("twin-attention"), "main", 1, torch.device("cpu"))


@pytest.mark.parametrize(
    "change",
    [relabel, resplit, rescale, reprepare, lambda _: configured(momentum=0.25)],
    ids=["label", "split", "normalisation", "volume", "config"],
)
def test_changed_input_trains_afresh(
    small: Study,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    change: Callable[[Study], Study],
) -> None:
    stop_in(small, monkeypatch, 3)
    changed = change(small)
    resumed, model = trained(changed)
    assert "training afresh" in capfd.readouterr().err
    afresh, content = trained(changed)
    assert resumed == afresh
    assert same(model["model"], content["model"])


def test_volume_a_variant_does_not_take_plays_no_part(small: Study) -> None:
    before = begin(small, "rgb").digest, begin(small).digest
    write_scale(small, 5.0)
    (small.volumes / "v/flow" / f"{stagefiles.METHOD}.h5").unlink()
    assert begin(small, "rgb").digest == before[0]


def test_other_poses_are_other_inputs_to_those_who_take_them(small: Study) -> None:
    names = ("three-stream", "pose", "twin")
    before = {name: begin(small, name).digest for name in names}
    path = small.stage_file("v", "pose")
    with stage_files.open_stage(path, "pose") as file:
        attributes, points = {"fps": 120.0}, file["pose"][:]
    points[0, 0, 0] += 1
    with stage_files.create(path, "pose", attributes) as file:
        stage_files.put(file, "pose", points)
    after = {name: begin(small, name).digest for name in names}
    assert [name for name in names if after[name] != before[name]] == ["three-stream", "pose"]


@pytest.mark.parametrize("change", [{"workers": 3}, {"gpus": 2}, {"cache_gb": 0}, {"tensorboard": True}])
def test_what_changes_no_result_is_no_part_of_the_digest(small: Study, change: dict[str, Any]) -> None:
    assert begin(small).digest == begin(configured(**change)).digest
    assert begin(small).digest != begin(configured(batch_size=5)).digest


@pytest.mark.parametrize("name", ["last.pt", "best-2.pt"])
@pytest.mark.parametrize("damage", ["torn", "foreign"])
def test_damaged_checkpoint_trains_afresh(
    small: Study, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    history, _ = trained(small)
    stop_in(small, monkeypatch, 3)
    path = Path("state", name)
    if damage == "torn":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        torch.save(torch.zeros(3), path)
    assert trained(small)[0] == history


def test_first_epoch_killed_before_any_last(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    history, _ = trained(small)
    stop_in(small, monkeypatch, 2)
    Path("state/last.pt").unlink()
    assert trained(small)[0] == history


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_loss_that_is_no_number_ends_the_training(
    small: Study, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    monkeypatch.setattr(
        TrainStep, "loss", lambda _self, logits, labels, **_: functional.cross_entropy(logits, labels) + value
    )
    with pytest.raises(
        CrispError, match="epoch 1: the train loss is not a finite number from batch 1 on"
    ) as error:
        trained(small)
    assert "lower training.learning_rate" in str(error.value)
    assert not list(Path().rglob("model.pt"))


def test_weights_of_before_the_loss_was_no_number_are_kept(
    small: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    epoch, loss, seen = Trainer.epoch, TrainStep.loss, []

    def at(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        seen.append(number)
        return epoch(self, number, *rest)

    def lost(self: TrainStep, *parts: Any, **options: Any) -> torch.Tensor:
        return loss(self, *parts, **options) * (math.nan if seen[-1] == 3 else 1)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "epoch", at)
        patched.setattr(TrainStep, "loss", lost)
        with pytest.raises(CrispError, match="epoch 3: the train loss is not") as error:
            trained(small)
    last = torch.load("state/last.pt", weights_only=True)
    assert (len(last["history"]), last["within"]) == (2, {})
    best = Path("state", f"best-{last['best']['epoch']}.pt")
    weights = torch.load(best, weights_only=True)["model"]
    assert all(torch.isfinite(array).all() for array in [*weights.values(), *last["model"].values()])
    assert "state/best.pt is the model of epoch" in str(error.value)
    model, content = checkpoints.load_model(Path("state/best.pt"), CPU)
    assert content["epoch"] == last["best"]["epoch"]
    assert all(torch.equal(array, weights[name]) for name, array in model.state_dict().items())


def test_told_to_stop_while_validating_it_does_not_train_the_epoch_again(
    small: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = trained(small)[0]
    run = Trainer(small, small.variant("flow"), "main", 1, CPU)
    batches = run.supplies["validation"].batches

    def told(epoch: int, order: Any) -> Any:
        for batch in batches(epoch, order):
            yield batch
            run._shutdown.by = "SIGTERM"

    run.supplies["validation"].batches = told
    with pytest.raises(
        CrispError, match=r"stopped by SIGTERM; the state is saved in state[\s\S]*at epoch 1, after batch 3"
    ):
        run.run(Path("state"))
    steps: list[int] = []
    step = TrainStep.step

    def counted(self: TrainStep, batch: Any, training: bool, *rest: Any) -> torch.Tensor:
        if training:
            steps.append(len(batch.labels))
        return step(self, batch, training, *rest)

    monkeypatch.setattr(TrainStep, "step", counted)
    assert trained(small)[0] == undisturbed
    assert len(steps) == 3 * 3


@pytest.mark.usefixtures("small")
def test_model_file_that_cannot_be_used(tmp_path: Path) -> None:
    _, content = trained(configured(epochs=1))
    path = tmp_path / "model.pt"
    with pytest.raises(CrispError, match="model is missing"):
        checkpoints.load_model(path, CPU)
    torch.save({**content, "schema": 99}, path)
    with pytest.raises(CrispError, match="model of another schema") as error:
        checkpoints.load_model(path, CPU)
    assert "found: 99" in str(error.value)
    torch.save([1], path)
    with pytest.raises(CrispError, match="found: list"):
        checkpoints.load_model(path, CPU)
    torch.save(content, path)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CrispError, match="model cannot be read"):
        checkpoints.load_model(path, CPU)
    for key in ("variant", "classes", "preparation", "model"):
        torch.save({name: value for name, value in content.items() if name != key}, path)
        with pytest.raises(
            CrispError, match=f"model is damaged[\\s\\S]*found: top level: '{key}' is a required"
        ):
            checkpoints.load_model(path, CPU)
    torch.save({**content, "model": {}}, path)
    with pytest.raises(CrispError, match="model is damaged"):
        checkpoints.load_model(path, CPU)
    torch.save(replace, path)  # code is never unpickled
    with pytest.raises(CrispError, match="model cannot be read"):
        checkpoints.load_model(path, CPU)


def test_model_file_holds_how_strokes_are_found(small: Study) -> None:
    content = {**trained(configured(epochs=1))[1]}
    assert content["detection"] == vars(small.detection)
    assert content["preparation"]["flow_backend"] == small.flow_backend
    assert content["preparation"]["roi_power"] == small.roi_power
    path = Path("before.pt")
    del content["detection"], content["preparation"]["flow_backend"], content["preparation"]["roi_power"]
    content["preparation"]["width"] = 77
    torch.save(content, path)
    _, about = checkpoints.load_model(path, CPU)
    assert about["detection"] == schema.defaults("detection")
    assert {key: about["preparation"][key] for key in ("flow_backend", "roi_power", "width")} == {
        "flow_backend": "auto",
        "roi_power": 16,
        "width": 77,
    }


def test_missing_input_is_named(small: Study) -> None:
    small.normalisation_file(small.variant("flow"), "main").unlink()
    with pytest.raises(CrispError, match=r"main-dis-normal\.json: JSON file is missing"):
        trained(small)
    trained(configured(epochs=1), "rgb")  # takes no flow


def test_restart_goes_back_to_the_best_weights_without_momentum(
    small: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = configured(epochs=3, patience=1)
    run = begin(made)
    epoch = Trainer.epoch
    began: list[tuple[bool, bool, float]] = []

    def watched(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        at_best = bool(self.progress.best_state) and same(self.progress.best_state, self.model.state_dict())
        began.append((at_best, bool(self.optimizer.state), self.optimizer.param_groups[0]["lr"]))
        return {**epoch(self, number, *rest), "validation_loss": float(number)}

    monkeypatch.setattr(Trainer, "epoch", watched)
    run.run(small.results / "state/x")
    assert began == [(False, False, 0.02), (True, True, 0.02), (True, False, 0.002)]


@pytest.mark.usefixtures("small")
def test_restarts_survive_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    made = configured(epochs=6, patience=1)
    undisturbed = trained(made)
    for epoch in (3, 5):
        with monkeypatch.context() as context:
            stop_in(made, context, epoch)
    resumed = trained(made)
    assert resumed[0] == undisturbed[0]
    assert same(resumed[1]["model"], undisturbed[1]["model"])


@pytest.mark.usefixtures("small")
def test_early_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    losses = {1: 3.0, 2: 1.0, 3: 2.0, 4: 2.0, 5: 0.5, 6: 2.0}
    work = Trainer.epoch

    def told(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        return work(self, number, *rest) | {"validation_loss": losses[number]}

    monkeypatch.setattr(Trainer, "epoch", told)
    epochs = [len(trained(configured(epochs=6, early_stop=wait))[0].splitlines()) - 1 for wait in (0, 2, 3)]
    assert epochs == [6, 4, 6]
    _, content = trained(configured(epochs=6, early_stop=2))
    assert content["epoch"] == 2


@pytest.mark.usefixtures("small")
def test_early_stop_survives_a_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    made = configured(epochs=6, early_stop=1)
    whole = trained(made)
    assert len(whole[0].splitlines()) - 1 < 6

    def killed(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(trainer, "_finish", killed)
        with pytest.raises(Stopped):
            trained(made)
    assert Path("state/last.pt").exists()
    assert trained(made)[0] == whole[0]


def begun(variant: str, classes: tuple[str, ...] | None = None, **changes: Any) -> Trainer:
    """A trainer of a variant with these keys, and of other classes if given."""
    made = configured()
    made = replace(made, classes=classes or made.classes)
    return Trainer(made, replace(made.variant(variant), **changes), "main", 1, torch.device("cpu"))


def test_training_can_start_from_a_finished_model(small: Study) -> None:
    trained(small)
    path = small.model_folder("flow", "main", 1) / "model.pt"
    finished, about = checkpoints.load_model(path, torch.device("cpu"))
    plain, started = begun("flow"), begun("flow", init_from=str(path))
    assert same(started.model.state_dict(), finished.state_dict())
    assert not same(plain.model.state_dict(), finished.state_dict())
    assert plain.digest != started.digest
    assert not started.optimizer.state
    assert started.origin["digest"] == about["digest"]

    fewer = begun("flow", ("Hit", "Push", "Negative", "Other"), init_from=str(path)).model
    assert fewer.head.out_features == 4
    assert same(fewer.trunk.state_dict(), finished.trunk.state_dict())


def test_model_of_other_layers_is_no_start(small: Study) -> None:
    trained(small)
    path = small.model_folder("flow", "main", 1) / "model.pt"
    for variant, changes in [("rgb", {}), ("flow", {"size": (16, 8, 8)}), ("flow", {"attention": True})]:
        with pytest.raises(CrispError, match=r"model has other layers[\s\S]*remedy"):
            begun(variant, init_from=str(path), **changes)
    with pytest.raises(CrispError, match="model is missing"):
        begun("flow", init_from="nowhere.pt")


@pytest.mark.usefixtures("small")
def test_clip_cache_changes_no_digit() -> None:
    first, one = trained(configured(cache_gb=0))
    second, two = trained(configured(cache_gb=1))
    third, three = trained(configured(cache_gb=1, workers=1))
    assert first == second == third
    assert same(one["model"], two["model"])
    assert same(one["model"], three["model"])


@pytest.mark.usefixtures("small")
def test_replaced_volume_ends_the_training(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    work = Trainer.epoch

    def replacing(self: Trainer, number: int, *rest: Any) -> dict[str, float]:
        if number == 3:
            trainable.prepare(small, seed=1)
        return work(self, number, *rest)

    monkeypatch.setattr(Trainer, "epoch", replacing)
    for cache in (0, 1):
        with pytest.raises(CrispError, match="file has changed since this training began"):
            trained(configured(cache_gb=cache))
        assert not list(Path().rglob("*.pt")), "a state that has seen other values is of no use"
        trainable.prepare(small)


def test_history_is_there_while_the_training_runs(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    stop_in(small, monkeypatch, 3)
    rows = list(csv.DictReader(Path("state/history.csv").read_text().splitlines()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert Path("state/curves.png").read_bytes() == b"PNG"
    trained(small)
    assert not Path("state").exists()


def test_saving_takes_a_small_share_of_the_time(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, saves = iter(range(10_000)), []
    monkeypatch.setattr(resume, "SAVING", 0.05)
    monkeypatch.setattr(resume.time, "monotonic", lambda: float(next(clock)))
    work = ResumeState.save
    monkeypatch.setattr(ResumeState, "save", lambda state, run: (saves.append(next(clock)), work(state, run)))
    trained(small)
    begun = 2 * len(saves)  # of some 100 ticks
    assert len(saves) >= 2
    assert begun <= 0.05 * next(clock) + 6
    assert Path(small.model_folder("flow", "main", 1), "model.pt").exists()


SPOILT: dict[str, Callable[[dict[str, Any]], object]] = {
    "a path": lambda last: last["best"].update(epoch="../../best"),
    "no loss": lambda last: last["best"].update(loss="low"),
    "weights of another shape": lambda last: last["model"].update({"head.bias": torch.zeros(7)}),
    "weights that are no numbers": lambda last: last["model"]["head.bias"].fill_(math.nan),
    "no weights": lambda last: last["model"].clear(),
    "a rate that is none": lambda last: last["optimizer"]["param_groups"][0].update(lr=math.nan),
    "no rate": lambda last: last["optimizer"]["param_groups"][0].pop("lr"),
    "momentum of another shape": lambda last: last["optimizer"]["state"][0].update(
        momentum_buffer=torch.zeros(7)
    ),
    "momentum of no weight": lambda last: last["optimizer"]["state"].update({99: {"momentum_buffer": None}}),
    "no history": lambda last: last.update(history="none"),
    "half a batch": lambda last: last.update(within={"epoch": 1}),
}


def test_spoilt_state_only_costs_time(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of it stops a training, or leads out of the folder of its state."""
    stop_in(small, monkeypatch, 2)
    whole = torch.load("state/last.pt", weights_only=True)
    shutil.copytree("state", "kept")
    run = begin(small)
    assert len(ResumeState(Path("state"), run.digest, run.learner).restore().history) == 1
    for name, spoil in SPOILT.items():
        shutil.copytree("kept", "state", dirs_exist_ok=True)
        last = copy.deepcopy(whole)
        spoil(last)
        torch.save(last, "state/last.pt")
        run = begin(small)
        before = {key: value.clone() for key, value in run.model.state_dict().items()}
        assert ResumeState(Path("state"), run.digest, run.learner).restore() == Progress(), name
        assert same(run.model.state_dict(), before), name
