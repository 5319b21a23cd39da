"""Region of interest: cases computed by hand, independent formulas, streaming equal to the whole."""

from __future__ import annotations

import functools
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.demo import render, script
from crisp.preparation import flow as flows
from crisp.preparation import roi, video
from crisp.preparation.roi import extract_roi
from tests import stagefiles

HEIGHT, WIDTH = 20, 30


def field(*moves: tuple[int, int, int, float, float], count: int = 1) -> np.ndarray:
    """Flow (N, H, W, 2) that is zero but at moves (frame, x, y, dx, dy)."""
    flow = np.zeros((count, HEIGHT, WIDTH, 2), np.float32)
    for frame, x, y, dx, dy in moves:
        flow[frame, y, x] = dx, dy
    return flow


def test_one_moving_pixel() -> None:
    centres, trust = roi.positions(field((0, 7, 4, -2, 1)), 0.6, 0.25)
    assert (centres.tolist(), trust.tolist()) == ([[7, 4]], [1])


def test_weighting_of_strongest_and_mean() -> None:
    # Strongest is |dx| + |dy|: (2, 2) beats (3, 0). The mean position is unweighted.
    seen = field((0, 10, 4, 2, 2), (0, 20, 10, 3, 0), (0, 3, 1, -0.2, 0.2), (0, 5, 19, 0.1, 0.1))
    (centre,), _ = roi.positions(seen, 0.6, 0.25, power=0)
    np.testing.assert_allclose(centre, (0.6 * 10 + 0.4 * (10 + 20 + 3) / 3, 0.6 * 4 + 0.4 * (4 + 10 + 1) / 3))
    (published,), _ = roi.positions(seen, 0.6, 0, power=0)
    np.testing.assert_allclose(
        published, (0.6 * 10 + 0.4 * (10 + 20 + 3 + 5) / 4, 0.6 * 4 + 0.4 * (4 + 10 + 1 + 19) / 4)
    )


def test_ties_take_the_first_in_row_major_order() -> None:
    seen = field((0, 25, 2, 1, 0), (0, 3, 5, 0, -1), (0, 28, 2, -0.5, 0.5))
    assert roi.positions(seen, 1.0, 0.25, power=0)[0].tolist() == [[25, 2]]


def test_strongest_motion_is_shared_by_nearly_as_strong_pixels() -> None:
    seen = field((0, 10, 4, 2, 2), (0, 20, 10, 3, 0), (0, 3, 1, -0.2, 0.2), (0, 5, 19, 0.1, 0.1))
    weights = np.array([4, 3, 0.4]) ** roi.POWER
    (centre,), _ = roi.positions(seen, 1.0, 0.25)
    weights /= weights.sum()
    np.testing.assert_allclose(centre, (weights @ (10, 20, 3), weights @ (4, 10, 1)))
    (sharp,), _ = roi.positions(seen, 1.0, 0.25, power=200)
    np.testing.assert_allclose(sharp, (10, 4), atol=1e-9)


@pytest.mark.parametrize(("speed", "trust"), [(0.25, 0), (0.275, 0.1), (0.375, 0.5), (0.5, 1), (9, 1)])
def test_little_motion_counts_little(speed: float, trust: float) -> None:
    seen = field((0, 7, 4, speed, 0))
    assert roi.positions(seen, 0.6, 0.25)[1] == pytest.approx([trust])
    assert roi.positions(seen, 0.6, 0.25, power=0)[1].tolist() == [float(trust > 0)]
    assert roi.positions(seen, 0.6, 0)[1].tolist() == [1]


def test_threshold_is_exclusive_and_scales() -> None:
    assert np.isnan(roi.positions(field((0, 7, 4, 0.25, 0)), 0.6, 0.25)[0]).all()
    assert roi.motion_threshold(0.25, 320, 120) == 0.25
    assert roi.motion_threshold(0.25, 160, 30) == 0.5
    assert roi.motion_threshold(0.25, 640, 240) == 0.25


def test_carrying() -> None:
    nothing = (np.nan, np.nan)

    def carry(*centres: tuple[float, float]) -> list[list[float]]:
        trust = np.array([float(centre is not nothing) for centre in centres])
        return roi.carry(np.array(centres), trust, 30, 20).tolist()

    assert carry(nothing, nothing, nothing) == [[15, 10]] * 3
    late = carry(nothing, nothing, nothing, (4, 5), nothing, (6, 7), nothing)
    assert late == [[4, 5]] * 5 + [[6, 7]] * 2
    assert carry(nothing, (4, 5), (6, 7)) == [[4, 5], [4, 5], [6, 7]]
    # Whatever frame 0 has: its own flow is none.
    assert carry((9, 9), (4, 5)) == [[4, 5]] * 2
    assert carry(nothing) == [[15, 10]]
    centres, trust = np.array([nothing, nothing, (4, 8), (8, 4), (0, 0)]), np.array([0, 0, 0.1, 0.5, 0.25])
    assert roi.carry(centres, trust, 30, 20).tolist() == [[4, 8]] * 3 + [[6, 6], [4.5, 4.5]]
    assert np.isnan(centres[0]).all()
    assert not trust[0]


def reflected(index: int, count: int) -> int:
    """Reflect-101, by walking: gfedcb|abcdefgh|gfedcba."""
    period = max(1, 2 * (count - 1))
    index %= period
    return index if index < count else period - index


@pytest.mark.parametrize(("fps", "taps", "sigma"), [(120, 41, 6.5), (30, 11, 2.0), (25, 9, 1.7), (2, 1, 0.5)])
@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_smoothing(fps: float, taps: int, sigma: float, count: int) -> None:
    centres = np.random.default_rng(0).uniform(0, 300, (count, 2))
    half = taps // 2
    weights = [np.exp(-(offset**2) / (2 * sigma**2)) for offset in range(-half, half + 1)]
    expected = [
        sum(w * centres[reflected(n + k - half, count)] for k, w in enumerate(weights)) / sum(weights)
        for n in range(count)
    ]
    np.testing.assert_allclose(roi.smooth(centres, fps), expected, atol=1e-9)


def test_smoothing_kernel_is_opencv_s() -> None:
    impulse = np.zeros((81, 2))
    impulse[40] = 1
    expected = cv2.getGaussianKernel(41, 6.5, cv2.CV_64F)[:, 0]
    np.testing.assert_allclose(roi.smooth(impulse, 120)[20:61, 0], expected, atol=1e-12)


def test_clamping() -> None:
    centres = np.array([(0, 0), (29.9, 19.9), (15, 10), (7.5, 6)])
    assert roi.clamp(centres, (12, 10), 30, 20).tolist() == [[5, 6], [25, 14], [15, 10], [7.5, 6]]
    assert roi.clamp(centres, (20, 30), 30, 20).tolist() == [[15, 10]] * 4
    # A crop larger than the image along y only.
    assert roi.clamp(centres, (21, 10), 30, 20).tolist() == [[5, 10], [25, 10], [15, 10], [7.5, 10]]


def test_mask_is_dilated_by_one_pixel() -> None:
    mask = np.zeros((6, 8), np.uint8)
    mask[0, 0] = mask[3, 5] = 1
    expected = np.zeros((6, 8), np.uint8)
    expected[:2, :2] = expected[2:5, 4:7] = 1
    np.testing.assert_array_equal(roi.dilate(mask), expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_masked_flow(dtype: type) -> None:
    random = np.random.default_rng(0)
    flow = random.normal(size=(2, HEIGHT, WIDTH, 2)).astype(dtype)
    mask = (random.random((2, HEIGHT, WIDTH)) < 0.05).astype(np.uint8)
    side = np.exp(-1 / (2 * 0.8**2))
    taps = np.array([side, 1, side]) / (1 + 2 * side)
    padded = np.pad(flow, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")  # NumPy's name for reflect-101
    expected = sum(
        taps[i] * taps[j] * padded[:, i : i + HEIGHT, j : j + WIDTH] for i in range(3) for j in range(3)
    )
    around = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    grown = np.max([around[:, i : i + HEIGHT, j : j + WIDTH] for i in range(3) for j in range(3)], axis=0)
    found = roi.masked(flow, mask)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected * grown[..., None], atol=1e-6)
    assert not found[grown == 0].any()
    np.testing.assert_array_equal(roi.masked(flow, 255 * mask), found)


def test_statistics() -> None:
    seen = np.random.default_rng(0).normal(size=(4, HEIGHT, WIDTH, 2)).astype(np.float32)
    found = roi.statistics(seen)
    assert (found.shape, found.dtype) == ((4, 6), np.float32)
    dx, dy = seen[..., 0], seen[..., 1]
    axes = (1, 2)
    expected = [
        np.abs(dx).max(axes), dx.mean(axes), dx.std(axes), np.abs(dy).max(axes), dy.mean(axes), dy.std(axes)
    ]  # fmt: skip
    np.testing.assert_allclose(found, np.stack(expected, 1), atol=1e-6)


def scene(count: int, seed: int = 0) -> np.ndarray:
    """Colour frames (N, 45, 80, 3): a textured disc goes round before a noisy textured ground."""
    random = np.random.default_rng(seed)
    ground, player = stagefiles.texture(45, 80, seed), stagefiles.texture(45, 80, seed + 1)
    ys, xs = np.mgrid[:45, :80]
    images = []
    for n in range(count):
        x, y = 40 + 20 * np.cos(n / 8), 22 + 9 * np.sin(n / 8)
        disc = np.hypot(xs - x, ys - y) < 8
        moved = np.roll(player, (round(y), round(x)), axis=(0, 1))
        image = np.where(disc[..., None], moved, ground) + random.normal(0, 2, (45, 80, 3))
        images.append(np.clip(image, 0, 255).astype(np.uint8))
    return np.stack(images)


def test_foreground() -> None:
    images = scene(40)
    masks = roi.Foreground().masks(images)
    assert (masks.shape, masks.dtype) == ((40, 45, 80), np.uint8)
    assert masks[0].all()
    assert set(np.unique(masks)) == {0, 1}
    assert 0.02 < masks[5:].mean() < 0.4
    # Zivkovic's mixture as the method names it, fed from the first frame to the last.
    model = cv2.createBackgroundSubtractorMOG2(500, 16, False)
    assert (model.getHistory(), model.getVarThreshold(), model.getDetectShadows()) == (500, 16, False)
    np.testing.assert_array_equal(masks, np.stack([model.apply(image) for image in images]) // 255)
    parts = roi.Foreground()
    np.testing.assert_array_equal(np.concatenate([parts.masks(images[:7]), parts.masks(images[7:])]), masks)


def test_centres_contract() -> None:
    flow, mask = field((1, 29, 0, 9, 9), count=5), np.ones((5, HEIGHT, WIDTH), np.uint8)
    found = roi.centres(flow, mask, (8, 10))
    assert (found.shape, found.dtype) == ((5, 2), np.float64)
    np.testing.assert_allclose(found, [[25, 4]] * 5)  # at the image's corner: clamped
    np.testing.assert_allclose(roi.centres(flow, mask, (100, 8, 10)), found)  # (T, H, W), as in a config
    np.testing.assert_allclose(roi.centres(0 * flow, mask, (8, 10)), [[15, 10]] * 5)
    np.testing.assert_allclose(roi.centres(flow, 0 * mask, (8, 10)), [[15, 10]] * 5)
    for bad in (flow[..., 0], flow[:3], flow[:, :-1]):
        with pytest.raises(CrispError, match="flow and mask do not match"):
            roi.centres(bad, mask, (8, 10))


@given(st.floats(0, 29), st.floats(0, 19), st.integers(1, 40), st.integers(1, 40))
def test_clamped_crop_lies_inside(x: float, y: float, height: int, width: int) -> None:
    ((x, y),) = roi.clamp(np.array([(x, y)]), (height, width), WIDTH, HEIGHT)
    assert x == 15 if width > WIDTH else width / 2 <= x <= WIDTH - width / 2
    assert y == 10 if height > HEIGHT else height / 2 <= y <= HEIGHT - height / 2


def test_streaming_equals_the_whole(tmp_path: Path) -> None:
    images = scene(37)
    motion = flows.compute(flows.grey(images), "dis")
    stagefiles.write(tmp_path, images, motion, fps=60)
    motion_file = tmp_path / "flow" / "dis.h5"
    with stage_files.h5py.File(motion_file, "r+") as file:
        file.attrs["method"] = "dis"
    target = tmp_path / "roi.h5"
    extract_roi(tmp_path / "frames.h5", motion_file, target, 0.6, 0.25)

    masks = roi.Foreground().masks(images)
    stored = flows.quantise(motion) * np.float32(flows.SCALE)
    seen = roi.masked(stored, masks)
    raw = roi.carry(*roi.positions(seen, 0.6, 0.25 * 80 / 320 * 120 / 60), 80, 45)
    with stage_files.open_stage(target, "roi") as file:
        np.testing.assert_array_equal(file["mask"][:], masks)
        np.testing.assert_array_equal(file["roi_raw"][:], raw.astype(np.float32))
        np.testing.assert_array_equal(file["roi"][:], roi.smooth(raw, 60).astype(np.float32))
        np.testing.assert_array_equal(file["flow_stats"][:], roi.statistics(seen))
        np.testing.assert_allclose(
            roi.clamp(file["roi"][:], (20, 20), 80, 45),
            roi.centres(stored, masks, (20, 20), fps=60),
            atol=1e-4,
        )
        recorded = [file.attrs[key] for key in ("method", "alpha", "threshold", "power")]
        assert recorded == ["dis", 0.6, 0.25, 16]
        # The centre follows the disc.
        angles = np.arange(10, 37) / 8
        path = np.stack([40 + 20 * np.cos(angles), 22 + 9 * np.sin(angles)], 1)
        assert np.abs(file["roi"][10:] - path).mean() < 5


def test_each_frame_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stagefiles.write(tmp_path, scene(37))
    with stage_files.h5py.File(tmp_path / "flow" / "dis.h5", "r+") as file:
        file.attrs["method"] = "dis"
    rows = stage_files.read_rows
    read: dict[str, list[int]] = {}

    def noted(dataset: stage_files.h5py.Dataset, begin: int, end: int) -> np.ndarray:
        read.setdefault(dataset.name, []).extend(range(begin, end))
        return rows(dataset, begin, end)

    monkeypatch.setattr(stage_files, "read_rows", noted)
    extract_roi(tmp_path / "frames.h5", tmp_path / "flow" / "dis.h5", tmp_path / "roi.h5", 0.6, 0.25)
    assert read == {"/rgb": list(range(37)), "/flow": list(range(37))}


def moved_by_storing(motion: np.ndarray, masks: np.ndarray, fps: float) -> float:
    """Farthest that a centre moves when the flow is stored and read, px."""
    stored = flows.quantise(motion) * np.float32(flows.SCALE)
    exact, read = (roi.centres(field, masks, (20, 20), fps=fps) for field in (motion, stored))
    return float(np.linalg.norm(exact - read, axis=1).max())


@pytest.mark.parametrize("method", ["dis", "deepflow"])
def test_storing_the_flow_moves_no_centre(method: str) -> None:
    images = scene(40)
    motion = flows.compute(flows.grey(images), method)
    assert moved_by_storing(motion, roi.Foreground().masks(images), 120) <= 0.5


@functools.cache
def demo(player: int) -> tuple[np.ndarray, np.ndarray]:
    """Flow and masks of a demo video's first 200 frames, at 96 px as the demo's study has them."""
    images = islice(render.frames(script.VIDEOS[player - 1]), 200)
    small = np.stack([video.resize(image, 96, 54) for image in images])
    return flows.compute(flows.grey(small)), roi.Foreground().masks(small)


@pytest.mark.parametrize("player", [1, 16])
def test_storing_the_flow_moves_no_centre_of_the_demo(player: int) -> None:
    assert moved_by_storing(*demo(player), script.FPS) <= 0.5


@pytest.mark.parametrize("player", [1, 16])
def test_crop_holds_the_true_racket_of_the_demo(player: int) -> None:
    film = script.VIDEOS[player - 1]
    centres = roi.centres(*demo(player), (36, 36), fps=script.FPS)
    racket = render.truth(film).racket[:200] / 2
    playing = np.zeros(200, bool)
    for stroke in script.strokes(film):
        playing[stroke.begin : stroke.end] = True
    assert playing.sum() > 50
    distance = np.abs(centres - racket)[playing]
    assert (distance < 18).all(axis=1).mean() > 0.98
    # Nearer than a crop that stays in the middle of the picture.
    assert np.linalg.norm(distance, axis=1).mean() < np.linalg.norm((48, 27) - racket[playing], axis=1).mean()


def test_flow_of_other_frames(tmp_path: Path) -> None:
    stagefiles.write(tmp_path / "a", scene(5))
    stagefiles.write(tmp_path / "b", 255 - scene(5))  # as many of that size
    frames, flow = tmp_path / "a/frames.h5", tmp_path / "b/flow/dis.h5"
    with pytest.raises(CrispError, match="flow was computed from other frames") as error:
        extract_roi(frames, flow, tmp_path / "roi.h5", 0.6, 0.25)
    assert all(str(path) in str(error.value) for path in (frames, flow))
    assert error.value.faults[0].remedy == "give the flow of these frames; crisp flow makes it"
    assert not (tmp_path / "roi.h5").exists()
