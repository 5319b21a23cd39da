"""Speed and memory of DeepFlow on a GPU, by batches, beside OpenCV and backend cpu on one core each.

    python benchmarks/flow_gpu.py [video] [--pairs 512]

Without a video the frames are of a random picture that turns. Each backend runs in a process of its own,
once to warm up and five times for the median; the last two columns are the end-point difference from OpenCV.
"""

from __future__ import annotations

import argparse
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from statistics import median

import cv2
import numpy as np

from crisp.core.errors import CrispError
from crisp.preparation import flow, video

WIDTH, HEIGHT = 320, 180
CPU_PAIRS = 16  # that OpenCV solves: it takes a third of a second each


def turning(count: int) -> np.ndarray:
    """Grey frames (count, H, W) uint8 of a random picture that turns to and fro around its centre."""
    noise = np.random.default_rng(0).normal(size=(HEIGHT, WIDTH)).astype(np.float32)
    picture = sum(cv2.GaussianBlur(noise, None, sigma) * sigma for sigma in (1.0, 3.0, 9.0))
    picture = cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)
    centre = (WIDTH / 2, HEIGHT / 2)
    matrices = [cv2.getRotationMatrix2D(centre, 20 * np.sin(n / 15), 1) for n in range(count)]
    return np.stack(
        [cv2.warpAffine(picture, m, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT) for m in matrices]
    )


def read(path: str, count: int) -> np.ndarray:
    """The first grey frames of a video at the size of the benchmark."""
    images = islice(video.frames(path), count)
    return flow.grey(np.stack([video.resize(image, WIDTH, HEIGHT) for image in images]))


def measure(backend: str, frames: np.ndarray) -> tuple[float, float, float, np.ndarray]:
    """Pairs a second, peak MB of this process and of the GPU, and the flow of the first pairs."""
    flow.compute(frames, backend=backend)
    times = []
    for _ in range(5):
        begin = time.perf_counter()
        found = flow.compute(frames, backend=backend)
        times.append(time.perf_counter() - begin)
    speed = (len(frames) - 1) / median(times)
    main = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    on_gpu = 0.0
    if backend == "gpu":
        import torch

        on_gpu = torch.cuda.max_memory_reserved() / 1e6
    return speed, main, on_gpu, found[1 : CPU_PAIRS + 1]


def alone(backend: str, frames: np.ndarray) -> tuple[float, float, float, np.ndarray]:
    """`measure` in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, backend, frames).result()


def main(path: str | None, pairs: int) -> None:
    """Print a row a backend."""
    frames = read(path, pairs + 1) if path else turning(pairs + 1)
    few = frames[: CPU_PAIRS + 1]
    reference, memory, _, expected = alone("opencv", few)
    motion = np.linalg.norm(expected, axis=-1).mean()
    print(f"{len(frames) - 1} pairs of {WIDTH}x{HEIGHT}, {motion:.2f} px of motion on average")
    print(f"{'backend':<10}{'pairs/s':>10}{'ratio':>8}{'MB':>8}{'GPU MB':>8}{'mean px':>10}{'worst px':>10}")
    print(f"{'opencv':<10}{reference:>10.1f}{1:>8.1f}{memory:>8.0f}")
    for backend in flow.BACKENDS:
        if backend in ("auto", "opencv"):
            continue
        try:
            speed, memory, on_gpu, found = alone(backend, frames if backend == "gpu" else few)
        except CrispError as error:
            print(f"{backend:<10}not measured: {error.faults[0].what}")
            continue
        errors = np.linalg.norm(found - expected, axis=-1)
        print(
            f"{backend:<10}{speed:>10.1f}{speed / reference:>8.1f}{memory:>8.0f}{on_gpu:>8.0f}"
            f"{errors.mean():>10.1e}{errors.max():>10.1e}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("video", nargs="?")
    parser.add_argument("--pairs", type=int, default=512)
    arguments = parser.parse_args()
    main(arguments.video, arguments.pairs)
