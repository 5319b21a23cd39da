"""Stage files: one HDF5 file per rule and video, verified when written and when read."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from crisp import __version__
from crisp.core import hdf5, layouts
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.files import ELSEWHERE, digest, replacing, spare
from crisp.core.unreadable import ERRORS, check_finite, explained, made_by_workflow, reason
from crisp.core.versions import STAGES
from crisp.core.views import REGION

# Files that a volume links to, in the same folder.
FEATURES = rf"features/[a-z0-9_]+-[0-9a-f]{{8}}({REGION})?\.h5"
BESIDE = rf"(frames|flow/[a-z0-9]+|(pose|roi/[a-z0-9]+)({REGION})?)\.h5|{FEATURES}"
SCHEMA = 1  # of all stage files; a reader rejects any other
TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


class _Disk(io.FileIO):
    """A file for HDF5 that records the first write error and discards later writes.

    HDF5 cannot handle a failed write: it crashes the process later, when it closes the file.
    """

    error: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write all of `data`, or record the error."""
        rest = memoryview(data).cast("B")
        while len(rest) and self.error is None:
            try:
                rest = rest[super().write(rest) :]
            except OSError as error:
                self.error = error
        return len(data)

    def truncate(self, size: int | None = None, /) -> int:
        """Set the size, or record the error."""
        if self.error is None:
            try:
                return super().truncate(size)
            except OSError as error:
                self.error = error
        return size or 0

    def check(self) -> None:
        """Raise the recorded error, if there is one."""
        if self.error:
            raise self.error


class Writer(h5py.File):
    """Stage file open for writing; `disk.check()` reports write errors."""

    def __init__(self, disk: _Disk) -> None:
        # From version 1.10 on HDF5 also checksums its own structures. Chunks are written
        # whole, so none waits in a cache: their order in the file is that of the calls.
        super().__init__(disk, "w", libver="v110", rdcc_nbytes=0)
        self.disk = disk


def compression(bitshuffle: bool) -> dict[str, Any]:
    """Return the compression filter of chunks, as h5py takes it.

    Zstandard on whole chunks finds what frames share; it and Blosc 1 are read twice as fast
    as Blosc2, which splits a chunk along all axes, including the last one of two or three components.
    """
    if bitshuffle:
        return dict(hdf5plugin.Blosc(cname="zstd", clevel=5, shuffle=hdf5plugin.Blosc.BITSHUFFLE))
    return {"shuffle": True, **hdf5plugin.Zstd(clevel=3)}  # shuffles bytes


class Appender:
    """A dataset of a stage file that grows along time, written in whole chunks.

    Writing a chunk twice would compress it twice, and make the file's bytes depend on the
    size of incoming blocks, so rows wait here until a chunk is full.

    Parameters
    ----------
    file : Writer
        From `create`.
    name : str
        Dataset name.
    row : tuple of int
        Shape of one row (frame).
    dtype : str
    chunk : int
        Rows per chunk.
    bitshuffle : bool
        Shuffle bits before compression (better for small integers).
    """

    def __init__(
        self,
        file: Writer,
        name: str,
        row: tuple[int, ...],
        dtype: str,
        chunk: int,
        bitshuffle: bool = False,
    ) -> None:
        self.dataset = file.create_dataset(
            name,
            shape=(0, *row),
            maxshape=(None, *row),
            dtype=dtype,
            chunks=(chunk, *row),
            fletcher32=True,
            **compression(bitshuffle),
        )
        self._disk = file.disk
        self._chunk = chunk
        self._waiting = np.empty((0, *row), dtype)
        self._sha = hashlib.sha256()

    def append(self, rows: np.ndarray) -> None:
        r"""Add rows of shape (n, \*row)."""
        self._waiting = np.concatenate([self._waiting, rows.astype(self._waiting.dtype, copy=False)])
        full = len(self._waiting) - len(self._waiting) % self._chunk
        self._write(full)

    def _write(self, count: int) -> None:
        if count:
            begin = len(self.dataset)
            self.dataset.resize(begin + count, axis=0)
            self.dataset[begin:] = self._waiting[:count]
            self._sha.update(self._waiting[:count].tobytes())
            self._waiting = self._waiting[count:]
            self._disk.check()

    def copy(self, dataset: h5py.Dataset) -> None:
        """Append all rows of a dataset of the same layout by copying its compressed chunks.

        Only after whole chunks, so that chunks stay aligned. Rows that an earlier version
        compressed differently are recompressed.
        """
        alike = _filters(dataset) == _filters(self.dataset)
        if len(self._waiting) or len(self.dataset) % self._chunk or dataset.chunks != self.dataset.chunks:
            raise ValueError("chunks do not fit")
        for first in range(0, len(dataset), self._chunk):
            rows = read_rows(dataset, first, first + self._chunk)
            if not alike:
                self.append(rows)
                continue
            begin = len(self.dataset)
            self.dataset.resize(begin + len(rows), axis=0)
            rest = (0,) * (dataset.ndim - 1)
            mask, content = dataset.id.read_direct_chunk((first, *rest))
            self.dataset.id.write_direct_chunk((begin, *rest), content, mask)
            self._sha.update(rows.tobytes())
            self._disk.check()

    def close(self) -> None:
        """Write the remaining rows and record the SHA-256 of the dataset's values."""
        self._write(len(self._waiting))
        self.dataset.attrs["sha256"] = self._sha.hexdigest()


def _filters(dataset: h5py.Dataset) -> list[tuple[int, tuple[int, ...]]]:
    """Return the filters of a dataset's chunks, in order, with their settings."""
    properties = dataset.id.get_create_plist()
    found = [properties.get_filter(index) for index in range(properties.get_nfilters())]
    return [(code, settings) for code, _, settings, _ in found]


def put(file: h5py.File, name: str, array: np.ndarray) -> None:
    """Write a small array as a whole, with its checksum.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    name : str
        Dataset name.
    array : ndarray
        Any shape and numeric dtype; one chunk holds it.
    """
    dataset = file.create_dataset(
        name, data=array, chunks=array.shape if array.size else None, fletcher32=bool(array.size)
    )
    dataset.attrs["sha256"] = hashlib.sha256(array.tobytes()).hexdigest()


def group(file: h5py.File, name: str) -> h5py.Group:
    """Return a top-level group, created if missing; without creation time, like datasets."""
    if name in file:
        return file[name]
    properties = h5py.h5p.create(h5py.h5p.GROUP_CREATE)
    properties.set_obj_track_times(False)
    return h5py.Group(h5py.h5g.create(file.id, name.encode(), gcpl=properties))


@contextmanager
def create(path: str | Path, kind: str, attributes: dict[str, Any]) -> Iterator[Writer]:
    """Create a stage file: yield it open for writing, then verify every value and move it into place.

    Parameters
    ----------
    path : path-like
        Stage file to write.
    kind : str
        Stage name, a key of `crisp.core.versions.STAGES`.
    attributes : dict
        Provenance to record; values must be numbers, strings or JSON-like.

    Yields
    ------
    Writer

    Raises
    ------
    CrispError
        If `path` is another file, the disk is full, or the written data cannot be read back.
    """
    _check_place(path, kind)
    with replacing(path) as beside:
        with _Disk(beside, "w+") as disk:
            with Writer(disk) as file:
                file.attrs["schema"] = SCHEMA
                file.attrs["kind"] = kind
                file.attrs["stage_version"] = STAGES[kind]
                file.attrs["crisp"] = __version__
                yield file
                for key, value in attributes.items():
                    file.attrs[key] = (
                        value if isinstance(value, int | float | str) else json.dumps(value, sort_keys=True)
                    )
                file.attrs["complete"] = True
            disk.check()
        _verify(beside, path)


def _check_place(path: str | Path, kind: str) -> None:
    """Refuse to overwrite another file or an input; checked before the work, which may take hours."""
    spare(path, "an HDF5 file")
    if made_by_workflow(path) or not Path(path).exists() or not Path(path).stat().st_size:
        return
    try:
        with h5py.File(path, "r", locking=False) as file:
            found = str(plain(file.attrs.get("kind", "an HDF5 file that CRISP did not make")))
    except (OSError, RuntimeError) as error:
        found = f"an HDF5 file that cannot be opened ({str(error)[:100]})"
    if found != kind:
        what, expected = "output path is a file of another kind", f"nothing, or a {kind} file"
        raise fail(path, what, expected, found, ELSEWHERE)


def _verify(beside: Path, path: str | Path) -> None:
    with h5py.File(beside, "r", locking=False) as file:
        for name, dataset in _datasets(file):
            if _sha_of_values(dataset) != dataset.attrs["sha256"]:
                raise fail(
                    path,
                    f"dataset {name} differs from what was written",
                    remedy="check the disk and the memory of this machine, then run again",
                )


def _sha_of_values(dataset: h5py.Dataset) -> str:
    """Return the SHA-256 of a dataset's values as read now; empty if a chunk's checksum is wrong."""
    sha = hashlib.sha256()
    step = dataset.chunks[0] if dataset.chunks else max(1, len(dataset))
    try:
        for begin in range(0, len(dataset), step):
            sha.update(dataset[begin : begin + step].tobytes())
    except (OSError, RuntimeError):
        return ""
    return sha.hexdigest()


def _datasets(file: h5py.File) -> list[tuple[str, h5py.Dataset]]:
    found: list[tuple[str, h5py.Dataset]] = []
    file.visititems(lambda name, item: found.append((name, item)) if isinstance(item, h5py.Dataset) else None)
    return found


def open_stage(path: str | Path, kind: str) -> h5py.File:
    """Open a stage file for reading after checking that it is complete and of a known schema.

    Parameters
    ----------
    path : path-like
        Stage file to open.
    kind : str
        Stage name, as given to `create`.

    Returns
    -------
    h5py.File
        Open read-only without a lock. Open it in the process that reads it, after any fork.

    Raises
    ------
    CrispError
        If the file is missing, not HDF5, incomplete, of another stage or schema, or violates
        the layout of its stage.
    """
    usable = {"schema": SCHEMA, "kind": kind, "complete": True}
    check_finite(path, "stage file")
    file = None
    try:
        file = hdf5.opened(path, beside=BESIDE if kind == "volume" else "")
        found = {key: plain(file.attrs.get(key)) for key in ("schema", "kind", "complete")}
        for _, item in [("", file), *_datasets(file)]:
            dict(item.attrs)  # so that damage shows here
        faults = [] if found != usable else list(layouts.faults(file, kind))
    except ERRORS as error:
        if file is not None:
            file.close()
            raise damaged(path, kind, error) from None
        expected = f"an HDF5 file, the {kind} of a video"
        raise explained(path, error, "stage file", expected, kind, f"crisp {kind} makes one") from None
    if faults:
        file.close()
        remedy = remake(path, kind) if made_by_workflow(path) else f"give a file that crisp {kind} made"
        raise CrispError(
            *(
                Fault(
                    f"{path}, {where}",
                    "stage file does not hold what its kind does",
                    expected,
                    instead,
                    remedy,
                )
                for where, expected, instead in faults
            )
        )
    if found != usable:
        file.close()
        if found["kind"] is None:
            remedy = f"correct the path: this HDF5 file is not from CRISP; crisp {kind} makes one"
        elif found["kind"] != kind:
            remedy = f"correct the path: this file holds the {found['kind']} of a video"
        else:
            remedy = remake(path, kind)
        raise fail(
            path, "not a usable stage file", f"a complete {kind} file of schema {SCHEMA}", found, remedy
        )
    return file


def remake(path: str | Path, kind: str) -> str:
    """Return the remedy for an unusable stage file, if CRISP made it."""
    if made_by_workflow(path):
        return f"delete it and run snakemake again: the {kind} rule makes it"
    return "CRISP made this file: delete it, then repeat the command that made it"


def damaged(path: str | Path, kind: str, error: object, where: str = "") -> CrispError:
    """Return the error for a damaged stage file that opens, so that CRISP made it.

    Parameters
    ----------
    path : path-like
        The file.
    kind : str
        Stage name.
    error : object
        Error raised when reading it, or a description of the damage.
    where : str
        Place in the file.

    Returns
    -------
    CrispError
    """
    return fail(
        f"{path}{f', {where}' if where else ''}",
        "damaged data",
        "what was written, with good checksums",
        str(error)[:120],
        remake(path, kind),
    )


def plain(value: Any) -> Any:
    """Convert a NumPy scalar to Python's, for readable messages."""
    return value.item() if isinstance(value, np.generic) else value


def identity(path: str | Path, kind: str) -> str:
    """Return a digest of a stage file's values and of the attributes that define their meaning.

    Two files with equal identity give equal clips, whichever machine or backend made them.
    """
    with open_stage(path, kind) as file:
        content: dict[str, Any] = {
            name: [file[name].attrs["sha256"], list(file[name].shape)]
            for name in layouts.LAYOUTS[kind]
            if name in file
        }
        content.update({key: float(file.attrs[key]) for key in ("fps", "alpha") if key in file.attrs})
        return digest(content)


def frame_count(path: str | Path) -> int:
    """Return the number of frames in a frames stage file."""
    with open_stage(path, "frames") as file:
        return len(file["rgb"])


def read_rows(dataset: h5py.Dataset, begin: int, end: int) -> np.ndarray:
    """Return rows ``[begin, end)`` of a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
        (N, ...), of a file from `open_stage`.
    begin, end : int
        Rows (frames); those beyond N are omitted.

    Returns
    -------
    ndarray, (end - begin, ...)
        In the stored dtype.

    Raises
    ------
    CrispError
        If the checksum of a chunk is wrong (a damaged disk or an interrupted copy), or a number is
        NaN or infinite, except in dataset `pose`.
    """
    try:
        rows = dataset[begin:end]
        # NaN marks a joint with unknown position.
        if rows.dtype.kind == "f" and dataset.name != "/pose" and not np.isfinite(rows).all():
            raise ValueError("NaN or an infinite number")
        return rows
    except ERRORS as error:
        where = f"{dataset.name}, frames {begin} to {end}"
        raise damaged(dataset.file.filename, _kind(dataset.file), reason(error), where) from None


def member(file: h5py.File, name: str) -> h5py.Dataset:
    """Return an optional dataset of an open stage file.

    Raises
    ------
    CrispError
        If this file lacks it.
    """
    if name in file:
        return file[name]
    raise damaged(file.filename, _kind(file), "nothing", f"dataset {name}")


def facts(file: h5py.File, wanted: Mapping[str, type]) -> dict[str, Any]:
    """Return attributes of an open stage file, as Python types.

    Parameters
    ----------
    file : h5py.File
        From `open_stage`.
    wanted : mapping of str to type
        Type of each attribute. Numbers must be finite and not negative; a float may be an integer.

    Returns
    -------
    dict of str to int, float, str or bool

    Raises
    ------
    CrispError
        If one is missing or has another type.
    """
    found = {name: plain(file.attrs.get(name)) for name in wanted}
    for name, kind in wanted.items():
        value = found[name]
        if not _is_fact(value, kind):
            told = "nothing" if value is None else repr(value)
            raise damaged(file.filename, _kind(file), f"{told}, not {TYPES[kind]}", f"attribute {name}")
    return found


def _is_fact(value: Any, kind: type) -> bool:
    if kind in (str, bool):
        return isinstance(value, kind)
    whole = isinstance(value, int) and not isinstance(value, bool)
    return (whole or (kind is float and isinstance(value, float))) and 0 <= value < float("inf")


def _kind(file: h5py.File) -> str:
    return str(plain(file.attrs.get("kind", "")))
