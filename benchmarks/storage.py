"""What stage files cost by filter, chunk and step of the flow: bytes, writing, and reading random clips.

    python benchmarks/storage.py [VIDEO ...] [--width 320] [--begin 0] [--frames 128] [--repeat 5]

Without videos those of the demo's first and sixteenth player are made. Times are those of the processor,
medians over the repeats, in which the layouts take turns; files are in the disk's cache. The last table tells
how far the steps in which flow is stored move the centres of the region of interest.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

import h5py
import hdf5plugin
import numpy as np

from crisp.core import stage_files
from crisp.demo import generate
from crisp.preparation import flow, frames, roi, video
from crisp.preparation.foreground import Foreground

CLIP, CLIPS = 100, 6  # frames of a clip; clips read in each repeat
STEPS = (16, 32, 64, 128, 256)  # a px
UNIT = round(1 / flow.SCALE)
RGB_NOW, FLOW_NOW = ("zstd 3", frames.CHUNK), ("blosc 5, bits", flow.CHUNK)


def blosc2(level: int, bits: bool) -> dict[str, Any]:
    """Blosc2 with zstd; it cuts a chunk into blocks along all of its axes."""
    plugin = hdf5plugin.Blosc2
    return dict(plugin(cname="zstd", clevel=level, filters=plugin.BITSHUFFLE if bits else plugin.SHUFFLE))


def blosc(level: int, bits: bool) -> dict[str, Any]:
    """Blosc (the first) with zstd; it cuts a chunk into runs of bytes."""
    plugin = hdf5plugin.Blosc
    return dict(plugin(cname="zstd", clevel=level, shuffle=plugin.BITSHUFFLE if bits else plugin.SHUFFLE))


def zstd(level: int) -> dict[str, Any]:
    """Zstandard on a chunk as a whole, after HDF5's own byte shuffle."""
    return {"shuffle": True, **hdf5plugin.Zstd(clevel=level)}


# Name, frames a chunk, filter, and whether components come before rows and columns.
Layout = tuple[str, int, dict[str, Any], bool]
RGB: list[Layout] = [
    *((f"blosc2 {level}", chunk, blosc2(level, False), False) for level, chunk in
      [(1, 16), (3, 16), (5, 8), (5, 16), (5, 32), (7, 16)]),
    ("blosc2 5, bits", 16, blosc2(5, True), False),
    ("blosc2 5, planar", 16, blosc2(5, False), True),
    ("blosc 5", 16, blosc(5, False), False),
    ("blosc 5, bits", 16, blosc(5, True), False),
    *((f"zstd {level}", chunk, zstd(level), False) for level, chunk in
      [(1, 16), (2, 16), (3, 8), (3, 16), (3, 32), (5, 16), (7, 16)]),
    ("zstd 3, planar", 16, zstd(3), True),
]  # fmt: skip
FLOW: list[Layout] = [
    *((f"blosc2 {level}, bits", chunk, blosc2(level, True), False) for level, chunk in
      [(1, 8), (3, 8), (5, 4), (5, 8), (5, 16), (7, 8)]),
    ("blosc2 5", 8, blosc2(5, False), False),
    ("blosc2 5, bits, planar", 8, blosc2(5, True), True),
    *((f"blosc {level}, bits", chunk, blosc(level, True), False) for level, chunk in
      [(1, 8), (3, 8), (5, 8), (5, 16)]),
    *((f"blosc {level}", 8, blosc(level, False), False) for level in (1, 3, 5)),
    ("blosc 5, bits, planar", 8, blosc(5, True), True),
    *((f"zstd {level}", 8, zstd(level), False) for level in (1, 3, 5)),
]  # fmt: skip


def material(
    path: Path, width: int, begin: int, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Frames at working size, their DeepFlow in px, foreground masks and the frame rate."""
    source = video.Source(path)
    pictures: Iterator[np.ndarray] = islice(video.frames(path, source), begin, begin + count)
    first = next(pictures)
    size = frames.working_size(first.shape[1], first.shape[0], width)
    rgb = np.stack([video.resize(picture, *size) for picture in (first, *pictures)])
    return rgb, flow.compute(flow.grey(rgb)), Foreground().masks(rgb), source.fps


def spent(work: Callable[[], object]) -> float:
    """Processor time of a piece of work, s."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def write(path: Path, rows: np.ndarray, chunk: int, filters: dict[str, Any]) -> None:
    """Write rows as the stages do, a chunk at a time."""
    layout: dict[str, Any] = {
        "shape": (0, *rows.shape[1:]),
        "maxshape": (None, *rows.shape[1:]),
        "chunks": (chunk, *rows.shape[1:]),
        "dtype": rows.dtype,
        "fletcher32": True,
    }
    with h5py.File(path, "w", libver="v110", rdcc_nbytes=0) as file:
        dataset = file.create_dataset("rows", **layout, **filters)
        for begin in range(0, len(rows), chunk):
            block = rows[begin : begin + chunk]
            dataset.resize(begin + len(block), axis=0)
            dataset[begin:] = block


def read_clips(path: Path, starts: Iterable[int], length: int) -> None:
    """Read clips, each after opening the file anew, so that no chunk waits in HDF5's cache."""
    for start in starts:
        with h5py.File(path, "r") as file:
            stage_files.read_rows(file["rows"], start, start + length)


def layouts(name: str, rows: np.ndarray, tried: list[Layout], now: str, chunk: int, repeat: int) -> None:
    """Print a table of layouts, times also as ratios to the layout in use."""
    planar = np.ascontiguousarray(np.moveaxis(rows, -1, 1))
    length = min(CLIP, max(1, len(rows) // 2))
    starts = np.random.default_rng(0).integers(0, len(rows) - length + 1, CLIPS)
    found: dict[tuple[str, int], tuple[float, list[float], list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rows.h5")
        for _ in range(repeat):
            for label, frames_a_chunk, filters, is_planar in tried:
                stored = planar if is_planar else rows
                writing = spent(lambda: write(path, stored, frames_a_chunk, filters))  # noqa: B023
                reading = spent(lambda: read_clips(path, starts, length)) / CLIPS
                size = path.stat().st_size / len(rows)
                _, writes, reads = found.setdefault((label, frames_a_chunk), (size, [], []))
                writes.append(writing / len(rows))
                reads.append(reading)
    of = found[now, chunk]
    print(
        f"{name:<24} chunk  kB/frame          write, ms/frame     read {length} frames, ms (ratios to {now})"
    )
    for (label, frames_a_chunk), (size, writes, reads) in found.items():
        print(
            f"{label:<24} {frames_a_chunk:>5}  {size / 1e3:8.1f}  {size / of[0]:5.2f}"
            f"   {1e3 * median(writes):8.2f}  {median(writes) / median(of[1]):5.2f}"
            f"   {1e3 * median(reads):8.1f}  {median(reads) / median(of[2]):5.2f}",
            flush=True,
        )


def steps(motion: np.ndarray, masks: np.ndarray, fps: float) -> None:
    """Print size, error and movement of the centres by the step of the stored flow."""
    exact = roi.centres(motion, masks, (1, 1), fps=fps)
    print("step of flow, px   kB/frame   worst error, px   centres move, px: worst   mean")
    with tempfile.TemporaryDirectory() as folder:
        for step in STEPS:
            path = Path(folder, "flow.h5")
            units = np.clip(np.floor(motion * step + 0.5), -32767, 32767).astype(np.int16)
            write(path, units, flow.CHUNK, stage_files.compression(bitshuffle=True))
            read = units.astype(np.float32) * np.float32(1 / step)
            moved = np.linalg.norm(roi.centres(read, masks, (1, 1), fps=fps) - exact, axis=1)
            size, error = path.stat().st_size / len(motion), np.abs(read - motion).max()
            print(f"1/{step:<17} {size / 1e3:8.1f} {error:17.4f} {moved.max():24.2f} {moved.mean():6.2f}")


def main() -> None:
    """Print the tables of each video."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--width", type=int, default=320, help="working width, px")
    parser.add_argument("--begin", type=int, default=0, help="first frame")
    parser.add_argument("--frames", type=int, default=128, help="frames of each video")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--steps-only", action="store_true", help="only the last table")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for path in options.videos or [generate(name, folder) for name in ("player-01", "player-16")]:
            rgb, motion, masks, fps = material(path, options.width, options.begin, options.frames)
            print(f"\n{path.name}: {len(rgb)} frames of {rgb.shape[2]}x{rgb.shape[1]} px")
            if not options.steps_only:
                layouts("rgb", rgb, RGB, *RGB_NOW, options.repeat)
                layouts(f"flow in 1/{UNIT} px", flow.quantise(motion), FLOW, *FLOW_NOW, options.repeat)
            steps(motion, masks, fps)


if __name__ == "__main__":
    main()
