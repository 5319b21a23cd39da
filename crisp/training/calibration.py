"""Calibration: one temperature per model, so that confidences match accuracies.

The temperature is fitted on the validation samples when a training has finished (Guo et al., "On calibration
of modern neural networks", ICML 2017). It does not change the order of the classes, so decisions, metrics and
submissions use the model's own probabilities. Only confidences shown to people are calibrated.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

LEAST = 20  # minimum number of samples to fit a temperature
BOUNDS = (0.5, 10.0)  # of the temperature: a few correct samples would otherwise give certainty
BINS = 10  # of the temperature: a few correct samples would otherwise give certainty

Probabilities = NDArray[np.float64]


def temper(probabilities: ArrayLike, temperature: float) -> Probabilities:
    """Return probabilities at a temperature: softmax(log p / T), in the same order.

    Parameters
    ----------
    probabilities : array_like
        (…, N), rows summing to 1; rows of NaN are unchanged.
    temperature : float
        Above 1 lowers confidences, below 1 raises them; 1 changes nothing.

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
    """Return the mean negative log-likelihood of labels (n,) under probabilities (n, N), in nats."""
    least = np.finfo(np.float64).tiny  # replaces a probability of 0
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], least)).mean())


def bins(probabilities: Probabilities, labels: NDArray[np.intp]) -> list[list[float]]:
    """Return the reliability diagram: samples, mean confidence and accuracy per tenth of confidence.

    Returns
    -------
    list of [count, confidence, accuracy]
        `BINS` entries; all zeros for an empty bin.
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
    """Return the expected calibration error, the mean gap of confidence and accuracy, from `bins`."""
    total = sum(count for count, _, _ in reliability)
    return sum(count * abs(sure - right) for count, sure, right in reliability) / total if total else 0.0


def measured(probabilities: ArrayLike, labels: ArrayLike, temperature: float) -> dict[str, Any]:
    """Measure how well confidences match accuracies, before and after applying a temperature.

    Parameters
    ----------
    probabilities : array_like
        (n, N), uncalibrated.
    labels : array_like
        (n,) class indices; samples with a negative index are skipped.
    temperature : float

    Returns
    -------
    dict
        `samples`, and for each of `before` and `after` the `nll` (nats), `ece` (expected calibration error)
        and `bins`; both are empty without samples.
    """
    values, truth = np.asarray(probabilities, np.float64), np.asarray(labels, np.intp)
    if len(truth):  # without samples the probabilities have no shape
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
    """Fit the temperature of least negative log-likelihood within `BOUNDS`.

    Parameters
    ----------
    probabilities, labels : array_like
        As for `measured`, for validation samples.

    Returns
    -------
    dict
        `temperature`, `remark` (why it is 1 if the fit failed, else empty), and all keys of `measured`.
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
    if nll(temper(values, temperature), truth) > nll(values, truth):  # rounding can make it worse than T = 1
        temperature = 1.0
    return {"temperature": temperature, "remark": "", **measured(values, truth, temperature)}
