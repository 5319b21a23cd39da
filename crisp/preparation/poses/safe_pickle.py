"""Read NumPy arrays in the pickles of pose files, using stand-ins from `crisp.core.pickles`.

NumPy trusts a pickle, even one that declares an array's bytes to be object addresses.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crisp.core import pickles
from crisp.preparation.poses import npy

MOST = 2**20  # maximum bytes of a frame's pickle; a hundred people take a tenth of it
KINDS = re.compile(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,3}")
OBJECTS = re.compile("O[48]?")


def loads(content: bytes) -> Any:
    """Read a pickle of plain values and arrays.

    Raises
    ------
    ValueError
        If it is damaged, larger than the poses of a frame or holds anything else.
    """
    if len(content) > MOST:
        raise ValueError(f"a pickle of more than {MOST:,} bytes")
    return pickles.loads(content, [*MAKERS, "numpy.ndarray"], lambda name, *of: MAKERS[name](*of))


def _dtype(args: Sequence[Any], state: Any) -> np.dtype:
    kind, order = args[0], state[1] if state else "="
    if OBJECTS.fullmatch(kind):
        return np.dtype(object)
    if not KINDS.fullmatch(kind) or order not in ("<", ">", "=", "|"):
        raise ValueError(f"an array of {kind!r}")
    return np.dtype(order + kind)


def _array(_: Sequence[Any], state: Any) -> np.ndarray:
    _, shape, dtype, by_column, content = state
    if not all(type(length) is int and 0 <= length <= MOST for length in shape):
        raise ValueError("an array whose shape does not match its content")
    if not isinstance(dtype, np.dtype) or not dtype.hasobject:
        return npy.of_bytes(shape, dtype, content, bool(by_column))
    if type(content) is not list or len(content) != math.prod(shape):
        raise ValueError("an array whose shape does not match its content")
    return np.fromiter(content, object, len(content)).reshape(shape, order="F" if by_column else "C")


def _scalar(args: Sequence[Any], _: Any) -> Any:
    dtype, content = args
    return npy.of_bytes((), dtype, content)[()]


def _encoded(args: Sequence[Any], _: Any) -> bytes:
    """Return bytes from a pickle protocol without a bytes type."""
    text, encoding = args
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"bytes as {encoding!r}")
    return text.encode("latin1")


MAKERS = {
    "numpy.dtype": _dtype,
    "numpy._core.multiarray._reconstruct": _array,
    "numpy._core.multiarray.scalar": _scalar,
    "_codecs.encode": _encoded,
}


def load_npy(path: Path) -> np.ndarray:
    """Read the array of a ``.npy`` file, possibly of Python objects.

    Raises
    ------
    ValueError
        If it is damaged, larger than the poses of a frame or holds objects other than plain values.
    """
    with open(path, "rb") as file:
        header = npy.head(file)
        if not header.dtype.hasobject:
            return npy.content(file, header, MOST)
        array = loads(file.read(MOST + 1))
    if type(array) is not np.ndarray or array.shape != header.shape:
        raise ValueError("an array whose shape does not match its content")
    return array
