"""Clips made on a device equal those of the reference but for rounding."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from crisp.clips import augmentation, transforms_cpu, transforms_gpu
from crisp.clips.augmentation import Draw
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from tests import stagefiles

SIZE = (8, 32, 40)
STREAMS = ("rgb", "flow", "pose")
DRAWS = [
    Draw(2),
    Draw(2, flip=True),
    Draw(2, shift=(4, -3)),
    Draw(-3, angle=9.7, zoom=1.09, shift=(-4, 3), flip=True),
    Draw(9, angle=-9.9, zoom=0.91, shift=(4, 3)),
]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ClipReader:
    """A video with structure, a mask with edges, and a crop that wanders past the borders."""
    random = np.random.default_rng(0)
    folder = stagefiles.write(
        tmp_path_factory.mktemp("video"),
        np.stack([stagefiles.texture(72, 96, seed) for seed in range(14)]),
        random.normal(0, 5, (14, 72, 96, 2)),
        mask=(random.random((14, 72, 96)) < 0.1).astype(np.uint8),
        roi=random.uniform((0, 0), (96, 72), (14, 2)),
        pose=random.uniform((0, 0, 0), (96, 72, 1), (14, 14, 3)),
    )
    return ClipReader(folder, STREAMS, stagefiles.METHOD)


@pytest.mark.parametrize("normalised", [None, Normalisation("none", 1, 1), Normalisation("normal", 4, 7)])
@pytest.mark.parametrize("draw", DRAWS, ids=range(len(DRAWS)))
def test_device_equals_reference(reader: ClipReader, draw: Draw, normalised: Normalisation | None) -> None:
    """RGB to a level of 255, which a rounding of half levels makes, in few pixels; flow to 0.001 px."""
    region = reader.region(draw.begin, draw.begin + SIZE[0], SIZE)
    expected = transforms_cpu.clip(region, draw, SIZE, normalised)
    found = transforms_gpu.clip(transforms_gpu.region_item(region, draw, SIZE, "crop"), SIZE, normalised)
    assert {name: clip.shape for name, clip in found.items()} == {
        name: clip.shape for name, clip in expected.items()
    }
    assert all(clip.dtype == torch.float32 and clip.is_contiguous() for clip in found.values())
    levels = 255 * np.abs(found["rgb"].numpy() - expected["rgb"])
    assert levels.max() < 1.01
    assert levels.mean() < 0.002
    scale = 1 if normalised is None or normalised.kind == "none" else 4
    apart = scale * np.abs(found["flow"].numpy() - expected["flow"])
    assert np.abs(expected["flow"]).max() > 0.5
    assert apart.max() < 1e-3
    assert apart.mean() < 1e-5
    np.testing.assert_array_equal(found["pose"].numpy(), expected["pose"])


def test_a_clip_does_not_depend_on_the_size_of_its_region(reader: ClipReader) -> None:
    draw = Draw(2, angle=5, zoom=0.95, shift=(3, 2))
    whole = reader.region(0, 14, SIZE)
    region = reader.region(draw.begin, draw.begin + SIZE[0], SIZE, (40, 34))
    assert region.arrays["flow"].shape[1:3] < whole.arrays["flow"].shape[1:3]
    cut, uncut = (transforms_cpu.clip(one, draw, SIZE, None) for one in (region, whole))
    assert 255 * np.abs(cut["rgb"] - uncut["rgb"]).max() < 1.01
    np.testing.assert_allclose(cut["flow"], uncut["flow"], atol=1e-3)


def test_single_pixels_and_rows(reader: ClipReader) -> None:
    """Regions of one pixel a side, as of the smallest pictures."""
    region = reader.region(0, 2, (2, 8, 8))
    for rows, columns in ((1, 1), (1, 96), (72, 1)):
        small = replace(
            region,
            picture=(rows, columns),
            centres=np.zeros((2, 2)),
            origins=np.zeros((2, 2), int),
            arrays={
                name: array if name == "pose" else np.ascontiguousarray(array[:, :rows, :columns])
                for name, array in region.arrays.items()
            },
        )
        item = transforms_gpu.region_item(small, Draw(0), (2, 8, 8), "crop")
        found, expected = (
            transforms_gpu.clip(item, (2, 8, 8), None),
            transforms_cpu.clip(small, Draw(0), (2, 8, 8)),
        )
        for name in ("rgb", "flow"):
            np.testing.assert_allclose(found[name].numpy(), expected[name], atol=1e-4)


def test_flow_vectors_turn_with_the_picture(reader: ClipReader) -> None:
    draw = Draw(3, angle=10, zoom=1.1, flip=True)
    item = transforms_gpu.region_item(reader.region(3, 11, SIZE), draw, SIZE, "crop")
    np.testing.assert_allclose(item["linear"].numpy() * 128, augmentation.linear(draw), rtol=1e-6)
