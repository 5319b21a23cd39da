"""Calibration: confidences that are right as often as they say, by one temperature a model.

The temperature is fitted on the validation samples when a training has finished (Guo et al., "On calibration
of modern neural networks", ICML 2017). It changes no order of classes, so no decision: what is decided,
measured and submitted comes from the model's own probabilities, and only confidences that people read are
tempered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

LEAST = 20  # samples that a temperature is fitted on
BOUNDS = (0.5, 10.0)  # of the temperature: few samples, all of them right, would make every guess a certainty
BINS = 10  # of a reliability diagram, equally wide

Probabilities = NDArray[np.float64]


def temper(probabilities: ArrayLike, temperature: float) -> Probabilities:
    """Probabilities at a temperature: softmax(log p / T), in the same order.

    Parameters
    ----------
    probabilities : array_like
        (…, N), rows summing to 1; rows of NaN stay as they are.
    temperature : float
        Above 1 makes less sure, below 1 surer; 1 changes nothing.

    Returns
    -------
    ndarray
        (…, N) float64.
    """
    values = np.asarray(probabilities, np.float64)
    if temperature == 1 or not values.size:
        return values.copy()
    with np.errstate(divide="ignore"):
        logs = np.log(values) / temperature
    powers = np.exp(logs - logs.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def nll(probabilities: Probabilities, labels: NDArray[np.intp]) -> float:
    """Mean negative log-likelihood of labels (n,) under probabilities (n, N), nats."""
    least = np.finfo(np.float64).tiny  # of a class that has none
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], least)).mean())


def bins(probabilities: Probabilities, labels: NDArray[np.intp]) -> list[list[float]]:
    """Reliability: for each tenth of the confidence the samples, their mean confidence and accuracy.

    Returns
    -------
    list of [count, confidence, accuracy]
        `BINS` of them; of an empty bin all are 0.
    """
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    found = []
    for number in range(BINS):
        inside = place == number
        count = int(inside.sum())
        found.append([count, *(float(of[inside].mean()) if count else 0.0 for of in (confidence, right))])
    return found


def calibration_error(reliability: list[list[float]]) -> float:
    """Expected calibration error: the mean gap of confidence and accuracy, over samples, from `bins`."""
    total = sum(count for count, _, _ in reliability)
    return sum(count * abs(sure - right) for count, sure, right in reliability) / total if total else 0.0


def measured(probabilities: ArrayLike, labels: ArrayLike, temperature: float) -> dict[str, Any]:
    """How well confidences agree with what is right, before and after a temperature.

    Parameters
    ----------
    probabilities : array_like
        (n, N) of the model itself.
    labels : array_like
        (n,) class indices; samples with a negative one are left out.
    temperature : float

    Returns
    -------
    dict
        `samples`, and of `before` and `after` the `nll` (nats), `ece` (expected calibration error) and
        `bins`; both empty without a sample.
    """
    values, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.intp)
    if len(truth):  # of none the probabilities have no shape
        values, truth = values[truth >= 0], truth[truth >= 0]
    figures: dict[str, Any] = {"samples": len(truth), "before": {}, "after": {}}
    if len(truth):
        for name, of in (("before", 1.0), ("after", temperature)):
            tempered = temper(values, of)
            reliability = bins(tempered, truth)
            error = calibration_error(reliability)
            figures[name] = {"nll": nll(tempered, truth), "ece": error, "bins": reliability}
    return figures


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike) -> dict[str, Any]:
    """The temperature of least negative log-likelihood within `BOUNDS`.

    Parameters
    ----------
    probabilities, labels : as for `measured`, of validation samples.

    Returns
    -------
    dict
        `temperature`, `remark` (why it is 1, if it could not be fitted, else empty), and all of `measured`.
    """
    values, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.intp)
    known = truth >= 0
    if (count := int(known.sum())) < LEAST:
        remark = f"{count} validation samples are too few to calibrate on; at least {LEAST}"
        return {"temperature": 1.0, "remark": remark, **measured(values, truth, 1.0)}
    values, truth = values[known], truth[known]
    best = minimize_scalar(
        lambda power: nll(temper(values, float(np.exp(power))), truth),
        bounds=tuple(np.log(BOUNDS)),
        options={"xatol": 1e-4},
    )
    temperature = round(float(np.exp(best.x)), 4)
    if nll(temper(values, temperature), truth) > nll(values, truth):  # at 1 but for rounding
        temperature = 1.0
    return {"temperature": temperature, "remark": "", **measured(values, truth, temperature)}
