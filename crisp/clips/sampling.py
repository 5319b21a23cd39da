"""The order of samples in an epoch: class weights, balance, batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def class_weights(labels: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Return the weight of each class, inverse to its frequency; the mean weight of the samples is 1.

    Parameters
    ----------
    labels : array_like
        (n,) class indices of the training samples.
    n_classes : int
        A class without samples has weight 0.

    Returns
    -------
    ndarray, (n_classes,) float64
    """
    counts = np.bincount(np.asarray(labels), minlength=n_classes)
    occurring = counts > 0
    return np.where(occurring, counts.sum() / (occurring.sum() * np.maximum(counts, 1)), 0.0)


def balanced_order(labels: ArrayLike, generator: np.random.Generator) -> NDArray[np.intp]:
    """Draw as many sample indices as there are labels, with equal probability for each class.

    The k-th draw of a sample (from 0) has its index plus k times the number of samples
    (`ClipDataset` then augments it differently).
    """
    labels = np.asarray(labels)
    n = len(labels)
    shares = class_weights(labels, labels.max() + 1)[labels]
    drawn = generator.choice(n, n, p=shares / shares.sum())
    # Rank of each draw among those of its sample: a stable sort puts them next to each other.
    order = np.argsort(drawn, kind="stable")
    ordered = drawn[order]
    times = np.empty(n, dtype=np.intp)
    times[order] = np.arange(n) - np.searchsorted(ordered, ordered)
    return drawn + n * times


def grouped(order: Sequence[int], size: int, least: int = 1) -> list[list[int]]:
    """Group indices in batches.

    Parameters
    ----------
    order : sequence of int
        The indices.
    size : int
        Indices per batch.
    least : int
        A last batch with fewer indices joins the previous one, if there is one.

    Returns
    -------
    list of list of int
    """
    batches = [list(order[begin : begin + size]) for begin in range(0, len(order), size)]
    if len(batches) > 1 and len(batches[-1]) < least:
        rest = batches.pop()
        batches[-1] += rest
    return batches
