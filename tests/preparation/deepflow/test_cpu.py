"""Our solver on a core against OpenCV's: the same flow, wherever things move, at any size."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp import demo
from crisp.preparation.deepflow import cpu
from tests import stagefiles

ENOUGH_MOTION = 0.1  # px on average; where nothing moves, a solver with wrong weights agrees, too


def opencv(previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    cv2.setNumThreads(1)
    return cv2.optflow.createOptFlow_DeepFlow().calc(previous, current, None)  # type: ignore[call-overload]


def difference(previous: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Length of the difference of the two solvers' flow, px, of a pair with motion."""
    expected, found = opencv(previous, current), cpu.solve(previous, current)
    assert (found.shape, found.dtype) == (expected.shape, np.float32)
    assert np.linalg.norm(expected, axis=-1).mean() > ENOUGH_MOTION
    return np.linalg.norm(found - expected, axis=-1)


def turned(height: int, width: int, shift: tuple[float, float], degrees: float) -> list[np.ndarray]:
    """A picture, and the same one shifted, turned and 2 % larger, in grey."""
    picture = stagefiles.texture(height, width)[..., 1]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.02)
    matrix[:, 2] += shift
    return [picture, cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)]


@pytest.fixture(scope="module")
def rendered() -> list[np.ndarray]:
    """A demo video while a stroke is played, every second frame, in grey."""
    from crisp.demo.render import frames
    from crisp.demo.script import actions

    video = demo.VIDEOS[0]
    begin = next(action.begin for action in actions(video) if action.kind in demo.LABELS)
    pictures = itertools.islice(frames(video), begin + 20, begin + 36, 4)
    return [cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) for picture in pictures]


@pytest.mark.parametrize(
    ("size", "shift", "degrees"),
    [((96, 128), (3, -2), 0), ((95, 127), (-1.5, 2.5), 1), ((120, 33), (1, 3), -2), ((61, 190), (6, 0), 0.5)],
)
def test_moving_textures(size: tuple[int, int], shift: tuple[float, float], degrees: float) -> None:
    found = difference(*turned(*size, shift, degrees))
    assert found.mean() < 1e-4
    assert np.quantile(found, 0.999) < 1e-3
    assert found.max() < 0.02


@pytest.mark.parametrize("width", [160, 127, 90])
def test_demo_frames(rendered: list[np.ndarray], width: int) -> None:
    height = rendered[0].shape[0] * width // rendered[0].shape[1]
    small = [cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA) for frame in rendered]
    for previous, current in itertools.pairwise(small):
        found = difference(previous, current)
        assert found.mean() < 1e-4
        assert np.quantile(found, 0.999) < 1e-2
        assert found.max() < 0.05


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 70), st.integers(1, 70))
def test_any_size(height: int, width: int) -> None:
    picture = stagefiles.texture(height + 4, width + 4)[..., 1]
    pair = picture[2:-2, 2:-2].copy(), picture[1:-3, :-4].copy()
    np.testing.assert_allclose(cpu.solve(*pair), opencv(*pair), atol=1e-3, rtol=0)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (25, 25), (27, 27), (33, 65)])
def test_constant_frames_do_not_move(size: tuple[int, int]) -> None:
    assert not cpu.solve(*np.full((2, *size), 90, np.uint8)).any()


def test_noise() -> None:
    pair = np.random.default_rng(0).integers(0, 256, (2, 64, 96), np.uint8)
    np.testing.assert_allclose(cpu.solve(*pair), opencv(*pair), atol=1e-3, rtol=0)


def test_frames_are_left_alone_and_may_be_views() -> None:
    pair = turned(40, 60, (2, 1), 0)
    reversed_views = [np.ascontiguousarray(frame[::-1, ::-1])[::-1, ::-1] for frame in pair]
    kept = [frame.copy() for frame in pair]
    np.testing.assert_array_equal(cpu.solve(*reversed_views), cpu.solve(*pair))
    for frame, before in zip(pair, kept, strict=True):
        np.testing.assert_array_equal(frame, before)
