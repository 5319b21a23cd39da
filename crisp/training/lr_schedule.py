"""Compute the learning rate of each epoch from the history alone, so that a resume changes nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from crisp.study.variants import Training

LOWEST = 1e-5  # below it a restart returns to the initial learning rate
STALLED_BY, FLOOR, RISEN = 5, 5e-6, 1 / 0.7  # of the schedule `stalled`


class Step(NamedTuple):
    """Settings of the next epoch; `reload` = start from the best weights so far, without momentum."""

    learning_rate: float
    reload: bool = False


def following(history: Sequence[Mapping[str, float]], settings: Training) -> Step:
    """Return the settings of the epoch after a history.

    ``constant``: always the same rate. ``cosine``: half a cosine from the configured rate to 0 (Loshchilov
    and Hutter, ICLR 2017, without restarts). ``restarts``: as published for TTStroke-21, `patience` epochs
    without a new minimum validation loss reload the best weights with a tenth of the rate, or with the
    configured rate once it is below 1e-5. ``stalled``: as in MediaEval 2022's baseline, a fifth of the rate,
    but not below 5e-6, once the training loss exceeds 1 / 0.7 of its minimum, or has had no new minimum for
    `patience` epochs; both count from the last change of the rate.

    Parameters
    ----------
    history : sequence of mappings
        Rows of the epochs so far; `learning_rate`, `train_loss` and `best` (1 = a new minimum validation
        loss) are read.
    settings : Training

    Returns
    -------
    Step
    """
    first = settings.learning_rate
    if settings.schedule == "cosine":
        return Step(first * 0.5 * (1 + math.cos(math.pi * len(history) / settings.epochs)))
    if settings.schedule == "constant" or not history:
        return Step(first)
    rate = history[-1]["learning_rate"]
    if settings.schedule == "stalled":
        losses = [row["train_loss"] for row in history if row["learning_rate"] == rate]
        flat = len(losses) - 1 - losses.index(min(losses))
        stalled = losses[-1] > min(losses) * RISEN or flat >= settings.patience
        return Step(max(rate / STALLED_BY, min(FLOOR, rate)) if stalled else rate)
    waited = next((count for count, row in enumerate(reversed(history)) if row["best"]), len(history))
    if waited == 0 or waited % settings.patience:
        return Step(rate)
    lower = rate / 10
    # One per cent tolerance, as 0.01 divided by ten three times is not exactly 0.00001.
    return Step(lower if lower * 1.01 > LOWEST else first, reload=True)
