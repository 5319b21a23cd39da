"""DeepFlow on one processor core: the coarse-to-fine solver; `cpu_kernels` computes a level.

No operation is reordered or fused: all machines compute the same digits.
"""

from __future__ import annotations

import cv2
import numpy as np

from crisp.preparation.deepflow import BLUR, SHRINK, pyramid_sizes
from crisp.preparation.deepflow.cpu_kernels import FIELDS, PADS, refine
from crisp.preparation.deepflow.cpu_rows import CONSTANCIES, Array
from crisp.preparation.deepflow.cpu_sor import LANES


def _resize(image: Array, size: tuple[int, int]) -> Array:
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_LINEAR)


def _pyramid(frame: Array, sizes: list[tuple[int, int]]) -> list[Array]:
    levels = [cv2.GaussianBlur(frame.astype(np.float32), (3, 3), BLUR, borderType=cv2.BORDER_REFLECT_101)]
    for size in sizes[1:]:
        levels.append(_resize(levels[-1], size))
    return levels


def _warp(image: Array, u: Array, v: Array) -> Array:
    height, width = image.shape
    x = u + np.arange(width, dtype=np.float32)
    y = v + np.arange(height, dtype=np.float32)[:, None]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _masks(width: int) -> tuple[Array, Array]:
    """Return which pixels of a row are in the frame and have a right neighbour, from x = 0 and from x = 1."""
    blocks = -(-width // (2 * LANES))
    x = 2 * np.arange(blocks * LANES) + np.array([[0], [1]])
    return (x < width).astype(np.float32), (x < width - 1).astype(np.float32)


def solve(previous: Array, current: Array) -> Array:
    """Return the flow from one grey frame to the next.

    Parameters
    ----------
    previous, current : ndarray, (H, W) uint8

    Returns
    -------
    ndarray, (H, W, 2) float32
        (dx, dy) in px.
    """
    height, width = previous.shape
    sizes = pyramid_sizes(height, width)
    levels = list(zip(_pyramid(previous, sizes), _pyramid(current, sizes), strict=True))
    planes = np.empty((4, height * (width + 2)), np.float32)
    m = _aligned(2 * FIELDS * (height + 2 * PADS) * (_masks(width)[0].shape[1] + LANES) + LANES)
    u, v = np.zeros((2, *sizes[-1]), np.float32)
    for first, second in reversed(levels):
        if u.shape != first.shape:
            u, v = (_resize(component, first.shape) * np.float32(1 / SHRINK) for component in (u, v))
        inside, joined = _masks(first.shape[1])
        line = np.empty(2 * CONSTANCIES * inside.shape[1], np.float32)
        refine(first, _warp(second, u, v), u, v, m, planes, line, inside, joined)
    return np.dstack([u, v])


def _aligned(size: int) -> Array:
    """Return zeros aligned to a multiple of `LANES`."""
    space = np.zeros(size + LANES, np.float32)
    return space[-(space.ctypes.data // space.itemsize) % LANES :][:size]
