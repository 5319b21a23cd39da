"""Train a variant: published SGD, best weights by validation loss, resumable after any kill."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from crisp import __version__
from crisp.clips.augmentation import generator
from crisp.clips.cache import Cache
from crisp.clips.dataloader import ClipLoader, fault_of
from crisp.clips.dataset import read_scale, study_dataset
from crisp.clips.sampling import balanced_order, class_weights, grouped
from crisp.core import files, stage_files
from crisp.core.errors import CrispError, fail
from crisp.core.files import digest
from crisp.core.progress import progress
from crisp.core.signals import ShutdownRequest, graceful_shutdown
from crisp.core.versions import STAGES
from crisp.core.words import counted
from crisp.study.config import NO_RESULT, Study, Variant
from crisp.study.samples import Sample
from crisp.training import checkpoints, curves, finishing, lr_schedule, state_folder, torch_files
from crisp.training.callbacks import TrainingCallbacks
from crisp.training.devices import choose_device, make_deterministic
from crisp.training.distributed import ALONE, Processes, joined, local_rank
from crisp.training.history import write_history
from crisp.training.train_step import TrainStep

SAVING = 0.02  # share of the time that saving may take


def inputs_digest(
    study: Study, variant: Variant, seed: int, parts: dict[str, list[Sample]], scale: dict[str, Any]
) -> str:
    """Return a digest of all inputs of a training: config, labels, split, normalisation, volumes.

    A checkpoint with another digest belongs to another training and is never resumed.
    """
    videos = dict.fromkeys(sample.video for samples in parts.values() for sample in samples)
    volumes = {
        video: {
            stage: stage_files.identity(path, stage)
            for stage, path in study.variant_files(variant, video).items()
        }
        for video in videos
    }
    training = {key: value for key, value in asdict(study.training).items() if key not in NO_RESULT}
    origin = files.sha256(variant.init_from) if Path(variant.init_from).is_file() else ""
    return digest(
        [STAGES["train"], asdict(variant), training, study.classes, seed, parts, scale, volumes, origin]
    )


class Trainer:
    """A training run: its data, model, optimiser and history.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split.
    seed : int
        Seed of the initial weights, the order of the samples and the augmentation.
    device : torch.device
    processes : Processes
        The processes that share each batch.
    """

    def __init__(
        self,
        study: Study,
        variant: Variant,
        split: str,
        seed: int,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> None:
        self.study, self.variant, self.seed, self.device = study, variant, seed, device
        self.split = split
        self.processes = processes
        settings = study.training
        self.datasets = {
            name: study_dataset(study, variant, split, name, seed) for name in ("train", "validation")
        }
        self.scale = read_scale(study, variant, split)
        parts = {name: part.samples for name, part in self.datasets.items()}
        self.digest = inputs_digest(study, variant, seed, parts, self.scale)
        self._check_attention()
        torch.manual_seed(seed)
        self.learner = TrainStep(variant, len(study.classes), settings, device, processes)
        self.model, self.optimizer = self.learner.model, self.learner.optimizer
        self.origin = checkpoints.start_from(self.model, variant, study.classes) if variant.init_from else {}
        self.weights = None
        if settings.balance != "none":
            shares = class_weights(self.datasets["train"].labels, len(study.classes))
            self.weights = torch.tensor(shares, dtype=torch.float32, device=device)
        self._share_regions()
        share = processes.rank, processes.count
        self.supplies = {
            name: ClipLoader(part, device, settings.workers, share) for name, part in self.datasets.items()
        }
        self.history: list[dict[str, float]] = []
        self.best = {"epoch": 0, "loss": float("inf")}
        self.best_state: dict[str, torch.Tensor] = {}
        # The current epoch, between two batches: its number, the batches done and their sums.
        self.within: dict[str, Any] = {}
        self._told, self._saved, self._cost = ShutdownRequest(), time.monotonic(), 0.0

    def _check_attention(self) -> None:
        """Check that batch normalisation gets batches with a variance."""
        where, settings = f"variant {self.variant.name}", self.study.training
        if not self.variant.attention:
            return
        if min(settings.batch_size, len(self.datasets["train"])) < 2:
            raise fail(
                where,
                "attention cannot learn from batches of one clip: its batch normalisation takes their spread",
                "training.batch_size of at least 2, and two training samples",
                f"batch_size {settings.batch_size}, {len(self.datasets['train'])} training samples",
                "raise batch_size, or set attention: false",
            )
        if self.processes.count > 1 and self.device.type != "cuda":
            raise fail(
                where,
                "attention cannot learn in several processes without GPUs: torch synchronises batch "
                "normalisation on GPUs only",
                "GPUs, or one process",
                f"{self.processes.count} processes on {self.device.type}",
                "train it in one process",
            )

    def _share_regions(self) -> None:
        """Read the clips of both parts through the clip cache, and crop them on the GPU if there is one."""
        cache = Cache.of_size(self.study.training.cache_gb)
        for part in self.datasets.values():
            part.cache, part.uncut = cache, self.device.type == "cuda"
            for reader in part.readers.values():
                reader.facts  # noqa: B018 as it is now; the end of the training compares
        if cache is not None:
            cache.reserve(
                part.wanted(index) for part in self.datasets.values() for index in range(len(part.samples))
            )

    def order(self, name: str, epoch: int) -> list[list[int]]:
        """Return the batches of a part for an epoch; training batches are drawn for (seed, epoch)."""
        part, settings = self.datasets[name], self.study.training
        order = list(range(len(part)))
        if name == "train":
            drawn = generator(self.seed, epoch, len(part))
            if settings.balance == "sampler":
                # A separate stream: that of `drawn` is also the second draw of the first sample.
                order = balanced_order(part.labels, drawn.spawn(1)[0]).tolist()
            else:
                order = drawn.permutation(len(part)).tolist()
        return grouped(order, settings.batch_size, self.learner.least)

    def epoch(self, number: int, state: Path | None = None) -> dict[str, float]:
        """Train and validate for one epoch, and return its history row.

        Parameters
        ----------
        number : int
            From 1. An interrupted epoch resumes after its last batch.
        state : folder, optional
            Where to save within an epoch, at intervals and on a shutdown request.
        """
        row: dict[str, float] = {"epoch": number}
        for name in ("train", "validation"):
            training = name == "train"
            # Drawn samples are balanced already; the best epoch is selected by balanced classes, too.
            drawn = training and self.study.training.balance == "sampler"
            weights = None if drawn else self.weights
            self.model.train(training)
            sums, first = torch.zeros(3, dtype=torch.float64, device=self.device), 0
            if training and self.within.get("epoch") == number:
                sums, first = self.within["sums"].to(self.device), self.within["batches"]
            batches = self.order(name, number)[first:]
            with torch.set_grad_enabled(training):
                for done, batch in enumerate(self.supplies[name].batches(number, batches), first + 1):
                    sums = self._added(sums, self.learner.step(batch, training, weights))
                    if training:
                        self.within = {"epoch": number, "batches": done, "sums": sums}
                    if state is not None:
                        self._save_at_times(state)
            self._check(sums, name, number, state)
            count = len(self.datasets[name])
            row[f"{name}_loss"], row[f"{name}_accuracy"] = float(sums[0]) / count, float(sums[1]) / count
        row["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        self.within = {}
        return row

    @staticmethod
    def _added(sums: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        """Add one more batch to the sums (loss, correct, batches up to the first non-finite loss).

        Does not synchronise with the device.
        """
        finite = torch.isfinite(sums[0] + batch[0])
        return sums + torch.stack([batch[0], batch[1], finite.double()])

    def _check(self, sums: torch.Tensor, name: str, number: int, state: Path | None) -> None:
        """Abort if the loss is not finite."""
        if math.isfinite(float(sums[0])):
            return
        kept = ""
        if state is not None and self.best["epoch"]:
            best = state / "best.pt"  # unlike the state, it survives a changed config
            if self.processes.first:
                checkpoints.save(best, self.finished())
            kept = f"; {best} is the model of epoch {self.best['epoch']}, the best: copy it for `init_from`"
        raise fail(
            f"training of {self.variant.name}, epoch {number}",
            f"the {name} loss is not a finite number from batch {int(sums[2]) + 1} on",
            "a finite one",
            str(float(sums[0])),
            f"lower training.learning_rate, or set training.gradient_clip{kept}",
        )

    def run(self, state: Path, events: Path | None = None) -> None:
        """Train to the last epoch; resume a killed run of the same digest.

        Parameters
        ----------
        state : folder
            For the resume state, history and curves; deleting files in it only costs time.
        events : folder, optional
            For TensorBoard.

        Raises
        ------
        If `state` holds other files, the loss is not finite, a batch does not fit into memory, a loader
        process is killed, a volume is replaced, or a shutdown is requested; the saved state is kept.
            kept.
        """
        try:
            self._run(state, events)
        except RuntimeError as error:
            raise fault_of(error) or error from None

    def _run(self, state: Path, events: Path | None) -> None:
        if self.processes.first:
            state_folder.check(state)
        self.resume(state)
        epochs, clips = self.study.training.epochs, len(self.datasets["train"])
        numbers: Iterable[int] = range(len(self.history) + 1, epochs + 1)
        watch = None
        if self.processes.first:
            counts = " and ".join(
                counted(len(part), f"{name} sample") for name, part in self.datasets.items()
            )
            place = f"{self.variant.name} seed {self.seed} on {self.device}"
            if self.processes.count > 1:
                place += f", {self.processes.count} processes"
            print(f"{place}: {counts}, epoch {len(self.history) + 1} to {epochs}", file=sys.stderr)
            title = f"{self.variant.name}, seed {self.seed}"
            watch = TrainingCallbacks(state, title, epochs, clips, self.device, events, len(self.history))
            numbers = progress(numbers, "epochs", self.variant.name, epochs - len(self.history))
        with graceful_shutdown() as self._told:
            for number in numbers:
                if self._has_settled():
                    break
                begin, waited = time.monotonic(), self._waited()
                if not self.within:
                    self.begin_epoch()
                row = self.epoch(number, state)
                row["best"] = int(row["validation_loss"] < self.best["loss"])
                self.history.append(row)
                if row["best"]:
                    self.best = {"epoch": number, "loss": row["validation_loss"]}
                    self.best_state = {
                        key: value.detach().clone() for key, value in self.model.state_dict().items()
                    }
                seconds = time.monotonic() - begin
                self._save_at_times(state, always=number == epochs)
                if watch is not None:
                    watch.epoch(self.history, seconds, self._waited() - waited)
        self._confirm(state)

    def _has_settled(self) -> bool:
        """Return whether the validation loss has not improved for the study's patience."""
        patience, since = self.study.training.early_stop, len(self.history) - self.best["epoch"]
        return 0 < patience <= since

    def _confirm(self, state: Path) -> None:
        """Check that the volumes are unchanged; a state trained on other volumes is invalid."""
        try:
            for part in self.datasets.values():
                for reader in part.readers.values():
                    reader.confirm()
        except CrispError:
            state_folder.clear(state)
            raise

    def _waited(self) -> float:
        return sum(supply.waited for supply in self.supplies.values())

    def begin_epoch(self) -> None:
        """Set the learning rate, and reload the best weights if the schedule requires it."""
        step = lr_schedule.following(self.history, self.study.training)
        if step.reload:
            self.model.load_state_dict(self.best_state)
            self.optimizer.state.clear()  # momentum belongs to other weights
        for group in self.optimizer.param_groups:
            group["lr"] = step.learning_rate

    def _save_at_times(self, state: Path, always: bool = False) -> None:
        """Save at intervals that take a fiftieth of the time; on a shutdown request, save and stop."""
        since, told = time.monotonic() - self._saved, self.processes.any(bool(self._told))
        if self.processes.first and (always or told or since * SAVING >= self._cost):
            begin = time.monotonic()
            if self.within:  # the stored weights never get worse
                self._check(self.within["sums"], "train", self.within["epoch"], state)
            self.save(state)
            self._saved = time.monotonic()
            self._cost = self._saved - begin
        if told:
            self.processes.any(True)  # all processes wait until the first has saved
            if not self.processes.first:
                sys.exit(1)  # the first process reports it
            place = f"epoch {self.within['epoch']}" if self.within else f"epoch {len(self.history) + 1}"
            batch = f", after batch {self.within['batches']}" if self.within else ""
            raise fail(
                f"training of {self.variant.name}",
                f"was told to stop ({self._told.by or 'another process'})",
                remedy=f"the same command goes on at {place}{batch}: all is saved in {state}",
            )

    def save(self, state: Path) -> None:
        """Write the resume state: the best weights first, so that `last` never refers to missing ones."""
        best = state / f"best-{self.best['epoch']}.pt"
        if self.best_state and not best.exists():
            checkpoints.save(best, {"digest": self.digest, "model": self.best_state})
        checkpoints.save(
            state / "last.pt",
            {
                "digest": self.digest,
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "history": self.history,
                "best": self.best,
                "within": self.within,
            },
        )
        for other in state_folder.bests(state):
            if other != best:
                other.unlink(missing_ok=True)

    def resume(self, state: Path) -> None:
        """Load the state of a killed run, if there is one of the same digest."""
        last = checkpoints.load(state / "last.pt", self.device, "last")
        best = {}
        if last.get("history"):
            best = checkpoints.load(state / f"best-{last['best']['epoch']}.pt", self.device, "best")
        found = [content.get("digest") for content in (last, best) if content]
        if last and (set(found) != {self.digest} or (last["history"] and not best)):
            self._say("the saved state belongs to other inputs: training afresh")
            last = {}
        if last and not self._fits(last, best):
            self._say("the saved state is damaged: training afresh")
            last = {}
        if self.processes.first:
            for other in state_folder.bests(state):  # also those of epochs after the last saved one
                if not last or other.stem != f"best-{last['best']['epoch']}":
                    other.unlink()
        if not last:
            return
        self.model.load_state_dict(last["model"])
        self.optimizer.load_state_dict(last["optimizer"])
        self.history, self.best, self.within = last["history"], last["best"], last["within"]
        self.best_state = best.get("model", {})
        inside = f", {self.within['batches']} batches of the next" if self.within else ""
        self._say(f"resuming after epoch {len(self.history)}{inside}")

    def _fits(self, last: dict[str, Any], best: dict[str, Any]) -> bool:
        """Return whether saved weights and optimiser state match this model."""
        try:
            for content in filter(None, (last, best)):
                torch_files.check_weights(self.model, content["model"])
        except ValueError:
            return False
        weights = list(self.model.parameters())
        (group,) = self.optimizer.state_dict()["param_groups"]
        found = last["optimizer"]["param_groups"]
        return (
            len(found) == 1
            and found[0].keys() == group.keys()
            and found[0]["params"] == group["params"]
            and all(
                number in group["params"] and (buffer is None or buffer.shape == weights[number].shape)
                for number, buffers in last["optimizer"]["state"].items()
                for buffer in buffers.values()
            )
        )

    def _say(self, text: str) -> None:
        """Print once, whatever the number of processes."""
        if self.processes.first:
            print(text, file=sys.stderr)

    def finished(self) -> dict[str, Any]:
        """Return the trained model with everything inference needs, as plain types and tensors."""
        study = self.study
        return {
            "schema": checkpoints.MODEL_SCHEMA,
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

    def measured(self) -> dict[str, Any]:
        """Return the calibration and reference of the finished model for its file."""
        self.model.load_state_dict(self.best_state)
        parts = [
            study_dataset(self.study, self.variant, self.split, part, self.seed, augment=False)
            for part in ("train", "validation")
        ]
        return finishing.measured(self.study, self.variant, self.model, *parts)


def train_model(
    study: Study, variant: Variant, split: str, seed: int, folder: Path, state: Path, device: str = "auto"
) -> list[dict[str, float]]:
    """Train a variant with a seed; write ``model.pt``, ``history.csv`` and ``curves.png`` to `folder`.

    Parameters
    ----------
    study, variant : what to train.
    split : name of the split.
    seed : training seed.
    folder : folder for the results.
    state : folder of the resume state; removed after training, with its parent if empty.
    device : ``auto``, ``cpu``, ``cuda``, …

    Returns
    -------
    list of dict
        The history, one row per epoch.

    Raises
    ------
    CrispError
        If an input is missing or damaged, or the loss becomes NaN.
    """
    make_deterministic(study.training.threads)
    chosen = choose_device(device)
    if chosen.type == "cuda" and chosen.index is None:
        chosen = torch.device("cuda", local_rank())
        torch.cuda.set_device(chosen)
    with joined(chosen) as processes:
        trainer = Trainer(study, variant, split, seed, chosen, processes)
        events = study.results / "tensorboard" / f"{variant.name}-{split}-{seed}"
        trainer.run(state, events if study.training.tensorboard else None)
        if processes.first:
            _finish(trainer, folder, state)
    return trainer.history


def _finish(trainer: Trainer, folder: Path, state: Path) -> None:
    """Write the results and remove the resume state."""
    checkpoints.save(folder / "model.pt", {**trainer.finished(), **trainer.measured()})
    write_history(folder / "history.csv", trainer.history)
    curves.plot_curves(folder / "curves.png", trainer.history, f"{trainer.variant.name}, seed {trainer.seed}")
    # Last step: Snakemake deletes the outputs of a job that fails in any step above.
    state_folder.clear(state)
    with contextlib.suppress(OSError):  # non-empty folders, e.g. with other trainings, stay
        state.rmdir()
        state.parent.rmdir()
