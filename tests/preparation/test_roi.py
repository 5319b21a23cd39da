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
from crisp.core.views import Box
from crisp.demo import render, script
from crisp.preparation import flow as flows
from crisp.preparation import roi, video
from crisp.preparation.foreground import Foreground
from crisp.preparation.roi import extract_roi
from tests import published, stagefiles

HEIGHT, WIDTH = 20, 30


def field(*moves: tuple[int, int, int, float, float], count: int = 1) -> np.ndarray:
    """Flow (N, H, W, 2) that is zero but at moves (frame, x, y, dx, dy)."""
    flow = np.zeros((count, HEIGHT, WIDTH, 2), np.float32)
    for frame, x, y, dx, dy in moves:
        flow[frame, y, x] = dx, dy
    return flow


def test_one_moving_pixel() -> None:
    places, trust = roi.positions(field((0, 7, 4, -2, 1)), 0.25)
    assert (places.tolist(), trust.tolist()) == ([[[7, 4], [7, 4]]], [1])


def test_strongest_and_mean() -> None:
    # Strongest is |dx| + |dy|: (2, 2) beats (3, 0). The mean position is unweighted.
    seen = field((0, 10, 4, 2, 2), (0, 20, 10, 3, 0), (0, 3, 1, -0.2, 0.2), (0, 5, 19, 0.1, 0.1))
    (places,), _ = roi.positions(seen, 0.25, power=0)
    np.testing.assert_allclose(places, [(10, 4), ((10 + 20 + 3) / 3, (4 + 10 + 1) / 3)])
    (places,), _ = roi.positions(seen, 0, power=0)
    np.testing.assert_allclose(places, [(10, 4), ((10 + 20 + 3 + 5) / 4, (4 + 10 + 1 + 19) / 4)])


def test_each_place_is_clamped_then_weighted_then_smoothed() -> None:
    """The strongest motion at the corner, the mean of both pixels beyond the border of a crop of 8 by 10."""
    flow, mask = field((1, 29, 1, 9, 0), (1, 27, 3, 0, 1), count=2), np.ones((2, HEIGHT, WIDTH), np.uint8)
    places = np.array([[(29.0, 1.0), (28.0, 2.0)], [(2.0, 10.0), (15.0, 10.0)]])
    clamped = roi.clamp(places, (8, 10), WIDTH, HEIGHT)
    assert clamped.tolist() == [[[25, 4], [25, 4]], [[5, 10], [15, 10]]]
    np.testing.assert_allclose(roi.weigh(clamped, 0.6), [[25, 4], [9, 10]])
    np.testing.assert_allclose(roi.centres(flow, mask, (8, 10), fps=2), [[25, 4]] * 2)


def compare(seen: list[np.ndarray], size: tuple[int, int], fps: float) -> None:
    """Compare with the published rule, of flow that has been seen through the mask already."""
    height, width = seen[0].shape[:2]
    carried = roi.carry(*roi.positions(np.array(seen), 0, 0), width, height)
    found = roi.smooth(roi.weigh(roi.clamp(carried, size, width, height), 0.6), fps)
    np.testing.assert_allclose(found, published.roi(seen, size, fps), atol=1e-12)


@given(
    count=st.integers(1, 30),
    picture=st.tuples(st.integers(1, 20), st.integers(1, 30)),
    size=st.tuples(st.integers(1, 25), st.integers(1, 35)),
    fps=st.sampled_from([2, 6, 12, 15, 25, 60, 120]),
    share=st.sampled_from([0.0, 0.002, 0.05, 0.5]),
    seed=st.integers(0, 2**32 - 1),
)
def test_without_threshold_and_power_the_rule_is_the_published_one(
    count: int, picture: tuple[int, int], size: tuple[int, int], fps: float, share: float, seed: int
) -> None:
    """Flow in whole px, so that sums are exact and ties common; few moving pixels, near borders, too."""
    random = np.random.default_rng(seed)
    flow = random.integers(-3, 4, (count, *picture, 2)) * (random.random((count, *picture, 1)) < share)
    flow[0] = 0
    compare(list(flow.astype(np.float32)), size, fps)


@pytest.mark.parametrize("size", [(36, 36), (35, 41), (53, 95), (60, 36), (200, 200)])
def test_of_the_demo_s_flow_the_rule_is_the_published_one(size: tuple[int, int]) -> None:
    flow, mask = (part[:60] for part in demo(1))
    seen = [np.float32(published.inside(*one)) for one in zip(flow, mask, strict=True)]
    np.testing.assert_allclose(roi.masked(flow, mask), seen, atol=1e-6)
    compare(seen, size, script.FPS)
    # The whole, from its own flow, at the pixels that its own last digits choose.
    found = roi.centres(flow, mask, size, 0.6, script.FPS, threshold=0, power=0)
    np.testing.assert_allclose(
        found, published.roi(list(roi.masked(flow, mask)), size, script.FPS), atol=1e-12
    )


def test_ties_take_the_first_in_row_major_order() -> None:
    seen = field((0, 25, 2, 1, 0), (0, 3, 5, 0, -1), (0, 28, 2, -0.5, 0.5))
    assert roi.positions(seen, 0.25, power=0)[0][:, 0].tolist() == [[25, 2]]


def test_strongest_motion_is_shared_by_nearly_as_strong_pixels() -> None:
    seen = field((0, 10, 4, 2, 2), (0, 20, 10, 3, 0), (0, 3, 1, -0.2, 0.2), (0, 5, 19, 0.1, 0.1))
    weights = np.array([4, 3, 0.4]) ** roi.POWER
    ((centre, _),), _ = roi.positions(seen, 0.25)
    weights /= weights.sum()
    np.testing.assert_allclose(centre, (weights @ (10, 20, 3), weights @ (4, 10, 1)))
    ((sharp, _),), _ = roi.positions(seen, 0.25, power=200)
    np.testing.assert_allclose(sharp, (10, 4), atol=1e-9)


@pytest.mark.parametrize(("speed", "trust"), [(0.25, 0), (0.275, 0.1), (0.375, 0.5), (0.5, 1), (9, 1)])
def test_little_motion_counts_little(speed: float, trust: float) -> None:
    seen = field((0, 7, 4, speed, 0))
    assert roi.positions(seen, 0.25)[1] == pytest.approx([trust])
    assert roi.positions(seen, 0.25, power=0)[1].tolist() == [float(trust > 0)]
    assert roi.positions(seen, 0)[1].tolist() == [1]


def test_threshold_is_exclusive_and_scales() -> None:
    assert np.isnan(roi.positions(field((0, 7, 4, 0.25, 0)), 0.25)[0]).all()
    assert roi.motion_threshold(0.25, 320, 120) == 0.25
    assert roi.motion_threshold(0.25, 160, 30) == 0.5
    assert roi.motion_threshold(0.25, 640, 240) == 0.25


def test_carrying() -> None:
    nothing = (np.nan, np.nan)

    def carry(*centres: tuple[float, float]) -> list[list[float]]:
        trust = np.array([float(centre is not nothing) for centre in centres])
        places = np.array(centres)
        strongest, mean = np.moveaxis(roi.carry(np.stack([places, places + 1], 1), trust, 30, 20), 1, 0)
        np.testing.assert_array_equal(mean, strongest + float(trust[1:].any()))
        return strongest.tolist()

    assert carry(nothing, nothing, nothing) == [[15, 10]] * 3
    late = carry(nothing, nothing, nothing, (4, 5), nothing, (6, 7), nothing)
    assert late == [[4, 5]] * 5 + [[6, 7]] * 2
    assert carry(nothing, (4, 5), (6, 7)) == [[4, 5], [4, 5], [6, 7]]
    # Whatever frame 0 has: its own flow is none.
    assert carry((9, 9), (4, 5)) == [[4, 5]] * 2
    assert carry(nothing) == [[15, 10]]
    one, trust = np.array([nothing, nothing, (4, 8), (8, 4), (0, 0)]), np.array([0, 0, 0.1, 0.5, 0.25])
    places = np.stack([one, one], axis=1)
    assert roi.carry(places, trust, 30, 20)[:, 0].tolist() == [[4, 8]] * 3 + [[6, 6], [4.5, 4.5]]
    assert np.isnan(places[0]).all()
    assert not trust[0]


@pytest.mark.parametrize(("fps", "taps"), [(120, 41), (30, 11), (25, 9), (15, 7), (12, 5), (6, 3), (2, 1)])
@pytest.mark.parametrize("count", [1, 2, 7, 60])
def test_smoothing(fps: float, taps: int, count: int) -> None:
    centres = np.random.default_rng(0).uniform(0, 300, (count, 2))
    half = taps // 2
    expected = [
        sum(
            weight * centres[published.reflected(n + k - half, count)]
            for k, weight in enumerate(published.gaussian(taps))
        )
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
    found = roi.masked(flow, mask)
    assert found.dtype == np.float32
    expected = np.stack([published.inside(*one) for one in zip(flow, mask, strict=True)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert not found[expected == 0].any()
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
    masks = Foreground().masks(images)
    assert (masks.shape, masks.dtype) == ((40, 45, 80), np.uint8)
    assert masks[0].all()
    assert set(np.unique(masks)) == {0, 1}
    assert 0.02 < masks[5:].mean() < 0.4
    # Zivkovic's mixture as the method names it, fed from the first frame to the last.
    model = cv2.createBackgroundSubtractorMOG2(500, 16, False)
    assert (model.getHistory(), model.getVarThreshold(), model.getDetectShadows()) == (500, 16, False)
    np.testing.assert_array_equal(masks, np.stack([model.apply(image) for image in images]) // 255)
    parts = Foreground()
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

    masks = Foreground().masks(images)
    stored = flows.quantise(motion) * np.float32(flows.SCALE)
    seen = roi.masked(stored, masks)
    places = roi.carry(*roi.positions(seen, 0.25 * 80 / 320 * 120 / 60), 80, 45)
    with stage_files.open_stage(target, "roi") as file:
        np.testing.assert_array_equal(file["mask"][:], masks)
        np.testing.assert_array_equal(file["roi"][:], places.astype(np.float32))
        np.testing.assert_array_equal(file["flow_stats"][:], roi.statistics(seen))
        for size in ((20, 20), (21, 33), (60, 20)):
            whole = roi.centres(stored, masks, size, fps=60)
            np.testing.assert_allclose(roi.read_centres(file, 0, 37, size), whole, atol=1e-4)
            for begin, end in ((0, 1), (3, 9), (12, 24), (30, 37), (36, 37)):  # smoothed over 10 frames
                part = roi.read_centres(file, begin, end, size)
                np.testing.assert_array_equal(part, roi.read_centres(file, 0, 37, size)[begin:end])
        plain = roi.read_centres(file, 0, 37, smoothed=False)
        np.testing.assert_allclose(plain, 0.6 * places[:, 0] + 0.4 * places[:, 1], atol=1e-4)
        recorded = [file.attrs[key] for key in ("method", "alpha", "threshold", "power")]
        assert recorded == ["dis", 0.6, 0.25, 16]
        # The centre follows the disc.
        angles = np.arange(10, 37) / 8
        path = np.stack([40 + 20 * np.cos(angles), 22 + 9 * np.sin(angles)], 1)
        assert np.abs(roi.read_centres(file, 10, 37) - path).mean() < 5


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
    assert moved_by_storing(motion, Foreground().masks(images), 120) <= 0.5


@functools.cache
def demo(player: int) -> tuple[np.ndarray, np.ndarray]:
    """Flow and masks of a demo video's first 200 frames, at 96 px as the demo's study has them."""
    images = islice(render.frames(script.VIDEOS[player - 1]), 200)
    small = np.stack([video.resize(image, 96, 54) for image in images])
    return flows.compute(flows.grey(small)), Foreground().masks(small)


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


def test_region_is_as_a_video_of_it_alone(tmp_path: Path) -> None:
    images = scene(37)
    motion = flows.compute(flows.grey(images), "dis")
    region = Box(0.25, 0.1, 0.8, 0.95)
    left, top, right, bottom = region.pixels(80, 45)
    part = np.s_[:, top:bottom, left:right]
    found = {}
    for name, (pictures, field) in {
        "whole": (images, motion),
        "part": (np.ascontiguousarray(images[part]), np.ascontiguousarray(motion[part])),
    }.items():
        folder = tmp_path / name
        stagefiles.write(folder, pictures, field, fps=60)
        # The threshold follows the width of the picture, which is not that of the region.
        scaled = 0.25 if name == "whole" else 0.25 * 80 / (right - left)
        target = folder / "roi" / "region.h5"
        boxes = (region,) if name == "whole" else ()
        stages = (folder / "frames.h5", folder / "flow" / f"{stagefiles.METHOD}.h5", target)
        extract_roi(*stages, 0.6, scaled, 16.0, *boxes)
        with stage_files.open_stage(target, "roi") as file:
            corner = (left, top) if name == "whole" else (0, 0)
            found[name] = (
                file["mask"][:][part] if name == "whole" else file["mask"][:],
                roi.read_centres(file, 0, 37, (20, 20)) - corner,
                roi.read_centres(file, 3, 9, (20, 21)) - corner,
                file["flow_stats"][:],
            )
            assert ("region" in file.attrs) == (name == "whole")
            if name == "whole":
                outside = file["mask"][:]
                outside[part] = 0
                assert not outside.any()
    for whole, alone in zip(*found.values(), strict=True):
        np.testing.assert_allclose(whole, alone, atol=1e-4)


def test_region_without_a_pixel(tmp_path: Path) -> None:
    stagefiles.write(tmp_path, scene(5))
    stages = (tmp_path / "frames.h5", tmp_path / "flow" / f"{stagefiles.METHOD}.h5", tmp_path / "roi.h5")
    with pytest.raises(CrispError, match="region without a pixel"):
        extract_roi(*stages, 0.6, 0.25, 16.0, Box(0, 0, 0.001, 1))
    assert not stages[2].exists()


@pytest.mark.parametrize("region", ["0,0,1.1,1", "0.5,0,0.5,1", "0,0,1", "left", 5])
def test_damaged_region(tmp_path: Path, region: str | int) -> None:
    stagefiles.write(tmp_path, scene(5))
    stages = (tmp_path / "frames.h5", tmp_path / "flow" / f"{stagefiles.METHOD}.h5", tmp_path / "roi.h5")
    extract_roi(*stages, 0.6, 0.25, 16.0, Box(0, 0, 0.5, 1))
    with stage_files.h5py.File(stages[2], "r+") as file:
        file.attrs["region"] = region
    with (
        stage_files.open_stage(stages[2], "roi") as file,
        pytest.raises(CrispError, match="attribute region"),
    ):
        roi.read_centres(file, 0, 5)
