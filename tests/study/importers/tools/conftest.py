"""Two real videos: 4 s and 2 s at 25 frames per second, the second in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

MakeVideo = Callable[..., Path]


@pytest.fixture
def films(make_video: MakeVideo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    make_video("films/a.mp4", frames=100)
    make_video("films/day 2/Match é.mp4", frames=50, seed=1)
    return Path("films")
