"""Read and write the learning history of a model: ``history.csv``."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from crisp.core.csv_table import read_table
from crisp.core.files import replacing

# A run that covered less of the way from chance to the minimum loss has learned nothing.
LEARNED_SHARE = 0.1
HISTORY_COLUMNS = (
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
    "best",
)
NEEDED = tuple(name for name in HISTORY_COLUMNS if name != "learning_rate")  # missing in older files


def read_history(path: str | Path) -> list[dict[str, float]]:
    """Read ``history.csv``: one dict per epoch with `NEEDED` and any further columns; an empty cell is NaN.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    return read_table(path, "training history", NEEDED, _epoch, "train", delimiter=",")


def _epoch(cells: dict[str, str]) -> dict[str, float]:
    row = {name: float(cell or "nan") for name, cell in cells.items()}
    if not row["epoch"].is_integer():
        raise ValueError("epoch is not an integer")
    return row


def never_learned(
    history: Iterable[Mapping[str, float]], n_classes: int, double_softmax: bool = False
) -> bool:
    """Return whether a training never improved on chance.

    Predicting all N classes with equal probability costs log N, with a softmax before the cross-entropy too.
    The minimum loss is 0; with that softmax it is log(e + N - 1) - 1, for scores (1, 0, …, 0): 2.123 at
    N = 21. A training has learned if, in some epoch, its training loss covered a tenth of the way from
    one to the other. Knowing only the class frequencies can be enough for this, so the accuracy must be
    compared with the majority baseline as well.

    Parameters
    ----------
    history : iterable of mappings
        The epochs, with `train_loss` (mean over samples, nats); NaN counts as not learned.
    n_classes : int
        N.
    double_softmax : bool
        Whether the model was trained with `double_softmax`.

    Returns
    -------
    bool
    """
    chance = math.log(n_classes)
    floor = math.log(math.e + n_classes - 1) - 1 if double_softmax else 0.0
    limit = chance - LEARNED_SHARE * (chance - floor)
    # A comparison with NaN is False: a diverged epoch never counts.
    return not any(epoch["train_loss"] <= limit for epoch in history)


Row = Mapping[str, float]


def write_history(path: Path, history: Sequence[Row]) -> None:
    """Write the history, one row per epoch, floats in full precision."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, HISTORY_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)
