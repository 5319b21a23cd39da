"""Training callbacks: log line per epoch, history.csv, learning curves, TensorBoard."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from crisp.core.errors import fail
from crisp.training import curves
from crisp.training.history import Row, write_history

TENSORBOARD_NAMES = {
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning rate",
}
PLOT_INTERVAL = 10.0  # minimum number of seconds between two plots of the curves


class TrainingCallbacks:
    """Report each epoch when it ends.

    Parameters
    ----------
    folder : path
        For ``history.csv`` and ``curves.png`` during training.
    title : str
    epochs : int
        Total number.
    clips : int
        Training clips per epoch.
    device : torch.device
    events : path, optional
        Folder for TensorBoard event files; None = none.
    done : int
        Epochs already completed; later events are superseded.

    Raises
    ------
    CrispError
        If events are requested and TensorBoard is not installed.
    """

    def __init__(
        self,
        folder: Path,
        title: str,
        epochs: int,
        clips: int,
        device: torch.device,
        events: Path | None = None,
        done: int = 0,
    ) -> None:
        self.folder, self.title, self.epochs, self.clips, self.device = folder, title, epochs, clips, device
        self._drawn = float("-inf")
        self._writer = _writer(events, done) if events else None

    def epoch(self, history: Sequence[Row], seconds: float, waited: float) -> None:
        """Report the last epoch of a history.

        Parameters
        ----------
        history : sequence of mappings
            The epochs so far, the last one included.
        seconds : float
            Duration of the last epoch.
        waited : float
            Seconds of it spent waiting for clips.
        """
        row = history[-1]
        print(self.line(row, seconds, waited), file=sys.stderr)
        write_history(self.folder / "history.csv", history)
        if time.monotonic() - self._drawn >= PLOT_INTERVAL:
            curves.plot_curves(self.folder / "curves.png", list(map(dict, history)), self.title)
            self._drawn = time.monotonic()
        if self._writer is not None:
            for name, shown in TENSORBOARD_NAMES.items():
                self._writer.add_scalar(shown, row[name], row["epoch"])
            self._writer.add_scalar("clips per second", self.clips / seconds, row["epoch"])
            self._writer.flush()

    def line(self, row: Row, seconds: float, waited: float) -> str:
        """Format an epoch as one line for a terminal or log.

        Parameters
        ----------
        row : mapping
            History row.
        seconds, waited : float
            As for `epoch`.

        Returns
        -------
        str
        """
        words = [f"epoch {row['epoch']}/{self.epochs}"]
        for name in ("train", "validation"):
            words.append(f"{name} loss {row[f'{name}_loss']:.4f} accuracy {row[f'{name}_accuracy']:.3f}")
        words.append(f"{self.clips / seconds:.3g} clips/s")
        words.append(f"{waited / seconds:.0%} waiting for clips")
        if self.device.type == "cuda":
            most = torch.cuda.max_memory_allocated(self.device) / 2**30
            words.append(f"GPU memory at most {most:.1f} GiB{_busy(self.device)}")
        words.append(f"{(self.epochs - row['epoch']) * seconds:.0f} s left")
        return "  ".join([*words, "best"] if row["best"] else words)


def _busy(device: torch.device) -> str:
    """Return the GPU utilisation over the last second, if NVIDIA's library is available."""
    try:
        return f", {torch.cuda.utilization(device)} % busy"
    except Exception:  # NVIDIA's errors, e.g. on a MIG slice, must not stop a training
        return ""


def _writer(folder: Path, done: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise fail(
            "training.tensorboard",
            "TensorBoard is not installed",
            "the package tensorboard",
            "none",
            "pip install 'crisp-sport[tensorboard]', or set training.tensorboard: false",
        ) from None
    return SummaryWriter(folder, purge_step=done + 1)
