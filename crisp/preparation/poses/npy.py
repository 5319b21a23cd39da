"""Read arrays from ``.npy`` files and ``.npz`` archives, limited to the size in their headers; no objects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import IO, Any, NamedTuple

import numpy as np


class Head(NamedTuple):
    """The header of an array."""

    shape: tuple[int, ...]
    by_column: bool
    dtype: np.dtype


def head(file: IO[bytes]) -> Head:
    """Read the header of an array, up to where its content begins.

    Raises
    ------
    ValueError
        If it is invalid.
    """
    try:
        if np.lib.format.read_magic(file) == (1, 0):
            return Head(*np.lib.format.read_array_header_1_0(file))
        return Head(*np.lib.format.read_array_header_2_0(file))
    except Exception as error:  # Python's parser, used by NumPy for it, raises nearly anything
        raise ValueError(str(error)[:200] or type(error).__name__) from None


def of_bytes(shape: Sequence[int], dtype: np.dtype, content: Any, by_column: bool = False) -> np.ndarray:
    """Return an array without objects from exactly these bytes.

    Parameters
    ----------
    shape : sequence of int
    dtype : numpy.dtype
    content : bytes
        Any other type is rejected, as it comes from an untrusted file.
    by_column : bool
        Whether the first axis varies fastest (Fortran order).

    Returns
    -------
    ndarray
        A copy, in the memory order of the bytes.

    Raises
    ------
    ValueError
        If they are more or fewer, or `dtype` contains objects.
    """
    count = math.prod(shape)
    fits = type(content) is bytes and count * dtype.itemsize == len(content) >= count
    if dtype.hasobject or not fits:
        raise ValueError(f"an array of shape {tuple(shape)} of {dtype}, but not enough bytes for one")
    return np.ndarray(tuple(shape), dtype, content, order="F" if by_column else "C").copy()


def content(file: IO[bytes], header: Head, most: int) -> np.ndarray:
    """Read the array of a header, with a maximum number of bytes.

    Parameters
    ----------
    file : binary file
        Positioned after the header.
    header : Head
        The header, from `head`.
    most : int
        Maximum bytes.

    Returns
    -------
    ndarray

    Raises
    ------
    ValueError
        If it is larger, does not have the size given in the header, or contains objects.
    """
    length = math.prod(header.shape) * header.dtype.itemsize
    if not 0 <= length <= most:  # reading that many would allocate memory for them
        raise ValueError(f"an array of shape {header.shape} of {header.dtype}")
    return of_bytes(header.shape, header.dtype, file.read(length + 1), header.by_column)
