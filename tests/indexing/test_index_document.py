"""Warnings about the strokes of an index: flat probabilities, and strokes that are too long to be one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.indexing import index_document

MODEL: Any = SimpleNamespace(
    variant=SimpleNamespace(size=(16, 48, 48)),
    classes=("Forehand", "Backhand", "Negative"),
    about={"negative_class": "Negative"},
)


def curves(*forehand: float) -> np.ndarray:
    """Probabilities of every 4th frame."""
    row = np.array(forehand)
    return np.stack([row, 0.25 * (1 - row), 0.75 * (1 - row)], axis=1)


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (curves(*[0.1] * 15, 0.9, 0.8, *[0.1] * 15), ""),
        (curves(*[0.3] * 40), "the highest probability is 0.30"),
        (curves(*[0.78] * 39, 0.84), "no probability is ever more than 0.06 above its median"),
        (curves(*[0.78] * 10), ""),  # as long as a stroke
        (curves(*[0.9] * 25, *[0.1] * 15), ""),  # more strokes than pauses: another class rises in these
    ],
)
def test_no_class_rises(shown: np.ndarray, words: str) -> None:
    found = index_document._unclear(shown, 4, MODEL, "in the video")
    assert len(found) == bool(words)
    assert all("no class rises clearly anywhere" in one and words in one for one in found)


def test_strokes_that_are_too_long() -> None:
    runs = [
        DetectedInterval("a", begin, end, "Forehand", 0.8, 0.7)
        for begin, end in ((0, 30), (60, 140), (300, 1074), (1100, 1181))
    ]
    (found,) = index_document._implausible(runs, 30, MODEL)
    assert found == (
        "2 strokes implausibly long, up to 25.8 s (Forehand at 10.0 s); a clip of the model lasts 0.5 s: "
        "probably no stroke, or several"
    )
    assert index_document._implausible(runs[:2], 30, MODEL) == []
