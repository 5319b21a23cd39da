"""The search for a person: where it looks, and the way back to the pixels of the frame."""

from __future__ import annotations

import numpy as np
import pytest

from crisp.core.views import Box
from crisp.preparation import person_search
from crisp.preparation.person_search import PersonSearch, Square
from tests.clips.test_dataset import blob

HEIGHT, WIDTH = 90, 160
SPOTS = np.array([[x, y] for x in (60, 66, 72) for y in (30, 36, 42, 48)] + [[66.0, 56.0]])


def brightest(picture: np.ndarray) -> np.ndarray | None:
    """A detector that takes the one bright spot of a picture for all joints."""
    if not picture.any():
        return None
    weights = picture[..., 0].astype(float)
    ys, xs = np.mgrid[: len(weights), : len(weights)]
    place = np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()
    return np.column_stack([np.tile((place + 0.5) / len(weights), (13, 1)), np.full(13, 0.8)])


def picture(*spots: tuple[float, float], shape: tuple[int, int] = (HEIGHT, WIDTH)) -> np.ndarray:
    """A dark picture with bright spots, (H, W, 3) uint8."""
    light = sum((blob(*shape, *spot) for spot in spots), np.zeros(shape))
    return np.repeat((250 * np.minimum(light, 1))[..., None], 3, axis=2).astype(np.uint8)


@pytest.mark.parametrize("spot", SPOTS)
@pytest.mark.parametrize("shape", [(HEIGHT, WIDTH), (WIDTH, HEIGHT), (300, 400)])
def test_joints_come_back_to_where_they_are_in_the_frame(spot: np.ndarray, shape: tuple[int, int]) -> None:
    search = PersonSearch(brightest)
    for _ in ("searched", "followed"):
        found = search.joints(picture(tuple(spot), shape=shape), spot + np.array([3, -4]))
        np.testing.assert_allclose(found[1:, :2], np.tile(spot, (13, 1)), atol=0.1)
        assert (found[1:, 2] == 0.8).all()
        assert np.isnan(found[0]).all()
        assert search.followed


@pytest.mark.parametrize(("centre", "seen"), [((20, 45), True), ((110, 45), False)])
def test_only_the_square_about_the_roi_is_searched(centre: tuple[int, int], seen: bool) -> None:
    found = PersonSearch(brightest).joints(picture((20, 40)), np.array(centre))
    assert np.isfinite(found[1:]).all() == seen


def test_small_players_are_looked_for_in_half_the_square() -> None:
    sides = []

    def found_if_large(part: np.ndarray) -> np.ndarray | None:
        sides.append(part.sum())
        return brightest(part) if len(sides) == 2 else None

    found = PersonSearch(found_if_large).joints(picture((60, 40)), np.array([62, 42]))
    np.testing.assert_allclose(found[1:, :2], np.tile((60, 40), (13, 1)), atol=0.1)
    assert sides[1] > 3 * sides[0], "the same spot, twice as large in each direction"


def searched(search: PersonSearch, image: np.ndarray, centre: tuple[float, float]) -> np.ndarray:
    return search.joints(image, np.array(centre))[1:, :2].mean(axis=0)


def test_the_same_person_is_followed_and_others_are_not() -> None:
    """A second spot beside it draws the searched mean away, but is outside the followed square."""
    search = PersonSearch(brightest)
    searched(search, picture((60, 40)), (60, 45))
    found = searched(search, picture((62, 41), (90, 60)), (60, 45))
    np.testing.assert_allclose(found, (62, 41), atol=0.2)
    fresh = searched(PersonSearch(brightest), picture((62, 41), (90, 60)), (60, 45))
    assert np.abs(fresh - (62, 41)).max() > 5


def test_the_search_starts_again_where_the_player_went_or_nobody_is_left() -> None:
    search = PersonSearch(brightest)
    searched(search, picture((30, 40)), (30, 45))
    found = searched(search, picture((30, 40), (130, 40)), (130, 45))  # the ROI is elsewhere
    np.testing.assert_allclose(found, (130, 40), atol=0.2)
    assert np.isnan(searched(search, picture(), (130, 45))).all()
    assert search.followed is None
    np.testing.assert_allclose(searched(search, picture((100, 40)), (110, 45)), (100, 40), atol=0.2)


def test_an_unsure_person_is_not_followed() -> None:
    def unsure(part: np.ndarray) -> np.ndarray | None:
        found = brightest(part)
        return None if found is None else found * [1, 1, 0.5]

    search = PersonSearch(unsure)
    assert np.isfinite(searched(search, picture((60, 40)), (60, 45))).all()
    assert search.followed is None


@pytest.mark.parametrize("region", [Box(0.5, 0, 1, 1), Box(0.5, 0.25, 0.9, 0.8)])
def test_nothing_outside_a_region_is_seen(region: Box) -> None:
    search = PersonSearch(brightest, region)
    for spot in ((110, 50), (112, 52)):
        found = searched(search, picture((30, 40), spot, (70, 45)), (40, 45))
        np.testing.assert_allclose(found, spot, atol=0.2)
    assert np.isnan(searched(search, picture((30, 40)), (110, 45))).all()


def test_a_square_is_cut_enlarged_and_black_outside_the_picture() -> None:
    image = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    large = np.tile(image, (40, 40, 1))
    np.testing.assert_array_equal(person_search.enlarged(large, Square(158, 148, 256)), large[20:276, 30:286])
    edge = person_search.enlarged(np.full((64, 64, 3), 200, np.uint8), Square(0, 32, 64))
    assert edge.shape == (256, 256, 3)
    assert not edge[:, :120].any()
    assert (edge[16:-16, 140:] == 200).all()
