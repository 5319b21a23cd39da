"""The demo data: synthetic table-tennis videos, the same frames on every machine.

Five stroke classes differ only in the path of the racket over time; between strokes the player
walks, waits, bounces the ball and picks it up. Importing this package loads no video
library; the functions load what they need.
"""

from __future__ import annotations

from pathlib import Path

from crisp.demo.motion import LABELS
from crisp.demo.script import VIDEOS, DemoVideo

__all__ = ["LABELS", "VIDEOS", "DemoVideo", "generate", "write_config"]


def generate(video_id: str, folder: str | Path) -> Path:
    """Write one demo video and its truth; see `crisp.demo.render.generate`."""
    from crisp.demo import render

    return render.generate(video_id, folder)


def write_config(folder: str | Path) -> None:
    """Write the tables and annotations of the demo; see `crisp.demo.config.write_config`."""
    from crisp.demo import config

    config.write_config(folder)
