"""DeepFlow on one processor core, compiled on first use.

The red pixels of a row (x + y even) and the black ones are stored separately, so that sweeps access
contiguous memory. Pixel x is number x // 2 of its colour. Its neighbours above and below have the same
number; those to its left and right have number - 1 and the same where x is even, else the same and
number + 1. Each row of a colour starts at a multiple of `LANES` and is padded with pixels that stay 0, as
are `PADS` rows above and below the frame.

No operation is reordered or fused: all machines compute the same digits.
"""

from __future__ import annotations

import math

import cv2
import numba
import numpy as np

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
    compile_cache,
    pyramid_sizes,
)
from crisp.preparation.deepflow.cpu_sor import (
    A12,
    B1,
    B2,
    DU,
    DV,
    EDGE,
    LANES,
    OVER_11,
    OVER_22,
    relax_even,
    relax_odd,
)
from crisp.preparation.deepflow.noalias import READ, load, store

PADS = 2  # rows
WAVE = 10  # half-sweeps that follow each other through the frame, one row apart, while it is in the cache

# Stored per pixel in addition to the arrays of the sweeps: the flow before and with the increment, ...
U, V, SUM_U, SUM_V = range(8, 12)
# ... and X du + Y dv + Z = 0 for the brightness, for Ix (XX, XY, XZ) and for Iy (YX, YY, YZ), each
# divided by its norm.
X, Y, Z, XX, XY, XZ, YX, YY, YZ = range(12, 21)
FIELDS = 21
CONSTANCIES = 9

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
HALF_ALPHA, HALF_DELTA, HALF_GAMMA = np.float32(ALPHA / 2), np.float32(DELTA / 2), np.float32(GAMMA / 2)
ZETA2, EPSILON2 = np.float32(ZETA**2), np.float32(EPSILON**2)
RELAX = np.float32(OMEGA)

Array = np.ndarray
Layout = tuple[
    int, int, int, int
]  # offset of pixel 0; steps from row to row, colour to colour, field to field

compiled = numba.njit(error_model="numpy")


@compiled
def _average_row(first: Array, second: Array, width: int, mean: Array, change: Array) -> None:
    """Compute A = (I0 + I1) / 2 and Iz = I1 - I0 of a row."""
    for x in range(width):
        before, after = load(first, x, READ), load(second, x, READ)
        store(mean, x, 1, HALF * (before + after))
        store(change, x, 2, after - before)


@compiled
def _slopes_row(
    plane: Array, row: int, above: int, below: int, width: int, along: Array, down: Array
) -> None:
    """Compute the derivatives [-1, 0, 1] of a row."""
    for x in range(width):
        store(along, x, 1, load(plane, row + x + 1, READ) - load(plane, row + x - 1, READ))
        store(down, x, 2, load(plane, below + x, READ) - load(plane, above + x, READ))


@compiled
def _constancy_row(
    change: Array, slope_x: Array, slope_y: Array, row: int, above: int, below: int, width: int, line: Array
) -> None:
    """Compute the three constancies of a row, one after the other in `line`."""
    step = len(line) // CONSTANCIES
    for x in range(width):
        iz, ix, iy = load(change, row + x, READ), load(slope_x, row + x, READ), load(slope_y, row + x, READ)
        ixz = load(change, row + x + 1, READ) - load(change, row + x - 1, READ)
        iyz = load(change, below + x, READ) - load(change, above + x, READ)
        ixx = load(slope_x, row + x + 1, READ) - load(slope_x, row + x - 1, READ)
        ixy = load(slope_x, below + x, READ) - load(slope_x, above + x, READ)
        iyy = load(slope_y, below + x, READ) - load(slope_y, above + x, READ)
        over = ONE / math.sqrt(ix * ix + iy * iy + ZETA2)
        store(line, x, 1, ix * over)
        store(line, step + x, 2, iy * over)
        store(line, 2 * step + x, 3, iz * over)
        over = ONE / math.sqrt(ixx * ixx + ixy * ixy + ZETA2)
        store(line, 3 * step + x, 4, ixx * over)
        store(line, 4 * step + x, 5, ixy * over)
        store(line, 5 * step + x, 6, ixz * over)
        over = ONE / math.sqrt(ixy * ixy + iyy * iyy + ZETA2)
        store(line, 6 * step + x, 7, ixy * over)
        store(line, 7 * step + x, 8, iyy * over)
        store(line, 8 * step + x, 9, iyz * over)


@compiled
def _split(line: Array, start: int, m: Array, even: int, odd: int, count: int) -> None:
    """Separate even and odd pixels of a line."""
    for i in range(count):
        store(m, even + i, 1, load(line, start + 2 * i, READ))
        store(m, odd + i, 2, load(line, start + 2 * i + 1, READ))


@compiled
def _merge(m: Array, even: int, odd: int, line: Array, count: int) -> None:
    """Merge even and odd pixels to a line."""
    for i in range(count):
        store(line, 2 * i, 1, load(m, even + i, READ))
        store(line, 2 * i + 1, 2, load(m, odd + i, READ))


@compiled
def _sum_row(m: Array, own: int, field: int, count: int) -> None:
    """Add the increment to the flow."""
    for i in range(own, own + count):
        store(m, i + SUM_U * field, 1, load(m, i + U * field, READ) + load(m, i + DU * field, READ))
        store(m, i + SUM_V * field, 2, load(m, i + V * field, READ) + load(m, i + DV * field, READ))


@compiled
def _edge_row(m: Array, own: int, right: int, below: int, field: int, count: int) -> None:
    """Compute the smoothness weights."""
    for i in range(count):
        u, v = load(m, own + SUM_U * field + i, READ), load(m, own + SUM_V * field + i, READ)
        ux = load(m, right + SUM_U * field + i, READ) - u
        uy = load(m, below + SUM_U * field + i, READ) - u
        vx = load(m, right + SUM_V * field + i, READ) - v
        vy = load(m, below + SUM_V * field + i, READ) - v
        store(
            m,
            own + EDGE * field + i,
            1,
            HALF_ALPHA / math.sqrt(ux * ux + uy * uy + vx * vx + vy * vy + EPSILON2),
        )


@compiled
def _equation_row(
    m: Array,
    own: int,
    left: int,
    right: int,
    above: int,
    below: int,
    field: int,
    inside: Array,
    joined: Array,
    down: np.float32,
) -> None:
    """Compute the 2x2 equations of each pixel of a row.

    `inside` is 1 for pixels of the frame, `joined` for those with a right neighbour, `down` for a row
    with one below; otherwise 0.
    """
    for i in range(len(inside)):
        du, dv = load(m, own + DU * field + i, READ), load(m, own + DV * field + i, READ)
        x, y = load(m, own + X * field + i, READ), load(m, own + Y * field + i, READ)
        z = load(m, own + Z * field + i, READ)
        r = z + x * du + y * dv
        w = HALF_DELTA / math.sqrt(r * r + EPSILON2)
        a11, a12, a22, b1, b2 = w * x * x, w * x * y, w * y * y, w * z * x, w * z * y

        x, y = load(m, own + XX * field + i, READ), load(m, own + XY * field + i, READ)
        z = load(m, own + XZ * field + i, READ)
        p, q = load(m, own + YX * field + i, READ), load(m, own + YY * field + i, READ)
        o = load(m, own + YZ * field + i, READ)
        r, t = z + x * du + y * dv, o + p * du + q * dv
        w = HALF_GAMMA / math.sqrt(r * r + t * t + EPSILON2)
        a11 += w * (x * x + p * p)
        a12 += w * (x * y + p * q)
        a22 += w * (y * y + q * q)
        b1 += w * (x * z + p * o)
        b2 += w * (y * z + q * o)

        edge = load(m, own + EDGE * field + i, READ)
        to_right, to_below = edge * load(joined, i, READ), edge * down
        to_left, to_above = load(m, left + EDGE * field + i, READ), load(m, above + EDGE * field + i, READ)
        edges = ZETA2 + to_right + to_below + to_left + to_above
        u, v = load(m, own + U * field + i, READ), load(m, own + V * field + i, READ)
        b1 = (
            to_right * (load(m, right + U * field + i, READ) - u)
            + to_below * (load(m, below + U * field + i, READ) - u)
            + to_left * (load(m, left + U * field + i, READ) - u)
            + to_above * (load(m, above + U * field + i, READ) - u)
            - b1
        )
        b2 = (
            to_right * (load(m, right + V * field + i, READ) - v)
            + to_below * (load(m, below + V * field + i, READ) - v)
            + to_left * (load(m, left + V * field + i, READ) - v)
            + to_above * (load(m, above + V * field + i, READ) - v)
            - b2
        )
        relax = RELAX * load(inside, i, READ)
        store(m, own + OVER_11 * field + i, 1, relax / (a11 + edges))
        store(m, own + OVER_22 * field + i, 2, relax / (a22 + edges))
        store(m, own + A12 * field + i, 3, a12)
        store(m, own + B1 * field + i, 4, b1)
        store(m, own + B2 * field + i, 5, b2)


@compiled
def _relax_rows(m: Array, own: int, row: int, other: int, field: int, odd: int, blocks: int) -> None:
    """Relax a row of one colour, and in the next half-sweep the row above, of the other colour.

    The second depends on the first only at the pixel below, which is still in a register. `odd` is whether
    the row's first pixel is at x = 1; `other` is the step to the other colour.

    No edge beyond the border needs to be excluded: the increment is 0 there.
    """
    if odd:
        relax_odd(m, own, row, other, field, blocks)
    else:
        relax_even(m, own, row, other, field, blocks)


@compiled
def _pad_columns(plane: Array, step: int, height: int, width: int) -> None:
    """Repeat the first and the last column beyond the border."""
    for y in range(height):
        row = y * step + 1
        plane[row - 1] = plane[row]
        plane[row + width] = plane[row + width - 1]


@compiled
def _pad_field(m: Array, layout: Layout, number: int, height: int, width: int) -> None:
    """Repeat the last column and the last row of a field beyond the border."""
    base, row, colour, field = layout
    start = base + number * field
    for y in range(height):
        last = (y + width - 1) & 1
        m[start + y * row + (1 - last) * colour + width // 2] = m[
            start + y * row + last * colour + (width - 1) // 2
        ]
    start += (height - 1) * row
    for i in range((width + 1) // 2):
        m[start + row + i] = m[start + colour + i]
        m[start + row + colour + i] = m[start + i]


@compiled
def _set_constancies(
    first: Array, second: Array, m: Array, layout: Layout, planes: Array, line: Array, height: int, width: int
) -> None:
    """Compute derivatives in frame order, with a column repeated on each side, then split them by colour."""
    base, row, colour, field = layout
    step = width + 2
    mean, change, slope_x, slope_y = planes[0], planes[1], planes[2], planes[3]
    for y in range(height):
        start = y * step + 1
        _average_row(first[y], second[y], width, mean[start:], change[start:])
    _pad_columns(mean, step, height, width)
    _pad_columns(change, step, height, width)
    for y in range(height):
        start, above, below = y * step + 1, max(y - 1, 0) * step + 1, min(y + 1, height - 1) * step + 1
        _slopes_row(mean, start, above, below, width, slope_x[start:], slope_y[start:])
    _pad_columns(slope_x, step, height, width)
    _pad_columns(slope_y, step, height, width)
    length = len(line) // CONSTANCIES
    for y in range(height):
        start, above, below = y * step + 1, max(y - 1, 0) * step + 1, min(y + 1, height - 1) * step + 1
        _constancy_row(change, slope_x, slope_y, start, above, below, width, line)
        even = base + y * row + (y & 1) * colour
        odd = base + y * row + (1 - (y & 1)) * colour
        for number in range(CONSTANCIES):
            offset = (X + number) * field
            _split(line, number * length, m, even + offset, odd + offset, length // 2)


@compiled
def _set_flow(
    flow: Array, number: int, m: Array, layout: Layout, line: Array, height: int, width: int
) -> None:
    base, row, colour, field = layout
    start = base + number * field
    for y in range(height):
        line[:width] = flow[y]
        even, odd = start + y * row + (y & 1) * colour, start + y * row + (1 - (y & 1)) * colour
        _split(line, 0, m, even, odd, len(line) // (2 * CONSTANCIES))
    _pad_field(m, layout, number, height, width)


@compiled
def _get_flow(
    m: Array, layout: Layout, number: int, line: Array, flow: Array, height: int, width: int
) -> None:
    base, row, colour, field = layout
    start = base + number * field
    for y in range(height):
        even, odd = start + y * row + (y & 1) * colour, start + y * row + (1 - (y & 1)) * colour
        _merge(m, even, odd, line, len(line) // (2 * CONSTANCIES))
        flow[y] = line[:width]


@compiled
def _set_sum(m: Array, layout: Layout, height: int, count: int) -> None:
    base, row, colour, field = layout
    for y in range(height):
        _sum_row(m, base + y * row, field, count)
        _sum_row(m, base + y * row + colour, field, count)


@compiled
def _set_equations(m: Array, layout: Layout, inside: Array, joined: Array, height: int, width: int) -> None:
    """Linearise around the flow with its increment so far."""
    base, row, colour, field = layout
    count = inside.shape[1]
    _set_sum(m, layout, height, count)
    _pad_field(m, layout, SUM_U, height, width)
    _pad_field(m, layout, SUM_V, height, width)
    for y in range(height):
        red, black, odd = base + y * row, base + y * row + colour, y & 1
        _edge_row(m, red, black + odd, black + row, field, count)
        _edge_row(m, black, red + 1 - odd, red + row, field, count)
        down = ONE if y < height - 1 else ZERO
        _equation_row(
            m,
            red,
            black + odd - 1,
            black + odd,
            black - row,
            black + row,
            field,
            inside[odd],
            joined[odd],
            down,
        )
        _equation_row(
            m,
            black,
            red - odd,
            red + 1 - odd,
            red - row,
            red + row,
            field,
            inside[1 - odd],
            joined[1 - odd],
            down,
        )


@compiled
def _sweep(m: Array, layout: Layout, height: int, blocks: int) -> None:
    """Run all sweeps; a half-sweep processes row y once the previous one has finished row y + 1."""
    base, row, colour, field = layout
    for _ in range(2 * SWEEPS // WAVE):
        for front in range(height + WAVE - 1):
            for half in range(0, WAVE, 2):
                y = front - half
                if 0 <= y <= height:
                    _relax_rows(m, base + y * row, row, colour, field, y & 1, blocks)


@compile_cache.compiled
def refine(
    first: Array,
    second: Array,
    u: Array,
    v: Array,
    m: Array,
    planes: Array,
    line: Array,
    inside: Array,
    joined: Array,
) -> None:
    """Add the increment of a level to its flow; `second` is warped by that flow."""
    height, width = u.shape
    count = inside.shape[1]
    field = count + LANES
    colour = FIELDS * field
    row = 2 * colour
    base = PADS * row + LANES
    layout = (base, row, colour, field)
    m[:base] = ZERO
    m[base + height * row - LANES : base + (height + PADS) * row] = ZERO
    for y in range(height):
        for start in (base + y * row - LANES, base + y * row + colour - LANES):
            m[start : start + (EDGE + 1) * field] = ZERO
    line[:] = ZERO
    _set_constancies(first, second, m, layout, planes, line, height, width)
    line[:] = ZERO
    _set_flow(u, U, m, layout, line, height, width)
    _set_flow(v, V, m, layout, line, height, width)
    for _ in range(FIXED_POINTS):
        _set_equations(m, layout, inside, joined, height, width)
        _sweep(m, layout, height, count // LANES)
    _set_sum(m, layout, height, count)
    _get_flow(m, layout, SUM_U, line, u, height, width)
    _get_flow(m, layout, SUM_V, line, v, height, width)


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
