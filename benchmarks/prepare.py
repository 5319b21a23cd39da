"""Preparation and reading of clips against the published way, on the same videos in the same run.

    python benchmarks/prepare.py [VIDEO ...] [--frames 120] [--repeat 5] [--cores 2] [--backend auto]

Without videos two of 1920x1080 at 120 frames per second are made. Ours are the verbs that the workflow runs,
each a process, of as many videos at once as there are cores. Ratios are of medians, published to ours:
above 1, ours is better.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

import footage
import h5py
import numpy as np
import psutil
import published

from crisp.core import stage_files
from crisp.preparation import flow, video

CLIP = 100  # frames
VERB = "from crisp.cli import main; main()"


class Cost(NamedTuple):
    """Wall and processor time (s) of a piece of work and its processes, and their memory at most (MB)."""

    wall: float
    processor: float
    memory: float


def measure(work: Callable[[], object]) -> Cost:
    """Cost of work that is done by child processes."""
    done, most = threading.Event(), 0.0

    def watch() -> None:
        nonlocal most
        while not done.wait(0.05):
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_info().rss
                except psutil.Error:  # it has ended
                    continue
            most = max(most, total / 1e6)

    watcher = threading.Thread(target=watch)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.perf_counter() - begin, processor, most)


def run(*arguments: object) -> None:
    """Run a command; its failure ends the benchmark with what it said."""
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def ours(videos: list[Path], folder: Path, cores: int, backend: str) -> dict[str, Cost]:
    """Cost of each stage of our preparation, into a folder a video."""

    def stage(name: str, arguments: Callable[[Path], list[object]]) -> Cost:
        with ThreadPoolExecutor(cores) as pool:
            return measure(
                lambda: list(pool.map(lambda path: run("-c", VERB, name, *arguments(path)), videos))
            )

    def made(path: Path) -> tuple[Path, Path, Path]:
        here = folder / path.stem
        return here / "frames.h5", here / "flow" / "deepflow.h5", here / "roi" / "deepflow.h5"

    return {
        "frames": stage("frames", lambda path: [path, made(path)[0]]),
        "flow": stage("flow", lambda path: [*made(path)[:2], "--backend", backend]),
        "roi": stage("roi", lambda path: [*made(path)]),
    }


def size(folder: Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def opened(folder: Path) -> dict[str, h5py.Dataset]:
    """The datasets of a video, left open as the clip reader of a training leaves them."""
    return {
        "rgb": stage_files.open_stage(folder / "frames.h5", "frames")["rgb"],
        "flow": stage_files.open_stage(folder / "flow" / "deepflow.h5", "flow")["flow"],
        "mask": stage_files.open_stage(folder / "roi" / "deepflow.h5", "roi")["mask"],
    }


def read(stored: dict[str, h5py.Dataset], begin: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames, flow (px) and masks of a clip from stage files."""
    return (
        stage_files.read_rows(stored["rgb"], begin, end),
        flow.read_flow(stored["flow"].file, begin, end),
        stage_files.read_rows(stored["mask"], begin, end),
    )


def reading(theirs: Path, our: Path, count: int, repeat: int) -> tuple[list[float], list[float]]:
    """Processor time (s) of reading the same random clips, in turns, from the disk's cache."""
    length, random = min(CLIP, count), np.random.default_rng(0)
    times: tuple[list[float], list[float]] = ([], [])
    stored = opened(our)
    for begin in random.integers(0, count - length + 1, repeat + 1):
        start = time.process_time()
        published.read(theirs, int(begin), int(begin) + length)
        between = time.process_time()
        read(stored, int(begin), int(begin) + length)
        times[0].append(between - start)
        times[1].append(time.process_time() - between)
    return times[0][1:], times[1][1:]


def faithful(path: Path, folder: Path, backend: str, pairs: int = 4) -> tuple[bool, float]:
    """Whether frames are stored as decoded, and the worst error of the stored flow of some pairs, px."""
    with stage_files.open_stage(folder / "frames.h5", "frames") as images:
        rgb = images["rgb"][:]
    height, width = rgb.shape[1:3]
    decoded = (video.resize(picture, width, height) for picture in video.frames(path))
    same = all(np.array_equal(*both) for both in zip(rgb, decoded, strict=True))
    with stage_files.open_stage(folder / "flow" / "deepflow.h5", "flow") as motion:
        stored = flow.read_flow(motion, 0, pairs)
    exact = flow.compute(flow.grey(rgb[:pairs]), backend=backend)
    return same, float(np.abs(stored - exact).max())


def line(name: str, unit: str, theirs: float, our: float) -> None:
    """Print a row of the table."""
    print(f"{name:<28} {theirs:10.2f} {our:10.2f} {unit:<10} {theirs / our:6.2f}", flush=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--frames", type=int, default=120, help="frames of each video that is made")
    parser.add_argument("--repeat", type=int, default=5, help="of the preparation")
    parser.add_argument("--clips", type=int, default=15, help="clips to read")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--backend", default="auto", help="of our flow")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = options.videos or [
            footage.write(folder / f"player-{number}.mp4", options.frames, number) for number in range(2)
        ]
        theirs: list[Cost] = []
        ours_by_stage: list[dict[str, Cost]] = []
        for turn in range(options.repeat):
            there, here = folder / f"published-{turn}", folder / f"ours-{turn}"
            theirs.append(measure(lambda: run(published.__file__, there, *videos)))  # noqa: B023
            ours_by_stage.append(ours(videos, here, options.cores, options.backend))
        counts = [stage_files.frame_count(here / path.stem / "frames.h5") for path in videos]
        total = sum(counts)
        print(f"{len(videos)} videos, {total} frames, {options.cores} cores, backend {options.backend}")
        print(f"{'':<28} {'published':>10} {'ours':>10} {'':<10} {'ratio':>6}")
        for quantity in ("wall", "processor"):
            title, unit = f"{quantity} time", "ms/frame"
            published_each = [1e3 * getattr(cost, quantity) / total for cost in theirs]
            ours_each = [
                {stage: 1e3 * getattr(cost, quantity) / total for stage, cost in turn.items()}
                for turn in ours_by_stage
            ]
            for stage in ours_by_stage[0]:
                found = median(turn[stage] for turn in ours_each)
                print(f"{f'  {title} of {stage}':<28} {'':>10} {found:10.2f} {unit}")
            line(title, unit, median(published_each), median(sum(turn.values()) for turn in ours_each))
        line(
            "memory at most",
            "MB",
            median(cost.memory for cost in theirs),
            median(max(cost.memory for cost in turn.values()) for turn in ours_by_stage),
        )
        line("on disk", "kB/frame", size(there) / total / 1e3, size(here) / total / 1e3)
        first = videos[0].stem
        clips = reading(there / first, here / first, counts[0], options.clips)
        line(f"reading {min(CLIP, counts[0])} frames", "ms", *(1e3 * median(times) for times in clips))
        same, error = faithful(videos[0], here / first, options.backend)
        print(f"frames as decoded: {'yes' if same else 'NO'}; flow off by {error:.4f} px at most")


if __name__ == "__main__":
    main()
