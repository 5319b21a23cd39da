"""The two Triton kernels of `crisp.preparation.deepflow.gpu`: an iteration's linear system, and its sweeps.

Their shared arrays are stored by colour, (n, 2, H, ceil(W / 2)): red pixels (x + y even), then black ones,
each row without the other colour, so that a half-sweep accesses adjacent addresses.
CUDA builds of torch include Triton; only the GPU solver imports this module.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from crisp.preparation.deepflow import ALPHA, DELTA, EPSILON, FIXED_POINTS, GAMMA, OMEGA, SWEEPS, ZETA

Tensor = torch.Tensor
PIXELS = 512  # per program of `_system`
UPDATES = 2048  # minimum number of pixels that a program of `_sweep` updates at once
WARPS = 16  # per program of `_sweep`

# One compilation for all image sizes.
SIZES = ["height", "width", "columns"]


@triton.jit
def _by_colour(y, x, height, columns):
    """Return the offset of a pixel in an image stored by colour."""
    return (((x + y) & 1) * height + y) * columns + (x >> 1)


@triton.jit
def _flow(u, v, du, dv, y, x, height, width, columns):
    """Return u, v, u + du and v + dv of a pixel; 0 outside the image."""
    there = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    here, there_by_colour = y * width + x, _by_colour(y, x, height, columns)
    start_u, start_v = tl.load(u + here, there, 0.0), tl.load(v + here, there, 0.0)
    step_u, step_v = tl.load(du + there_by_colour, there, 0.0), tl.load(dv + there_by_colour, there, 0.0)
    return start_u, start_v, start_u + step_u, start_v + step_v


@triton.jit
def _smoothness(u, v, right_u, right_v, down_u, down_v, y, x, height, width, half_alpha, epsilon2):
    """Return the smoothness weight of a pixel from the flow at, right of and below it; 0 past the border."""
    ux, vx = tl.where(x + 1 < width, right_u - u, 0.0), tl.where(x + 1 < width, right_v - v, 0.0)
    uy, vy = tl.where(y + 1 < height, down_u - u, 0.0), tl.where(y + 1 < height, down_v - v, 0.0)
    return 1.0 / tl.sqrt(ux * ux + uy * uy + vx * vx + vy * vy + epsilon2) * half_alpha


@triton.jit(do_not_specialize=SIZES)
def _system(
    ix,
    iy,
    iz,
    ixx,
    ixy,
    iyy,
    ixz,
    iyz,
    u,
    v,
    du,
    dv,
    s,
    a12,
    b1,
    b2,
    r1,
    r2,
    height,
    width,
    columns,
    half_alpha: tl.constexpr,
    half_delta: tl.constexpr,
    half_gamma: tl.constexpr,
    zeta2: tl.constexpr,
    epsilon2: tl.constexpr,
    omega: tl.constexpr,
    block: tl.constexpr,
):
    """Compute the coefficients of some pixels of an image; see `system` of the solver."""
    image = tl.program_id(1).to(tl.int64)
    u += image * height * width
    v += image * height * width
    du += image * 2 * height * columns
    dv += image * 2 * height * columns
    pixel = tl.program_id(0) * block + tl.arange(0, block)
    y, x = pixel // width, pixel % width
    inside = y < height
    here = image * height * width + pixel

    u00, v00, full_u, full_v = _flow(u, v, du, dv, y, x, height, width, columns)
    u01, v01, right_u, right_v = _flow(u, v, du, dv, y, x + 1, height, width, columns)
    u10, v10, down_u, down_v = _flow(u, v, du, dv, y + 1, x, height, width, columns)
    u0l, v0l, left_u, left_v = _flow(u, v, du, dv, y, x - 1, height, width, columns)
    ul0, vl0, up_u, up_v = _flow(u, v, du, dv, y - 1, x, height, width, columns)
    _, _, left_down_u, left_down_v = _flow(u, v, du, dv, y + 1, x - 1, height, width, columns)
    _, _, up_right_u, up_right_v = _flow(u, v, du, dv, y - 1, x + 1, height, width, columns)
    own = _smoothness(
        full_u, full_v, right_u, right_v, down_u, down_v, y, x, height, width, half_alpha, epsilon2
    )
    left = _smoothness(
        left_u,
        left_v,
        full_u,
        full_v,
        left_down_u,
        left_down_v,
        y,
        x - 1,
        height,
        width,
        half_alpha,
        epsilon2,
    )
    up = _smoothness(
        up_u, up_v, up_right_u, up_right_v, full_u, full_v, y - 1, x, height, width, half_alpha, epsilon2
    )
    right, down = tl.where(x + 1 < width, own, 0.0), tl.where(y + 1 < height, own, 0.0)
    left, up = tl.where(x > 0, left, 0.0), tl.where(y > 0, up, 0.0)
    total = right + down + (left + up)

    gx, gy, gz = (
        tl.load(ix + here, inside, 0.0),
        tl.load(iy + here, inside, 0.0),
        tl.load(iz + here, inside, 0.0),
    )
    gxx, gxy, gyy = (
        tl.load(ixx + here, inside, 0.0),
        tl.load(ixy + here, inside, 0.0),
        tl.load(iyy + here, inside, 0.0),
    )
    gxz, gyz = tl.load(ixz + here, inside, 0.0), tl.load(iyz + here, inside, 0.0)
    by_colour = _by_colour(y, x, height, columns)
    step_u, step_v = tl.load(du + by_colour, inside, 0.0), tl.load(dv + by_colour, inside, 0.0)

    d0 = gx * gx + gy * gy + zeta2
    rz = gz + gx * step_u + gy * step_v
    w0 = 1.0 / tl.sqrt(rz * rz / d0 + epsilon2) * half_delta / d0
    dx, dy = gxx * gxx + gxy * gxy + zeta2, gyy * gyy + gxy * gxy + zeta2
    rx, ry = gxz + gxx * step_u + gxy * step_v, gyz + gxy * step_u + gyy * step_v
    wg = 1.0 / tl.sqrt(rx * rx / dx + ry * ry / dy + epsilon2) * half_gamma
    wx, wy = wg / dx, wg / dy
    a11 = w0 * gx * gx + zeta2 + wx * gxx * gxx + wy * gxy * gxy + total
    a22 = w0 * gy * gy + zeta2 + wx * gxy * gxy + wy * gyy * gyy + total
    out = image * 2 * height * columns + by_colour
    tl.store(s + out, own, inside)
    tl.store(a12 + out, w0 * gx * gy + wx * gxx * gxy + wy * gxy * gyy, inside)
    from_edges = right * (u01 - u00) + down * (u10 - u00) - (left * (u00 - u0l) + up * (u00 - ul0))
    tl.store(b1 + out, from_edges - (w0 * gz * gx + wx * gxx * gxz + wy * gxy * gyz), inside)
    from_edges = right * (v01 - v00) + down * (v10 - v00) - (left * (v00 - v0l) + up * (v00 - vl0))
    tl.store(b2 + out, from_edges - (w0 * gz * gy + wx * gxy * gxz + wy * gyy * gyz), inside)
    tl.store(r1 + out, 1.0 / a11 * omega, inside)
    tl.store(r2 + out, 1.0 / a22 * omega, inside)


@triton.jit(do_not_specialize=[*SIZES, "together"])
def _sweep(
    s,
    a12,
    b1,
    b2,
    r1,
    r2,
    du,
    dv,
    height,
    width,
    columns,
    together,
    half_sweeps: tl.constexpr,
    omega: tl.constexpr,
    block: tl.constexpr,
):
    """Run all sweeps over one image per program, with `together` staggered half-sweeps down the rows.

    A half-sweep may update a row when the previous one has finished the next row, so it follows two rows
    behind. In each step the half-sweeps update independent rows, and a barrier ends the
    step: the result is bit-identical to sequential half-sweeps, while a row's
    coefficients are fetched from memory once for all of them.
    """
    image = tl.program_id(0).to(tl.int64) * 2 * height * columns
    s += image
    a12 += image
    b1 += image
    b2 += image
    r1 += image
    r2 += image
    du += image
    dv += image
    update = tl.arange(0, block)
    behind, column = update // columns, update % columns
    for first in range(0, half_sweeps, together):
        count = tl.minimum(together, half_sweeps - first)
        colour = (first + behind) & 1
        for step in range(0, height + 2 * (count - 1)):
            y = step - 2 * behind
            odd = (y + colour) & 1
            x = 2 * column + odd
            on = (behind < count) & (y >= 0) & (y < height) & (x < width)
            has_left, has_right, has_up, has_down = x > 0, x + 1 < width, y > 0, y + 1 < height
            own = (colour * height + y) * columns + column
            other = ((1 - colour) * height + y) * columns + column
            left, right, up, down = other - 1 + odd, other + odd, other - columns, other + columns

            to_left = tl.load(s + left, on & has_left, 0.0)
            to_up = tl.load(s + up, on & has_up, 0.0)
            edge = tl.load(s + own, on, 0.0)
            from_u = (
                to_left * tl.load(du + left, on & has_left, 0.0)
                + edge * tl.load(du + right, on & has_right, 0.0)
                + to_up * tl.load(du + up, on & has_up, 0.0)
                + edge * tl.load(du + down, on & has_down, 0.0)
            )
            from_v = (
                to_left * tl.load(dv + left, on & has_left, 0.0)
                + edge * tl.load(dv + right, on & has_right, 0.0)
                + to_up * tl.load(dv + up, on & has_up, 0.0)
                + edge * tl.load(dv + down, on & has_down, 0.0)
            )
            cross = tl.load(a12 + own, on, 0.0)
            old_u, old_v = tl.load(du + own, on, 0.0), tl.load(dv + own, on, 0.0)
            new_u = old_u * (1 - omega) + tl.load(r1 + own, on, 0.0) * (
                from_u + tl.load(b1 + own, on, 0.0) - cross * old_v
            )
            new_v = old_v * (1 - omega) + tl.load(r2 + own, on, 0.0) * (
                from_v + tl.load(b2 + own, on, 0.0) - cross * new_u
            )
            tl.store(du + own, new_u, on)
            tl.store(dv + own, new_v, on)
            tl.debug_barrier()


def from_colours(stored: Tensor, width: int) -> Tensor:
    """Return images (n, H, W) from images stored by colour, (n, 2, H, ceil(W / 2))."""
    n, _, height, columns = stored.shape
    images = stored.new_empty((n, height, 2 * columns))
    for row in (0, 1):
        for colour in (0, 1):
            images[:, row::2, (row + colour) % 2 :: 2] = stored[:, colour, row::2]
    return images[..., :width]


def increment(terms: tuple[Tensor, ...], u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Return the increment of a level's flow; see `increment` of the solver.

    Parameters
    ----------
    terms : tuple of Tensor, each (n, H, W) float32
        Derivatives.
    u, v : Tensor, (n, H, W) float32
        The level's starting flow.

    Returns
    -------
    (du, dv) : each (n, H, W) float32
    """
    n, height, width = u.shape
    columns = -(-width // 2)
    size = (height, width, columns)
    terms, u, v = tuple(term.contiguous() for term in terms), u.contiguous(), v.contiguous()
    du, dv, *coefficients = torch.zeros((8, n, 2, height, columns), device=u.device).unbind()
    blocks = -(-height * width // PIXELS)
    updates = max(UPDATES, triton.next_power_of_2(columns))
    for _ in range(FIXED_POINTS):
        _system[(blocks, n)](
            *terms,
            u,
            v,
            du,
            dv,
            *coefficients,
            *size,
            half_alpha=ALPHA / 2,
            half_delta=DELTA / 2,
            half_gamma=GAMMA / 2,
            zeta2=ZETA**2,
            epsilon2=EPSILON**2,
            omega=OMEGA,
            block=PIXELS,
            enable_fp_fusion=False,
        )
        # One stage: loads must stay in their step.
        _sweep[(n,)](
            *coefficients,
            du,
            dv,
            *size,
            updates // columns,
            half_sweeps=2 * SWEEPS,
            omega=OMEGA,
            block=updates,
            enable_fp_fusion=False,
            num_warps=WARPS,
            num_stages=1,
        )
    return from_colours(du, width), from_colours(dv, width)
