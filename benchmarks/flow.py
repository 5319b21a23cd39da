"""Speed of each backend of DeepFlow against OpenCV's on one core, and how far its flow is from it.

    python benchmarks/flow.py game.mp4 other.mp4
    python benchmarks/flow.py /path/to/folder

Of each video three pairs of successive frames are taken, at a width of 320 px: those whose change is exceeded
by a half, a quarter and a tenth of the pairs (the greatest changes are cuts). All backends take turns, so
what else the machine does slows all of them down.

Of a folder with rubberwhale1.png, rubberwhale2.png (Middlebury) and their true flow as a .flo file, the
end-point error of every method and backend.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from crisp.preparation import flow, video
from crisp.preparation.frames import working_size

WIDTH = 320  # px
FRAMES = 300  # of a video that are looked at
CHANGES = (0.5, 0.75, 0.9)  # quantiles
ROUNDS = 7
UNKNOWN = 1e9  # px; the .flo format marks pixels without a true flow by greater values
# A GPU takes many pairs at once: flow_gpu.py.
BACKENDS = [name for name in flow.BACKENDS if name not in ("auto", "gpu")]


def pairs(path: Path) -> list[np.ndarray]:
    """Three pairs of successive frames that change, each (2, H, W) uint8."""
    images = itertools.islice(video.frames(path), FRAMES)
    first = next(images)
    width, height = working_size(first.shape[1], first.shape[0], WIDTH)
    small = np.stack([video.resize(image, width, height) for image in itertools.chain([first], images)])
    grey = flow.grey(small)
    changes = [np.abs(one.astype(int) - other).mean() for one, other in itertools.pairwise(grey)]
    order = np.argsort(changes)
    return [grey[index : index + 2] for index in order[[int(share * len(order)) for share in CHANGES]]]


def timed(pair: np.ndarray, backend: str) -> tuple[np.ndarray, float]:
    """Flow of a pair of frames, and the seconds it took."""
    begin = time.perf_counter()
    found = flow.compute(pair, "deepflow", backend)[1]
    return found, time.perf_counter() - begin


def compare(path: Path) -> Iterator[str]:
    """A row of the table for each backend, of one video."""
    seconds: dict[str, list[float]] = {name: [] for name in BACKENDS}
    differences: dict[str, list[np.ndarray]] = {name: [] for name in BACKENDS}
    motion = []
    for pair in pairs(path):
        for name in BACKENDS:
            timed(pair, name)  # compiled, and its memory is there
        for _ in range(ROUNDS):
            fields = {}
            for name in BACKENDS:
                fields[name], taken = timed(pair, name)
                seconds[name].append(taken)
        motion.append(np.linalg.norm(fields["opencv"], axis=-1).mean())
        for name, field in fields.items():
            differences[name].append(np.linalg.norm(field - fields["opencv"], axis=-1).ravel())
    height, width = pair.shape[1:]
    for name in BACKENDS:
        ratio = median(seconds["opencv"]) / median(seconds[name])
        off = np.concatenate(differences[name])
        yield (
            f"{path.name[:24]:<24} {f'{width}x{height}':>9} {np.mean(motion):6.2f}  {name:<8}"
            f"{1000 * median(seconds[name]):8.1f} {ratio:6.2f}"
            f" {off.mean():9.1e} {np.quantile(off, 0.999):9.1e} {off.max():9.1e}"
        )


def read_flo(path: Path) -> np.ndarray:
    """A Middlebury .flo file as (H, W, 2) float32."""
    content = path.read_bytes()
    if content[:4] != b"PIEH":
        sys.exit(f"{path}: not a .flo file")
    width, height = np.frombuffer(content, "<i4", 2, 4)
    return np.frombuffer(content, "<f4", height * width * 2, 12).reshape(height, width, 2)


def against_truth(folder: Path) -> None:
    """Print the error of zero flow, of every backend and of every other method."""
    truth = read_flo(next(iter(sorted(folder.glob("*.flo")))))
    pair = [cv2.imread(str(folder / f"rubberwhale{n}.png")) for n in (1, 2)]
    grey = flow.grey(np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in pair]))
    known = np.abs(truth).max(axis=-1) < UNKNOWN
    print(f"{'method':<10} {'backend':<8} EPE (px)")
    print(f"{'zero':<19} {np.linalg.norm(truth, axis=-1)[known].mean():8.4f}")
    others = [(method, "opencv") for method in flow.METHODS if method != "deepflow"]
    for method, backend in [("deepflow", name) for name in BACKENDS] + others:
        found = flow.compute(grey, method, backend)[1]
        print(f"{method:<10} {backend:<8} {np.linalg.norm(found - truth, axis=-1)[known].mean():8.4f}")


def main(paths: list[Path]) -> None:
    """Print a table of the videos, and one for each folder."""
    videos = [path for path in paths if not path.is_dir()]
    if videos:
        print(
            f"{'video':<24} {'size':>9} {'motion':>6}  {'backend':<8}{'ms':>8} {'faster':>6}"
            f" {'mean':>9} {'99.9 %':>9} {'max':>9}   (difference from OpenCV, px)"
        )
    for path in videos:
        for row in compare(path):
            print(row, flush=True)
    for path in paths:
        if path.is_dir():
            against_truth(path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main([Path(argument) for argument in sys.argv[1:]])
