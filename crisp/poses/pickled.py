"""Pickles inside pose files, read without running what they may ask for."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

# All that plain Python values and NumPy arrays need; anything else could run code.
ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
}


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Give a class that is known to be harmless."""
        module = module.replace("numpy.core", "numpy._core")  # as NumPy 1 called it
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")
        return super().find_class(module, name)


def loads(content: bytes) -> Any:
    """A pickle of plain values and arrays.

    Raises
    ------
    ValueError
        If it is damaged or holds anything else.
    """
    try:
        return _Plain(io.BytesIO(content)).load()
    except Exception as error:  # a damaged pickle raises nearly anything
        raise ValueError(str(error)[:200] or type(error).__name__) from None


def load_npy(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file, which may be one of Python objects.

    Raises
    ------
    ValueError
        If it is damaged or holds other objects than plain values.
    """
    with open(path, "rb") as file:
        version = np.lib.format.read_magic(file)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(file)
        if not dtype.hasobject:
            return np.load(path, allow_pickle=False)
        return np.asarray(loads(file.read())).reshape(shape)
