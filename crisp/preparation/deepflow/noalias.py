"""Array accesses for numba, annotated with which of them never overlap.

A loop over many rows of one array is vectorised only if no written row is also read. The
compiler would have to compare all of them at each call, and gives up beyond a few. So each access
names its part of the array, a number below `PARTS`: two accesses in the same function overlap only if their
numbers are equal. Neither this nor the index is checked.

A function with these accesses is never inlined, as its numbers are only valid inside it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

PARTS = 10
READ = 0  # by convention everything that a function only reads


def _pointer(context: Any, builder: Any, signature: Any, arguments: Any) -> ir.Value:
    builder.function.attributes.add("noinline")
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.gep(array.data, [arguments[1]], inbounds=True)


def _name(builder: Any, instruction: Any, part: int) -> None:
    module = builder.module
    domain = module.add_metadata(["parts"])
    parts = [module.add_metadata([f"part {number}", domain]) for number in range(PARTS)]
    instruction.set_metadata("alias.scope", module.add_metadata([parts[part]]))
    instruction.set_metadata("noalias", module.add_metadata(parts[:part] + parts[part + 1 :]))


@intrinsic(prefer_literal=True)
def _load(typingctx: Any, array: Any, index: Any, part: Any) -> Any:  # noqa: ARG001
    """``array[index]`` of a one-dimensional contiguous array; `part` is a literal number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value = builder.load(_pointer(context, builder, signature, arguments))
        _name(builder, value, part.literal_value)
        return value

    return array.dtype(array, types.intp, part), generate


@intrinsic(prefer_literal=True)
def _store(typingctx: Any, array: Any, index: Any, part: Any, value: Any) -> Any:  # noqa: ARG001
    """``array[index] = value`` of a one-dimensional contiguous array; `part` is a literal number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        written = builder.store(arguments[3], _pointer(context, builder, signature, arguments))
        _name(builder, written, part.literal_value)
        return context.get_dummy_value()

    return types.void(array, types.intp, part, array.dtype), generate


# For type checkers: functions that only compiled code may call.
load: Any = _load
store: Any = _store
