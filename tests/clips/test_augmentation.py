"""Draws and matrices of the augmentation."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.clips import augmentation
from crisp.clips.augmentation import Draw, centred, draw, generator, linear
from tests import published
from tests.geometry import matrix

SIZE = (100, 120, 130)


def move(matrix: np.ndarray, point: tuple[float, float]) -> np.ndarray:
    return matrix @ np.array([*point, 1.0])


def draws(count: int, begin: int = 0, end: int = 160, flip: bool = True) -> list[Draw]:
    return [draw(generator(1, 0, index), begin, end, SIZE, flip) for index in range(count)]


@pytest.mark.parametrize(
    ("begin", "end", "expected"), [(0, 100, 0), (10, 160, 35), (10, 161, 35), (0, 51, -25)]
)
def test_centred_clip_begins_at_the_floor_of_the_middle(begin: int, end: int, expected: int) -> None:
    assert centred(begin, end, 100) == Draw(begin=expected)


def test_generator_depends_on_seed_epoch_and_index_alone() -> None:
    first = generator(1, 2, 3).random(4)
    np.testing.assert_array_equal(first, generator(1, 2, 3).random(4))
    for other in ((0, 2, 3), (1, 0, 3), (1, 2, 0), (3, 2, 1)):
        assert not np.array_equal(first, generator(*other).random(4))


def test_draws_fill_their_ranges() -> None:
    many = draws(2000)
    angles, zooms = np.array([d.angle for d in many]), np.array([d.zoom for d in many])
    shifts = np.array([d.shift for d in many])
    assert -10 <= angles.min() < -9.9
    assert 9.9 < angles.max() <= 10
    assert 0.9 <= zooms.min() < 0.901
    assert 1.099 < zooms.max() <= 1.1
    assert set(shifts[:, 0]) == set(range(-13, 14)), "10 % of the width"
    assert set(shifts[:, 1]) == set(range(-12, 13)), "10 % of the height"
    assert 0.45 < np.mean([d.flip for d in many]) < 0.55


def test_without_flip_the_rest_of_the_draw_is_the_same() -> None:
    for one, other in zip(draws(50), draws(50, flip=False), strict=True):
        assert not other.flip
        assert (one.begin, one.angle, one.zoom, one.shift) == (
            other.begin,
            other.angle,
            other.zoom,
            other.shift,
        )


@given(st.integers(0, 10_000), st.integers(0, 400), st.integers(0, 2**32))
def test_begin_stays_inside_the_sample(begin: int, length: int, seed: int) -> None:
    found = draw(generator(seed, 0, 0), begin, begin + length, SIZE).begin
    if length <= SIZE[0]:
        assert found == centred(begin, begin + length, SIZE[0]).begin
    else:
        assert begin <= found <= begin + length - SIZE[0]


def test_begin_is_normal_about_the_middle() -> None:
    begins = np.array([d.begin for d in draws(3000, 50, 270)])  # 120 frames to spare
    assert begins.mean() == pytest.approx(110, abs=1.5)
    assert begins.std() == pytest.approx(20, abs=1.5)


@given(
    st.integers(0, 500), st.integers(1, 300), st.integers(1, 120), st.floats(0.01, 1), st.integers(0, 2**32)
)
def test_middle_stays_in_the_spread_part(
    begin: int, length: int, frames: int, spread: float, seed: int
) -> None:
    start = draw(generator(seed, 0, 0), begin, begin + length, (frames, 9, 9), spread=spread).begin
    assert abs(start + frames / 2 - (begin + length / 2)) <= spread * length / 2 + 0.5


def test_middles_fill_the_spread_part_evenly() -> None:
    middles = [draw(generator(1, 0, i), 0, 160, SIZE, spread=0.5).begin + 50 for i in range(4000)]
    assert (min(middles), max(middles)) == (40, 120)
    counts = np.histogram(middles, bins=8, range=(40, 120))[0]
    assert counts.min() > 400
    assert counts.max() < 600


def test_hopeless_start_frames_end_in_the_sample() -> None:
    class Far(np.random.Generator):
        def normal(self, *_: float) -> float:  # type: ignore[override]
            return 1e6

    assert augmentation.draw(Far(np.random.PCG64(0)), 0, 150, SIZE).begin == 50


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (Draw(0), (65, 60)),
        (Draw(0, shift=(3, -4)), (68, 56)),
        (Draw(0, zoom=1.1, shift=(10, 0)), (76, 60)),
        (Draw(0, angle=7), (65, 60)),
        (Draw(0, flip=True), (64, 60)),
        (Draw(0, shift=(3, -4), flip=True), (61, 56)),
    ],
)
def test_centre_goes_to_the_middle_of_the_crop(values: Draw, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(move(matrix(values, (70, 50), SIZE), (70, 50)), expected)


def test_rotation_is_counter_clockwise_as_seen() -> None:
    # A point right of the centre goes up (y grows downwards).
    x, y = move(matrix(Draw(0, angle=10), (70, 50), SIZE), (80, 50))
    assert x == pytest.approx(65 + 10 * np.cos(np.radians(10)))
    assert y == pytest.approx(60 - 10 * np.sin(np.radians(10)))


def test_matrix_is_the_formula() -> None:
    values, centre = Draw(0, angle=-7, zoom=1.07, shift=(5, -9), flip=True), np.array([70, 50])
    rotation = cv2.getRotationMatrix2D((0, 0), -7, 1)[:, :2]
    for point in np.random.default_rng(0).uniform(0, 200, (10, 2)):
        x, y = 1.07 * rotation @ (point - centre) + 1.07 * np.array([5, -9]) + (65, 60)
        np.testing.assert_allclose(move(matrix(values, centre, SIZE), point), (129 - x, y))


def test_linear_part_is_that_of_every_frame() -> None:
    values = Draw(0, angle=4, zoom=0.93, shift=(5, -9), flip=True)
    for centre in ((70, 50), (10, 99)):
        np.testing.assert_allclose(matrix(values, centre, SIZE)[:, :2], linear(values))


def test_flip_mirrors_dx_only() -> None:
    np.testing.assert_allclose(linear(Draw(0, flip=True)), [[-1, 0], [0, 1]])


@pytest.mark.parametrize("size", [(1, 120, 130), (1, 121, 131), (120, 130)])
def test_matrix_without_augmentation_moves_by_whole_pixels(size: tuple[int, ...]) -> None:
    found = matrix(Draw(0), (70, 50), size)
    np.testing.assert_array_equal(found, [[1, 0, -5], [0, 1, 10]])


picture_of = st.tuples(st.integers(24, 200), st.integers(24, 320))
half_sides = st.tuples(st.integers(1, 12), st.integers(1, 12))
share = st.floats(0, 1)
moved = st.tuples(st.integers(-12, 12), st.integers(-12, 12))


def centre_in(picture: tuple[int, int], size: tuple[int, int], x: float, y: float) -> np.ndarray:
    """The whole-pixel centre of a crop in the picture."""
    height, width = picture
    return np.array(
        [
            size[1] // 2 + math.floor(x * (width - size[1])),
            size[0] // 2 + math.floor(y * (height - size[0])),
        ],
        float,
    )


@given(picture_of, half_sides, share, share, moved, st.booleans())
def test_shifted_crop_is_the_published_one(
    picture: tuple[int, int], half: tuple[int, int], x: float, y: float, shift: tuple[int, int], flip: bool
) -> None:
    """Its shift moves the crop over the mirrored picture, ours what is seen: the same draws, both ways."""
    size = 2 * half[0], 2 * half[1]
    centre = centre_in(picture, size, x, y)
    found = matrix(Draw(0, shift=shift, flip=flip), centre, size, picture)
    at = (picture[1] - centre[0] if flip else centre[0], centre[1])
    left, top = published.corner(at, (shift[0] if flip else -shift[0], -shift[1]), 1, size, picture)
    for pixel in ((0, 0), (picture[1] - 1, picture[0] - 1)):
        seen = picture[1] - 1 - pixel[0] if flip else pixel[0]
        assert move(found, pixel).tolist() == [seen - left, pixel[1] - top]


@given(picture_of, half_sides, share, share, moved, st.floats(0.9, 1.1))
def test_zoomed_crop_is_the_published_one_within_a_pixel(
    picture: tuple[int, int], half: tuple[int, int], x: float, y: float, shift: tuple[int, int], zoom: float
) -> None:
    """Far from the borders, where the published crop is rounded to whole px of the zoomed picture."""
    size = 2 * half[0], 2 * half[1]
    picture = picture[0] + 100, picture[1] + 100
    centre = 50 + centre_in((picture[0] - 100, picture[1] - 100), size, x, y)
    found = matrix(Draw(0, zoom=zoom, shift=shift), centre, size, picture)
    corner = published.corner((centre[0], centre[1]), (-shift[0], -shift[1]), zoom, size, picture)
    zoomed = zoom * (centre + 0.5) - 0.5  # where a resize puts it
    assert np.abs(move(found, (centre[0], centre[1])) - (zoomed - corner)).max() <= 1.1


@given(
    picture_of,
    st.tuples(st.integers(1, 24), st.integers(1, 24)),
    share,
    share,
    moved,
    st.floats(0.9, 1.1),
    st.booleans(),
)
def test_crop_without_rotation_shows_nothing_outside_the_picture(
    picture: tuple[int, int],
    size: tuple[int, int],
    x: float,
    y: float,
    shift: tuple[int, int],
    zoom: float,
    flip: bool,
) -> None:
    picture = picture[0] + 3, picture[1] + 3  # 24 px zoomed out
    values = Draw(0, zoom=zoom, shift=shift, flip=flip)
    back = cv2.invertAffineTransform(matrix(values, centre_in(picture, size, x, y), size, picture))
    for corner in ((0, 0), (size[1] - 1, size[0] - 1)):
        place = move(back, corner)
        assert (place > -1e-6).all()
        assert (place < np.array(picture[::-1]) - 1 + 1e-6).all()


def test_crop_larger_than_the_picture_is_not_shifted() -> None:
    shifts = augmentation.shifts(Draw(0, shift=(5, -3)), np.array([[20.0, 30.0]]), (1, 10, 41), (60, 40))
    assert shifts.tolist() == [[0, -3]]
