"""What an indexed video looks like: truth, plausible probabilities, and strokes found with a few mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from crisp import __version__
from crisp.study.annotations import Stroke

CLASSES = [
    "Serve Forehand Topspin",
    "Offensive Forehand Hit",
    "Offensive Backhand Flip",
    "Offensive Forehand Loop",
    "Defensive Backhand Push",
    "Negative",
]
TTSTROKE = [
    f"{kind} {hand} {name}"
    for kind, names in {
        "Serve": ("Backspin", "Loop", "Sidespin", "Topspin"),
        "Offensive": ("Flip", "Hit", "Loop"),
        "Defensive": ("Backspin", "Block", "Push"),
    }.items()
    for hand in ("Forehand", "Backhand")
    for name in names
] + ["Negative"]


def strokes(count: int, frames: int, classes: list[str], seed: int = 0) -> list[Stroke]:
    """`count` strokes of some length, spread over a video of `frames` frames."""
    random = np.random.default_rng(seed)
    room = frames / count
    found = []
    for number in range(count):
        begin = int(number * room + random.uniform(0.1, 0.3) * room)
        end = begin + max(4, int(random.uniform(0.3, 0.5) * room))
        found.append(Stroke(begin, min(end, frames), classes[int(random.integers(len(classes) - 1))]))
    return found


def index(
    video: Path,
    truth: list[Stroke],
    frames: int,
    fps: float = 20,
    size: tuple[int, int] = (192, 108),
    classes: list[str] = CLASSES,
    stride: int = 2,
    seed: int = 0,
) -> dict[str, Any]:
    """The index of a video whose strokes are `truth`; the last of `classes` is the negative one.

    Of every ten strokes found one has the wrong class, one is missing, and one has poor bounds; another is
    found where there is none.
    """
    random = np.random.default_rng(seed)
    first = 4
    at = np.arange(first, frames - first, stride)
    rows = 0.03 * random.random((len(at), len(classes)))
    rows[:, -1] += 1
    found: list[Stroke] = []

    def hump(middle: float, half: float, edge: float) -> np.ndarray:
        """1 within `half` frames of the middle, falling to 0 over some `edge`."""
        return 1 / (1 + np.exp(np.minimum(50, (np.abs(at - middle) - half) / max(1, edge))))

    for number, (begin, end, label, _) in enumerate(truth):
        wrong = classes[(classes.index(label) + 1) % (len(classes) - 1)]
        right, strength = (wrong if number % 10 == 3 else label), 0.7 + 0.3 * random.random()
        if number % 10 == 6:
            strength = 0.3
        shift = (end - begin) // 2 if number % 10 == 8 else int(random.integers(-2, 3))
        centre, width = (begin + end) / 2 + shift, (end - begin) / 2
        bump = strength * hump(centre, width, width / 6)
        rows[:, classes.index(right)] += 4 * bump
        rows[:, classes.index(wrong)] += 0.8 * bump
        rows[:, -1] *= 1 - 0.9 * bump
        if number % 10 != 6:
            found.append(Stroke(max(0, begin + shift), min(frames, end + shift), right))
        if number % 10 == 1 and number + 1 < len(truth):
            gap = (end, truth[number + 1].begin)
            length = (gap[1] - gap[0]) // 3
            found.append(Stroke(gap[0] + length, gap[0] + 2 * length, classes[0]))
            extra = 0.6 * hump(gap[0] + 1.5 * length, length / 2, length / 8)
            rows[:, 0] += 2 * extra
            rows[:, -1] *= 1 - 0.8 * extra
    values = (rows / rows.sum(axis=1, keepdims=True)).round(4)
    wave = np.arange(0, frames, 5) / fps
    return {
        "schema": 2,
        "crisp": __version__,
        "video": {
            "id": video.stem,
            "path": str(video.absolute()),
            "fps": fps,
            "frames": frames,
            "width": size[0],
            "height": size[1],
            "duration": frames / fps,
        },
        "model": {"path": "model.pt", "variant": "twin", "classes": classes, "negative": classes[-1]},
        "strokes": [_found(stroke, at, values, classes) for stroke in sorted(found)],
        "truth": [stroke._asdict() for stroke in truth],
        "probabilities": {"stride": stride, "first": first, "classes": classes, "values": values.tolist()},
        "roi": [[round(size[0] * (0.4 + 0.05 * np.sin(time)), 1), round(size[1] * 0.45, 1)] for time in wave],
        "roi_stride": 5,
    }


def _found(stroke: Stroke, at: np.ndarray, values: np.ndarray, classes: list[str]) -> dict[str, Any]:
    inside = (at >= stroke.begin) & (at < stroke.end)
    mean = values[inside].mean(axis=0) if inside.any() else values.mean(axis=0)
    scores = dict(zip(classes, mean.round(4).tolist(), strict=True))
    return {
        **stroke._asdict(),
        "probability": scores[stroke.label],
        "score": round(1 - scores[classes[-1]], 4),
        "cut": "",
        "scores": scores,
    }


def of_players(video: Path, truth: dict[str, list[Stroke]], frames: int, fps: float = 20) -> dict[str, Any]:
    """The index of a video with players side by side, each with the strokes of an `index` of his own."""
    share, (width, height) = 1 / len(truth), (192, 108)
    parts = [index(video, strokes, frames, fps, seed=seed) for seed, strokes in enumerate(truth.values())]
    players = [
        {
            "name": name,
            "box": [number * share, 0, (number + 1) * share, 1],
            "probabilities": part["probabilities"],
            "roi": [[(number + 0.5) * share * width, height / 2]] * len(part["roi"]),
            "roi_stride": part["roi_stride"],
            "roi_size": [24, 24],
        }
        for number, (name, part) in enumerate(zip(truth, parts, strict=True))
    ]
    return {
        **{key: parts[0][key] for key in ("crisp", "video", "model")},
        "schema": 3,
        "players": players,
        **{
            key: [
                {**one, "player": name} for name, part in zip(truth, parts, strict=True) for one in part[key]
            ]
            for key in ("strokes", "truth")
        },
    }
