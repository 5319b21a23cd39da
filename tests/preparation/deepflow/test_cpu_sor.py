"""Half sweeps in vector instructions against the plain formula, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from crisp.preparation.deepflow import OMEGA, cpu, cpu_rows
from crisp.preparation.deepflow.cpu_sor import A12, B1, B2, DU, DV, EDGE, LANES, OVER_11, OVER_22

ROWS = 5
KEEP = np.float32(1 - OMEGA)


def half_sweep(
    m: np.ndarray, own: int, above: int, below: int, side: int, field: int, odd: int, count: int
) -> None:
    """Relax a row of a colour; the others are the rows of the other colour around it."""

    def at(start: int, number: int) -> np.ndarray:
        return m[start + number * field :][:count]

    edge, a12 = at(own, EDGE), at(own, A12)
    left, right = side + odd - 1, side + odd
    p, q = at(own, B1) - a12 * at(own, DV), at(own, B2).copy()
    for total, number in ((p, DU), (q, DV)):
        total += edge * at(right, number)
        total += at(left, EDGE) * at(left, number)
        total += at(above, EDGE) * at(above, number)
        total += edge * at(below, number)
    at(own, DU)[:] = KEEP * at(own, DU) + p * at(own, OVER_11)
    at(own, DV)[:] = KEEP * at(own, DV) + (q - a12 * at(own, DU)) * at(own, OVER_22)


@pytest.mark.parametrize("odd", [0, 1])
@pytest.mark.parametrize("blocks", [1, 2, 5])
def test_two_half_sweeps_are_the_plain_ones(odd: int, blocks: int) -> None:
    count = blocks * LANES
    field = count + LANES
    other = cpu.FIELDS * field
    row = 2 * other
    m = cpu._aligned(ROWS * row + LANES)
    m[:] = np.random.default_rng(blocks).normal(0, 1, len(m))
    own = 2 * row + LANES
    by_hand = m.copy()
    rows = [own + step * row for step in (-2, -1, 0, 1)]
    half_sweep(by_hand, own, rows[1] + other, rows[3] + other, own + other, field, odd, count)
    half_sweep(by_hand, rows[1] + other, rows[0], own, rows[1], field, odd, count)
    cpu_rows.relax_rows(m, own, row, other, field, odd, blocks)
    np.testing.assert_array_equal(m, by_hand)
    assert np.isfinite(m).all()
