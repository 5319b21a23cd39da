"""Accuracy with and without the negative class: which stroke it is, and whether it is one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from crisp.evaluation.metrics import UNKNOWN, interval


def joint_accuracy(truth: ArrayLike, ranked: ArrayLike, negative: int) -> dict[str, Any]:
    """Return the accuracies of a classification with a negative class.

    As in Table 2 of Martin et al. (Multimedia Tools and Applications, 2020), where accuracies are given with
    the negative class and without it.

    Parameters
    ----------
    truth : array_like, (S,) int
        Class index of each sample, -1 = unlabelled, which is left out.
    ranked : array_like, (S, N) int
        Class indices of each sample, most probable first; at least two.
    negative : int
        Index of the negative class.

    Returns
    -------
    dict
        `n`, `accuracy` and `interval` (Wilson, 95 %) of ``with_negative``: all samples and classes;
        ``without_negative``: samples of strokes, classified among the stroke classes alone;
        ``stroke_or_negative``: all samples, told apart into strokes and negatives.
    """
    actual = np.asarray(truth, dtype=np.intp)
    order = np.asarray(ranked, dtype=np.intp).reshape(len(actual), -1 if len(actual) else 2)
    labelled = actual != UNKNOWN
    stroke = labelled & (actual != negative)
    best = order[:, 0]
    best_stroke = np.where(best == negative, order[:, 1], best)
    return {
        "with_negative": _accuracy((best == actual)[labelled]),
        "without_negative": _accuracy((best_stroke == actual)[stroke]),
        "stroke_or_negative": _accuracy(((best == negative) == (actual == negative))[labelled]),
    }


def _accuracy(correct: np.ndarray) -> dict[str, Any]:
    hits, n = int(correct.sum()), len(correct)
    return {"n": n, "accuracy": hits / n if n else None, "interval": interval(hits, n)}
