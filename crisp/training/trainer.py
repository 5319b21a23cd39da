"""Train a variant: SGD or AdamW, best weights by validation loss, resumable after any kill (`resume`)."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from pathlib import Path
from typing import Any

import torch

from crisp.clips.augmentation import generator
from crisp.clips.cache import Cache
from crisp.clips.dataloader import ClipLoader, fault_of
from crisp.clips.dataset import read_scale, study_dataset
from crisp.clips.sampling import balanced_order, class_weights, grouped
from crisp.core.errors import CrispError, fail
from crisp.core.progress import progress
from crisp.core.signals import ShutdownRequest, graceful_shutdown
from crisp.core.words import counted
from crisp.models.network import start_pretrained
from crisp.models.trees import Trees
from crisp.study.config import Study
from crisp.study.super_classes import super_class_index
from crisp.study.variants import Variant
from crisp.training import checkpoints, finishing, forest, lr_schedule, state_folder
from crisp.training.callbacks import TrainingCallbacks
from crisp.training.devices import choose_device, make_deterministic
from crisp.training.distributed import ALONE, Processes, joined, local_rank
from crisp.training.resume import Progress, ResumeState, inputs_digest
from crisp.training.train_step import TrainStep


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
        self.settings = settings = study.training_of(variant)
        self.datasets = {
            name: study_dataset(study, variant, split, name, seed) for name in ("train", "validation")
        }
        self.scale = read_scale(study, variant, split)
        parts = {name: part.samples for name, part in self.datasets.items()}
        self.digest = inputs_digest(study, variant, seed, parts, self.scale)
        self._check_batches()
        torch.manual_seed(seed)
        sets = [super_class_index(study.classes, members) for members in study.super_classes.values()]
        self.learner = TrainStep(variant, len(study.classes), settings, device, processes, sets)
        self.model, self.optimizer = self.learner.model, self.learner.optimizer
        if variant.weights:
            start_pretrained(self.model, variant)
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
        self.progress = Progress()
        self._shutdown = ShutdownRequest()

    def _check_batches(self) -> None:
        """Check that batch normalisation gets batches with a variance."""
        where, settings = f"variant {self.variant.name}", self.settings
        layers = "attention" if self.variant.attentive else f"model {self.variant.model}"
        if not self.variant.normalises_batches:
            return
        if min(settings.batch_size, len(self.datasets["train"])) < 2:
            raise fail(
                where,
                f"{layers} cannot learn from batches of one clip: batch normalisation needs their variance",
                "training.batch_size of at least 2, and two training samples",
                f"batch_size {settings.batch_size}, {len(self.datasets['train'])} training samples",
                "raise batch_size, or choose a model without batch normalisation (attention: false)",
            )
        if self.processes.count > 1 and self.device.type != "cuda":
            raise fail(
                where,
                f"{layers} cannot learn in several processes without GPUs: torch synchronises batch "
                "normalisation on GPUs only",
                "GPUs, or one process",
                f"{self.processes.count} processes on {self.device.type}",
                "train it in one process",
            )

    def _share_regions(self) -> None:
        """Read the clips of both parts through the clip cache, and crop them on the GPU if there is one."""
        cache = Cache.of_size(self.settings.cache_gb)
        for part in self.datasets.values():
            part.cache, part.defer_crop = cache, self.device.type == "cuda"
            for reader in part.readers.values():
                reader.facts  # noqa: B018 as it is now; the end of the training compares
        if cache is not None:
            cache.reserve(
                part.wanted(index) for part in self.datasets.values() for index in range(len(part.samples))
            )

    def order(self, name: str, epoch: int) -> list[list[int]]:
        """Return the batches of a part for an epoch; training batches are drawn for (seed, epoch)."""
        part, settings = self.datasets[name], self.settings
        order = list(range(len(part)))
        if name == "train":
            drawn = generator(self.seed, epoch, len(part))
            if settings.balance == "sampler":
                # A separate stream: that of `drawn` is also the second draw of the first sample.
                order = balanced_order(part.labels, drawn.spawn(1)[0]).tolist()
            else:
                order = drawn.permutation(len(part)).tolist()
        return grouped(order, settings.batch_size, self.learner.least)

    def epoch(self, number: int, state: ResumeState | None = None) -> dict[str, float]:
        """Train and validate for one epoch.

        Parameters
        ----------
        number : int
            From 1. An interrupted epoch resumes after its last batch.
        state : ResumeState, optional
            Saved within an epoch, at intervals and on a shutdown request.

        Returns
        -------
        dict
            The history row.
        """
        row: dict[str, float] = {"epoch": number}
        for name, part in self.datasets.items():
            sums = self._run_part(name, number, state)
            self._check_loss(sums, name, number, state)
            row[f"{name}_loss"], row[f"{name}_accuracy"] = (float(sums[i]) / len(part) for i in (0, 1))
        row["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        self.progress.within = {}
        return row

    def _run_part(self, name: str, number: int, state: ResumeState | None) -> torch.Tensor:
        """Train or validate on the batches of an epoch; return the sums of `_added`."""
        training, within = name == "train", self.progress.within
        # Drawn samples are balanced already; the best epoch is selected by balanced classes, too.
        drawn = training and self.settings.balance == "sampler"
        weights = None if drawn else self.weights
        self.model.train(training)
        sums, first = torch.zeros(3, dtype=torch.float64, device=self.device), 0
        if training and within.get("epoch") == number:
            sums, first = within["sums"].to(self.device), within["batches"]
        batches = self.order(name, number)[first:]
        if training and isinstance(self.model, Trees):
            clips = self.supplies[name].batches(number, batches)
            return self._added(sums, forest.add_trees(self.learner, clips, weights, (self.seed, number)))
        with torch.set_grad_enabled(training):
            for done, batch in enumerate(self.supplies[name].batches(number, batches), first + 1):
                draw = (self.seed, number, done)
                sums = self._added(sums, self.learner.step(batch, training, weights, draw))
                if training:
                    self.progress.within = {"epoch": number, "batches": done, "sums": sums}
                if state is not None:
                    self._save_or_stop(state)
        return sums

    @staticmethod
    def _added(sums: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
        """Add one more batch to the sums (loss, correct, batches up to the first non-finite loss).

        Does not synchronise with the device.
        """
        finite = torch.isfinite(sums[0] + batch[0])
        return sums + torch.stack([batch[0], batch[1], finite.double()])

    def _check_loss(self, sums: torch.Tensor, name: str, number: int, state: ResumeState | None) -> None:
        """Abort if the loss is not finite."""
        if math.isfinite(float(sums[0])):
            return
        kept, epoch = "", self.progress.best["epoch"]
        if state is not None and epoch:
            best = state.folder / "best.pt"  # unlike the state, it survives a changed config
            if self.processes.first:
                checkpoints.save(best, self.finished())
            kept = f"; {best} is the model of epoch {epoch}, the best: copy it for `init_from`"
        raise fail(
            f"training of {self.variant.name}, epoch {number}",
            f"the {name} loss is not a finite number from batch {int(sums[2]) + 1} on",
            "a finite one",
            str(float(sums[0])),
            f"lower training.learning_rate, or set training.gradient_clip{kept}",
        )

    def run(self, folder: Path, events: Path | None = None) -> None:
        """Train to the last epoch; resume a killed run of the same inputs.

        Parameters
        ----------
        folder : Path
            For the resume state, history and curves; deleting files in it only costs time.
        events : Path, optional
            Folder for TensorBoard.

        Raises
        ------
        CrispError
            If `folder` holds other files, the loss is not finite, a batch does not fit into memory, a loader
            process is killed, a volume is replaced, or a shutdown is requested. The saved state is kept,
            except when a volume was replaced.
        """
        try:
            self._run(folder, events)
        except RuntimeError as error:
            raise fault_of(error) or error from None

    def _run(self, folder: Path, events: Path | None) -> None:
        if self.processes.first:
            state_folder.check(folder)
        state = ResumeState(folder, self.digest, self.learner)
        self.progress = state.restore()
        callbacks = self._callbacks(folder, events) if self.processes.first else None
        done, epochs = len(self.progress.history), self.settings.epochs
        numbers = range(done + 1, epochs + 1)
        shown = progress(numbers, "epochs", self.variant.name, epochs - done) if callbacks else numbers
        with graceful_shutdown() as self._shutdown:
            for number in shown:
                if self._has_settled():
                    break
                begin, waited = time.monotonic(), self._waited()
                if not self.progress.within:
                    self.begin_epoch()
                self._record(self.epoch(number, state))
                seconds = time.monotonic() - begin
                self._save_or_stop(state, always=number == epochs)
                if callbacks is not None:
                    callbacks.epoch(self.progress.history, seconds, self._waited() - waited)
        self._confirm(folder)

    def _callbacks(self, folder: Path, events: Path | None) -> TrainingCallbacks:
        """Print what is trained, and return the callbacks that report each epoch."""
        done, epochs = len(self.progress.history), self.settings.epochs
        counts = " and ".join(counted(len(part), f"{name} sample") for name, part in self.datasets.items())
        place = f"{self.variant.name} seed {self.seed} on {self.device}"
        if self.processes.count > 1:
            place += f", {self.processes.count} processes"
        print(f"{place}: {counts}, epoch {done + 1} to {epochs}", file=sys.stderr)
        title, clips = f"{self.variant.name}, seed {self.seed}", len(self.datasets["train"])
        return TrainingCallbacks(folder, title, epochs, clips, self.device, events, done)

    def _record(self, row: dict[str, float]) -> None:
        """Append an epoch to the history, and keep its weights if they are the best.

        A forest is best with all its trees: more of them never overfit (Breiman, Machine Learning, 2001).
        """
        grows = isinstance(self.model, Trees)
        row["best"] = int(grows or row["validation_loss"] < self.progress.best["loss"])
        self.progress.history.append(row)
        if row["best"]:
            self.progress.best = {"epoch": row["epoch"], "loss": row["validation_loss"]}
            weights = self.model.state_dict()
            self.progress.best_state = {key: value.detach().clone() for key, value in weights.items()}

    def _has_settled(self) -> bool:
        """Return whether the validation loss has not improved in `early_stop` epochs, or a forest is full."""
        if isinstance(self.model, Trees) and self.model.head.full:
            return True
        most, since = self.settings.early_stop, len(self.progress.history) - self.progress.best["epoch"]
        return 0 < most <= since

    def _confirm(self, folder: Path) -> None:
        """Check that the volumes are unchanged; a state trained on other volumes is invalid."""
        try:
            for part in self.datasets.values():
                for reader in part.readers.values():
                    reader.confirm()
        except CrispError:
            state_folder.clear(folder)
            raise

    def _waited(self) -> float:
        return sum(supply.waited for supply in self.supplies.values())

    def begin_epoch(self) -> None:
        """Set the learning rate, and reload the best weights if the schedule requires it."""
        step = lr_schedule.following(self.progress.history, self.settings)
        if step.reload:
            self.model.load_state_dict(self.progress.best_state)
            self.optimizer.state.clear()  # momentum belongs to other weights
        for group in self.optimizer.param_groups:
            group["lr"] = step.learning_rate

    def _save_or_stop(self, state: ResumeState, always: bool = False) -> None:
        """Save if a save is due; on a shutdown request, save and stop."""
        stop = self.processes.any(bool(self._shutdown))
        if self.processes.first and (always or stop or state.is_due()):
            within = self.progress.within
            if within:  # the stored weights never get worse
                self._check_loss(within["sums"], "train", within["epoch"], state)
            state.save(self.progress)
        if stop:
            self.processes.any(True)  # all processes wait until the first has saved
            if not self.processes.first:
                sys.exit(1)  # the first process reports it
            raise state.stopped(self.progress, self._shutdown.by or "a signal to another process")

    def finished(self) -> dict[str, Any]:
        """Return the trained model with everything inference needs, as plain types and tensors."""
        about = {
            "seed": self.seed,
            "epoch": self.progress.best["epoch"],
            "digest": self.digest,
            "init_from": self.origin,
        }
        return finishing.content(self.study, self.variant, self.scale, about, self.progress.best_state)

    def measured(self) -> dict[str, Any]:
        """Return the calibration and reference of the finished model for its file."""
        self.model.load_state_dict(self.progress.best_state)
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
    study : Study
    variant : Variant
    split : str
        Name of the split.
    seed : int
        Training seed.
    folder : Path
        For the results.
    state : Path
        Folder of the resume state; removed after training, with its parent if empty.
    device : str
        ``auto``, ``cpu``, ``cuda``, …

    Returns
    -------
    list of dict
        The history, one row per epoch.

    Raises
    ------
    CrispError
        If an input is missing or damaged; also the errors of `Trainer.run`.
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
    return trainer.progress.history


def _finish(trainer: Trainer, folder: Path, state: Path) -> None:
    """Write the results and remove the resume state."""
    history, title = trainer.progress.history, f"{trainer.variant.name}, seed {trainer.seed}"
    finishing.write(folder, {**trainer.finished(), **trainer.measured()}, history, title)
    # Last step: Snakemake deletes the outputs of a job that fails in any step above.
    state_folder.clear(state)
    with contextlib.suppress(OSError):  # non-empty folders, e.g. with other trainings, stay
        state.rmdir()
        state.parent.rmdir()
