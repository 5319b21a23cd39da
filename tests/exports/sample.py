"""The content of an ``index.json`` with a bit of everything, for the tests of the formats."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CLASSES = ["Revers élevé", "Hit <&> -->", "Negative"]
FPS = 30000 / 1001


def scores(*values: float) -> dict[str, float]:
    return dict(zip(CLASSES, values, strict=True))


def index(video: Path, **changes: Any) -> dict[str, Any]:
    """Three strokes in 120 frames of 64 x 48 px; the annotated ones overlap."""
    content = {
        "schema": 1,
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
            {"begin": 0, "end": 15, "label": CLASSES[0], "score": 0.875, "scores": scores(0.7, 0.175, 0.125)},
            {"begin": 40, "end": 61, "label": CLASSES[1], "score": 0.5, "scores": scores(0.1, 0.4, 0.5)},
            {"begin": 90, "end": 120, "label": CLASSES[0], "score": 1.0, "scores": scores(1.0, 0.0, 0.0)},
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
    return {**content, **changes}
