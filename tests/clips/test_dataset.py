"""Clips as the models see them, from tiny stage files."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from crisp.clips import augmentation
from crisp.clips.augmentation import Draw, centred, draw, generator
from crisp.clips.dataset import ClipDataset
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from crisp.clips.transforms_cpu import warp
from crisp.core.errors import CrispError
from crisp.preparation import roi
from crisp.study.samples import Sample
from crisp.study.variants import Variant
from tests import stagefiles
from tests.geometry import matrix

COUNT, HEIGHT, WIDTH = 12, 96, 128
BOTH = ("rgb", "flow")
DRAWS = {
    "none": Draw(0),
    "rotation": Draw(0, angle=9),
    "zoom in": Draw(0, zoom=1.1),
    "zoom out": Draw(0, zoom=0.9),
    "shift": Draw(0, shift=(5, -4)),
    "flip": Draw(0, flip=True),
    "all": Draw(0, angle=-8, zoom=1.07, shift=(-3, 6), flip=True),
}


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A video of noise with an ROI that wanders past the image's borders."""
    random = np.random.default_rng(0)
    content: dict[str, Any] = {
        "rgb": random.integers(0, 256, (COUNT, HEIGHT, WIDTH, 3)).astype(np.uint8),
        "flow": random.normal(0, 4, (COUNT, HEIGHT, WIDTH, 2)),
        "mask": (random.random((COUNT, HEIGHT, WIDTH)) < 0.1).astype(np.uint8),
        "roi": random.uniform((0, 0), (WIDTH, HEIGHT), (COUNT, 2)),
    }
    content["flow"][0] = 0
    content["flow"] = np.floor(content["flow"] * 32 + 0.5) / 32
    folder = stagefiles.write(tmp_path_factory.mktemp("noise"), **content)
    return {**content, "folder": folder}


def reader(noise: dict, streams: tuple[str, ...] = BOTH) -> ClipReader:
    return ClipReader(noise["folder"], streams, stagefiles.METHOD)


def corners(noise: dict, height: int, width: int) -> np.ndarray:
    """(left, top) of every frame's crop without augmentation, worked out apart from the package."""
    x, y = noise["roi"].astype(np.float32).astype(float).T
    x = np.clip(x, width / 2, WIDTH - width / 2) if width <= WIDTH else np.full(COUNT, WIDTH / 2)
    y = np.clip(y, height / 2, HEIGHT - height / 2) if height <= HEIGHT else np.full(COUNT, HEIGHT / 2)
    return np.stack([np.floor(x) - width // 2, np.floor(y) - height // 2], axis=1).astype(int)


@pytest.mark.parametrize(("height", "width"), [(32, 40), (33, 41), (HEIGHT, WIDTH), (95, 127)])
def test_clip_without_augmentation_is_an_exact_copy(noise: dict, height: int, width: int) -> None:
    clip = reader(noise).clip(Draw(2), (8, height, width))
    seen = roi.masked(noise["flow"].astype(np.float32), noise["mask"])
    for position, frame in enumerate(range(2, 10)):
        left, top = corners(noise, height, width)[frame]
        area = np.s_[frame, top : top + height, left : left + width]
        assert noise["rgb"][area].shape == (height, width, 3), "the crop lies inside the image"
        rgb = noise["rgb"][area].astype(np.float32) / np.float32(255)
        np.testing.assert_array_equal(clip["rgb"][:, position].transpose(1, 2, 0), rgb)
        np.testing.assert_array_equal(clip["flow"][:, position].transpose(1, 2, 0), seen[area])


@pytest.mark.parametrize(("height", "width"), [(120, 40), (33, 201), (121, 160)])
def test_crop_larger_than_the_image_has_a_zero_border(noise: dict, height: int, width: int) -> None:
    clip = reader(noise, ("rgb",)).clip(Draw(2), (1, height, width))["rgb"][:, 0].transpose(1, 2, 0)
    left, top = corners(noise, height, width)[2]
    padded = np.pad(noise["rgb"][2], ((100, 100), (100, 100), (0, 0)))
    expected = padded[100 + top : 100 + top + height, 100 + left : 100 + left + width]
    np.testing.assert_array_equal(clip, expected.astype(np.float32) / np.float32(255))


def test_clip_shapes_and_ranges(noise: dict) -> None:
    clip = reader(noise).clip(DRAWS["all"], (8, 32, 40), Normalisation("normal", 2, 3))
    assert {name: (array.shape, array.dtype) for name, array in clip.items()} == {
        "rgb": ((3, 8, 32, 40), np.dtype("f4")),
        "flow": ((2, 8, 32, 40), np.dtype("f4")),
    }
    assert all(array.flags.c_contiguous for array in clip.values())
    assert 0 <= clip["rgb"].min() < clip["rgb"].max() <= 1
    assert (clip["flow"].min(), clip["flow"].max()) == (-1, 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("size", [(32, 40), (33, 41), (130, 40), (HEIGHT, WIDTH)])
@pytest.mark.parametrize("values", [Draw(0), Draw(0, shift=(7, -5)), Draw(0, shift=(-50, 60), flip=True)])
def test_copying_pixels_equals_warping_them(
    noise: dict, dtype: type, size: tuple[int, int], values: Draw
) -> None:
    image, centre = noise["rgb"][0].astype(dtype), np.array([60.0, 41.0])
    out: np.ndarray = np.empty((*size, 3), dtype)
    warp(image, matrix(values, centre, size), out)
    expected = cv2.warpAffine(image, matrix(values, centre, size), size[::-1])
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("step", [(0, 0), (2, -1)], ids=["fixed crop", "moving crop"])
@pytest.mark.parametrize("values", DRAWS.values(), ids=DRAWS.keys())
def test_warped_flow_is_the_flow_of_the_warped_frames(
    tmp_path: Path, values: Draw, step: tuple[int, int]
) -> None:
    """Flow found between augmented frames equals the augmented flow: on average within 0.1 px of 3 px.

    Flow is not compensated for the motion of the crop, so what its step hides is added back.
    """
    picture = stagefiles.texture(HEIGHT, WIDTH)
    # Known motion: turn by 1 degree about (50, 40), then move by (3, 1).
    motion = cv2.getRotationMatrix2D((50, 40), 1, 1) + np.array([[0, 0, 3], [0, 0, 1]])
    rgb = np.stack([picture, cv2.warpAffine(picture, motion, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)])
    points = np.stack([*np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), np.ones((HEIGHT, WIDTH))], axis=-1)
    flow = np.stack([np.zeros((HEIGHT, WIDTH, 2)), points @ motion.T - points[..., :2]])
    centre = np.array([[WIDTH / 2, HEIGHT / 2]])
    folder = stagefiles.write(tmp_path, rgb, flow, roi=np.concatenate([centre, centre + step]))

    clip = ClipReader(folder, BOTH, stagefiles.METHOD).clip(values, (2, 64, 80))

    grey = [
        cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
        for frame in (clip["rgb"] * 255).astype("u1").transpose(1, 2, 3, 0)
    ]
    solver = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = solver.calc(grey[0], grey[1], np.zeros((64, 80, 2), np.float32))
    found += augmentation.linear(values) @ step
    given = clip["flow"][:, 1].transpose(1, 2, 0)
    inner = np.s_[10:-10, 10:-10]
    assert np.linalg.norm(given[inner], axis=-1).mean() > 2.5
    assert np.linalg.norm(found - given, axis=-1)[inner].mean() < 0.1


def test_clips_of_a_player_who_faces_left_are_mirrored(noise: dict) -> None:
    plain = reader(noise)
    facing = ClipReader(noise["folder"], BOTH, stagefiles.METHOD, mirrored=True)
    for flip in (False, True):
        values, size = replace(DRAWS["rotation"], flip=flip), (4, 32, 40)
        found, other = facing.clip(values, size), plain.clip(replace(values, flip=not flip), size)
        assert all(np.array_equal(found[stream], other[stream]) for stream in BOTH)
    sample = Sample("v", 2, 9, "a", "stroke", "v:2")
    variant = Variant.from_config({"name": "v", "model": "twin", "size": [4, 32, 40], "flip": False})
    clips = {
        side: ClipDataset([sample], ["a"], {"v": made}, variant, None, augment=True)
        for side, made in (("right", plain), ("left", facing))
    }
    assert clips["left"].draw(0) == replace(clips["right"].draw(0), flip=True)


def test_flip_negates_dx_only(noise: dict) -> None:
    plain, flipped = (reader(noise).clip(values, (6, 32, 40)) for values in (Draw(3), Draw(3, flip=True)))
    np.testing.assert_array_equal(flipped["rgb"], plain["rgb"][..., ::-1])
    np.testing.assert_array_equal(flipped["flow"][0], -plain["flow"][0, ..., ::-1])
    np.testing.assert_array_equal(flipped["flow"][1], plain["flow"][1, ..., ::-1])


def blob(height: int, width: int, x: float, y: float) -> np.ndarray:
    ys, xs = np.mgrid[:height, :width]
    return np.exp(-((xs - x) ** 2 + (ys - y) ** 2) / (2 * 2.0**2))


def centroid(weights: np.ndarray) -> np.ndarray:
    ys, xs = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()


@pytest.fixture(scope="module")
def walker(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    """A bright spot with flow at the same place, and an ROI that follows it: folder and positions."""
    at = np.stack([50 + 3 * np.arange(COUNT), 40 + np.arange(COUNT)], axis=1).astype(float)
    spots = np.stack([blob(HEIGHT, WIDTH, *point) for point in at])
    rgb = np.repeat((250 * spots).astype(np.uint8)[..., None], 3, axis=-1)
    flow = np.stack([3 * spots, spots], axis=-1)
    folder = stagefiles.write(tmp_path_factory.mktemp("walker"), rgb, flow, roi=at + 0.4)
    return folder, at


@pytest.mark.parametrize("index", range(12))
def test_one_matrix_a_frame_follows_the_roi_while_the_draw_stays(
    walker: tuple[Path, np.ndarray], index: int
) -> None:
    folder, at = walker
    values = draw(generator(0, 0, index), 1, COUNT, (8, 60, 64))
    clip = ClipReader(folder, BOTH, stagefiles.METHOD).clip(values, (8, 60, 64))
    expected = matrix(values, at[1], (60, 64)) @ [*at[1], 1]
    for position in range(8):
        # The spot stays where the draw puts the ROI, and flow and picture stay together.
        np.testing.assert_allclose(centroid(clip["rgb"][:, position].sum(axis=0)), expected, atol=0.2)
        strength = np.linalg.norm(clip["flow"][:, position], axis=0)
        np.testing.assert_allclose(centroid(strength), expected, atol=0.2)


def test_crop_is_full_size_when_zoomed_out(noise: dict) -> None:
    clip = reader(noise).clip(Draw(0, zoom=0.9, shift=(60, 60)), (8, 96, 128))
    assert clip["rgb"].shape == (3, 8, 96, 128)
    assert clip["flow"].shape == (2, 8, 96, 128)
    assert not clip["rgb"][..., :4, :4].any(), "zero outside the image"


@pytest.mark.parametrize("values", DRAWS.values(), ids=DRAWS.keys())
def test_nothing_leaks_through_the_mask(tmp_path: Path, values: Draw) -> None:
    rgb = np.zeros((2, HEIGHT, WIDTH, 3), np.uint8)
    mask = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask[1], (70, 45), 12, 1, -1)
    folder = stagefiles.write(tmp_path, rgb, np.full((2, HEIGHT, WIDTH, 2), 4.0), mask)
    clip = ClipReader(folder, ("flow",), stagefiles.METHOD).clip(values, (2, 64, 80))
    # Where the disc and its dilation land, with one px for the interpolation.
    target = matrix(values, (WIDTH // 2, HEIGHT // 2), (64, 80)) @ [70, 45, 1]
    ys, xs = np.mgrid[:64, :80]
    distance = np.hypot(xs - target[0], ys - target[1]) / values.zoom
    assert not clip["flow"][:, 1][:, distance > 15.5].any()
    np.testing.assert_allclose(
        np.linalg.norm(clip["flow"][:, 1][:, distance < 11], axis=0), 4 * np.sqrt(2) * values.zoom, rtol=1e-3
    )


@pytest.mark.parametrize("begin", [-5, -1, COUNT - 4, COUNT - 1, COUNT + 3, -30])
def test_frames_outside_the_video_repeat_its_ends_without_flow(noise: dict, begin: int) -> None:
    size = (6, 32, 40)
    clip = reader(noise).clip(Draw(begin, angle=3), size)
    for position, wanted in enumerate(range(begin, begin + 6)):
        frame = min(max(wanted, 0), COUNT - 1)
        single = reader(noise).clip(Draw(frame, angle=3), (1, 32, 40))
        np.testing.assert_array_equal(clip["rgb"][:, position], single["rgb"][:, 0])
        if wanted == frame:
            np.testing.assert_array_equal(clip["flow"][:, position], single["flow"][:, 0])
        else:
            assert not clip["flow"][:, position].any()


def test_windows_are_slices_of_the_stroke(noise: dict) -> None:
    whole = reader(noise).clip(Draw(1), (10, 32, 40))
    window = reader(noise).clip(Draw(4), (6, 32, 40))
    for stream in BOTH:
        np.testing.assert_array_equal(whole[stream][:, 3:9], window[stream])


def test_geometry_comes_before_normalisation_and_clipping(noise: dict) -> None:
    values = DRAWS["all"]
    plain = reader(noise).clip(values, (6, 32, 40))["flow"]
    scaled = reader(noise).clip(values, (6, 32, 40), Normalisation("normal", 2, 3))["flow"]
    divisors = np.array([2, 3], np.float32).reshape(2, 1, 1, 1)
    np.testing.assert_array_equal(scaled, np.clip(plain / divisors, -1, 1))


def test_only_the_files_of_the_streams_are_needed(tmp_path: Path, noise: dict) -> None:
    folder = stagefiles.write(tmp_path, noise["rgb"], noise["flow"], noise["mask"], noise["roi"])
    (folder / "flow" / f"{stagefiles.METHOD}.h5").unlink()
    assert list(ClipReader(folder, ("rgb",), stagefiles.METHOD).clip(Draw(0), (4, 16, 16))) == ["rgb"]
    folder = stagefiles.write(tmp_path, noise["rgb"], noise["flow"], noise["mask"], noise["roi"])
    (folder / "frames.h5").unlink()
    assert list(ClipReader(folder, ("flow",), stagefiles.METHOD).clip(Draw(0), (4, 16, 16))) == ["flow"]


def remove(path: Path) -> None:
    path.unlink()


def empty(path: Path) -> None:
    path.write_bytes(b"")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_bytes(path: Path) -> None:
    """Damage the values; the file's structure at its start stays whole."""
    content = bytearray(path.read_bytes())
    for place in range(len(content) // 2, len(content) // 2 + 64):
        content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["frames", "flow", "roi"])
@pytest.mark.parametrize("harm", [remove, empty, truncate])
def test_missing_or_torn_stage_file_is_named(tmp_path: Path, noise: dict, name: str, harm: Callable) -> None:
    folder = stagefiles.write(tmp_path, noise["rgb"], noise["flow"], noise["mask"], noise["roi"])
    path = folder / ("frames.h5" if name == "frames" else f"{name}/{stagefiles.METHOD}.h5")
    harm(path)
    with pytest.raises(CrispError, match=f"{path.name}: stage file (is missing|cannot be read)"):
        ClipReader(folder, BOTH, stagefiles.METHOD).clip(Draw(0), (8, 16, 16))


@pytest.mark.parametrize("name", ["frames", "flow"])
def test_damaged_values_are_found(tmp_path: Path, noise: dict, name: str) -> None:
    folder = stagefiles.write(tmp_path, noise["rgb"], noise["flow"], noise["mask"], noise["roi"])
    flip_bytes(folder / ("frames.h5" if name == "frames" else f"{name}/{stagefiles.METHOD}.h5"))
    with pytest.raises(CrispError, match="damaged data"):
        ClipReader(folder, BOTH, stagefiles.METHOD).clip(Draw(0), (COUNT, 16, 16))


def test_file_replaced_between_two_clips_is_read_anew(tmp_path: Path, noise: dict) -> None:
    folder = stagefiles.write(tmp_path, noise["rgb"])
    clips = ClipReader(folder, ("rgb",), stagefiles.METHOD)
    before = clips.clip(Draw(0), (4, 16, 16))["rgb"]
    stagefiles.write(tmp_path, 255 - noise["rgb"])
    np.testing.assert_allclose(clips.clip(Draw(0), (4, 16, 16))["rgb"], 1 - before, atol=1e-6)


def test_stage_files_of_different_videos_are_refused(tmp_path: Path, noise: dict) -> None:
    folder = stagefiles.write(tmp_path, noise["rgb"])
    stagefiles.write(tmp_path / "other", noise["rgb"][:-1])
    (tmp_path / "other" / "frames.h5").replace(folder / "frames.h5")
    with pytest.raises(CrispError, match="ROI does not belong to"):
        ClipReader(folder, ("rgb",), stagefiles.METHOD).clip(Draw(0), (4, 16, 16))


def test_reader_tells_the_shape_and_can_be_sent_to_a_process(noise: dict) -> None:
    clips = reader(noise)
    assert clips.shape == (COUNT, HEIGHT, WIDTH)
    sent = pickle.loads(pickle.dumps(clips))
    np.testing.assert_array_equal(
        sent.clip(Draw(0), (4, 16, 16))["flow"], clips.clip(Draw(0), (4, 16, 16))["flow"]
    )


CLASSES = ["Negative", "Forehand", "Backhand"]
VARIANT = Variant.from_config({"name": "v", "size": (8, 32, 40), "flow": stagefiles.METHOD})
LABELS = ["Backhand", "Negative", "UNKNOWN", "Unknown", "", "Forehand"]


def dataset(noise: dict, augment: bool = True, seed: int = 4) -> ClipDataset:
    samples = [
        Sample("noise", index, index + 11 - index % 3, label, "stroke", f"s{index}")
        for index, label in enumerate(LABELS)
    ]
    return ClipDataset(
        samples, CLASSES, {"noise": reader(noise)}, VARIANT, Normalisation("normal", 9, 9), seed, augment
    )


def test_items_are_streams_label_and_position(noise: dict) -> None:
    clips = dataset(noise, augment=False)
    assert len(clips) == 6
    assert [clips[index][1:] for index in range(6)] == [(2, 0), (0, 1), (-1, 2), (-1, 3), (-1, 4), (1, 5)]
    expected = reader(noise).clip(centred(1, 11, 8), VARIANT.size, Normalisation("normal", 9, 9))
    for stream in BOTH:
        np.testing.assert_array_equal(clips[1][0][stream].numpy(), expected[stream])


def test_augmentation_depends_on_seed_epoch_and_position_alone(noise: dict) -> None:
    clips = dataset(noise)
    first = [clips.draw(index) for index in range(6)]
    assert len(set(first)) == 6
    clips.epoch = 1
    assert not set(first) & {clips.draw(index) for index in range(6)}
    clips.epoch = 0
    assert [clips.draw(index) for index in reversed(range(6))] == first[::-1]
    assert dataset(noise, seed=5).draw(0) != first[0]
    assert dataset(noise, augment=False).draw(0) == centred(0, 11, 8)


def test_spread_clips_of_a_negative_are_anywhere_in_it(noise: dict) -> None:
    clips = dataset(noise)
    clips.variant = replace(VARIANT, spread=0.2)
    clips.samples = [sample._replace(begin=0, end=40) for sample in clips.samples]
    clips.samples[1] = clips.samples[1]._replace(kind="negative")
    # The sample is of an index modulo their number: many draws of two of them.
    strokes, negatives = ([clips.draw(first + 6 * i).begin + 4 for i in range(500)] for first in (0, 1))
    assert (min(strokes), max(strokes)) == (16, 24)
    assert (min(negatives), max(negatives)) == (0, 40)


def batches(clips: ClipDataset, workers: int) -> list:
    """Two epochs' batches; the workers outlive the first."""
    loader = DataLoader(clips, batch_size=2, num_workers=workers, persistent_workers=workers > 0)
    found = []
    for epoch in (3, 4):
        clips.epoch = epoch
        found += list(loader)
    return found


def test_clips_do_not_depend_on_the_number_of_workers(noise: dict) -> None:
    alone, shared = batches(dataset(noise), 0), batches(dataset(noise), 2)
    assert len(alone) == len(shared) == 6
    for (streams, labels, positions), (others, other_labels, other_positions) in zip(
        alone, shared, strict=True
    ):
        for stream in BOTH:
            assert torch.equal(streams[stream], others[stream])
        assert torch.equal(labels, other_labels)
        assert torch.equal(positions, other_positions)
    assert not torch.equal(alone[0][0]["rgb"], alone[3][0]["rgb"]), "epochs differ"


def test_label_that_is_no_class_is_refused(noise: dict) -> None:
    sample = Sample("noise", 0, 10, "Forhand", "stroke", "s0")
    with pytest.raises(CrispError, match="label is not a class"):
        ClipDataset([sample], CLASSES, {"noise": reader(noise)}, VARIANT, None)


def test_sample_of_a_video_without_reader_is_refused(noise: dict) -> None:
    sample = Sample("other", 0, 10, "Forehand", "stroke", "s0")
    with pytest.raises(CrispError, match="its video has no stage files"):
        ClipDataset([sample], CLASSES, {"noise": reader(noise)}, VARIANT, None)
