"""The operations of DeepFlow on a row of pixels of one colour; see `cpu_kernels` for their storage."""

from __future__ import annotations

import math

import numba
import numpy as np

from crisp.preparation.deepflow import ALPHA, DELTA, EPSILON, GAMMA, OMEGA, ZETA
from crisp.preparation.deepflow.cpu_sor import (
    A12,
    B1,
    B2,
    DU,
    DV,
    EDGE,
    OVER_11,
    OVER_22,
    relax_even,
    relax_odd,
)
from crisp.preparation.deepflow.noalias import READ, load, store

# Stored per pixel in addition to the arrays of the sweeps: the flow before and with the increment, ...
U, V, SUM_U, SUM_V = range(8, 12)
# ... and X du + Y dv + Z = 0 for the brightness, for Ix (XX, XY, XZ) and for Iy (YX, YY, YZ), each
# divided by its norm.
X, Y, Z, XX, XY, XZ, YX, YY, YZ = range(12, 21)
CONSTANCIES = 9

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)
HALF_ALPHA, HALF_DELTA, HALF_GAMMA = np.float32(ALPHA / 2), np.float32(DELTA / 2), np.float32(GAMMA / 2)
ZETA2, EPSILON2 = np.float32(ZETA**2), np.float32(EPSILON**2)
RELAX = np.float32(OMEGA)

Array = np.ndarray

compiled = numba.njit(error_model="numpy")


@compiled
def average_row(first: Array, second: Array, width: int, mean: Array, change: Array) -> None:
    """Compute A = (I0 + I1) / 2 and Iz = I1 - I0 of a row.

    Parameters
    ----------
    first, second : ndarray, (W,) float32
        The row in I0 and I1.
    width : int
    mean, change : ndarray, float32
        Written.
    """
    for x in range(width):
        before, after = load(first, x, READ), load(second, x, READ)
        store(mean, x, 1, HALF * (before + after))
        store(change, x, 2, after - before)


@compiled
def slopes_row(plane: Array, row: int, above: int, below: int, width: int, along: Array, down: Array) -> None:
    """Compute the derivatives [-1, 0, 1] of a row.

    Parameters
    ----------
    plane : ndarray, (n,) float32
    row, above, below : int
        Index of the row's first pixel, and of those above and below.
    width : int
    along, down : ndarray, float32
        Written: the derivatives along x and y.
    """
    for x in range(width):
        store(along, x, 1, load(plane, row + x + 1, READ) - load(plane, row + x - 1, READ))
        store(down, x, 2, load(plane, below + x, READ) - load(plane, above + x, READ))


@compiled
def constancy_row(
    change: Array, slope_x: Array, slope_y: Array, row: int, above: int, below: int, width: int, line: Array
) -> None:
    """Compute the three constancies of a row.

    Parameters
    ----------
    change, slope_x, slope_y : ndarray, (n,) float32
        Iz, Ix and Iy.
    row, above, below : int
        As for `slopes_row`.
    width : int
    line : ndarray, float32
        Written: `X` to `YZ`, one after the other.
    """
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
def split_row(line: Array, start: int, m: Array, even: int, odd: int, count: int) -> None:
    """Separate even and odd pixels of a row.

    Parameters
    ----------
    line : ndarray, float32
    start : int
        Index of the row's first pixel in `line`.
    m : ndarray, (n,) float32
        Written: pixels by row, colour and field.
    even, odd : int
        Index in `m` of the first pixel with even and with odd x.
    count : int
        Pixels of a colour.
    """
    for i in range(count):
        store(m, even + i, 1, load(line, start + 2 * i, READ))
        store(m, odd + i, 2, load(line, start + 2 * i + 1, READ))


@compiled
def merge_row(m: Array, even: int, odd: int, line: Array, count: int) -> None:
    """Merge even and odd pixels to a row.

    Parameters
    ----------
    m : ndarray, (n,) float32
        Pixels by row, colour and field.
    even, odd : int
        As for `split_row`.
    line : ndarray, float32
        Written.
    count : int
        Pixels of a colour.
    """
    for i in range(count):
        store(line, 2 * i, 1, load(m, even + i, READ))
        store(line, 2 * i + 1, 2, load(m, odd + i, READ))


@compiled
def sum_row(m: Array, own: int, field: int, count: int) -> None:
    """Add the increment to the flow.

    Parameters
    ----------
    m : ndarray, (n,) float32
        Pixels by row, colour and field.
    own : int
        Index of the first pixel of the row and colour.
    field : int
        Step from field to field.
    count : int
        Pixels of a colour.
    """
    for i in range(own, own + count):
        store(m, i + SUM_U * field, 1, load(m, i + U * field, READ) + load(m, i + DU * field, READ))
        store(m, i + SUM_V * field, 2, load(m, i + V * field, READ) + load(m, i + DV * field, READ))


@compiled
def edge_row(m: Array, own: int, right: int, below: int, field: int, count: int) -> None:
    """Compute the smoothness weights of a row of one colour.

    Parameters
    ----------
    m : ndarray, (n,) float32
        Pixels by row, colour and field.
    own, right, below : int
        Index of the first pixel, and of its neighbours to the right and below.
    field : int
        Step from field to field.
    count : int
        Pixels of a colour.
    """
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
def equation_row(
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
    """Compute the 2x2 equations of each pixel of a row of one colour.

    Parameters
    ----------
    m : ndarray, (n,) float32
        Pixels by row, colour and field.
    own, left, right, above, below : int
        Index of the first pixel, and of its neighbours.
    field : int
        Step from field to field.
    inside, joined : ndarray, float32
        1 for pixels of the frame, and for those with a right neighbour; otherwise 0.
    down : float32
        1 for a row with one below, otherwise 0.
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
def relax_rows(m: Array, own: int, row: int, other: int, field: int, odd: int, blocks: int) -> None:
    """Relax a row of one colour, and in the next half-sweep the row above, of the other colour.

    The second depends on the first only at the pixel below, which is still in a register. No edge beyond
    the border needs to be excluded: the increment is 0 there.

    Parameters
    ----------
    m : ndarray, (n,) float32
        Pixels by row, colour and field.
    own : int
        Index of the first pixel of the row and colour.
    row, other, field : int
        Steps to the next row, to the other colour and to the next field.
    odd : int
        Whether the row's first pixel is at x = 1.
    blocks : int
        Blocks of `LANES` pixels in a row.
    """
    if odd:
        relax_odd(m, own, row, other, field, blocks)
    else:
        relax_even(m, own, row, other, field, blocks)
