"""Agreement beyond chance of nominal ratings: Cohen's and Fleiss' kappa, Krippendorff's alpha.

All are ``1 - D / E``, with the share D of pairs of ratings that differ and the share E expected by chance,
and follow from counts that add up over videos: `Tally`. So frames need not be listed one by one, and the
bootstrap over videos only adds the counts of the videos drawn. scikit-learn and statsmodels want all ratings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 2000
MISSING = -1  # a rating that is not given


@dataclass(frozen=True)
class Tally:
    """Counts of pairs of ratings of K categories, for each of V videos, or of B draws of videos.

    Attributes
    ----------
    agreed : ndarray of float, (V,)
        Weight of the pairs of equal ratings.
    first, second : ndarray of float, (V, K)
        Weight of the pairs by the category of their first and of their second rating.
    """

    agreed: NDArray[np.float64]
    first: NDArray[np.float64]
    second: NDArray[np.float64]

    @property
    def total(self) -> Tally:
        """Return the sum over videos, with V = 1."""
        return self.drawn(np.ones((1, len(self.agreed))))

    def drawn(self, times: NDArray[np.float64]) -> Tally:
        """Return the sums over draws; `times` (B, V) is how often each draw has each video."""
        return Tally(times @ self.agreed, times @ self.first, times @ self.second)

    @property
    def pairs(self) -> NDArray[np.float64]:
        """Return the weight of all pairs, (V,)."""
        return self.first.sum(axis=-1)


def tally_pair(one: ArrayLike, other: ArrayLike, categories: int, weights: ArrayLike = 1) -> Tally:
    """Count the ratings of two people, for Cohen's kappa.

    Parameters
    ----------
    one, other : array_like of int, (n,)
        Categories, or `MISSING`: such units are left out.
    categories : int
        K.
    weights : array_like, (n,) or a number
        How often each unit occurs.

    Returns
    -------
    Tally
        Of one video.
    """
    a, b = np.asarray(one, np.intp), np.asarray(other, np.intp)
    known = (a != MISSING) & (b != MISSING)
    a, b, weight = a[known], b[known], np.broadcast_to(np.asarray(weights, float), known.shape)[known]
    first, second = (np.bincount(ratings, weight, categories)[None].astype(float) for ratings in (a, b))
    return Tally(np.array([weight[a == b].sum()]), first, second)


def tally_units(ratings: ArrayLike, categories: int, weights: ArrayLike = 1, complete: bool = False) -> Tally:
    """Count the pairs of ratings within units, for Fleiss' kappa and Krippendorff's alpha.

    Each unit of m ratings has m (m - 1) pairs of weight 1 / (m - 1); one of fewer than two has none. So the
    counts are sums of Krippendorff's coincidences.

    Parameters
    ----------
    ratings : array_like of int, (n, R)
        Categories, or `MISSING`.
    categories : int
        K.
    weights : array_like, (n,) or a number
        How often each unit occurs.
    complete : bool
        Leave out units that lack a rating, as Fleiss' kappa is for a constant number of ratings.

    Returns
    -------
    Tally
        Of one video.
    """
    values = np.asarray(ratings, np.intp)
    given = (values != MISSING).sum(axis=1)
    used = given >= max(2, values.shape[1] if complete else 0)
    values, given = values[used], given[used]
    weight = np.broadcast_to(np.asarray(weights, float), used.shape)[used]
    counts = np.zeros((len(values), categories))
    units, raters = np.nonzero(values != MISSING)
    np.add.at(counts, (units, values[units, raters]), 1)
    agreed = (counts * (counts - 1)).sum(axis=1) / np.maximum(given - 1, 1)
    margins = weight @ counts
    return Tally(np.array([weight @ agreed]), margins[None], margins[None])


def kappa(tally: Tally) -> NDArray[np.float64]:
    """Return Cohen's kappa of `tally_pair`, or Fleiss' kappa of complete `tally_units`.

    J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement,
    1960; J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin, 1971.

    Parameters
    ----------
    tally : Tally

    Returns
    -------
    ndarray, (V,)
        At most 1; NaN if there are no ratings, or only of one category.
    """
    return _beyond_chance(tally, tally.pairs**2)


def alpha(tally: Tally) -> NDArray[np.float64]:
    """Return Krippendorff's alpha for nominal data.

    K. Krippendorff, "Computing Krippendorff's alpha-reliability", University of Pennsylvania, 2011.

    Parameters
    ----------
    tally : Tally
        Of `tally_units`; its `pairs` are the number of ratings of units with at least two.

    Returns
    -------
    ndarray, (V,)
        At most 1; NaN if there are no ratings, or only of one category.
    """
    return _beyond_chance(tally, tally.pairs * (tally.pairs - 1))


def _beyond_chance(tally: Tally, possible: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``1 - D / E``; `possible` is the number of pairs from which chance draws."""
    apart = tally.pairs**2 - (tally.first * tally.second).sum(axis=-1)  # pairs of different categories
    with np.errstate(divide="ignore", invalid="ignore"):
        observed = (tally.pairs - tally.agreed) / tally.pairs
        return np.where(apart > 0, 1 - observed * possible / apart, np.nan)


def interval(tally: Tally, corrected: bool = False, seed: int = 0) -> list[float] | None:
    """Return the 95 % interval of kappa by bootstrap over videos.

    Parameters
    ----------
    tally : Tally
    corrected : bool
        Of Krippendorff's alpha instead.
    seed : int
        Seed of the resampling.

    Returns
    -------
    list or None
        The 2.5th and 97.5th percentile over `RESAMPLES` draws of V videos with replacement (B. Efron,
        "Bootstrap methods: another look at the jackknife", 1979), those without value left out; None for
        fewer than two videos with ratings.
    """
    videos = int((tally.pairs > 0).sum())
    if videos < 2:
        return None
    kept = tally.pairs > 0
    tally = Tally(tally.agreed[kept], tally.first[kept], tally.second[kept])
    times = np.random.default_rng(seed).multinomial(videos, [1 / videos] * videos, RESAMPLES)
    values = (alpha if corrected else kappa)(tally.drawn(times.astype(float)))
    values = values[np.isfinite(values)]
    return [float(value) for value in np.percentile(values, [2.5, 97.5])] if len(values) else None
