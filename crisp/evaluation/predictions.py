"""Evaluate a model: the predicted class of every stroke, and the metrics over all strokes."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crisp.core.cells import guarded, plain
from crisp.core.csv_table import read_table
from crisp.core.errors import fail
from crisp.core.files import replacing
from crisp.core.limits import frame_bounds
from crisp.evaluation import decisions, metrics
from crisp.evaluation.joint_accuracy import joint_accuracy
from crisp.study.annotations import is_unknown
from crisp.study.samples import Sample
from crisp.study.super_classes import SuperClasses, map_to_super_classes, super_class_names


def class_indices(samples: Iterable[Sample], classes: Sequence[str]) -> NDArray[np.intp]:
    """Return the class index of each sample's label, -1 for ``Unknown``.

    Raises
    ------
    CrispError
        If a label is not a class.
    """
    indices = {name: index for index, name in enumerate(classes)}
    found = []
    for sample in samples:
        if not is_unknown(sample.label) and sample.label not in indices:
            raise fail(
                f"sample {sample.sample}",
                "label is not a class of the model",
                ", ".join(classes),
                repr(sample.label),
                "add it to the classes of the study and train again, or correct the annotation",
            )
        found.append(metrics.UNKNOWN if is_unknown(sample.label) else indices[sample.label])
    return np.array(found, dtype=np.intp)


def evaluate_predictions(
    samples: Sequence[Sample],
    probabilities: Sequence[ArrayLike],
    classes: Sequence[str],
    decision: str,
    majority: float | None = None,
    super_classes: SuperClasses | None = None,
    negative: str = "",
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Classify every stroke with every rule, and compute the metrics.

    Parameters
    ----------
    samples : sequence of Sample
        The S strokes.
    probabilities : sequence of array_like
        S arrays (n_i, N): class probabilities of the windows of each stroke, in time order.
    classes : sequence of str
        The N class names.
    decision : str
        The configured rule, one of `decisions.RULES`.
    majority : float, optional
        Accuracy of always predicting the most frequent training class (`metrics.majority`), for comparison.
    super_classes : mapping, optional
        Sets of super-classes for additional metrics (`Study.super_classes`).
    negative : str
        The negative class; empty, or not among `classes`: none.

    Returns
    -------
    predictions : list of dict
        One row per stroke, with the keys of `columns`.
    figures : dict
        Metrics of `metrics.classification` for the configured rule, `super_classes` (the same metrics for
        each set, without `super_classes` of their own), with a negative class `joint_accuracy`
        (`crisp.evaluation.joint_accuracy`), `decision` (the rule's name), `decisions` (all these metrics for
        each rule) and `majority`.

    Raises
    ------
    CrispError
        If a label is not a class, the rule does not exist, or the probabilities do not fit the samples.
    """
    if decision not in decisions.RULES:
        raise fail(
            "decision", "no such rule", ", ".join(decisions.RULES), repr(decision), "choose one of them"
        )
    truth = class_indices(samples, classes)
    windows = _fitting(samples, probabilities, len(classes))
    ranked = {rule: [decisions.rank(window, rule) for window in windows] for rule in decisions.RULES}
    rows = []
    for index, sample in enumerate(samples):
        chosen = {rule: int(ranked[rule][index][0]) for rule in decisions.RULES}
        scores = decisions.scores(windows[index], decision)
        rows.append(_row(sample, int(truth[index]), chosen, scores, classes, decision))
    figures = {
        rule: classification_figures(truth, ranked[rule], classes, super_classes or {})
        for rule in decisions.RULES
    }
    if negative in classes:
        for rule, found in figures.items():
            found["joint_accuracy"] = joint_accuracy(truth, ranked[rule], list(classes).index(negative))
    return rows, {**figures[decision], "decision": decision, "majority": majority, "decisions": figures}


def classification_figures(
    truth: ArrayLike, ranked: ArrayLike, classes: Sequence[str], super_classes: SuperClasses
) -> dict[str, Any]:
    """Compute the metrics of a classification, including those by super-class.

    Parameters
    ----------
    truth, ranked, classes
        As for `metrics.classification`.
    super_classes : mapping
        Sets of super-classes.

    Returns
    -------
    dict
        `metrics.classification`, and under `super_classes` the same for each set.
    """
    coarse = {
        name: metrics.classification(
            *map_to_super_classes(truth, ranked, classes, members), super_class_names(classes, members)
        )
        for name, members in super_classes.items()
    }
    return {**metrics.classification(truth, ranked, classes), "super_classes": coarse}


def columns(classes: Sequence[str]) -> list[str]:
    """Return the header of ``predictions.csv``.

    `correct` is 1 or 0, empty for an unlabelled stroke. `score` is that of the predicted class, and
    ``p:<class>`` that of each class, for the configured rule (for ``vote`` the share of votes);
    ``by:<rule>`` is the class predicted by each rule.
    """
    fixed = ["sample", "video", "begin", "end", "label", "prediction", "correct", "score"]
    return [*fixed, *(f"p:{name}" for name in classes), *(f"by:{rule}" for rule in decisions.RULES)]


def write_predictions(path: str | Path, rows: Iterable[Mapping[str, Any]], classes: Sequence[str]) -> None:
    """Write ``predictions.csv``.

    Parameters
    ----------
    path : path-like
        File to write.
    rows : iterable of mapping
        One per stroke, with the keys of `columns`; floats are written with six decimals.
    classes : sequence of str
        The class names.

    Raises
    ------
    CrispError
        If the file cannot be written (see `crisp.core.files.replacing`).
    """
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns(classes), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow(
                {
                    key: f"{cell:.6f}" if isinstance(cell, float) else guarded(cell)
                    for key, cell in row.items()
                }
            )


ROUNDED = 0.001  # tolerance of probabilities beyond 0 or 1


class Prediction(NamedTuple):
    """A row of ``predictions.csv``; `correct` is None for an unlabelled stroke, `scores` (N,) by class."""

    sample: str
    video: str
    begin: int
    end: int
    label: str
    prediction: str
    correct: bool | None
    scores: NDArray[np.float64]


def read_predictions(path: str | Path, classes: Sequence[str]) -> list[Prediction]:
    """Read the ``predictions.csv`` of a model with these classes.

    Raises
    ------
    CrispError
        If it is missing, damaged, or has other classes.
    """
    names = columns(classes)

    def prediction(row: dict[str, str]) -> Prediction:
        if list(row) != names:
            raise ValueError(f"columns {', '.join(row)[:200]}")
        return Prediction(
            row["sample"],
            row["video"],
            *frame_bounds(row["begin"], row["end"]),
            plain(row["label"]),
            plain(row["prediction"]),
            None if row["correct"] == "" else bool(int(row["correct"])),
            np.array([_share(row[f"p:{name}"]) for name in classes]),
        )

    return read_table(path, "table of predictions", names, prediction, "evaluate", delimiter=",")


def _share(cell: str) -> float:
    value = float(cell)
    if not -ROUNDED <= value <= 1 + ROUNDED:
        raise ValueError(f"probability {cell[:20]}")
    return value


def _fitting(
    samples: Sequence[Sample], probabilities: Sequence[ArrayLike], n_classes: int
) -> list[NDArray[np.float64]]:
    """Return the probabilities as arrays, checked against samples and classes."""
    if len(samples) != len(probabilities):
        raise fail(
            "evaluation", "not one array of probabilities per sample", str(len(samples)), len(probabilities)
        )
    windows = [np.asarray(window, dtype=np.float64) for window in probabilities]
    for sample, window in zip(samples, windows, strict=True):
        if window.ndim != 2 or window.shape[1] != n_classes:
            where = f"sample {sample.sample}"
            raise fail(where, "probabilities have another shape", f"(windows, {n_classes})", window.shape)
    return windows


def _row(
    sample: Sample,
    truth: int,
    chosen: Mapping[str, int],
    scores: NDArray[np.float64],
    classes: Sequence[str],
    decision: str,
) -> dict[str, Any]:
    """Return a stroke's row of ``predictions.csv``; the keys are those of `columns`."""
    prediction = chosen[decision]
    return {
        "sample": sample.sample,
        "video": sample.video,
        "begin": sample.begin,
        "end": sample.end,
        "label": sample.label,
        "prediction": classes[prediction],
        "correct": "" if truth == metrics.UNKNOWN else int(prediction == truth),
        "score": float(scores[prediction]),
        **{f"p:{name}": float(score) for name, score in zip(classes, scores, strict=True)},
        **{f"by:{rule}": classes[index] for rule, index in chosen.items()},
    }
