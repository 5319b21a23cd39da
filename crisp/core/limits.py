"""What no recording exceeds: a number beyond keeps a machine busy for days, and tells of damage or malice."""

from __future__ import annotations

MOST_FRAMES = 100_000_000  # ten days at 120 frames per second
LEAST_FPS, MOST_FPS = 0.1, 100_000.0
LARGEST_SIDE = 32_768  # px
LARGEST_TEXT = 512 * 1024 * 1024  # bytes; of what a day of video is indexed to, or a study of many


def frame_bounds(begin: str, end: str) -> tuple[int, int]:
    """Frames ``[begin, end)`` as two cells of a table have them.

    Raises
    ------
    ValueError
        If they are no frame numbers, or none lies between them.
    """
    bounds = int(begin), int(end)
    if not 0 <= bounds[0] < bounds[1] <= MOST_FRAMES:
        raise ValueError(f"begin {begin[:20]} and end {end[:20]}, not 0 <= begin < end <= {MOST_FRAMES}")
    return bounds
