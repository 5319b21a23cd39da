"""A pair of half-sweeps of red-black relaxation, in vector instructions.

A compiler that vectorises a loop rereads the pixels to the left and right of a vector from memory, one
pixel further; most of these reads cross a cache line and count twice. Sweeps are limited by
reads. Here each vector is read once, and shifted by a pixel using the adjacent one.

No operation is reordered or fused, so the results equal those of the plain formula.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from crisp.preparation.deepflow import OMEGA

LANES = 16  # pixels of a colour per step; processors with shorter vectors take two or four
KEEP = float(np.float32(1 - OMEGA))

# Stored per pixel: the increment, the weights of the right and lower edge, and the equations in the
# form for sweeps (omega / a11, omega / a22, a12, b1, b2).
DU, DV, EDGE, OVER_11, OVER_22, A12, B1, B2 = range(8)

_INDEX = ir.IntType(64)
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_LANE = ir.IntType(32)


class _Beside(NamedTuple):
    """The left and right neighbours of a row's pixels, each (u, v); and the left edge."""

    left: tuple[Any, Any]
    right: tuple[Any, Any]
    edge: Any


def _vector(builder: Any, data: Any, index: Any) -> Any:
    return builder.bitcast(builder.gep(data, [index], inbounds=True), _VECTOR.as_pointer())


def _read(builder: Any, data: Any, start: Any, field: Any, number: int) -> Any:
    index = builder.add(start, builder.mul(field, ir.Constant(_INDEX, number)))
    return builder.load(_vector(builder, data, index), align=4 * LANES)


def _write(builder: Any, data: Any, start: Any, field: Any, number: int, value: Any) -> None:
    index = builder.add(start, builder.mul(field, ir.Constant(_INDEX, number)))
    builder.store(value, _vector(builder, data, index), align=4 * LANES)


def _joined(builder: Any, first: Any, second: Any, skip: int) -> Any:
    """Concatenate two vectors, skip the first `skip` pixels, and return `LANES`."""
    lanes = ir.Constant(ir.VectorType(_LANE, LANES), [skip + lane for lane in range(LANES)])
    return builder.shuffle_vector(first, second, lanes)


def _relaxed(builder: Any, own: dict[int, Any], beside: _Beside, above: dict[int, Any], below: Any) -> Any:
    """Return the new (du, dv) of a vector of pixels."""
    edge, a12, (u, v) = own[EDGE], own[A12], (own[DU], own[DV])

    def sum_of(begin: Any, number: int) -> Any:
        for weight, value in (
            (edge, beside.right[number]),
            (beside.edge, beside.left[number]),
            (above[EDGE], above[number]),
            (edge, below[number]),
        ):
            begin = builder.fadd(begin, builder.fmul(weight, value))
        return begin

    keep = ir.Constant(_VECTOR, [KEEP] * LANES)
    p = sum_of(builder.fsub(own[B1], builder.fmul(a12, v)), DU)
    q = sum_of(own[B2], DV)
    u = builder.fadd(builder.fmul(keep, u), builder.fmul(p, own[OVER_11]))
    q = builder.fsub(q, builder.fmul(a12, u))
    v = builder.fadd(builder.fmul(keep, v), builder.fmul(q, own[OVER_22]))
    return u, v


def _generator(odd: int) -> Any:
    """Generate code for a pair of rows whose first pixel is at x = `odd`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        data, (own, row, other, field, blocks) = array.data, arguments[1:]
        second = builder.add(builder.sub(own, row), other)
        above = builder.sub(builder.sub(own, row), row)
        below = builder.add(builder.add(own, row), other)
        sides = builder.add(own, other), builder.sub(own, row)  # of the row, and of the one above
        width = ir.Constant(_INDEX, LANES)

        # The previous vector of the sides if it contains the left neighbours, else theirs.
        kept = []
        for side in sides:
            start = side if odd else builder.sub(side, width)
            for number in (DU, DV) if odd else (DU, DV, EDGE):
                place = cgutils.alloca_once(builder, _VECTOR)
                builder.store(_read(builder, data, start, field, number), place)
                kept.append(place)

        with cgutils.for_range(builder, blocks) as loop:
            shift = builder.mul(loop.index, width)

            def read(start: Any, number: int, by: Any = shift) -> Any:
                return _read(builder, data, builder.add(start, by), field, number)

            def neighbours(side: Any, places: list[Any]) -> _Beside:
                pairs = []
                for number, place in zip((DU, DV, EDGE), places, strict=False):
                    before = builder.load(place)
                    new = read(side, number, builder.add(shift, width) if odd else shift)
                    builder.store(new, place)
                    pairs.append(
                        (before, _joined(builder, before, new, 1))
                        if odd
                        else (_joined(builder, before, new, LANES - 1), new)
                    )
                edge = read(side, EDGE) if odd else pairs[EDGE][0]
                left, right = zip(*pairs[:2], strict=True)
                return _Beside(left, right, edge)

            half = len(kept) // 2
            numbers = range(B2 + 1)
            here = {number: read(own, number) for number in numbers}
            there = {number: read(second, number) for number in numbers}
            beneath = read(below, DU), read(below, DV)
            around = neighbours(sides[0], kept[:half]), neighbours(sides[1], kept[half:])
            over = {number: read(above, number) for number in (DU, DV, EDGE)}

            new = _relaxed(builder, here, around[0], there, beneath)
            for number, value in zip((DU, DV), new, strict=True):
                _write(builder, data, builder.add(own, shift), field, number, value)
            for number, value in zip((DU, DV), _relaxed(builder, there, around[1], over, new), strict=True):
                _write(builder, data, builder.add(second, shift), field, number, value)
        return context.get_dummy_value()

    return generate


@intrinsic
def _relax_even(typingctx: Any, m: Any, own: Any, row: Any, other: Any, field: Any, blocks: Any) -> Any:  # noqa: ARG001
    return types.void(m, *[types.intp] * 5), _generator(0)


@intrinsic
def _relax_odd(typingctx: Any, m: Any, own: Any, row: Any, other: Any, field: Any, blocks: Any) -> Any:  # noqa: ARG001
    return types.void(m, *[types.intp] * 5), _generator(1)


# For type checkers: functions that only compiled code may call.
relax_even: Any = _relax_even
relax_odd: Any = _relax_odd
