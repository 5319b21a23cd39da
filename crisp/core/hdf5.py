"""Open untrusted HDF5 files so that only their own content is read.

HDF5 would read any file of this machine as the content of a dataset, and allocate all memory that a
dataset declares, even if the file does not contain the data.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import h5py

SMALL = 2**26  # bytes that any dataset may declare
PACKED = 2**17  # maximum ratio of declared to stored bytes of a dataset: zeros compress this well
GZIP = 1100  # the same for the filter that other tools use


def opened(path: str | Path, packed: int = PACKED, beside: str = "") -> h5py.File:
    """Open an HDF5 file for reading, without a lock.

    Parameters
    ----------
    path : path-like
        File to open.
    packed : int
        Maximum ratio of declared to stored bytes of a dataset.
    beside : str
        Regular expression of the files that it may link to; none by default.

    Returns
    -------
    h5py.File

    Raises
    ------
    ValueError
        If a part of it lies in another file, or declares data that it does not contain.
    OSError, RuntimeError, KeyError or TypeError
        If it is not an HDF5 file, or damaged.
    """
    file = h5py.File(path, "r", locking=False)
    try:
        links: list[tuple[str, object]] = []
        file.visititems_links(lambda name, link: links.append((name, link)))
        for name, link in links:
            if isinstance(link, h5py.ExternalLink) and re.fullmatch(beside, link.filename):
                continue
            if not isinstance(link, h5py.HardLink):
                raise ValueError(f"{name} is a link, whose content is elsewhere")
            if isinstance(item := file[name], h5py.Dataset):
                _check(item, packed)
    except BaseException:
        file.close()
        raise
    return file


def _check(dataset: h5py.Dataset, packed: int) -> None:
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{dataset.name[1:]} stores its content in another file")
    item, held = dataset.dtype.itemsize, dataset.id.get_storage_size()
    declared = item * max(math.prod(dataset.shape or ()), math.prod(dataset.chunks or ()))
    if declared > SMALL + packed * held:
        raise ValueError(f"{dataset.name[1:]} declares {declared:,} bytes, but the file has {held:,}")


def dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a dataset by name.

    Raises
    ------
    ValueError
        If it is missing, or not a dataset.
    """
    found = group.get(name)
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"no dataset {name}" if found is None else f"{name} is no dataset")
    return found
