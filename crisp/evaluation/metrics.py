"""Classification metrics of a set of strokes.

A truth of -1 means not annotated; these strokes are always excluded, and not counted in `n`.
An undefined metric (recall of a class that does not occur, any metric without strokes) is None,
which JSON writes as null. (scikit-learn rejects an empty set, and gives 0 or NaN for undefined
metrics; where both define a metric they agree, which the tests check.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

TOP_K = (1, 2, 3, 5)
UNKNOWN = -1


def classification(truth: ArrayLike, ranked: ArrayLike, classes: Sequence[str]) -> dict[str, Any]:
    """Compute all metrics of a classification.

    Parameters
    ----------
    truth : array_like
        (n,) true class indices; -1 if the stroke is not annotated.
    ranked : array_like
        (n, N) class indices of each stroke, best first; the first is the prediction.
    classes : sequence of str
        The N class names.

    Returns
    -------
    dict
        Ready for JSON: `n`, `accuracy` (micro), `interval` (Wilson's 95 % interval of the accuracy),
        `mean_class_recall` (over the classes that occur), `top_k` (share of strokes whose class is among
        the first k, for k below N), `per_class` (by name: `precision`, `recall`, `f1`, `support`),
        `confusion` (counts, rows = truth) and `classes`.
    """
    actual = _indices(truth)
    labelled = actual != UNKNOWN
    orders = _indices(ranked).reshape(len(actual), len(classes))[labelled]
    actual = actual[labelled]
    hits = orders == actual[:, None]
    matrix = confusion(actual, orders[:, 0], len(classes))
    per_class = _per_class(matrix, classes)
    recalls = [float(figures["recall"] or 0) for figures in per_class.values() if figures["support"]]
    return {
        "n": len(actual),
        "accuracy": _mean(hits[:, 0]),
        "interval": interval(int(hits[:, 0].sum()), len(actual)),
        "mean_class_recall": _mean(recalls),
        "top_k": {str(k): _mean(hits[:, :k].any(axis=1)) for k in TOP_K if k < len(classes)},
        "per_class": per_class,
        "confusion": matrix.tolist(),
        "classes": list(classes),
    }


def confusion(truth: ArrayLike, predicted: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Count the confusions of annotated strokes.

    Parameters
    ----------
    truth, predicted : array_like
        (n,) class indices; strokes with truth -1 (not annotated) are excluded.
    n_classes : int
        Number of classes (N).

    Returns
    -------
    ndarray, (N, N) int64
        Counts, rows = truth, columns = prediction.
    """
    actual, chosen = _indices(truth), _indices(predicted)
    labelled = actual != UNKNOWN
    cells = actual[labelled] * n_classes + chosen[labelled]
    return np.bincount(cells, minlength=n_classes**2).reshape(n_classes, n_classes)


def row_shares(matrix: ArrayLike) -> NDArray[np.float64]:
    """Return confusion counts (N, N) as shares of their row; a row without strokes stays 0."""
    counts = np.asarray(matrix, dtype=np.float64)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def interval(correct: int, n: int) -> list[float] | None:
    """Return Wilson's 95 % interval ``[low, high]`` of a share of `correct` in `n`; None if `n` is 0.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    from scipy.stats import binomtest  # takes a second to import, and training does not need it

    if n == 0:
        return None
    bounds = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return [float(bounds.low), float(bounds.high)]


def majority(training: ArrayLike, truth: ArrayLike) -> float | None:
    """Return the accuracy of always predicting the most frequent training class.

    Parameters
    ----------
    training, truth : array_like
        (m,) and (n,) class indices of the training strokes and of the scored ones; -1 is skipped.
        Ties use the lowest class index.

    Returns
    -------
    float or None
        None if either has no annotated stroke.
    """
    seen, actual = _indices(training), _indices(truth)
    seen, actual = seen[seen != UNKNOWN], actual[actual != UNKNOWN]
    return _mean(actual == np.bincount(seen).argmax()) if seen.size else None


def _per_class(matrix: NDArray[np.int64], classes: Sequence[str]) -> dict[str, dict[str, float | int | None]]:
    hits, support, predicted = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    return {
        name: {
            "precision": _share(hits[index], predicted[index]),
            "recall": _share(hits[index], support[index]),
            "f1": _share(2 * hits[index], support[index] + predicted[index]),
            "support": int(support[index]),
        }
        for index, name in enumerate(classes)
    }


def _indices(values: ArrayLike) -> NDArray[np.intp]:
    return np.asarray(values, dtype=np.intp)


def _mean(values: NDArray[Any] | Sequence[float]) -> float | None:
    return float(np.mean(values)) if len(values) else None


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None
