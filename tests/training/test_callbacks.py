"""What there is to see of a training while it runs."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest
import torch

from crisp.core.errors import CrispError
from crisp.training import callbacks
from crisp.training.callbacks import TrainingCallbacks

CPU = torch.device("cpu")


def row(epoch: int, best: int = 0) -> dict[str, float]:
    return {
        "epoch": epoch,
        "train_loss": 1 / epoch,
        "train_accuracy": 0.5,
        "validation_loss": 2 / epoch,
        "validation_accuracy": 0.25,
        "learning_rate": 0.01,
        "best": best,
    }


def test_a_line_an_epoch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watch = TrainingCallbacks(tmp_path, "twin", 12, 100, CPU)
    watch.epoch([row(1, 1)], 4.0, 1.0)
    watch.epoch([row(1, 1), row(2)], 4.0, 0.0)
    first, second = capsys.readouterr().err.splitlines()
    assert first == (
        "epoch 1/12  train loss 1.0000 accuracy 0.500  validation loss 2.0000 accuracy 0.250  "
        "25 clips/s  25% waiting for clips  44 s left  best"
    )
    assert second.endswith("0% waiting for clips  40 s left")


def test_history_and_curves_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 5.0, 20.0, 20.0])
    drawn: list[int] = []
    monkeypatch.setattr(callbacks.time, "monotonic", lambda: next(times))
    monkeypatch.setattr(
        callbacks.curves, "plot_curves", lambda _path, history, _title: drawn.append(len(history))
    )
    watch, history = TrainingCallbacks(tmp_path, "twin", 3, 100, CPU), []
    for number in (1, 2, 3):
        history.append(row(number))
        watch.epoch(history, 1.0, 0.0)
        rows = list(csv.DictReader((tmp_path / "history.csv").read_text().splitlines()))
        assert [found["epoch"] for found in rows] == [str(epoch) for epoch in range(1, number + 1)]
    assert drawn == [1, 3], "not within ten seconds of each other"


def test_events_are_read_by_tensorboard(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = tmp_path / "events"
    TrainingCallbacks(tmp_path, "twin", 9, 10, CPU, events).epoch([row(1)], 2.0, 0.0)
    TrainingCallbacks(tmp_path, "twin", 9, 10, CPU, events, done=1).epoch([row(1), row(2)], 2.0, 0.0)
    found = EventAccumulator(str(events)).Reload()
    losses = [(event.step, event.value) for event in found.Scalars("loss/validation")]
    assert losses == [(1, 2.0), (2, 1.0)]
    assert found.Scalars("clips per second")[0].value == 5
    assert "learning rate" in found.Tags()["scalars"]


def test_missing_tensorboard_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(CrispError, match=r"TensorBoard is not installed[\s\S]*crisp-sport\[tensorboard\]"):
        TrainingCallbacks(tmp_path, "twin", 9, 10, CPU, tmp_path / "events")


def test_a_gpu_that_does_not_tell_how_busy_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where NVIDIA's library is missing, or refuses."""

    class RefusedError(Exception):
        pass

    def busy(answer: int | Exception) -> str:
        def ask(_: torch.device) -> int:
            if isinstance(answer, Exception):
                raise answer
            return answer

        monkeypatch.setattr(torch.cuda, "utilization", ask)
        return callbacks._busy(torch.device("cuda"))

    assert busy(97) == ", 97 % busy"
    assert busy(RefusedError()) == busy(ModuleNotFoundError()) == ""
