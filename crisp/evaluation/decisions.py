"""Classify a stroke from its windows.

A model sees T frames; a stroke is longer. The model scores every window of T frames in the stroke,
and one of four rules turns the window probabilities into a class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crisp.core import gaussian
from crisp.core.errors import fail

RULES = ("no_window", "vote", "mean", "gaussian")


def windows(begin: int, end: int, length: int) -> range:
    """Return the first frames of a stroke's windows.

    Parameters
    ----------
    begin, end : int
        Frames ``[begin, end)`` of the stroke.
    length : int
        Frames in a window (T).

    Returns
    -------
    range
        ``begin`` to ``end - length`` inclusive, stride 1. A stroke shorter than `length` has one centred
        window, which extends beyond the stroke and may start below 0.
    """
    if end - begin < length:
        start = (begin + end - length) // 2
        return range(start, start + 1)
    return range(begin, end - length + 1)


def scores(probabilities: ArrayLike, rule: str) -> NDArray[np.float64]:
    """Return the class scores of a whole stroke, summing to 1.

    Parameters
    ----------
    probabilities : array_like
        (n, N) class probabilities of the stroke's `n` consecutive windows.
    rule : str
        ``no_window``: probabilities of the centred window. ``vote``: share of windows with this best
        class. ``mean`` and ``gaussian``: the average, unweighted or weighted by
        `crisp.core.gaussian.kernel`.

    Returns
    -------
    ndarray
        (N,) float64.

    Raises
    ------
    CrispError
        If there are no windows, a probability is not a number, or the rule does not exist.
    """
    values = _checked(probabilities)
    n, n_classes = values.shape
    if rule == "no_window":
        # Windows start at every frame, so floor((b + e - T) / 2) is always the lower middle window.
        return values[(n - 1) // 2]
    if rule == "vote":
        return np.bincount(values.argmax(axis=1), minlength=n_classes) / n
    if rule == "mean":
        return values.mean(axis=0)
    if rule == "gaussian":
        return gaussian.kernel(n) @ values
    raise fail("decision", "no such rule", ", ".join(RULES), repr(rule), "choose one of them")


def rank(probabilities: ArrayLike, rule: str) -> NDArray[np.intp]:
    """Rank class indices (N,), best first; ties: the higher mean over windows, then the lower index.

    Parameters and errors as in `scores`.
    """
    means = _checked(probabilities).mean(axis=0)
    # lexsort is stable; its last key is the primary one.
    return np.lexsort((-means, -scores(probabilities, rule)))


def decide(probabilities: ArrayLike, rule: str) -> tuple[int, NDArray[np.float64]]:
    """Return the class index of a stroke (first of `rank`) and its `scores` (N,)."""
    return int(rank(probabilities, rule)[0]), scores(probabilities, rule)


def _checked(probabilities: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(probabilities, dtype=np.float64)
    if values.ndim != 2 or 0 in values.shape:
        raise fail(
            "decision", "no window probabilities", "(windows, classes), one of each at least", values.shape
        )
    if not np.isfinite(values).all():
        raise fail(
            "decision",
            "probabilities are not numbers",
            "finite values",
            "NaN or infinity",
            "the training diverged: lower training.learning_rate and train again",
        )
    return values
