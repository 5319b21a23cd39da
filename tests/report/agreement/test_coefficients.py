"""Agreement coefficients: worked examples of the literature, scikit-learn, and counts by weight."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from sklearn.metrics import cohen_kappa_score

from crisp.report.agreement.coefficients import (
    MISSING,
    Tally,
    alpha,
    interval,
    kappa,
    tally_pair,
    tally_units,
)


def of_counts(counts: list[list[int]]) -> np.ndarray:
    """Ratings (n, R) of units given by how many people chose each category."""
    return np.array([np.repeat(np.arange(len(row)), row) for row in counts])


def test_cohen_1960() -> None:
    """Cohen's own example: three diagnoses of 200 patients, his table 1; kappa = .492."""
    shares = [[0.44, 0.05, 0.01], [0.07, 0.20, 0.03], [0.09, 0.05, 0.06]]
    cells = np.rint(200 * np.array(shares)).astype(int)
    one, other = (np.repeat(side.ravel(), cells.ravel()) for side in np.indices(cells.shape))
    assert kappa(tally_pair(one, other, 3))[0] == pytest.approx(0.492, abs=5e-4)


def test_fleiss_1971() -> None:
    """Fleiss's example in its common form: 14 raters, 10 subjects, 5 categories; kappa = .210."""
    counts = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    assert kappa(tally_units(of_counts(counts), 5, complete=True))[0] == pytest.approx(0.210, abs=5e-4)


def test_krippendorff_2011_two_observers() -> None:
    """His section A: two observers, ten units, two values; alpha = 0.095."""
    one = [0, 1, 0, 0, 0, 0, 0, 0, 1, 0]
    other = [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]
    assert alpha(tally_units(np.transpose([one, other]), 2))[0] == pytest.approx(0.095, abs=5e-4)


def test_krippendorff_2011_many_observers_and_missing_values() -> None:
    """His section C: four observers, twelve units, five values, some missing; nominal alpha = 0.743."""
    m = MISSING
    observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, m, m, m],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, m, 3],
        [m, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, m],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, m],
    ]
    assert alpha(tally_units(np.transpose(observers), 6))[0] == pytest.approx(0.743, abs=5e-4)


ratings = some.lists(some.tuples(some.integers(-1, 3), some.integers(-1, 3)), min_size=1, max_size=30)


@given(ratings)
def test_cohen_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    one, other = np.array(pairs).T
    found = kappa(tally_pair(one, other, 4))[0]
    known = (one >= 0) & (other >= 0)
    if not known.any() or len({*one[known], *other[known]}) == 1:
        assert np.isnan(found)
    else:
        np.testing.assert_allclose(found, cohen_kappa_score(one[known], other[known]), atol=1e-12)


@given(ratings, some.lists(some.integers(1, 4), min_size=30, max_size=30))
def test_a_weight_is_a_repetition(pairs: list[tuple[int, int]], times: list[int]) -> None:
    values, weights = np.array(pairs), np.array(times[: len(pairs)])
    repeated = np.repeat(values, weights, axis=0)
    for made, same in (
        (tally_units(values, 4, weights), tally_units(repeated, 4)),
        (tally_pair(*values.T, 4, weights), tally_pair(*repeated.T, 4)),
    ):
        for part in ("agreed", "first", "second"):
            np.testing.assert_allclose(getattr(made, part), getattr(same, part))


def test_agreement_on_everything_and_on_nothing() -> None:
    same = np.array([[0, 0], [1, 1]])
    assert kappa(tally_units(same, 2))[0] == alpha(tally_units(same, 2))[0] == 1
    assert np.isnan(kappa(tally_pair([], [], 2))[0])
    assert np.isnan(alpha(tally_units(np.empty((0, 3)), 2))[0])
    assert np.isnan(kappa(tally_pair([1, 1], [1, 1], 2))[0])


def test_interval_over_videos_covers_the_coefficient() -> None:
    """20 videos, two people who agree in 80 % of 50 units of two equal classes: kappa 0.6 by construction."""
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(100):
        videos = []
        for _ in range(20):
            one = random.integers(2, size=50)
            videos.append(tally_pair(one, np.where(random.random(50) < 0.8, one, 1 - one), 2))
        every = Tally(
            *(
                np.concatenate(parts)
                for parts in zip(*((v.agreed, v.first, v.second) for v in videos), strict=True)
            )
        )
        low, high = interval(every) or (np.nan, np.nan)
        covered += low <= 0.6 <= high
    assert covered >= 85  # 95 % but for 20 videos only; a binomial count of 0.95 is below 85 once in 10^4


def test_one_video_has_no_interval() -> None:
    assert interval(tally_pair([0, 1], [0, 1], 2)) is None
