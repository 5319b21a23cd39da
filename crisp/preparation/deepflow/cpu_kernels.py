"""One level of DeepFlow on a processor core, compiled on first use.

The red pixels of a row (x + y even) and the black ones are stored separately, so that sweeps access
contiguous memory. Pixel x is number x // 2 of its colour. Its neighbours above and below have the same
number; those to its left and right have number - 1 and the same where x is even, else the same and
number + 1. Each row of a colour starts at a multiple of `LANES` and is padded with pixels that stay 0, as
are `PADS` rows above and below the frame.

No operation is reordered or fused: all machines compute the same digits.
"""

from __future__ import annotations

from crisp.preparation.deepflow import FIXED_POINTS, SWEEPS, compile_cache
from crisp.preparation.deepflow.cpu_rows import (
    CONSTANCIES,
    ONE,
    SUM_U,
    SUM_V,
    ZERO,
    Array,
    U,
    V,
    X,
    average_row,
    compiled,
    constancy_row,
    edge_row,
    equation_row,
    merge_row,
    relax_rows,
    slopes_row,
    split_row,
    sum_row,
)
from crisp.preparation.deepflow.cpu_sor import EDGE, LANES

PADS = 2  # rows
WAVE = 10  # half-sweeps that follow each other through the frame, one row apart, while it is in the cache
FIELDS = 21  # arrays stored per pixel

# Offset of pixel 0; steps from row to row, colour to colour, field to field.
Layout = tuple[int, int, int, int]


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
        average_row(first[y], second[y], width, mean[start:], change[start:])
    _pad_columns(mean, step, height, width)
    _pad_columns(change, step, height, width)
    for y in range(height):
        start, above, below = y * step + 1, max(y - 1, 0) * step + 1, min(y + 1, height - 1) * step + 1
        slopes_row(mean, start, above, below, width, slope_x[start:], slope_y[start:])
    _pad_columns(slope_x, step, height, width)
    _pad_columns(slope_y, step, height, width)
    length = len(line) // CONSTANCIES
    for y in range(height):
        start, above, below = y * step + 1, max(y - 1, 0) * step + 1, min(y + 1, height - 1) * step + 1
        constancy_row(change, slope_x, slope_y, start, above, below, width, line)
        even = base + y * row + (y & 1) * colour
        odd = base + y * row + (1 - (y & 1)) * colour
        for number in range(CONSTANCIES):
            offset = (X + number) * field
            split_row(line, number * length, m, even + offset, odd + offset, length // 2)


@compiled
def _set_flow(
    flow: Array, number: int, m: Array, layout: Layout, line: Array, height: int, width: int
) -> None:
    base, row, colour, field = layout
    start = base + number * field
    for y in range(height):
        line[:width] = flow[y]
        even, odd = start + y * row + (y & 1) * colour, start + y * row + (1 - (y & 1)) * colour
        split_row(line, 0, m, even, odd, len(line) // (2 * CONSTANCIES))
    _pad_field(m, layout, number, height, width)


@compiled
def _get_flow(
    m: Array, layout: Layout, number: int, line: Array, flow: Array, height: int, width: int
) -> None:
    base, row, colour, field = layout
    start = base + number * field
    for y in range(height):
        even, odd = start + y * row + (y & 1) * colour, start + y * row + (1 - (y & 1)) * colour
        merge_row(m, even, odd, line, len(line) // (2 * CONSTANCIES))
        flow[y] = line[:width]


@compiled
def _set_sum(m: Array, layout: Layout, height: int, count: int) -> None:
    base, row, colour, field = layout
    for y in range(height):
        sum_row(m, base + y * row, field, count)
        sum_row(m, base + y * row + colour, field, count)


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
        edge_row(m, red, black + odd, black + row, field, count)
        edge_row(m, black, red + 1 - odd, red + row, field, count)
        down = ONE if y < height - 1 else ZERO
        equation_row(
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
        equation_row(
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
                    relax_rows(m, base + y * row, row, colour, field, y & 1, blocks)


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
    """Add the increment of a level to its flow.

    Parameters
    ----------
    first, second : ndarray, (H, W) float32
        The frames; `second` is warped by the flow.
    u, v : ndarray, (H, W) float32
        The flow, px; changed.
    m, planes, line : ndarray, float32
        Memory that is overwritten: the pixels by colour, four images with a column more on each side,
        and a row.
    inside, joined : ndarray, (2, n) float32
        Which pixels of a row are in the frame and have a right neighbour, from x = 0 and from x = 1.
    """
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
