"""The GPU's solver on CPU tensors, and on a GPU where this machine has one."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
import torch

from crisp.core.errors import CrispError
from crisp.preparation.deepflow import DeviceFullError, gpu
from tests import stagefiles

DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def turning(count: int, height: int, width: int) -> np.ndarray:
    """Grey frames (N, H, W) uint8: a picture turns, grows and shifts, a patch before it goes another way."""
    picture = stagefiles.texture(height + 40, width + 40)[..., 1]
    patch = stagefiles.texture(height // 3, width // 3, seed=1)[..., 1]
    frames = []
    for n in range(count):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 1.5 * n, 1 + 0.01 * n)
        matrix[:, 2] += (-20 + 1.3 * n, -20 - 0.8 * n)
        frame = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)
        top, left = height // 3 + n, width // 2 - 2 * n
        frame[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
        frames.append(frame)
    return np.stack(frames)


def opencv(frames: np.ndarray) -> np.ndarray:
    solver = cv2.optflow.createOptFlow_DeepFlow()
    return np.stack([solver.calc(*pair, None) for pair in itertools.pairwise(frames)])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size", [(60, 80), (71, 97), (90, 41)])
def test_opencv_s_flow(device: str, size: tuple[int, int]) -> None:
    frames = turning(3, *size)
    expected = opencv(frames)
    assert np.linalg.norm(expected, axis=-1).mean() > 1  # px: there is something to find
    error = np.linalg.norm(gpu.solve(frames, device) - expected, axis=-1)
    assert error.mean() < 1e-4
    assert np.quantile(error, 0.999) < 1e-3
    assert error.max() < 0.02


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (2, 2), (25, 25), (26, 9), (27, 28)])
def test_tiny_frames_as_opencv(device: str, size: tuple[int, int]) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (3, *size), np.uint8)
    np.testing.assert_allclose(gpu.solve(frames, device), opencv(frames), atol=0.01)


@pytest.mark.parametrize("device", DEVICES)
def test_a_pair_does_not_depend_on_its_batch(device: str) -> None:
    frames = turning(6, 33, 47)
    whole = gpu.solve(frames, device, batch=5)
    for batch in (1, 2, 3):
        np.testing.assert_array_equal(gpu.solve(frames, device, batch), whole)
    np.testing.assert_array_equal(gpu.solve(frames[2:4], device), whole[2:3])


@pytest.mark.parametrize("device", DEVICES)
def test_plain_frames_have_no_flow(device: str) -> None:
    np.testing.assert_array_equal(gpu.solve(np.full((3, 30, 41), 90, np.uint8), device), 0)


@pytest.mark.parametrize("count", [0, 1])
def test_no_pair_of_frames(count: int) -> None:
    assert gpu.solve(np.zeros((count, 20, 30), np.uint8), "cpu").shape == (0, 20, 30, 2)


@pytest.mark.parametrize("size", [(19, 30), (20, 1), (40, 60)])
def test_resize_is_opencv_s(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, (20, 31)).astype(np.float32)
    found = gpu.resize(torch.from_numpy(image)[None], size)[0]
    np.testing.assert_allclose(found, cv2.resize(image, size[::-1]), atol=1e-4)


@pytest.mark.parametrize("size", [(1, 1), (1, 6), (2, 5), (20, 31)])
def test_blur_is_opencv_s(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).uniform(0, 255, size).astype(np.float32)
    expected = cv2.GaussianBlur(image, (3, 3), 0.6).reshape(size)
    np.testing.assert_allclose(gpu.blur(torch.from_numpy(image)[None])[0], expected, atol=1e-4)


def test_warp_is_exact_between_pixels_and_repeats_the_border() -> None:
    image = torch.tensor([[[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]])
    u = torch.tensor([[[0.01, -5.0, 7.0], [0.5, 0.0, 0.0]]])
    v = torch.tensor([[[0.0, 0.25, -9.0], [-0.5, 4.0, -0.125]]])
    expected = torch.tensor([[[0.01, 2.5, 2.0], [5.5, 11.0, 10.75]]])
    torch.testing.assert_close(gpu.warp(image, u, v), expected)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu() -> None:
    with pytest.raises(CrispError, match=r"no GPU can be used[\s\S]*choose the backend cpu"):
        gpu.solve(np.zeros((2, 9, 9), np.uint8))


class SmallGpu:
    """Stands in for `flows`: memory for a number of pairs at once, and a record of what was tried."""

    def __init__(self, pairs: int) -> None:
        self.pairs, self.tried = pairs, []
        self.real = gpu.flows

    def __call__(self, frames: torch.Tensor) -> torch.Tensor:
        self.tried.append(len(frames) - 1)
        if len(frames) - 1 > self.pairs:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return self.real(frames)


def test_out_of_memory_halves_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = turning(8, 27, 36)
    expected = gpu.solve(frames, "cpu")
    small = SmallGpu(2)
    monkeypatch.setattr(gpu, "flows", small)
    np.testing.assert_array_equal(gpu.solve(frames, "cpu"), expected)
    assert small.tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]


def test_no_memory_for_one_pair(monkeypatch: pytest.MonkeyPatch) -> None:
    small = SmallGpu(0)
    monkeypatch.setattr(gpu, "flows", small)
    with pytest.raises(DeviceFullError, match=r"too little free memory[\s\S]*30x26 px"):
        gpu.solve(turning(4, 26, 30), "cpu")
    assert small.tried == [3, 1]


def test_the_gpu_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = torch.AcceleratorError("CUDA error: unspecified launch failure\nMore words")

    def fails(pixels: int, device: torch.device) -> None:  # noqa: ARG001
        raise lost

    monkeypatch.setattr(gpu, "use", torch.device)
    monkeypatch.setattr(gpu, "_reserve", fails)
    with pytest.raises(CrispError, match=r"the GPU failed[\s\S]*launch failure\n[\s\S]*run again"):
        gpu.solve(turning(2, 26, 30), "cuda", batch=1)


@pytest.mark.parametrize(("free", "expected"), [(1e9, 347), (80e9, 256), (1e6, 1)])
def test_the_batch_fits_the_free_memory(monkeypatch: pytest.MonkeyPatch, free: float, expected: int) -> None:
    monkeypatch.setattr(gpu, "BATCH", expected if expected > 256 else gpu.BATCH)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 0)  # noqa: ARG005
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 0)  # noqa: ARG005
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(free), int(80e9)))  # noqa: ARG005
    assert gpu.fitting(90, 128, torch.device("cuda")) == expected
