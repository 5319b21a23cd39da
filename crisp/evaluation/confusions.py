"""Find the most frequent confusions of classes, with examples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from crisp.evaluation.predictions import Prediction

MOST = 5  # confusions
EXAMPLES = 3  # strokes per confusion


class Confusion(NamedTuple):
    """`times` of `total` predictions of a class are another class; with some examples.

    `examples` has one prediction per stroke, highest score first.
    """

    label: str
    predicted: str
    times: int
    total: int
    examples: list[Prediction]


def worst_confusions(predictions: Iterable[Prediction], classes: Sequence[str]) -> list[Confusion]:
    """Return the `MOST` most frequent confusions over all given predictions (several seeds and folds).

    Ties are broken by the larger share of the class.
    """
    totals: dict[str, int] = defaultdict(int)
    wrong: dict[tuple[str, str], list[Prediction]] = defaultdict(list)
    for one in predictions:
        if one.correct is not None:
            totals[one.label] += 1
        if one.correct is False:
            wrong[one.label, one.prediction].append(one)
    found = []
    for (label, predicted), confused in wrong.items():
        column = classes.index(predicted)
        ordered = sorted(confused, key=lambda one: (-one.scores[column], one.sample))
        examples = list({one.sample: one for one in reversed(ordered)}.values())[::-1]
        found.append(Confusion(label, predicted, len(confused), totals[label], examples[:EXAMPLES]))
    return sorted(found, key=lambda one: (-one.times, one.total, one.label, one.predicted))[:MOST]
