"""Layout of stage files, checked before reading, as a file may come from anywhere.

The files are opened by `crisp.core.hdf5`, which refuses what is stored elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import h5py
import numpy as np

from crisp.core.limits import LARGEST_SIDE, MOST_FPS, MOST_FRAMES

LARGEST_CHUNK = 2**31  # bytes; a chunk is read as a whole
SIDE = -1  # in a shape: any image size


class Layout(NamedTuple):
    """A dataset of a stage file.

    Attributes
    ----------
    dtype : str
        Type of its values.
    row : tuple of int
        Shape of a row (frame); `SIDE` = any image size.
    least : int
        Minimum number of rows.
    needed : bool
        Whether it is required.
    scaled : bool
        Whether its attribute `scale` is the factor of its values.
    of_file : bool
        Whether it has a row for each decoded frame of the video, whatever the frame step.
    """

    dtype: str
    row: tuple[int, ...]
    least: int = 1
    needed: bool = True
    scaled: bool = False
    of_file: bool = False

    def __str__(self) -> str:
        sides = iter(("height", "width")[-self.row.count(SIDE) or None :])
        axes = (str(size) if size != SIDE else next(sides) for size in self.row)
        return f"({', '.join(['frames', *axes])}) of {self.dtype}"


LAYOUTS: dict[str, dict[str, Layout]] = {
    "frames": {
        "rgb": Layout("uint8", (SIDE, SIDE, 3)),
        "times": Layout("float64", (), needed=False, of_file=True),
    },
    "flow": {"flow": Layout("int16", (SIDE, SIDE, 2), least=0, scaled=True)},  # a part may have none
    "roi": {
        "mask": Layout("uint8", (SIDE, SIDE)),
        "roi": Layout("float32", (2, 2)),
        "flow_stats": Layout("float32", (6,), needed=False),
    },
    "pose": {"pose": Layout("float32", (14, 3))},
    "features": {"features": Layout("float32", (SIDE,))},
    "volume": {},
}


def faults(file: h5py.File, kind: str) -> Iterator[tuple[str, str, str]]:
    """List faults in the datasets and attributes of a stage file: place, expected and found."""
    layouts = LAYOUTS[kind]
    if layouts:
        fps = file.attrs.get("fps")
        if not is_number(fps) or not 0 < fps <= MOST_FPS:
            yield "attribute fps", f"a number above 0, at most {MOST_FPS:g}", str(fps)[:50]
    lengths = set()
    for name, layout in layouts.items():
        found = _dataset(file, name)
        if isinstance(found, str):
            if layout.needed or found != "nothing":
                yield name, str(layout), found
            continue
        count = len(found) if found.shape else None
        if not layout.of_file:
            lengths.add(count)
        elif count != file.attrs.get("decoded_frames"):
            yield f"dataset {name}", "a row for each frame of the attribute decoded_frames", str(count)
        yield from ((f"dataset {name}", *fault) for fault in _faults(found, layout))
    if len(lengths) > 1:
        yield "datasets", "as many frames in each", ", ".join(map(str, lengths))


def is_number(value: object) -> bool:
    """Return whether an attribute is one finite number."""
    try:
        return np.ndim(value) == 0 and math.isfinite(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False


def _dataset(file: h5py.File, name: str) -> h5py.Dataset | str:
    """Return a dataset, or a description of what is stored in its place."""
    found = file.get(name)
    if found is None:
        return "nothing"
    return found if isinstance(found, h5py.Dataset) else type(found).__name__.lower()


def _faults(dataset: h5py.Dataset, layout: Layout) -> Iterator[tuple[str, str]]:
    rows, *row = dataset.shape or (0,)
    fits = len(row) == len(layout.row) and all(
        size == wanted or (wanted == SIDE and 1 <= size <= LARGEST_SIDE)
        for size, wanted in zip(row, layout.row, strict=True)
    )
    if dataset.dtype != layout.dtype or not fits:
        yield str(layout), f"{dataset.shape} of {dataset.dtype}"
    elif not layout.least <= rows <= MOST_FRAMES:
        yield f"{layout.least} to {MOST_FRAMES} frames", str(rows)
    elif dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > LARGEST_CHUNK:
        yield f"chunks of at most {LARGEST_CHUNK} bytes", f"chunks of {dataset.chunks}"
    elif not _is_written(dataset):
        yield "all that its shape declares", "chunks that were never written"
    if not isinstance(dataset.attrs.get("sha256"), str):
        yield "attribute sha256, text", str(dataset.attrs.get("sha256"))[:50]
    if layout.scaled:
        scale = dataset.attrs.get("scale")
        if not is_number(scale) or not 0 < scale <= 1:
            yield "attribute scale, above 0, at most 1", str(scale)[:50]


def _is_written(dataset: h5py.Dataset) -> bool:
    """Return whether a dataset is completely stored; HDF5 invents zeros for what was never written."""
    if not dataset.size:
        return True
    if dataset.chunks is None:
        return dataset.id.get_storage_size() >= dataset.nbytes
    pairs = zip(dataset.shape, dataset.chunks, strict=True)
    return dataset.id.get_num_chunks() == math.prod(-(-size // chunk) for size, chunk in pairs)
