"""Ways of decoding a video to working size, in turns: frames, time, and how far from ours.

    python benchmarks/decoding.py [VIDEO] [--frames 240] [--width 320] [--repeat 5]

Without a video one of 1920x1080 at 120 frames per second is made. Ours is the first row: PyAV, converted to
RGB and then resized by area. Times are medians; the ratio is of processor times.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import av
import cv2
import footage
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from crisp.preparation import frames, video

Way = Callable[[Path, int, int], Iterator[np.ndarray]]


def ours(path: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """As stage `frames` does."""
    for image in video.frames(path):
        yield video.resize(image, width, height)


def _decoded(path: Path, threads: int) -> Iterator[av.VideoFrame]:
    with path.open("rb") as file, video.container_of(file) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.thread_count = ("AUTO" if threads > 1 else "NONE"), threads
        yield from container.decode(stream)


def two_threads(path: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """Ours with two decoding threads."""
    to_rgb = VideoReformatter()
    for frame in _decoded(path, 2):
        yield video.resize(to_rgb.reformat(frame, format="rgb24", threads=1).to_ndarray(), width, height)


def swscale(path: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """FFmpeg's scaler straight to working size, then RGB."""
    to_rgb = VideoReformatter()
    for frame in _decoded(path, 1):
        small = to_rgb.reformat(frame, width, height, "rgb24", interpolation=Interpolation.AREA, threads=1)
        yield small.to_ndarray()


def swscale_rounded(path: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """The same with accurate rounding."""
    to_rgb, how = VideoReformatter(), Interpolation.AREA | Interpolation.ACCURATE_RND
    for frame in _decoded(path, 1):
        yield to_rgb.reformat(frame, width, height, "rgb24", interpolation=how, threads=1).to_ndarray()


def opencv(path: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """OpenCV's reader on one thread."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    while (read := capture.read())[0]:
        yield video.resize(read[1], width, height)[..., ::-1]


def ffmpeg(path: Path, width: int, height: int) -> Iterator[np.ndarray]:
    """The command ffmpeg, which scales and writes to a pipe."""
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(path)]
    command += ["-vf", f"scale={width}:{height}:flags=area", "-f", "rawvideo"]
    command += ["-fps_mode", "passthrough", "-pix_fmt", "rgb24", "-"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while len(content := process.stdout.read(3 * width * height)) == 3 * width * height:
            yield np.frombuffer(content, np.uint8).reshape(height, width, 3)


def processor() -> float:
    """Processor time so far, s, of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("--frames", type=int, default=240, help="frames of the video that is made")
    parser.add_argument("--width", type=int, default=320, help="working width, px")
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    ways: list[Way] = [ours, two_threads, swscale, swscale_rounded, opencv]
    if shutil.which("ffmpeg"):
        ways.append(ffmpeg)
    with tempfile.TemporaryDirectory() as folder:
        path = options.video or footage.write(Path(folder) / "a.mp4", options.frames)
        first = next(video.frames(path))
        size = frames.working_size(first.shape[1], first.shape[0], options.width)
        walls: dict[Way, list[float]] = {way: [] for way in ways}
        costs: dict[Way, list[float]] = {way: [] for way in ways}
        images: dict[Way, np.ndarray] = {}
        for _ in range(options.repeat):
            for way in ways:
                wall, cost = time.perf_counter(), processor()
                images[way] = np.stack(list(way(path, *size)))
                walls[way].append(time.perf_counter() - wall)
                costs[way].append(processor() - cost)
    print("way              frames  wall, ms/frame  processor, ms/frame  ratio  difference: worst   mean")
    for way in ways:
        count = min(len(images[way]), len(images[ours]))
        off = np.abs(images[way][:count].astype(int) - images[ours][:count])
        print(
            f"{way.__name__:<16} {len(images[way]):>6} {1e3 * median(walls[way]) / count:15.2f}"
            f" {1e3 * median(costs[way]) / count:20.2f} {median(costs[way]) / median(costs[ours]):6.2f}"
            f" {off.max():18} {off.mean():6.2f}"
        )


if __name__ == "__main__":
    main()
