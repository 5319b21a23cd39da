"""Limits that no recording exceeds: larger numbers indicate damage or malice, and would take days."""

from __future__ import annotations

MOST_FRAMES = 100_000_000  # ten days at 120 frames per second
LEAST_FPS, MOST_FPS = 0.1, 100_000.0
LARGEST_SIDE = 32_768  # px
LARGEST_TEXT = 512 * 1024 * 1024  # bytes; index of a day of video, or of a study with many


def frame_bounds(begin: str, end: str) -> tuple[int, int]:
    """Parse frames ``[begin, end)`` from two cells of a table.

    Raises
    ------
    ValueError
        If they are not frame numbers, or the range is empty.
    """
    bounds = int(begin), int(end)
    if not 0 <= bounds[0] < bounds[1] <= MOST_FRAMES:
        raise ValueError(f"begin {begin[:20]} and end {end[:20]}, not 0 <= begin < end <= {MOST_FRAMES}")
    return bounds
