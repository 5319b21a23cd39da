"""Propose a region for each player of a video, from where its picture moves."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice, pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from crisp.core.errors import fail
from crisp.core.views import DECIMALS, Box
from crisp.preparation import video

WIDTH = 160  # px of the pictures that are compared
RATE = 10.0  # of them per second
NOISE = 12  # grey levels; smaller differences are noise
INSIDE = 0.02  # of a player's motion lies beyond each side of the region, before it is enlarged
MARGIN = 0.15  # of its size, on each side
ROUNDS = 50  # of the clustering
NAMES = {1: ("player",), 2: ("left", "right"), 3: ("left", "middle", "right")}


class Proposal(NamedTuple):
    """Proposed regions of a video.

    Parameters
    ----------
    regions : dict of str to Box
        By name, from left to right.
    still : ndarray, (H, W, 3) uint8
        The RGB picture in which most moved.
    """

    regions: dict[str, Box]
    still: np.ndarray


def propose_regions(
    path: str | Path,
    fps: float,
    players: int = 2,
    minutes: float = 2.0,
    least: tuple[float, float] = (0.0, 0.0),
) -> Proposal:
    """Propose the regions of a video's players, who are side by side, from its motion.

    The motion above noise is divided into clusters by its horizontal place (Lloyd's algorithm, weighted by
    strength), one for each player. A region holds nearly all motion of its cluster and a margin, without
    overlapping its neighbours.

    Parameters
    ----------
    path : path-like
        The video file.
    fps : float
        Its frame rate.
    players : int
        How many players the picture shows.
    minutes : float
        How much of the video to look at, from its begin.
    least : (width, height)
        Smallest size of a region, in shares of the picture; where its neighbours leave room for it.

    Returns
    -------
    Proposal

    Raises
    ------
    CrispError
        If the file is not a readable video, or nothing moves in it.
    """
    step, count = max(1, round(fps / RATE)), max(2, int(minutes * 60 * fps))
    motion, still = _motion(islice(video.frames(path), 0, count, step))
    if not motion.any():
        remedy = "look at more of it (--minutes), or write the column regions by hand"
        raise fail(path, "nothing moves in this video", "players that move", "still pictures", remedy)
    middles = _clusters(motion.sum(axis=0), players)
    walls = [0.0, *((one + other) / 2 for one, other in pairwise(middles)), 1.0]
    names = NAMES.get(players) or tuple(f"player-{number}" for number in range(1, players + 1))
    return Proposal(
        {name: _box(motion, *sides, least) for name, sides in zip(names, pairwise(walls), strict=True)}, still
    )


def _motion(pictures: Iterable[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the motion at each place, summed over all pictures, and the picture in which most moved."""
    motion, before, still, most = np.zeros((1, WIDTH)), None, None, -1.0
    for image in pictures:
        height = max(1, round(image.shape[0] * WIDTH / image.shape[1]))
        grey = cv2.cvtColor(video.resize(image, WIDTH, height), cv2.COLOR_RGB2GRAY)
        moved = 0.0
        if before is not None and before.shape == grey.shape:
            difference = cv2.absdiff(grey, before).astype(np.float64)
            difference[difference <= NOISE] = 0
            moved = float(difference.sum())
            motion = motion + difference if motion.shape == grey.shape else difference
        if moved > most:
            still, most = image, moved
        before = grey
    assert still is not None  # a video without any frame raises
    return motion, still


def _clusters(profile: np.ndarray, count: int) -> list[float]:
    """Return the middles of clusters of motion, in shares of the width, from left to right."""
    places = (np.arange(len(profile)) + 0.5) / len(profile)
    reached = np.cumsum(profile) / profile.sum()
    middles = np.interp((np.arange(count) + 0.5) / count, reached, places)
    for _ in range(ROUNDS):
        nearest = np.abs(places[:, None] - middles).argmin(axis=1)
        weights = [np.where(nearest == number, profile, 0) for number in range(count)]
        moved = np.array(
            [
                np.average(places, weights=own) if own.any() else middle
                for own, middle in zip(weights, middles, strict=True)
            ]
        )
        if np.allclose(moved, middles):
            break
        middles = moved
    return sorted(map(float, middles))


def _box(motion: np.ndarray, left: float, right: float, least: tuple[float, float]) -> Box:
    """Return the box of the motion between two walls, in shares of the width."""
    columns = (np.arange(motion.shape[1]) + 0.5) / motion.shape[1]
    own = motion[:, (columns >= left) & (columns < right)]
    first, last = _extent(own.sum(axis=0), left, right, least[0])
    top, bottom = _extent(own.sum(axis=1), 0, 1, least[1])
    return Box(*(round(share, DECIMALS) for share in (first, top, last, bottom)))


def _extent(profile: np.ndarray, low: float, high: float, least: float) -> tuple[float, float]:
    """Return the part of a range in which nearly all of a profile lies, with a margin, at least as long."""
    if not profile.any():
        return low, high
    reached = np.concatenate([[0], np.cumsum(profile) / profile.sum()])
    first, last = np.interp((INSIDE, 1 - INSIDE), reached, np.linspace(low, high, len(profile) + 1))
    margin = max(MARGIN * (last - first), (least - (last - first)) / 2)
    # A side that stops at the end of the range is made good on the other.
    first, last = first - margin, last + margin
    first, last = first - max(0, last - high), last + max(0, low - first)
    return max(low, float(first)), min(high, float(last))
