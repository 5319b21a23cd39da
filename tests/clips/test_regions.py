"""Regions hold all that any draw can show."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.clips import augmentation, regions
from crisp.clips.augmentation import Draw
from tests.geometry import matrix


@given(
    begin=st.integers(-5, 300),
    length=st.integers(1, 200),
    frames=st.integers(1, 120),
    spread=st.sampled_from([0.0, 0.3, 1.0]),
    seed=st.integers(0, 1000),
)
def test_every_clip_of_a_sample_lies_in_its_span(
    begin: int, length: int, frames: int, spread: float, seed: int
) -> None:
    end, random = begin + length, augmentation.generator(seed, 1, 0)
    first, last = regions.span(begin, end, frames, spread, augment=True)
    for _ in range(20):
        drawn = augmentation.draw(random, begin, end, (frames, 8, 8), spread=spread)
        assert first <= drawn.begin
        assert drawn.begin + frames <= last
    middle = augmentation.centred(begin, end, frames).begin
    assert regions.span(begin, end, frames, spread, augment=False) == (middle, middle + frames)
    assert first <= middle <= last - frames


@given(
    height=st.integers(8, 130),
    width=st.integers(8, 130),
    angle=st.sampled_from([-10.0, 0.0, 4.0, 10.0]),
    zoom=st.sampled_from([0.9, 1.0, 1.1]),
    corner=st.tuples(st.sampled_from([-1, 1]), st.sampled_from([-1, 1])),
    flip=st.booleans(),
)
def test_no_pixel_beyond_the_reach_takes_part_in_a_crop(
    height: int, width: int, angle: float, zoom: float, corner: tuple[int, int], flip: bool
) -> None:
    """Of pictures that are white beyond the reach, less the rim for the blur, crops are black."""
    size = (1, height, width)
    far = regions.reach(size, augment=True)
    centre = np.array([300.0, 300.0])
    picture = np.full((600, 600), 255, np.uint8)
    picture[300 - far[1] + 1 : 300 + far[1], 300 - far[0] + 1 : 300 + far[0]] = 0
    shift = (corner[0] * (width // augmentation.SHIFT), corner[1] * (height // augmentation.SHIFT))
    found = matrix(Draw(0, angle, zoom, shift, flip), centre, size)
    assert not cv2.warpAffine(picture, found, (width, height)).any()


@pytest.mark.parametrize("centre", [(0, 0), (50, 40), (127, 95), (63.5, 2)])
@pytest.mark.parametrize("far", [(5, 7), (80, 7), (5, 60), (200, 200)])
def test_regions_lie_inside_the_picture(centre: tuple[float, float], far: tuple[int, int]) -> None:
    picture = (96, 128)
    (corner,) = regions.origins(np.array([centre]), far, picture)
    height, width = regions.shape(far, picture)
    assert corner.min() >= 0
    assert corner[0] + width <= 128
    assert corner[1] + height <= 96
    for axis, side in ((0, 128), (1, 96)):
        length = (width, height)[axis]
        inside = [place for place in range(side) if abs(place - np.floor(centre[axis])) <= far[axis]]
        assert corner[axis] <= inside[0]
        assert inside[-1] < corner[axis] + length
