"""Choose the samples to label next: those a classifier is unsure of, of all kinds that there are.

Uncertainty is that of margin sampling (T. Scheffer, C. Decomain and S. Wrobel, "Active hidden Markov models
for information extraction", IDA 2001), which suits a classifier judged by its accuracy (B. Settles, "Active
learning literature survey", 2009, section 3.1). Of the most uncertain samples, k-means, weighted by
uncertainty, takes one of each cluster (F. Zhdanov, "Diverse mini-batch active learning", arXiv:1901.05954,
2019). Samples near the centres of clusters are typical ones, which are worth most while labels are few
(G. Hacohen, A. Dekel and D. Weinshall, "Active learning on a budget: opposite strategies suit high and low
budgets", ICML 2022); the greedy k-centre algorithm would take outliers.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

MOST_DEVIATIONS = 3  # a feature further from its mean counts as so far: a failed pose is no rare stroke
PREFILTER = 10  # most uncertain samples that are clustered, for each one to choose: beta of Zhdanov
RESTARTS = 3  # of k-means; the best counts
LEAST_WEIGHT = 1e-6  # of a sample in a cluster, if the classifier is certain


def margin_uncertainty(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Return one minus the difference of the two highest class probabilities.

    Parameters
    ----------
    probabilities : array_like, (n, N)
        Of N >= 2 classes.

    Returns
    -------
    ndarray, (n,)
        1 if both are equal, 0 if the classifier is certain.
    """
    highest = np.sort(np.asarray(probabilities, dtype=np.float64), axis=1)[:, -2:]
    return 1 - (highest[:, 1] - highest[:, 0])


def standardise(features: ArrayLike) -> NDArray[np.float64]:
    """Return features whose Euclidean distances are root mean square differences, in deviations.

    Parameters
    ----------
    features : array_like, (n, F)
        NaN where unknown.

    Returns
    -------
    ndarray, (n, F)
        Of mean 0 and deviation 1 over the n samples, clipped to `MOST_DEVIATIONS`, divided by the root of F;
        0 where unknown, or the same in all samples.
    """
    values = np.ma.masked_invalid(np.asarray(features, dtype=np.float64))
    scaled = (values - values.mean(axis=0)) / np.ma.masked_equal(values.std(axis=0), 0)
    clipped = np.ma.filled(scaled, 0.0).clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    return clipped / np.sqrt(clipped.shape[1])


def choose(
    features: NDArray[np.float64], number: int, uncertainty: NDArray[np.float64] | None = None
) -> NDArray[np.intp]:
    """Choose samples, one of each cluster of the most uncertain ones.

    Parameters
    ----------
    features : ndarray, (n, F)
        Of the unlabelled samples, as from `standardise`.
    number : int
        Samples to choose; all n if there are fewer.
    uncertainty : ndarray, (n,), optional
        Not negative; without it all samples are clustered, with the same weight.

    Returns
    -------
    ndarray, (k,)
        Indices, the most uncertain first; without uncertainty those of the largest cluster. Samples with the
        features of a chosen one come last.
    """
    from sklearn.cluster import KMeans

    weights = np.ones(len(features)) if uncertainty is None else uncertainty.clip(LEAST_WEIGHT)
    order = np.argsort(-weights, kind="stable")
    kept = order[: PREFILTER * number] if uncertainty is not None else order
    count = min(number, len(np.unique(features[kept], axis=0)))
    if not count:
        return order[:0]
    clusters = KMeans(count, n_init=RESTARTS, random_state=0).fit(features[kept], sample_weight=weights[kept])
    labels, distances = clusters.labels_, clusters.transform(features[kept]).min(axis=1)
    by_cluster = np.lexsort((distances, labels))
    _, first, sizes = np.unique(labels[by_cluster], return_index=True, return_counts=True)
    nearest = by_cluster[first]
    worth = sizes if uncertainty is None else weights[kept[nearest]]
    chosen = kept[nearest[np.lexsort((nearest, -worth))]]
    return np.concatenate([chosen, order[~np.isin(order, chosen)]])[:number]
