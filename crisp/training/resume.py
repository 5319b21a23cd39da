"""The resume state of a training: what is saved, when, and how it is restored.

All random draws follow from seed and epoch (and batch), so no state of a random number generator is saved.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from crisp.core import files, stage_files
from crisp.core.errors import CrispError, fail
from crisp.core.files import digest
from crisp.core.versions import STAGES
from crisp.study.config import Study
from crisp.study.samples import Sample
from crisp.study.variants import Variant
from crisp.training import checkpoints, state_folder, torch_files
from crisp.training.train_step import TrainStep

SAVING = 0.02  # share of the time that saving may take


def inputs_digest(
    study: Study, variant: Variant, seed: int, parts: dict[str, list[Sample]], scale: dict[str, Any]
) -> str:
    """Return a digest of all inputs of a training: config, labels, split, normalisation, volumes.

    A checkpoint with another digest belongs to another training and is never resumed.

    Parameters
    ----------
    study : Study
    variant : Variant
    seed : int
        Training seed.
    parts : dict
        Samples of ``train`` and ``validation``.
    scale : dict
        Content of the normalisation file; empty without flow.

    Returns
    -------
    str
    """
    videos = dict.fromkeys(sample.video for samples in parts.values() for sample in samples)
    volumes = {
        video: {
            stage: stage_files.identity(path, stage)
            for stage, path in study.variant_files(variant, video).items()
        }
        for video in videos
    }
    mirrored = [video for video in videos if study.is_mirrored(video)]
    origins = [path for path in (variant.init_from, variant.weights) if Path(path).is_file()]
    return digest(
        [
            STAGES["train"],
            *study.train_settings(variant),
            study.classes,
            seed,
            parts,
            scale,
            volumes,
            *map(files.sha256, origins),
            *([{"mirrored": mirrored}] if mirrored else []),
        ]
    )


@dataclass
class Progress:
    """The progress of a training, besides the current weights and the state of the optimiser.

    Attributes
    ----------
    history : list of dict
        One row per finished epoch.
    best : dict
        Epoch and validation loss of the best epoch; 0 and infinity before the first.
    best_state : dict of Tensor
        The weights of that epoch.
    within : dict
        The current epoch between two batches: its number, the batches done and their sums; else empty.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: dict[str, Any] = field(default_factory=lambda: {"epoch": 0, "loss": float("inf")})
    best_state: dict[str, torch.Tensor] = field(default_factory=dict)
    within: dict[str, Any] = field(default_factory=dict)

    def position(self) -> str:
        """Return where the training resumes."""
        if not self.within:
            return f"epoch {len(self.history) + 1}"
        return f"epoch {self.within['epoch']}, after batch {self.within['batches']}"


class ResumeState:
    """Save and restore a training in a folder, with the weights and the optimiser of its train step.

    Parameters
    ----------
    folder : Path
        Deleting files in it only costs time.
    inputs : str
        `inputs_digest` of the training.
    learner : TrainStep
    """

    def __init__(self, folder: Path, inputs: str, learner: TrainStep) -> None:
        self.folder, self.inputs, self.learner = folder, inputs, learner
        self._saved, self._cost = time.monotonic(), 0.0

    def is_due(self) -> bool:
        """Return whether saving, as long as it took last time, is a small enough share of the time."""
        return (time.monotonic() - self._saved) * SAVING >= self._cost

    def save(self, progress: Progress) -> None:
        """Write the state: the best weights first, so that `last` never refers to missing ones."""
        begin = time.monotonic()
        best = self.folder / f"best-{progress.best['epoch']}.pt"
        if progress.best_state and not best.exists():
            checkpoints.save(best, {"digest": self.inputs, "model": progress.best_state})
        checkpoints.save(
            self.folder / "last.pt",
            {
                "digest": self.inputs,
                "model": self.learner.model.state_dict(),
                "optimizer": self.learner.optimizer.state_dict(),
                "history": progress.history,
                "best": progress.best,
                "within": progress.within,
            },
        )
        for other in state_folder.bests(self.folder):
            if other != best:
                other.unlink(missing_ok=True)
        self._saved = time.monotonic()
        self._cost = self._saved - begin

    def restore(self) -> Progress:
        """Load the weights and the optimiser of a killed run of the same inputs; return its progress.

        Without a usable state nothing is loaded, and the progress is that of a new training.
        """
        last, best = self._read()
        if self.learner.processes.first:
            for other in state_folder.bests(self.folder):  # also those of epochs after the last saved one
                if not last or other.stem != f"best-{last['best']['epoch']}":
                    other.unlink()
        if not last:
            return Progress()
        self.learner.model.load_state_dict(last["model"])
        self.learner.optimizer.load_state_dict(last["optimizer"])
        progress = Progress(last["history"], last["best"], best.get("model", {}), last["within"])
        inside = f", {progress.within['batches']} batches of the next" if progress.within else ""
        self._report(f"resuming after epoch {len(progress.history)}{inside}")
        return progress

    def _read(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return the saved state and its best weights; both empty if it is missing or unusable."""
        last = checkpoints.load(self.folder / "last.pt", self.learner.device, "last")
        best = {}
        if last.get("history"):
            path = self.folder / f"best-{last['best']['epoch']}.pt"
            best = checkpoints.load(path, self.learner.device, "best")
        found = {content.get("digest") for content in (last, best) if content}
        if last and (found != {self.inputs} or (last["history"] and not best)):
            self._report("the saved state belongs to other inputs: training afresh")
        elif last and not self._fits(last, best):
            self._report("the saved state is damaged: training afresh")
        else:
            return last, best
        return {}, {}

    def _fits(self, last: dict[str, Any], best: dict[str, Any]) -> bool:
        """Return whether saved weights and optimiser state match this model."""
        try:
            for content in filter(None, (last, best)):
                torch_files.check_weights(self.learner.model, content["model"])
        except ValueError:
            return False
        weights = list(self.learner.model.parameters())
        (group,) = self.learner.optimizer.state_dict()["param_groups"]
        found = last["optimizer"]["param_groups"]
        return (
            len(found) == 1
            and found[0].keys() == group.keys()
            and found[0]["params"] == group["params"]
            and all(
                number in group["params"]
                and (buffer is None or name == "step" or buffer.shape == weights[number].shape)
                for number, buffers in last["optimizer"]["state"].items()
                for name, buffer in buffers.items()
            )
        )

    def _report(self, text: str) -> None:
        """Print once, whatever the number of processes."""
        if self.learner.processes.first:
            print(text, file=sys.stderr)

    def stopped(self, progress: Progress, by: str) -> CrispError:
        """Return the error of a training that a signal stopped after the state was saved."""
        return fail(
            f"training of {self.learner.variant.name}",
            f"stopped by {by}; the state is saved in {self.folder}",
            remedy=f"the same command resumes at {progress.position()}",
        )
