"""Proposed regions: each holds its player, and no other."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.core.views import parse_regions
from crisp.preparation import region_proposals
from crisp.preparation.region_proposals import propose_regions

FRAMES, HEIGHT, WIDTH = 40, 90, 160
NOISE = np.random.default_rng(7).integers(0, 4, (FRAMES, HEIGHT, WIDTH, 1))


def rally(*players: tuple[int, int], size: int = 6) -> list[np.ndarray]:
    """Pictures with camera noise, of discs that go round a place (x, y)."""
    pictures = []
    for number in range(FRAMES):
        image = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
        for x, y in players:
            angle = number / 3 + x
            place = round(x + 8 * np.cos(angle)), round(y + 12 * np.sin(angle))
            cv2.circle(image, place, size, (220, 200, 90), cv2.FILLED)
        pictures.append((image + NOISE[number]).astype(np.uint8))
    return pictures


@pytest.mark.parametrize(
    ("places", "names"),
    [
        ([(30, 45), (125, 50)], ["left", "right"]),
        ([(60, 40), (100, 50)], ["left", "right"]),  # near each other
        ([(80, 45)], ["player"]),
        ([(20, 40), (80, 50), (140, 45)], ["left", "middle", "right"]),
    ],
)
def test_regions_of_players(
    monkeypatch: pytest.MonkeyPatch, places: list[tuple[int, int]], names: list[str]
) -> None:
    monkeypatch.setattr(region_proposals.video, "frames", lambda _: iter(rally(*places)))
    found = propose_regions("match.mp4", fps=10, players=len(places))
    assert list(found.regions) == names
    assert found.still.shape == (HEIGHT, WIDTH, 3)
    for (x, y), box in zip(places, found.regions.values(), strict=True):
        left, top, right, bottom = box.pixels(WIDTH, HEIGHT)
        assert left <= x - 8
        assert x + 8 <= right
        assert top <= y - 12
        assert y + 12 <= bottom
        assert right - left < 60
    assert not any(one.overlaps(other) for one, other in combinations(found.regions.values(), 2))


def test_no_smaller_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_proposals.video, "frames", lambda _: iter(rally((6, 45), (125, 50))))
    found = propose_regions("match.mp4", fps=10, least=(0.4, 0.9))
    for left, top, right, bottom in found.regions.values():
        assert right - left >= 0.4 - 1e-3
        assert bottom - top >= 0.9 - 1e-3
    parse_regions("; ".join(f"{name}={box}" for name, box in found.regions.items()))  # inside, and apart


def test_only_the_first_minutes_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = rally((30, 45)) + [rally((30, 45))[-1]] * 4 + rally((125, 50))
    read = iter(pictures)
    monkeypatch.setattr(region_proposals.video, "frames", lambda _: read)
    found = propose_regions("match.mp4", fps=10, players=1, minutes=FRAMES / 600)
    assert found.regions["player"].right < 0.5
    assert len(list(read)) == len(pictures) - FRAMES


def test_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(region_proposals.video, "frames", lambda _: iter(rally()))
    with pytest.raises(CrispError, match="nothing moves in this video"):
        propose_regions("match.mp4", fps=10)


def test_damaged_video(tmp_path: Path) -> None:
    (tmp_path / "match.mp4").write_bytes(b"\0" * 100)
    with pytest.raises(CrispError, match=r"match\.mp4"):
        propose_regions(tmp_path / "match.mp4", fps=10)
