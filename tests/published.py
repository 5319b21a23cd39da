"""The published method, stated afresh from its formulas and description: what the package is compared with.

Plain numpy, one frame or value at a time; images are (H, W), sizes (height, width), points (x, y).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

ALPHA = 0.6  # weight of the strongest motion


def gaussian(taps: int) -> np.ndarray:
    """Weights of OpenCV's Gaussian without a standard deviation: its table, or its rule for the deviation.

    Of an even number of taps both middle ones are those of the maximum.
    """
    table = {
        1: [1.0],
        3: [0.25, 0.5, 0.25],
        5: [0.0625, 0.25, 0.375, 0.25, 0.0625],
        7: [0.03125, 0.109375, 0.21875, 0.28125, 0.21875, 0.109375, 0.03125],
        9: [part / 256 for part in (4, 13, 30, 51, 60, 51, 30, 13, 4)],
    }
    if taps in table:
        return np.array(table[taps])
    sigma = ((taps - 1) * 0.5 - 1) * 0.3 + 0.8
    places = [abs(place - (taps - 1) * 0.5) for place in range(taps)]
    weights = [math.exp(-0.5 * (place / sigma) ** 2) if place > 0.5 else 1.0 for place in places]
    return np.array(weights) / math.fsum(weights)


def reflected(index: int, count: int) -> int:
    """Reflect-101, by walking: gfedcb|abcdefgh|gfedcba."""
    period = max(1, 2 * (count - 1))
    index %= period
    return index if index < count else period - index


def inside(flow: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """One frame's flow (H, W, 2), blurred by 3x3, where the mask (H, W) dilated by 3x3 is set."""
    height, width = mask.shape
    weights, result = gaussian(3), np.zeros(flow.shape)
    grown = np.zeros(mask.shape, bool)
    for i in (-1, 0, 1):
        rows = [reflected(y + i, height) for y in range(height)]
        for j in (-1, 0, 1):
            columns = [reflected(x + j, width) for x in range(width)]
            result += weights[i + 1] * weights[j + 1] * flow[rows][:, columns]
            grown[max(0, i) : height + min(0, i), max(0, j) : width + min(0, j)] |= (
                mask[max(0, -i) : height + min(0, -i), max(0, -j) : width + min(0, -j)] > 0
            )
    return np.where(grown[..., None], result, 0)


def fitted(place: float, crop: int, image: int) -> float:
    """f(u): the place nearest to u about which the crop lies inside the image, on one axis."""
    if crop > image:
        return image / 2
    return min(max(place, crop / 2), image - crop / 2)


def roi(fields: Sequence[np.ndarray], size: tuple[int, int], fps: float = 120) -> np.ndarray:
    """Centres (N, 2) of the crops of a video, from its flow inside the foreground, one (H, W, 2) a frame.

    0.6 f(strongest) + 0.4 f(mean moving place), then smoothed over 2 * round(fps / 6) + 1 frames. Frame 0
    has no flow and takes the centre of frame 1; a frame without motion that of the frame before.
    """
    (height, width), found = fields[0].shape[:2], []
    for field in fields[1:] or fields:
        strength = np.abs(field[:, :, 0]) + np.abs(field[:, :, 1])
        rows, columns = np.nonzero(strength)
        if not len(rows):
            found.append(None)
            continue
        row, column = divmod(int(np.argmax(strength)), width)
        mean_x, mean_y = sum(columns.tolist()) / len(columns), sum(rows.tolist()) / len(rows)
        found.append(
            (
                ALPHA * fitted(column, size[1], width) + (1 - ALPHA) * fitted(mean_x, size[1], width),
                ALPHA * fitted(row, size[0], height) + (1 - ALPHA) * fitted(mean_y, size[0], height),
            )
        )
    last = next((one for one in found if one), (width / 2, height / 2))
    carried = []
    for one in found:
        last = one or last
        carried.append(last)
    if len(fields) > 1:
        carried.insert(0, carried[0])
    half = math.floor(fps / 6 + 0.5)
    weights, count = gaussian(2 * half + 1), len(carried)
    return np.array(
        [
            [
                math.fsum(
                    weight * carried[reflected(frame + offset - half, count)][axis]
                    for offset, weight in enumerate(weights)
                )
                for axis in (0, 1)
            ]
            for frame in range(count)
        ]
    )


def corner(
    centre: tuple[float, float], shift: tuple[int, int], zoom: float, size: tuple[int, int], image: tuple
) -> tuple[int, int]:
    """(left, top) of a crop: its centre moved and zoomed with the picture, then kept in the image."""
    found = []
    for axis in (0, 1):
        side, length = size[1 - axis], image[1 - axis]
        place = zoom * (centre[axis] + shift[axis])
        place = int(min(max(place, side / 2), length - side / 2))
        found.append(int(place - side / 2))
    return found[0], found[1]


def divisor(maxima: Sequence[float]) -> float:
    """Divisor of a flow component: mean and three standard deviations of the frames' maxima above 5 px."""
    moving = [value for value in maxima if value > 5]
    mean = math.fsum(moving) / len(moving)
    return mean + 3 * math.sqrt(math.fsum((value - mean) ** 2 for value in moving) / len(moving))


def joint(
    point: tuple[float, float],
    centre: tuple[float, float],
    angle: float,
    shift: tuple[int, int],
    zoom: float,
    flip: bool,
    image: tuple[int, int],
) -> tuple[float, float]:
    """Input of a joint: turned about the ROI, moved, zoomed, mirrored; over the size of the zoomed image."""
    height, width = image
    turn = math.radians(angle)
    x, y = point[0] - centre[0], point[1] - centre[1]
    x, y = (
        centre[0] + math.cos(turn) * x + math.sin(turn) * y,
        centre[1] - math.sin(turn) * x + math.cos(turn) * y,
    )
    x, y = zoom * (x + shift[0]), zoom * (y + shift[1])
    if flip:
        x = zoom * width - x
    return x / (zoom * width), y / (zoom * height)


def windows(begin: int, last: int, length: int) -> list[int]:
    """First frames of a stroke's windows, about the middle one; `last` is the stroke's last frame."""
    middle = (begin + last + 1 - length) // 2
    reach = max(0, middle - begin)
    return list(range(middle - reach, middle + reach + 1))


def decide(rows: Sequence[Sequence[float]], rule: str) -> list[float]:
    """Class scores of a stroke from the probabilities of its windows."""
    count, classes = len(rows), range(len(rows[0]))
    if rule == "no_window":
        return list(rows[(count - 1) // 2])
    if rule == "vote":
        best = [list(row).index(max(row)) for row in rows]
        return [best.count(one) / count for one in classes]
    weights = gaussian(count) if rule == "gaussian" else [1 / count] * count
    return [
        math.fsum(weight * row[one] for weight, row in zip(weights, rows, strict=True)) for one in classes
    ]
