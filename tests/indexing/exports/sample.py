"""The content of an ``index.json`` with a bit of everything, for the tests of the formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crisp.study.index_file import IndexFile

CLASSES = ["Revers élevé", "Hit <&> -->", "Negative"]
FPS = 30000 / 1001


def scores(*values: float) -> dict[str, float]:
    return dict(zip(CLASSES, values, strict=True))


def stroke(begin: int, end: int, label: str, cut: str, *values: float) -> dict[str, Any]:
    shares = scores(*values)
    found = {"begin": begin, "end": end, "label": label, "probability": shares[label]}
    return {**found, "score": 1 - shares["Negative"], "cut": cut, "scores": shares}


def index(video: Path, /, **changes: Any) -> IndexFile:
    """The content with changes, as it is read."""
    return IndexFile.from_json(content(video) | changes)


def content(video: Path) -> dict[str, Any]:
    """Three strokes in 120 frames of 64 x 48 px; the annotated ones overlap."""
    return {
        "schema": 2,
        "crisp": "0.1.0",
        "video": {
            "id": "game",
            "path": str(video.absolute()),
            "fps": FPS,
            "frames": 120,
            "width": 64,
            "height": 48,
            "duration": 4.004,
        },
        "model": {"classes": CLASSES, "negative": "Negative"},
        "strokes": [
            stroke(0, 15, CLASSES[0], "begin", 0.7, 0.175, 0.125),
            stroke(40, 61, CLASSES[1], "", 0.1, 0.4, 0.5),
            stroke(90, 120, CLASSES[0], "end", 1.0, 0.0, 0.0),
        ],
        "truth": [
            {"begin": 0, "end": 20, "label": CLASSES[0]},
            {"begin": 15, "end": 30, "label": "Smash"},
            {"begin": 30, "end": 60, "label": ""},
        ],
        "roi": [[20.0, 20.0], [20.0, 20.0], [44.0, 28.0]],
        "roi_stride": 50,
        "roi_size": [24.0, 16.0],
    }


def rally(video: Path) -> IndexFile:
    """Two players, strokes of both at one time; the annotation has one more, of nobody."""
    whole = content(video)
    first, second, third = whole["strokes"]
    places = {key: whole.pop(key) for key in ("roi", "roi_stride", "roi_size")}
    players = [
        {"name": "left", "box": [0, 0, 0.5, 1], **places},
        {"name": "right", "box": [0.5, 0, 1, 1], **places, "roi": [[52.0, 24.0]] * 3},
    ]
    strokes = [
        {**first, "player": "left"},
        {**first, "begin": 5, "end": 20, "player": "right"},
        {**second, "player": "right"},
        {**third, "begin": 50, "player": "left"},
    ]
    truth = [
        {"begin": 0, "end": 20, "label": CLASSES[0], "player": "left"},
        {"begin": 15, "end": 30, "label": "Smash", "player": "right"},
        {"begin": 16, "end": 31, "label": "", "player": "right"},
        {"begin": 30, "end": 60, "label": ""},
    ]
    return IndexFile.from_json({**whole, "schema": 3, "players": players, "strokes": strokes, "truth": truth})
