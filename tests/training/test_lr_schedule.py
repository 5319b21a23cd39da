"""Learning rates from epoch to epoch, against schedules written out by hand."""

from __future__ import annotations

import dataclasses

import pytest

from crisp.training import lr_schedule
from crisp.training.lr_schedule import Step
from tests.trainable import configured

SETTINGS = configured(learning_rate=0.01, schedule="restarts", patience=3, epochs=8).training


def run(best: str, **changes: object) -> list[Step]:
    """The step before each epoch; `best` says by ``+`` or ``-`` which of them had a new least loss."""
    history: list[dict[str, float]] = []
    steps = []
    for mark in best:
        step = lr_schedule.following(history, dataclasses.replace(SETTINGS, **changes))
        steps.append(step)
        history.append({"learning_rate": step.learning_rate, "best": float(mark == "+")})
    return steps


def test_constant() -> None:
    assert run("+" + "-" * 60, schedule="constant") == [Step(0.01)] * 61


def test_restart_after_patience_epochs_without_a_new_best() -> None:
    steps = run("+-+---+---")
    assert [step.reload for step in steps] == [False] * 6 + [True] + [False] * 3
    assert [step.learning_rate for step in steps] == [0.01] * 6 + [0.001] * 4


def test_below_the_lowest_rate_it_begins_again() -> None:
    rates = [step.learning_rate for step in run("+" + "-" * 18) if step.reload]
    assert rates == pytest.approx([1e-3, 1e-4, 1e-5, 1e-2, 1e-3])


def test_restart_at_the_same_rate_waits_afresh() -> None:
    steps = run("+" + "-" * 9, learning_rate=5e-5)
    assert [number for number, step in enumerate(steps, start=1) if step.reload] == [5, 8]
    assert {step.learning_rate for step in steps} == {5e-5}


def test_each_restart_waits_afresh() -> None:
    steps = run("+" + "-" * 9)
    assert [number for number, step in enumerate(steps, start=1) if step.reload] == [5, 8]


def test_cosine() -> None:
    rates = [step.learning_rate for step in run("+" * 8, schedule="cosine")]
    assert rates[0] == 0.01
    assert rates[4] == pytest.approx(0.005)
    assert rates == sorted(rates, reverse=True)
    assert 0 < rates[-1] < 0.0005


def stalled(losses: list[float], **changes: object) -> list[float]:
    """The rate before each epoch and after the last, by training losses."""
    settings = dataclasses.replace(SETTINGS, **{"schedule": "stalled", "patience": 30, **changes})
    history: list[dict[str, float]] = []
    rates = []
    for loss in [*losses, 0.0]:
        rates.append(lr_schedule.following(history, settings).learning_rate)
        history.append({"learning_rate": rates[-1], "best": 0.0, "train_loss": loss})
    return rates


def test_stalled_after_a_rise() -> None:
    assert stalled([1, 0.7, 0.99]) == [0.01] * 4, "0.7 / 0.7 is the bound"
    assert stalled([1, 0.7, 1.01]) == pytest.approx([0.01] * 3 + [0.002])


def test_stalled_without_a_new_least_loss() -> None:
    rates = stalled([1.0] + [1.1] * 31 + [1.1] * 31)
    assert rates == pytest.approx([0.01] * 31 + [0.002] * 31 + [0.0004] * 2)


def test_stalled_has_a_floor() -> None:
    assert stalled([1, 2] * 6)[-1] == 5e-6
    assert set(stalled([1, 2] * 6, learning_rate=1e-6)) == {1e-6}
