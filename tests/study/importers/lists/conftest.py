"""Tiny clips of a data set, in a folder of their own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

Clips = Callable[[Iterable[str]], Path]


@pytest.fixture
def clips(tmp_path: Path, make_video: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Clips:
    """A function that makes videos at these paths, all different, and returns their folder."""
    monkeypatch.chdir(tmp_path)

    def make(names: Iterable[str]) -> Path:
        for seed, name in enumerate(names):
            make_video(tmp_path / "raw" / name, frames=12, size=(32, 32), seed=seed)
        return tmp_path / "raw"

    return make
