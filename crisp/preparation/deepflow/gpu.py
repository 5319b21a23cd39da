"""DeepFlow for many pairs of frames at once, in torch.

On a GPU nearly all time is spent on the increments of the levels, computed by two Triton kernels
(`crisp.preparation.deepflow.gpu_kernels`); on the CPU plain torch computes the same, for tests. No
operation mixes pairs, so the flow of a pair does not depend on its batch.
"""

from __future__ import annotations

import contextlib
import functools
import math
import threading

import numpy as np
import torch
from torch.nn import functional

from crisp.core.errors import Fault, fail
from crisp.preparation.deepflow import (
    ALPHA,
    BLUR,
    DELTA,
    EPSILON,
    FIXED_POINTS,
    GAMMA,
    OMEGA,
    SHRINK,
    SWEEPS,
    ZETA,
    DeviceFullError,
    pyramid_sizes,
)

Tensor = torch.Tensor
BATCH = 256  # pairs; one per multiprocessor, of which the largest GPUs have 132 to 148
PIXEL = 200  # bytes per pixel of a pair: pyramid, flow, derivatives, equations, intermediates
MEMORY = 3.5e9  # maximum bytes: other jobs may share the device
SHARE = 0.8  # maximum share of the device's free memory
TURN = threading.Lock()  # threads of a process prepare frames in parallel, but solve one at a time


def _neighbours(images: Tensor, axis: int, border: str) -> tuple[Tensor, Tensor]:
    """Return the previous and next pixel along an axis (1: y, 2: x) of images (n, H, W)."""
    size = images.shape[axis]
    if size == 1:
        return images, images  # nothing to reflect
    ends = (1, 1, 0, 0) if axis == 2 else (0, 0, 1, 1)
    padded = functional.pad(images[:, None], ends, mode=border)[:, 0]
    return padded.narrow(axis, 0, size), padded.narrow(axis, 2, size)


def blur(images: Tensor) -> Tensor:
    """Apply a 3x3 Gaussian to images (n, H, W), reflected at the border without repeating it."""
    beside = math.exp(-0.5 / BLUR**2)
    weight = 1 / (1 + 2 * beside)
    for axis in (2, 1):
        previous, following = _neighbours(images, axis, "reflect")
        images = images * weight + (previous + following) * (weight * beside)
    return images


@functools.lru_cache(maxsize=1024)
def _taps(old: int, new: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return lower and upper pixel, and the weight of the upper one, for each of `new` half-pixel centres."""
    place = (np.arange(new) + 0.5) * (old / new) - 0.5
    lower = np.floor(place)
    weight = np.where((lower < 0) | (lower >= old - 1), 0, place - lower).astype(np.float32)
    lower = np.clip(lower, 0, old - 1).astype(np.int64)
    upper = np.minimum(lower + 1, old - 1)
    return tuple(torch.from_numpy(array).to(device) for array in (lower, upper, weight))  # type: ignore[return-value]


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images (n, H, W) bilinearly to (height, width), border replicated."""
    for axis in (2, 1):
        lower, upper, weight = _taps(images.shape[axis], size[axis - 1], images.device)
        if axis == 1:
            weight = weight[:, None]
        images = images.index_select(axis, lower) * (1 - weight) + images.index_select(axis, upper) * weight
    return images


def warp(images: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """Sample images at each pixel plus the flow there; bilinear, border replicated.

    Parameters
    ----------
    images : Tensor, (n, H, W) float32
    u, v : Tensor, (n, H, W) float32
        Flow, px.

    Returns
    -------
    Tensor, (n, H, W) float32
    """
    height, width = images.shape[1:]
    x = u + torch.arange(width, device=u.device)
    y = v + torch.arange(height, device=u.device)[:, None]
    left, top = x.floor(), y.floor()
    x, y = x - left, y - top
    flat = images.flatten(1)

    def at(row: Tensor, column: Tensor) -> Tensor:
        index = row.clamp(0, height - 1).long() * width + column.clamp(0, width - 1).long()
        return flat.gather(1, index.flatten(1)).view_as(u)

    upper = at(top, left) * (1 - x) + at(top, left + 1) * x
    lower = at(top + 1, left) * (1 - x) + at(top + 1, left + 1) * x
    return upper * (1 - y) + lower * y


def _along(images: Tensor, axis: int) -> Tensor:
    """Return next minus previous pixel along an axis (1: y, 2: x), border replicated."""
    previous, following = _neighbours(images, axis, "replicate")
    return following - previous


def derivatives(first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
    """Return (Ix, Iy, Iz, Ixx, Ixy, Iyy, Ixz, Iyz) of frames (n, H, W) and the following warped ones."""
    mean, iz = (first + second) * 0.5, second - first
    ix, iy = _along(mean, 2), _along(mean, 1)
    return ix, iy, iz, _along(ix, 2), _along(ix, 1), _along(iy, 1), _along(iz, 2), _along(iz, 1)


def _forward(images: Tensor, axis: int) -> Tensor:
    """Return next pixel minus this one along an axis (1: y, 2: x); 0 at the end, which has no edge."""
    return functional.pad(images.diff(dim=axis), (0, 1) if axis == 2 else (0, 0, 0, 1))


def _before(right: Tensor, down: Tensor) -> tuple[Tensor, Tensor]:
    """Return the values of each pixel's left and upper edge from those of the right and lower edges."""
    return functional.pad(right[:, :, :-1], (1, 0)), functional.pad(down[:, :-1], (0, 0, 1, 0))


def system(terms: tuple[Tensor, ...], u: Tensor, v: Tensor, du: Tensor, dv: Tensor) -> tuple[Tensor, ...]:
    """Return the linear system of a fixed-point iteration.

    Parameters
    ----------
    terms : tuple of Tensor, each (n, H, W) float32
        As from `derivatives`.
    u, v : Tensor, (n, H, W) float32
        The level's starting flow.
    du, dv : Tensor, (n, H, W) float32
        The increment so far.

    Returns
    -------
    (right, down, a11, a12, a22, b1, b2) : each (n, H, W) float32
        Weights of the edges to the right and lower neighbour, and the equations
        a11 du + a12 dv = b1 + sum of weight * neighbour's du, and a12 du + a22 dv likewise.
    """
    ix, iy, iz, ixx, ixy, iyy, ixz, iyz = terms
    zeta2, epsilon2 = ZETA**2, EPSILON**2
    d0 = ix * ix + iy * iy + zeta2
    rz = iz + ix * du + iy * dv
    w0 = (DELTA / 2) / torch.sqrt(rz * rz / d0 + epsilon2) / d0
    dx, dy = ixx * ixx + ixy * ixy + zeta2, iyy * iyy + ixy * ixy + zeta2
    rx, ry = ixz + ixx * du + ixy * dv, iyz + ixy * du + iyy * dv
    wg = (GAMMA / 2) / torch.sqrt(rx * rx / dx + ry * ry / dy + epsilon2)
    wx, wy = wg / dx, wg / dy

    full_u, full_v = u + du, v + dv
    ux, uy = _forward(full_u, 2), _forward(full_u, 1)
    vx, vy = _forward(full_v, 2), _forward(full_v, 1)
    right = (ALPHA / 2) / torch.sqrt(ux * ux + uy * uy + vx * vx + vy * vy + epsilon2)
    down = right.clone()
    right[:, :, -1] = 0
    down[:, -1] = 0
    left, up = _before(right, down)
    edges = right + down + (left + up)

    def pull(flow: Tensor) -> Tensor:
        after = right * _forward(flow, 2), down * _forward(flow, 1)
        left, up = _before(*after)
        return after[0] + after[1] - (left + up)

    a11 = w0 * ix * ix + zeta2 + wx * ixx * ixx + wy * ixy * ixy + edges
    a12 = w0 * ix * iy + wx * ixx * ixy + wy * ixy * iyy
    a22 = w0 * iy * iy + zeta2 + wx * ixy * ixy + wy * iyy * iyy + edges
    b1 = pull(u) - (w0 * iz * ix + wx * ixx * ixz + wy * ixy * iyz)
    b2 = pull(v) - (w0 * iz * iy + wx * ixy * ixz + wy * iyy * iyz)
    return right, down, a11, a12, a22, b1, b2


def sweep(equations: tuple[Tensor, ...], du: Tensor, dv: Tensor) -> tuple[Tensor, Tensor]:
    """Run all sweeps over the equations of a fixed-point iteration.

    Parameters
    ----------
    equations : tuple of Tensor, each (n, H, W) float32
        As from `system`.
    du, dv : Tensor, (n, H, W) float32
        The increment so far.

    Returns
    -------
    (du, dv) : each (n, H, W) float32
    """
    right, down, a11, a12, a22, b1, b2 = equations
    left, up = _before(right, down)
    height, width = du.shape[1:]
    wide_u, wide_v = (functional.pad(step, (1, 1, 1, 1)) for step in (du, dv))
    # Red pixels have even row and column, or odd row and column; the others are black.
    lattices = []
    for y, x in ((0, 0), (1, 1), (0, 1), (1, 0)):
        weights, rest = (
            [part[:, y::2, x::2] for part in parts]
            for parts in ((left, right, up, down), (OMEGA / a11, OMEGA / a22, a12, b1, b2))
        )
        views = [
            [
                wide[:, 1 + y + dy : 1 + y + dy + height - y : 2, 1 + x + dx : 1 + x + dx + width - x : 2]
                for dy, dx in ((0, 0), (0, -1), (0, 1), (-1, 0), (1, 0))
            ]
            for wide in (wide_u, wide_v)
        ]
        lattices.append((weights, rest, *views))

    def pulled(weights: list[Tensor], around: list[Tensor]) -> Tensor:
        return functools.reduce(torch.add, map(torch.mul, weights, around))

    for _ in range(SWEEPS):
        for weights, (r1, r2, a12, b1, b2), (own_u, *around_u), (own_v, *around_v) in lattices:
            own_u.mul_(1 - OMEGA).add_(r1 * (pulled(weights, around_u) + b1 - a12 * own_v))
            own_v.mul_(1 - OMEGA).add_(r2 * (pulled(weights, around_v) + b2 - a12 * own_u))
    return wide_u[:, 1:-1, 1:-1], wide_v[:, 1:-1, 1:-1]


def increment(terms: tuple[Tensor, ...], u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the increment of a level's flow.

    Parameters
    ----------
    terms : tuple of Tensor, each (n, H, W) float32
        As from `derivatives`.
    u, v : Tensor, (n, H, W) float32
        The level's starting flow.

    Returns
    -------
    (du, dv) : each (n, H, W) float32
    """
    if u.is_cuda:
        from crisp.preparation.deepflow import gpu_kernels  # only the CUDA builds of torch include Triton

        return gpu_kernels.increment(terms, u, v)
    du, dv = torch.zeros_like(u), torch.zeros_like(v)
    for _ in range(FIXED_POINTS):
        du, dv = sweep(system(terms, u, v, du, dv), du, dv)
    return du, dv


def flows(frames: Tensor) -> Tensor:
    """Return flow (n - 1, H, W, 2) float32 between successive frames (n, H, W) uint8, all at once."""
    sizes = pyramid_sizes(*frames.shape[1:])
    pyramid = [blur(frames.float())]
    for size in sizes[1:]:
        pyramid.append(resize(pyramid[-1], size))
    u = v = torch.zeros_like(pyramid[-1][1:])
    while pyramid:
        images = pyramid.pop()
        if u.shape[1:] != images.shape[1:]:
            size = (images.shape[1], images.shape[2])
            u, v = (resize(flow, size) * (1 / SHRINK) for flow in (u, v))
        du, dv = increment(derivatives(images[:-1], warp(images[1:], u, v)), u, v)
        u, v = u + du, v + dv
    return torch.stack((u, v), dim=-1)


def use(device: str | torch.device = "cuda") -> torch.device:
    """Return the device after a test computation.

    Raises
    ------
    CrispError
        If it cannot be used.
    """
    device = torch.device(device)
    try:
        torch.zeros(1, device=device)
        if device.type == "cuda":
            import triton  # noqa: F401
    except (RuntimeError, AssertionError, ImportError) as error:
        raise fail(
            "flow backend gpu",
            "no GPU can be used",
            "a GPU, and a CUDA build of torch, which brings Triton",
            str(error).splitlines()[0],
            "choose the backend cpu; `crisp doctor` lists the devices of this machine",
        ) from None
    return device


def fitting(height: int, width: int, device: torch.device) -> int:
    """Return the number of pairs of frames to solve at once on a device.

    Parameters
    ----------
    height, width : int
        Frame size, px.
    device : torch.device

    Returns
    -------
    int
    """
    room = MEMORY
    if device.type == "cuda":
        ours = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        room = min(room, SHARE * (torch.cuda.mem_get_info(device)[0] + ours))
    return max(1, min(BATCH, int(room // (height * width * PIXEL))))


def _reserve(pixels: int, device: torch.device) -> None:
    """Allocate the memory for the pixels of a batch in one piece.

    The levels' sizes all differ, so torch would otherwise keep the memory of every level separately; from
    one piece, the memory of a level is merged again and reused for the next.
    """
    if device.type == "cuda":
        torch.empty(pixels * PIXEL, dtype=torch.uint8, device=device)


def _solve(frames: np.ndarray, device: torch.device) -> np.ndarray | None:
    """Return the flow of all pairs of successive frames, solved at once; None if memory runs out."""
    # Suppressed and not caught: a stored error keeps the tensors of its stack frames alive.
    with contextlib.suppress(torch.cuda.OutOfMemoryError):
        try:
            _reserve(frames[1:].size, device)
            return flows(torch.from_numpy(frames).to(device)).cpu().numpy()
        except torch.cuda.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if device.type != "cuda":
                raise
            raise fail(
                "flow backend gpu",
                "the GPU failed",
                "flow of a batch of frames",
                str(error).splitlines()[0],
                "run again; if it fails again on this machine, choose the backend cpu",
            ) from None
    torch.cuda.empty_cache()
    return None


def solve(frames: np.ndarray, device: str | torch.device = "cuda", batch: int | None = None) -> np.ndarray:
    """Return the flow between successive frames.

    Parameters
    ----------
    frames : ndarray, (n, H, W) uint8
        Grey frames, in order.
    device : str or torch.device
        The GPU; `cpu` gives the same flow, slowly.
    batch : int, optional
        Pairs solved at once: affects only speed and memory, not the result. By default
        as many as fit. Halved if memory runs out.

    Returns
    -------
    ndarray, (n - 1, H, W, 2) float32
        (dx, dy) in px per frame.

    Raises
    ------
    DeviceFullError
        If not even one pair fits on the device.
    CrispError
        If the device cannot be used, or fails during the computation.
    """
    device = use(device)
    pairs, (height, width) = max(0, len(frames) - 1), frames.shape[1:]
    batch = batch or fitting(height, width, device)
    found = np.empty((pairs, height, width, 2), np.float32)
    begin = 0
    while begin < pairs:
        end = min(begin + batch, pairs)
        with TURN:
            part = _solve(frames[begin : end + 1], device)
        if part is not None:
            found[begin:end] = part
            begin = end
            continue
        batch = (end - begin) // 2
        if not batch:
            raise DeviceFullError(
                Fault(
                    "flow backend gpu",
                    "the GPU has too little free memory",
                    f"{height * width * PIXEL / 1e6:.0f} MB for a pair of frames of {width}x{height} px",
                    remedy="wait until other jobs release the GPU, or choose the backend cpu",
                )
            )
    return found
