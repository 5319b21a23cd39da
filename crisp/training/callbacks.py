"""What there is to see of a training while it runs: a line an epoch, the history, its curves, TensorBoard."""

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

SHOWN = {  # name in TensorBoard
    "train_loss": "loss/train",
    "validation_loss": "loss/validation",
    "train_accuracy": "accuracy/train",
    "validation_accuracy": "accuracy/validation",
    "learning_rate": "learning rate",
}
DRAWN = 10.0  # seconds at least between two drawings of the curves


class TrainingCallbacks:
    """Shows a training's epochs as they end.

    Parameters
    ----------
    folder : path
        Of ``history.csv`` and ``curves.png`` while the training runs.
    title : str
    epochs : int
        In all.
    clips : int
        Training clips an epoch.
    device : torch.device
    events : path, optional
        Folder for TensorBoard's event files; None = none.
    done : int
        Epochs of before; events after them are superseded.

    Raises
    ------
    CrispError
        If events are wanted and TensorBoard is not installed.
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
        """Show the last epoch of a history, which took so many seconds, some of them waiting for clips."""
        row = history[-1]
        print(self.line(row, seconds, waited), file=sys.stderr)
        write_history(self.folder / "history.csv", history)
        if time.monotonic() - self._drawn >= DRAWN:
            curves.plot_curves(self.folder / "curves.png", list(map(dict, history)), self.title)
            self._drawn = time.monotonic()
        if self._writer is not None:
            for name, shown in SHOWN.items():
                self._writer.add_scalar(shown, row[name], row["epoch"])
            self._writer.add_scalar("clips per second", self.clips / seconds, row["epoch"])
            self._writer.flush()

    def line(self, row: Row, seconds: float, waited: float) -> str:
        """An epoch in a line, for a terminal or a log."""
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
    """Share of the last second in which the GPU was at work, where NVIDIA's library is there to tell."""
    try:
        return f", {torch.cuda.utilization(device)} % busy"
    except Exception:  # NVIDIA's own errors, as on a part of a GPU, are no reason to end a training
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
