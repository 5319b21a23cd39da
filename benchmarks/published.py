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
CROP = 120  # px
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
            centre = ALPHA * _inside((column, row), strength.shape)
            centre += (1 - ALPHA) * _inside((columns.mean(), rows.mean()), strength.shape)
        else:
            centre = centres[-1] if centres else np.array(strength.shape[::-1]) / 2
        centres.append(centre)
        statistics.append([part for c in (0, 1) for part in _statistics(field[..., c])])
    np.save(folder / "roi_mask.npy", np.array(centres).T)
    np.save(folder / "flow_values_mask.npy", statistics)


def _inside(place: tuple[float, float], shape: tuple[int, ...]) -> np.ndarray:
    """Move a place (x, y) so that a crop about it lies inside the image."""
    return np.clip(place, CROP / 2, np.array(shape[::-1]) - CROP / 2)


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


def augmented(
    folder: Path, begin: int, size: tuple[int, int, int], random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A training clip, RGB (3, T, H, W) and flow (2, T, H, W): whole frames turned and zoomed, then cut."""
    length, height, width = size
    angle, zoom, flip = random.uniform(-10, 10), random.uniform(0.9, 1.1), bool(random.integers(2))
    shift = (random.integers(-width // 10, width // 10 + 1), random.integers(-height // 10, height // 10 + 1))
    sine, cosine = np.sin(np.radians(angle)), np.cos(np.radians(angle))
    places = [
        cv2.GaussianBlur(line.reshape(-1, 1), (1, 41), 0)[:, 0]
        for line in np.load(folder / "roi_mask.npy").astype(float)
    ]
    square, rgb, flow = np.ones((3, 3), np.uint8), [], []

    def turned(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        whole = cv2.warpAffine(image, matrix, image.shape[1::-1])
        return cv2.resize(whole, (0, 0), fx=zoom, fy=zoom)

    for number in range(begin, begin + length):
        x, y = places[0][number], places[1][number]
        matrix = cv2.getRotationMatrix2D((x, y), angle, 1)
        image = turned(cv2.imread(str(folder / "rgb" / f"{number:08d}.png")).astype(float) / 255, matrix)
        field = cv2.GaussianBlur(np.load(folder / "flow" / f"{number:08d}.npy"), (3, 3), 0)
        mask = cv2.imread(str(folder / "mask" / f"{number:08d}.png"), cv2.IMREAD_GRAYSCALE) / 255
        inside = cv2.dilate(mask, square)
        field = np.clip(np.multiply(field, np.dstack((inside, inside))) / 4, -1, 1)
        field = zoom * turned(field, matrix)
        field = np.dstack(
            (
                cosine * field[..., 0] - sine * field[..., 1],
                sine * field[..., 0] + cosine * field[..., 1],
            )
        )
        if flip:
            x, image, field = WIDTH - x, cv2.flip(image, 1), -cv2.flip(field, 1)
        left = int(np.clip(zoom * (x + shift[0]) - width / 2, 0, image.shape[1] - width))
        top = int(np.clip(zoom * (y + shift[1]) - height / 2, 0, image.shape[0] - height))
        rgb.append(cv2.split(image[top : top + height, left : left + width]))
        flow.append(field[top : top + height, left : left + width])
    planes = np.transpose(rgb, (1, 0, 2, 3)), np.transpose(flow, (3, 0, 1, 2))
    return planes[0].astype(np.float32), planes[1].astype(np.float32)


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
