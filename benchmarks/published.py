"""The published way of preparing videos, written afresh from its description: what ours is measured against.

    python benchmarks/published.py FOLDER VIDEO ...

A PNG a frame, a ``.npy`` of float32 a frame of flow, a PNG a mask; frames of one video after the other, then
flow and region of interest in a process a video, as many at once as there are cores, on OpenCV's own threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

WIDTH = 320  # px
ALPHA = 0.6  # weight of the strongest motion


def extract(path: Path, folder: Path) -> None:
    """Write a video's frames as PNG."""
    (folder / "rgb").mkdir(parents=True)
    video = cv2.VideoCapture(str(path))
    for number in range(int(video.get(cv2.CAP_PROP_FRAME_COUNT))):
        found, picture = video.read()
        if not found:
            break
        height = picture.shape[0] * WIDTH // picture.shape[1]
        cv2.imwrite(str(folder / "rgb" / f"{number:08d}.png"), cv2.resize(picture, (WIDTH, height)))


def flow(folder: Path) -> None:
    """Write the DeepFlow of a video's frames, an array a frame."""
    (folder / "flow").mkdir()
    solver = cv2.optflow.createOptFlow_DeepFlow()
    before = None
    for path in sorted((folder / "rgb").iterdir()):
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found = np.zeros((*grey.shape, 2), np.float32) if before is None else solver.calc(before, grey, None)
        np.save(folder / "flow" / f"{path.stem}.npy", found)
        before = grey


def roi(folder: Path) -> None:
    """Write a video's masks, centres and flow statistics."""
    (folder / "mask").mkdir()
    model, square = cv2.createBackgroundSubtractorMOG2(), np.ones((3, 3), np.uint8)
    centres, statistics = [], []
    for path in sorted((folder / "rgb").iterdir()):
        mask = model.apply(cv2.imread(str(path)))
        cv2.imwrite(str(folder / "mask" / path.name), mask)
        field = cv2.GaussianBlur(np.load(folder / "flow" / f"{path.stem}.npy"), (3, 3), 0)
        inside = cv2.dilate(mask / 255, square)
        field = np.multiply(field, np.dstack((inside, inside)))
        strength = np.abs(field).sum(axis=2)
        rows, columns = np.nonzero(strength)
        if len(rows):
            row, column = np.unravel_index(strength.argmax(), strength.shape)
            centre = (ALPHA * column + (1 - ALPHA) * columns.mean(), ALPHA * row + (1 - ALPHA) * rows.mean())
        else:
            centre = centres[-1] if centres else (strength.shape[1] / 2, strength.shape[0] / 2)
        centres.append(centre)
        statistics.append([part for c in (0, 1) for part in _statistics(field[..., c])])
    np.save(folder / "roi_mask.npy", np.array(centres).T)
    np.save(folder / "flow_values_mask.npy", statistics)


def _statistics(component: np.ndarray) -> tuple[float, float, float]:
    return np.abs(component).max(), component.mean(), component.std()


def prepare(videos: list[Path], folder: Path) -> None:
    """Prepare videos, each into a folder of its name."""
    for video in videos:
        extract(video, folder / video.stem)
    for stage in ("flow", "roi"):
        commands = [[sys.executable, __file__, f"--{stage}", str(folder / video.stem)] for video in videos]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(lambda command: subprocess.run(command, check=True), commands))


def read(folder: Path, begin: int, end: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frames (n, H, W, 3), flow (n, H, W, 2) and masks (n, H, W) of a clip."""
    numbers = [f"{number:08d}" for number in range(begin, end)]
    return (
        np.stack([cv2.imread(str(folder / "rgb" / f"{number}.png")) for number in numbers]),
        np.stack([np.load(folder / "flow" / f"{number}.npy") for number in numbers]),
        np.stack([cv2.imread(str(folder / "mask" / f"{n}.png"), cv2.IMREAD_GRAYSCALE) for n in numbers]),
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--flow", name]:
            flow(Path(name))
        case ["--roi", name]:
            roi(Path(name))
        case [name, *paths] if paths:
            prepare([Path(path) for path in paths], Path(name))
        case _:
            sys.exit(__doc__)
