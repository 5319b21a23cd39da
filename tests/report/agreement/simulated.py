"""Simulated annotators of known error rates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from crisp.core.frame_times import FrameTimes
from crisp.report.agreement.annotated import Annotated, AnnotatedView
from crisp.study.annotations import Stroke

CLASSES = ("Hit", "Push", "Spin")
SPACING, FPS = 150, 50.0  # frames from stroke to stroke; frames per second


def drawn_strokes(random: np.random.Generator, count: int) -> list[Stroke]:
    """Strokes of 40 to 60 frames, of classes with equal probability."""
    lengths, labels = random.integers(40, 61, count), random.choice(CLASSES, count)
    return [
        Stroke(SPACING * number + 20, SPACING * number + 20 + int(length), str(label))
        for number, (length, label) in enumerate(zip(lengths, labels, strict=True))
    ]


def annotate(
    random: np.random.Generator,
    truth: list[Stroke],
    missed: float = 0,
    confused: float = 0,
    jitter: int = 0,
    late: int = 0,
) -> list[Stroke]:
    """What an annotator makes of strokes.

    Missed with a probability, given one of the other classes with another; begin and end move by up to
    `jitter` frames, all values with equal probability, and the end by `late` more.
    """
    found = []
    for stroke in truth:
        if random.random() < missed:
            continue
        others = [name for name in CLASSES if name != stroke.label]
        label = str(random.choice(others)) if random.random() < confused else stroke.label
        begin, end = (int(random.integers(-jitter, jitter + 1)) for _ in range(2))
        found.append(Stroke(stroke.begin + begin, stroke.end + end + late, label))
    return found


def annotated(videos: list[Mapping[str, list[Stroke]]], strokes: int) -> Annotated:
    """Videos at 50 frames per second, of so many possible strokes each."""
    views = [
        AnnotatedView(f"video-{number}", SPACING * strokes, of, FrameTimes(FPS))
        for number, of in enumerate(videos)
    ]
    names = tuple(dict.fromkeys(name for of in videos for name in of))
    return Annotated("simulated", names, CLASSES, views, 0, [])
