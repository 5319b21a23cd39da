"""Training a variant: published SGD, best weights by validation loss, resumable after any kill."""

from __future__ import annotations

import contextlib
import csv
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader

from crisp import __version__, models, normalisation, plots, schedules, sources, splits, storage, strokes
from crisp.augmentation import generator
from crisp.clips import ClipDataset, ClipReader
from crisp.errors import fail
from crisp.files import digest, read_json, replacing
from crisp.progress import progress
from crisp.strokes import Sample
from crisp.study import Study, Variant, defaults
from crisp.versions import STAGES

MODEL_SCHEMA = 1
HISTORY = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "best",
)


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; `auto` is the first GPU where there is one.

    Raises
    ------
    CrispError
        If there is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0][:200]
        raise fail(
            f"device {name}", "cannot be used", "auto, cpu or cuda", reason, "use --device auto"
        ) from None
    return device


def make_deterministic(threads: int) -> None:
    """Fix the CPU thread count and the algorithms, so that equal input gives equal digits."""
    torch.set_num_threads(threads)
    # As use_deterministic_algorithms(True, warn_only=True), which first imports torch's compiler.
    torch.set_deterministic_debug_mode("warn")


def readers(study: Study, variant: Variant, videos: Iterable[str]) -> dict[str, ClipReader]:
    """A clip reader of a variant for every video."""
    return {
        video: ClipReader(study.volumes / video, variant.streams, variant.flow, variant.pose_norm)
        for video in dict.fromkeys(videos)
    }


def inputs_digest(
    study: Study, variant: Variant, seed: int, parts: dict[str, list[Sample]], scale: dict[str, Any]
) -> str:
    """One string for all that a training depends on: config, labels, split, normalisation, volumes.

    A checkpoint with another digest belongs to another training and is never resumed.
    """
    videos = dict.fromkeys(sample.video for samples in parts.values() for sample in samples)
    volumes = {
        video: {
            stage: storage.identity(path, stage)
            for stage, path in study.variant_files(variant, video).items()
        }
        for video in videos
    }
    training = asdict(study.training)
    del training["workers"]  # loads the same clips, whatever their number
    origin = sources.sha256(variant.init_from) if Path(variant.init_from).is_file() else ""
    return digest(
        [STAGES["train"], asdict(variant), training, study.classes, seed, parts, scale, volumes, origin]
    )


def read_scale(study: Study, variant: Variant, split: str) -> dict[str, Any]:
    """The content of a variant's normalisation file; empty for a variant without flow."""
    return read_json(study.normalisation_file(variant, split)) if "flow" in variant.streams else {}


def dataset(study: Study, variant: Variant, split: str, part: str, seed: int) -> ClipDataset:
    """The clips of a part (train, validation or test) of a split; those of train augmented as configured.

    Raises
    ------
    CrispError
        If a table or the normalisation is missing.
    """
    assigned = splits.read(study.results / "splits" / f"{split}.tsv")
    samples = [s for s in strokes.read(study.results / "strokes.tsv") if assigned.get(s.sample) == part]
    scale = read_scale(study, variant, split)
    return ClipDataset(
        samples,
        study.classes,
        readers(study, variant, (sample.video for sample in samples)),
        variant,
        normalisation.from_json(scale) if scale else None,
        seed=seed,
        augment=part == "train" and variant.augmentation,
    )


def class_weights(labels: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Weight of each class, inverse to how often it occurs; the mean weight of the samples is 1.

    Parameters
    ----------
    labels : array_like
        (n,) class indices of the training samples.
    n_classes : int
        A class that does not occur has weight 0.
    """
    counts = np.bincount(np.asarray(labels), minlength=n_classes)
    occurring = counts > 0
    return np.where(occurring, counts.sum() / (occurring.sum() * np.maximum(counts, 1)), 0.0)


def balanced_order(labels: ArrayLike, generator: np.random.Generator) -> NDArray[np.intp]:
    """As many indices of samples as there are labels, drawn so that each class is as likely as any other.

    A sample that is drawn for the k-th time has its index plus k times the number of samples
    (`ClipDataset` then augments it otherwise).
    """
    labels = np.asarray(labels)
    n = len(labels)
    shares = class_weights(labels, labels.max() + 1)[labels]
    drawn = generator.choice(n, n, p=shares / shares.sum())
    # The place of each draw among those of its sample: sorted stably, they stand side by side.
    order = np.argsort(drawn, kind="stable")
    ordered = drawn[order]
    times = np.empty(n, dtype=np.intp)
    times[order] = np.arange(n) - np.searchsorted(ordered, ordered)
    return drawn + n * times


def grouped(order: Sequence[int], size: int, least: int = 1) -> list[list[int]]:
    """Indices in batches of `size`; a last one of fewer than `least` joins the one before."""
    batches = [list(order[begin : begin + size]) for begin in range(0, len(order), size)]
    if len(batches) > 1 and len(batches[-1]) < least:
        rest = batches.pop()
        batches[-1] += rest
    return batches


class Trainer:
    """One training run: its data, model, optimiser and history.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split, for its tables.
    seed : int
        Of the initial weights, the order of the samples and the augmentation.
    device : torch.device
    """

    def __init__(self, study: Study, variant: Variant, split: str, seed: int, device: torch.device) -> None:
        self.study, self.variant, self.seed, self.device = study, variant, seed, device
        self.datasets = {name: dataset(study, variant, split, name, seed) for name in ("train", "validation")}
        self.scale = read_scale(study, variant, split)
        parts = {name: part.samples for name, part in self.datasets.items()}
        self.digest = inputs_digest(study, variant, seed, parts, self.scale)
        if variant.attention and min(study.training.batch_size, len(parts["train"])) < 2:
            raise fail(
                f"variant {variant.name}",
                "attention cannot learn from batches of one clip: its batch normalisation takes their spread",
                "training.batch_size of at least 2, and two training samples",
                f"batch_size {study.training.batch_size}, {len(parts['train'])} training samples",
                "raise batch_size, or set attention: false",
            )
        torch.manual_seed(seed)
        self.model = models.build(variant, len(study.classes)).to(device)
        self.origin = start_from(self.model, variant, study.classes) if variant.init_from else {}
        settings = study.training
        self.optimizer = torch.optim.SGD(
            self.model.parameters(),
            lr=settings.learning_rate,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=True,
        )
        self.weights = None
        if settings.balance != "none":
            shares = class_weights(self.datasets["train"].labels, len(study.classes))
            self.weights = torch.tensor(shares, dtype=torch.float32, device=device)
        self.history: list[dict[str, float]] = []
        self.best = {"epoch": 0, "loss": float("inf")}
        self.best_state: dict[str, torch.Tensor] = {}

    def batches(self, name: str, epoch: int) -> Iterator[tuple[dict[str, torch.Tensor], torch.Tensor]]:
        """Batches of a part on the device; training clips in the order drawn for (seed, epoch)."""
        part = self.datasets[name]
        part.epoch = epoch
        order = list(range(len(part)))
        if name == "train":
            drawn = generator(self.seed, epoch, len(part))
            if self.study.training.balance == "sampler":
                # A stream of its own: that of `drawn` is also the second draw of the first sample's.
                order = balanced_order(part.labels, drawn.spawn(1)[0]).tolist()
            else:
                order = drawn.permutation(len(part)).tolist()
        loader = DataLoader(
            part,
            # The spread within a batch of one is not defined, so attention never sees such a batch.
            batch_sampler=grouped(order, self.study.training.batch_size, 2 if self.variant.attention else 1),
            num_workers=self.study.training.workers,
            pin_memory=self.device.type == "cuda",
        )
        for streams, labels, _ in loader:
            moved = {stream: clips.to(self.device, non_blocking=True) for stream, clips in streams.items()}
            yield moved, labels.to(self.device, non_blocking=True)

    def loss(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Mean cross-entropy; of the softmax's output once more where the variant says so.

        With class `weights` it is the mean over the samples of each one's weighted loss, not divided by
        the weights of the batch: a batch of rare classes counts more, as it should.
        """
        if self.variant.double_softmax:
            logits = functional.softmax(logits, dim=1)
        if weights is None:
            return functional.cross_entropy(logits, labels)
        return functional.cross_entropy(logits, labels, weights, reduction="sum") / len(labels)

    def epoch(self, number: int) -> dict[str, float]:
        """Train and validate once; the row of the history."""
        row: dict[str, float] = {"epoch": number}
        for name in ("train", "validation"):
            training = name == "train"
            # Drawn samples are balanced already; which epoch is best is judged by balanced classes, too.
            drawn = training and self.study.training.balance == "sampler"
            weights = None if drawn else self.weights
            self.model.train(training)
            loss_sum = torch.zeros((), dtype=torch.float64, device=self.device)
            correct = torch.zeros((), dtype=torch.int64, device=self.device)
            with torch.set_grad_enabled(training):
                for streams, labels in self.batches(name, number):
                    logits = self.model(streams)
                    loss = self.loss(logits, labels, weights)
                    if training:
                        self.optimizer.zero_grad(set_to_none=True)
                        loss.backward()
                        if self.study.training.gradient_clip:
                            nn.utils.clip_grad_norm_(
                                self.model.parameters(), self.study.training.gradient_clip
                            )
                        self.optimizer.step()
                    loss_sum += loss.detach().double() * len(labels)
                    correct += (logits.argmax(1) == labels).sum()
            count = len(self.datasets[name])
            row[f"{name}_loss"], row[f"{name}_accuracy"] = float(loss_sum) / count, int(correct) / count
        row["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        if not all(map(math.isfinite, row.values())):
            raise fail(
                f"training of {self.variant.name}, epoch {number}",
                "the loss is not a finite number",
                "a finite one",
                f"train {row['train_loss']}, validation {row['validation_loss']}",
                "lower training.learning_rate",
            )
        return row

    def run(self, state: Path) -> None:
        """Train to the last epoch, from where a killed run of the same digest stopped.

        Parameters
        ----------
        state : folder of the resume state; removed files in it only cost time.
        """
        self.resume(state)
        epochs = self.study.training.epochs
        counts = " and ".join(f"{len(part)} {name}" for name, part in self.datasets.items())
        place = f"{self.variant.name} seed {self.seed} on {self.device}"
        print(f"{place}: {counts} samples, epoch {len(self.history) + 1} to {epochs}", file=sys.stderr)
        for number in progress(range(len(self.history) + 1, epochs + 1), "epochs", self.variant.name):
            begin = time.monotonic()
            self.begin_epoch()
            row = self.epoch(number)
            row["best"] = int(row["validation_loss"] < self.best["loss"])
            self.history.append(row)
            if row["best"]:
                self.best = {"epoch": number, "loss": row["validation_loss"]}
                self.best_state = {
                    key: value.detach().clone() for key, value in self.model.state_dict().items()
                }
            self.save(state, bool(row["best"]))
            print(self.line(row, time.monotonic() - begin), file=sys.stderr)

    def begin_epoch(self) -> None:
        """Set the learning rate, and go back to the best weights where the schedule says so."""
        step = schedules.following(self.history, self.study.training)
        if step.reload:
            self.model.load_state_dict(self.best_state)
            self.optimizer.state.clear()  # momentum of other weights
        for group in self.optimizer.param_groups:
            group["lr"] = step.learning_rate

    def line(self, row: dict[str, float], seconds: float) -> str:
        """An epoch in a line, for a terminal or a log."""
        epochs = self.study.training.epochs
        words = [f"epoch {row['epoch']}/{epochs}"]
        for name in ("train", "validation"):
            words.append(f"{name} loss {row[f'{name}_loss']:.4f} accuracy {row[f'{name}_accuracy']:.3f}")
        words.append(f"{len(self.datasets['train']) / seconds:.3g} clips/s")
        words.append(f"{(epochs - row['epoch']) * seconds:.0f} s left")
        return "  ".join([*words, "best"] if row["best"] else words)

    def save(self, state: Path, is_best: bool) -> None:
        """Write the resume state: the best weights first, so that `last` never points to absent ones."""
        if is_best:
            _save(
                state / "best.pt",
                {"digest": self.digest, "epoch": self.best["epoch"], "model": self.best_state},
            )
        _save(
            state / "last.pt",
            {
                "digest": self.digest,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "best": self.best,
            },
        )

    def resume(self, state: Path) -> None:
        """Load the state of a killed run, if there is one of the same digest."""
        last, best = load(state / "last.pt", self.device), load(state / "best.pt", self.device)
        if last.get("digest") != self.digest or best.get("digest") != self.digest:
            if last and best:
                print("the saved state belongs to other inputs: training afresh", file=sys.stderr)
            return
        self.model.load_state_dict(last["model"])
        self.optimizer.load_state_dict(last["optimizer"])
        self.history, self.best = last["history"], last["best"]
        # Killed between the two files, `best` may be an epoch ahead: that epoch comes again.
        self.best_state = best["model"]
        print(f"resuming after epoch {len(self.history)}", file=sys.stderr)

    def finished(self) -> dict[str, Any]:
        """The trained model with all that inference needs, as plain types and tensors."""
        study = self.study
        return {
            "schema": MODEL_SCHEMA,
            "crisp": __version__,
            "torch": torch.__version__.split("+")[0],
            "variant": {**asdict(self.variant), "size": list(self.variant.size)},
            "classes": list(study.classes),
            "normalisation": self.scale,
            "preparation": {
                "width": study.width,
                "upscale": study.upscale,
                "fps": next(iter(study.used.values())).working_fps,
                "roi_alpha": study.roi_alpha,
                "roi_threshold": study.roi_threshold,
                "roi_power": study.roi_power,
                "flow_backend": study.flow_backend,
                "pose_estimator": study.pose_estimator,
            },
            "detection": asdict(study.detection),
            "negative_class": study.negative_class,
            "decision": study.decision,
            "training": asdict(study.training),
            "seed": self.seed,
            "epoch": self.best["epoch"],
            "digest": self.digest,
            "init_from": self.origin,
            "model": {key: value.cpu() for key, value in self.best_state.items()},
        }


def train(
    study: Study, variant: Variant, split: str, seed: int, folder: Path, state: Path, device: str = "auto"
) -> list[dict[str, float]]:
    """Train a variant with a seed; writes ``model.pt``, ``history.csv`` and ``curves.png`` to `folder`.

    Parameters
    ----------
    study, variant : what to train.
    split : name of the split.
    seed : training seed.
    folder : of the results.
    state : folder of the resume state; removed when the training has finished, its parent too if empty.
    device : ``auto``, ``cpu``, ``cuda``, …

    Returns
    -------
    list of dict
        The history, a row an epoch.

    Raises
    ------
    CrispError
        If an input is missing or damaged, or the loss becomes NaN.
    """
    make_deterministic(study.training.threads)
    trainer = Trainer(study, variant, split, seed, choose_device(device))
    trainer.run(state)
    _save(folder / "model.pt", trainer.finished())
    write_history(folder / "history.csv", trainer.history)
    plots.curves(folder / "curves.png", trainer.history, f"{variant.name}, seed {seed}")
    # Last of all: Snakemake deletes the outputs of a job that fails on any of the above.
    for name in ("last.pt", "best.pt"):
        (state / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # a folder that is not empty, as of other trainings, stays
        state.rmdir()
        state.parent.rmdir()
    return trainer.history


def write_history(path: Path, history: list[dict[str, float]]) -> None:
    """Write the history, a row an epoch, floats in full."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HISTORY, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def _save(path: Path, content: dict[str, Any]) -> None:
    with replacing(path) as beside:
        torch.save(content, beside)


def load(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint; an absent or damaged one is empty, as it only costs time."""
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        if not isinstance(content, dict):
            raise TypeError(f"{type(content).__name__} instead of a dictionary")
        return content
    except FileNotFoundError:
        return {}
    except Exception as error:  # torch raises half a dozen kinds for damaged files
        print(f"{path}: unusable checkpoint ({type(error).__name__}), training afresh", file=sys.stderr)
        return {}


def start_from(model: nn.Module, variant: Variant, classes: tuple[str, ...]) -> dict[str, Any]:
    """Copy the weights of a variant's `init_from` into its model; what the file says of itself.

    Raises
    ------
    CrispError
        If the file is missing or damaged, or its model has other layers.
    """
    source, about = load_model(Path(variant.init_from), torch.device("cpu"))
    weights = source.state_dict()
    if about["classes"] != list(classes):
        weights = {key: value for key, value in weights.items() if not key.startswith("head.")}
    own = model.state_dict()
    other = [key for key in own if key not in weights and not key.startswith("head.")]
    other += [key for key, value in weights.items() if key not in own or value.shape != own[key].shape]
    if other:
        raise fail(
            variant.init_from,
            f"model has other layers than variant {variant.name!r}",
            f"model {variant.model}, size {list(variant.size)}, attention {variant.attention}",
            ", ".join(f"{key} {about['variant'][key]}" for key in ("model", "size", "attention")),
            "start from a model of the same architecture and clip size",
        )
    model.load_state_dict(weights, strict=False)
    kept = ("crisp", "variant", "classes", "seed", "epoch", "digest", "init_from")
    return {"path": variant.init_from, **{key: about.get(key, "") for key in kept}}


def load_model(path: Path, device: torch.device) -> tuple[nn.Module, dict[str, Any]]:
    """A trained model and what its file says about it.

    Raises
    ------
    CrispError
        If the file is missing, damaged, or of another schema.
    """
    try:
        content = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        raise fail(path, "model is missing", remedy="run snakemake: the train rule makes it") from None
    except Exception as error:
        raise fail(
            path, "model cannot be read", "a model.pt of CRISP", type(error).__name__, "train it again"
        ) from None
    if not isinstance(content, dict) or content.get("schema") != MODEL_SCHEMA:
        found = content.get("schema") if isinstance(content, dict) else type(content).__name__
        raise fail(
            path, "model of another schema", str(MODEL_SCHEMA), found, "train it again with this version"
        )
    try:
        content = _with_defaults(content)
        model = models.build(Variant.from_config(content["variant"]), len(content["classes"])).to(device)
        model.load_state_dict(content.pop("model"))
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:200]
        raise fail(
            path, "model is damaged", "weights and all that inference needs", reason, "train it again"
        ) from None
    return model.eval(), content


def _with_defaults(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a model's file; what a model of before a key was made lacks has the study's default."""
    prepared = defaults("preparation")
    preparation = {
        "roi_power": float(prepared["roi"]["power"]),
        "flow_backend": prepared["flow_backend"],
        "pose_estimator": prepared["pose"]["estimator"],
    }
    return {
        "negative_class": defaults("negatives")["class"],
        **content,
        "preparation": {**preparation, **content["preparation"]},
        "detection": {**defaults("detection"), **content.get("detection", {})},
    }
