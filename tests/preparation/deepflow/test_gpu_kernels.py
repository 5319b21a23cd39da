"""The Triton kernels in Triton's interpreter, which needs no GPU."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest
import torch

from crisp.preparation import deepflow
from crisp.preparation.deepflow import OMEGA, SWEEPS, gpu
from tests.preparation.deepflow.test_gpu import turning

pytest.importorskip("triton", reason="CUDA builds of torch bring it")

SIZES = [(1, 1), (1, 7), (8, 1), (5, 6), (19, 12), (12, 23)]


@pytest.fixture(scope="module")
def kernels() -> Iterator[ModuleType]:
    name = "crisp.preparation.deepflow.gpu_kernels"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_INTERPRET", "1")
        patch.delitem(sys.modules, name, raising=False)  # it may be there, compiled
        patch.delattr(deepflow, "gpu_kernels", raising=False)
        yield importlib.import_module(name)
        del sys.modules[name], deepflow.gpu_kernels


def level(height: int, width: int) -> tuple[tuple[torch.Tensor, ...], torch.Tensor, torch.Tensor]:
    """Derivatives and starting flow of two pairs of frames."""
    generator = torch.Generator().manual_seed(0)
    frames = gpu.blur(255 * torch.rand(3, height, width, generator=generator))
    u, v = torch.randn(2, 2, height, width, generator=generator)
    return gpu.derivatives(frames[:-1], gpu.warp(frames[1:], u, v)), u, v


def by_colour(images: torch.Tensor) -> torch.Tensor:
    """Images (n, H, W) stored by colour, pixel after pixel."""
    n, height, width = images.shape
    stored = torch.zeros(n, 2, height, -(-width // 2))
    for y in range(height):
        for x in range(width):
            stored[:, (x + y) % 2, y, x // 2] = images[:, y, x]
    return stored


def sweep(kernels: ModuleType, height: int, width: int, together: int) -> None:
    """Sweep over one level by kernel and by torch; they must agree to the bit."""
    terms, u, v = level(height, width)
    du, dv = 0.1 * u, 0.1 * v
    equations = gpu.system(terms, u, v, du, dv)
    right, down, a11, a12, a22, b1, b2 = equations
    s = right.clone()
    s[:, :, -1] = down[:, :, -1]  # a pixel's right and lower edge have one weight
    stored = [by_colour(each) for each in (s, a12, b1, b2, OMEGA / a11, OMEGA / a22, du, dv)]
    columns = -(-width // 2)
    block = kernels.triton.next_power_of_2(together * columns)
    kernels._sweep[(2,)](
        *stored, height, width, columns, together, half_sweeps=2 * SWEEPS, omega=OMEGA, block=block
    )
    for found, expected in zip(stored[-2:], gpu.sweep(equations, du, dv), strict=True):
        assert expected.isfinite().all()
        assert torch.equal(kernels.from_colours(found, width), expected)


@pytest.mark.parametrize("size", SIZES)
def test_by_colour_and_back(kernels: ModuleType, size: tuple[int, int]) -> None:
    images = torch.randn(2, *size)
    assert torch.equal(kernels.from_colours(by_colour(images), size[1]), images)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("together", [7, 50])
def test_half_sweeps_that_chase_one_another(
    kernels: ModuleType, size: tuple[int, int], together: int
) -> None:
    sweep(kernels, *size, together)


@pytest.mark.parametrize("together", [1, 2, 64])
def test_any_number_of_half_sweeps_together(kernels: ModuleType, together: int) -> None:
    sweep(kernels, 6, 9, together)


def test_no_step_reads_what_it_writes(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreter does a step's loads before its stores; on a GPU they run in any order."""
    builder = type(kernels.triton.runtime.interpreter.interpreter_builder)
    load, store, barrier = builder.create_masked_load, builder.create_masked_store, builder.create_barrier
    read: dict[int, set[int]] = {}
    written: dict[int, int] = {}
    steps = []

    def loads(self, ptrs, mask, *rest):  # type: ignore[no-untyped-def]
        for lane in np.flatnonzero(mask.data):
            read.setdefault(int(ptrs.data[lane]), set()).add(int(lane))
        return load(self, ptrs, mask, *rest)

    def stores(self, ptrs, value, mask, *rest):  # type: ignore[no-untyped-def]
        for lane in np.flatnonzero(mask.data):
            assert written.setdefault(int(ptrs.data[lane]), int(lane)) == lane
        return store(self, ptrs, value, mask, *rest)

    def ends(self):  # type: ignore[no-untyped-def]
        assert all(read.get(address, {lane}) == {lane} for address, lane in written.items())
        steps.append((len(read), len(written)))
        read.clear()
        written.clear()
        return barrier(self)

    monkeypatch.setattr(builder, "create_masked_load", loads)
    monkeypatch.setattr(builder, "create_masked_store", stores)
    monkeypatch.setattr(builder, "create_barrier", ends)
    height, together = 11, 8
    sweep(kernels, height, 10, together)
    rounds = [8, 8, 8, 8, 8, 8, 2]
    assert len(steps) == 2 * sum(height + 2 * (count - 1) for count in rounds)
    assert min(writes for _, writes in steps) > 0
    assert not read  # nothing came after the last barrier


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (9, 14)])
def test_increment(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    monkeypatch.setattr(kernels, "PIXELS", 64)  # several programs an image
    for solver in (kernels, gpu):
        monkeypatch.setattr(solver, "FIXED_POINTS", 2)
    terms, u, v = level(*size)
    for found, expected in zip(kernels.increment(terms, u, v), gpu.increment(terms, u, v), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_whole_pyramid(kernels: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = torch.from_numpy(turning(3, 29, 34))
    expected = gpu.flows(frames)
    monkeypatch.setattr(gpu, "increment", kernels.increment)
    found = gpu.flows(frames)
    assert not torch.equal(found, expected), "the kernels round otherwise"
    assert expected.norm(dim=-1).mean() > 0.5
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
