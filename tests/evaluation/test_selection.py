"""What to label next: every kind of sample, no near-duplicates, uncertain ones first."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.cluster import KMeans

from crisp.evaluation.selection import MOST_DEVIATIONS, RESTARTS, choose, margin_uncertainty, standardise

CENTRES = np.array([[0, 0], [10, 0], [0, 10], [10, 10], [5, 20]])


def clusters(
    sizes: tuple[int, ...] = (50, 20, 5, 3, 2), spread: float = 0.1
) -> tuple[np.ndarray, np.ndarray]:
    """Points around five centres, and the number of the centre of each."""
    of = np.repeat(np.arange(len(sizes)), sizes)
    return CENTRES[of] + spread * np.random.default_rng(0).normal(size=(len(of), 2)), of


def test_margin_by_hand() -> None:
    found = margin_uncertainty([[0.5, 0.5, 0], [0.7, 0.2, 0.1], [0, 0, 1]])
    np.testing.assert_allclose(found, [1, 0.5, 0])


def test_every_cluster_is_covered_the_largest_first() -> None:
    features, of = clusters()
    assert of[choose(features, 5)].tolist() == [0, 1, 2, 3, 4]


def test_chosen_point_is_typical_of_its_cluster() -> None:
    features, of = clusters(sizes=(50, 50, 1, 1, 1))
    features[0] = (0, 3)  # at the edge
    for index in choose(features, 5)[:2]:
        assert np.linalg.norm(features[index] - CENTRES[of[index]]) < 0.1


def test_each_cluster_gives_one_of_its_own_where_all_centres_are_close() -> None:
    """In many dimensions a sample in the middle is near the centre of every cluster."""
    features = np.random.default_rng(0).normal(size=(300, 200))
    chosen = choose(features, 8)
    fitted = KMeans(8, n_init=RESTARTS, random_state=0).fit(features)
    assert sorted(fitted.labels_[chosen]) == list(range(8))


def test_near_duplicates_are_not_both_chosen() -> None:
    features, of = clusters(sizes=(2, 2, 2, 2, 2), spread=1e-6)
    uncertainty = np.array([1, 1, 0.9, 0.9, 0.8, 0.8, 0.7, 0.7, 0.6, 0.6])
    assert of[choose(features, 5, uncertainty)].tolist() == [0, 1, 2, 3, 4]
    assert len(set(of[choose(features, 3, uncertainty)])) == 3


def test_uncertain_samples_come_first_and_certain_ones_not_at_all() -> None:
    features = np.random.default_rng(0).normal(size=(400, 3))
    uncertainty = np.linspace(1, 0, 400)
    chosen = choose(features, 5, uncertainty)
    assert sorted(chosen) == chosen.tolist()
    assert chosen.max() < 50, "ten times five"


def test_uncertainty_decides_between_neighbours() -> None:
    """The centre of a cluster is drawn to the uncertain one of two groups."""
    features = np.array([[0.0], [1], [10], [11]])
    assert choose(features, 2, np.array([1, 0.01, 0.01, 1])).tolist() == [0, 3]
    assert choose(features, 2, np.array([0.01, 1, 1, 0.01])).tolist() == [1, 2]


def test_more_than_there_are_and_none() -> None:
    features, _ = clusters()
    assert sorted(choose(features, 1000)) == list(range(len(features)))
    assert choose(features[:0], 3).tolist() == []
    assert choose(features, 3, np.zeros(len(features))).size == 3, "a classifier that is certain of all"


def test_samples_alike_come_after_all_others() -> None:
    features = np.array([[1.0], [1], [1], [2]])
    assert set(choose(features, 2)) in ({0, 3}, {1, 3}, {2, 3})
    assert sorted(choose(features, 4)) == [0, 1, 2, 3]


@pytest.mark.filterwarnings("error")
@given(
    arrays(float, (12, 3), elements=st.one_of(st.floats(-1e6, 1e6), st.just(np.nan))),
    st.integers(1, 15),
    st.booleans(),
)
@settings(max_examples=30, deadline=None)
def test_each_is_chosen_once(features: np.ndarray, number: int, unsure: bool) -> None:
    spread = standardise(features)
    chosen = choose(spread, number, np.linspace(0, 1, 12) if unsure else None)
    assert len(set(chosen.tolist())) == len(chosen) == min(number, 12)


def test_standardised_features() -> None:
    features = np.array([[0.0, 5, np.nan], [2, 5, 1], [4, 5, 3], [np.nan, 5, np.nan]])
    found = standardise(features)
    root = np.sqrt(3)
    np.testing.assert_allclose(found[:, 0], np.array([-1, 0, 1, 0]) * np.sqrt(1.5) / root)
    np.testing.assert_array_equal(found[:, 1], 0)
    np.testing.assert_allclose(found[:, 2] * root, [0, -1, 1, 0])
    failed = np.append(np.zeros(99), 1e9)[:, None]
    assert standardise(failed).max() == MOST_DEVIATIONS
