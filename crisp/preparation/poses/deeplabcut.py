"""CSV and HDF5 output of DeepLabCut for an analysed video, with one or more individuals.

The HDF5 is a pandas table with pickled column names, read here without PyTables, which would
execute the pickle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from crisp.core import hdf5
from crisp.core.errors import CrispError, fail
from crisp.core.unreadable import ERRORS, explained
from crisp.preparation.poses import safe_pickle
from crisp.preparation.poses.people import People, ordered, places

COORDS = ("x", "y", "likelihood")
SPARSE = 10  # maximum ratio of all individuals' body parts to columns: rarely do many individuals differ
Columns = Sequence[tuple[str, ...]]  # scorer, (individual,) body part, x | y | likelihood


def read_csv(path: Path, joints: Mapping[str, str]) -> People:
    """Read all people in each frame; see `crisp.preparation.poses.read_poses`."""
    import pandas as pd

    try:
        heads = pd.read_csv(path, header=None, nrows=4, index_col=0, dtype=str)
        levels = list(heads.index).index("coords") + 1
        table = pd.read_csv(path, header=list(range(levels)), index_col=0)
        values = table.to_numpy(float)
    except ERRORS as error:
        raise _not(path, error) from None
    return _people(
        path, [tuple(map(str, name)) for name in table.columns], table.index.to_numpy(), values, joints
    )


def read_h5(path: Path, joints: Mapping[str, str]) -> People:
    """Read all people in each frame; see `crisp.preparation.poses.read_poses`."""
    try:
        with hdf5.opened(path, hdf5.GZIP) as file:
            tables = [
                hdf5.dataset(group, "table")
                for group in file.values()
                if isinstance(group, h5py.Group) and "table" in group
            ]
            if len(tables) != 1:
                raise ValueError(f"{len(tables)} tables")
            columns = _columns(tables[0].attrs["values_block_0_kind"])
            rows = tables[0][:]
        return _people(path, columns, rows["index"], np.asarray(rows["values_block_0"], float), joints)
    except ERRORS as error:
        raise _not(path, error) from None


def _columns(kind: Any) -> Columns:
    """Return the names of the columns from the attribute in which pandas stores them."""
    names = safe_pickle.loads(kind) if isinstance(kind, bytes) else None
    if not names or not isinstance(names, list) or not all(_is_name(name) for name in names):
        raise ValueError("no column names")
    return [tuple(map(str, name)) for name in names]


def _is_name(name: Any) -> bool:
    return isinstance(name, tuple) and len(name) > 2 and all(isinstance(part, str | int) for part in name)


def _not(path: Path, error: Exception) -> CrispError:
    if isinstance(error, PermissionError):
        return explained(path, error, "pose file")
    return fail(
        path,
        "not a pose file of DeepLabCut (nor of SLEAP)",
        "a table with scorer, bodyparts and coords",
        error,
        "export it again, for example as CSV",
    )


def _people(
    path: Path, columns: Columns, index: np.ndarray, values: np.ndarray, joints: Mapping[str, str]
) -> People:
    if index.dtype.kind not in "iu" or not np.array_equal(index, np.arange(len(index))):
        raise fail(
            path,
            "rows are not consecutive frames",
            "frames 0, 1, 2, ...",
            ", ".join(map(str, index[:3])),
            "use the file of the analysed video, not that of the labelled images",
        )
    individuals = list(dict.fromkeys(name[1:-2] for name in columns))
    parts = list(dict.fromkeys(name[-2] for name in columns))
    if len(individuals) * len(parts) > SPARSE * len(columns):
        raise _not(path, ValueError(f"{len(individuals)} individuals, {len(parts)} body parts"))
    points = np.full((len(values), len(individuals), len(parts), 3), np.nan)
    for name, column in zip(columns, values.T, strict=True):
        if name[-1] not in COORDS:
            raise fail(path, "unknown column", ", ".join(COORDS), name[-1], "export it again")
        points[:, individuals.index(name[1:-2]), parts.index(name[-2]), COORDS.index(name[-1])] = column
    return People(ordered(points, places(parts, joints, path)))
