"""The arrays of ``.npy`` files and of ``.npz`` archives, as long as their heads tell, and none of objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import numpy as np


class Head(NamedTuple):
    """What the head of an array tells."""

    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype


def head(file: IO[bytes]) -> Head:
    """Read the head of an array, up to where its content begins.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        if np.lib.format.read_magic(file) == (1, 0):
            return Head(*np.lib.format.read_array_header_1_0(file))
        return Head(*np.lib.format.read_array_header_2_0(file))
    except Exception as error:  # Python's parser, which NumPy takes for it, raises nearly anything
        raise ValueError(str(error)[:200] or type(error).__name__) from None


def of_bytes(shape: Sequence[int], dtype: np.dtype, content: Any, by_column: bool = False) -> np.ndarray:
    """An array of no objects, of exactly these bytes.

    Raises
    ------
    ValueError
        If they are more or fewer.
    """
    count = math.prod(shape)
    fits = type(content) is bytes and count * dtype.itemsize == len(content) >= count
    if dtype.hasobject or not fits:
        raise ValueError(f"an array of shape {tuple(shape)} of {dtype}, and not the bytes of one")
    return np.ndarray(tuple(shape), dtype, content, order="F" if by_column else "C").copy()


def content(file: IO[bytes], told: Head, most: int) -> np.ndarray:
    """The array that a head was read of, of so many bytes at most.

    Raises
    ------
    ValueError
        If it is larger, not as long as the head tells, or one of objects.
    """
    length = math.prod(told.shape) * told.dtype.itemsize
    if not 0 <= length <= most:  # to read as many would reserve memory for them
        raise ValueError(f"an array of shape {told.shape} of {told.dtype}")
    return of_bytes(told.shape, told.dtype, file.read(length + 1), told.by_column)
