"""The map of one frame."""

from __future__ import annotations

import numpy as np

from crisp.clips import augmentation
from crisp.clips.augmentation import Draw


def matrix(
    values: Draw,
    centre: tuple[float, float] | np.ndarray,
    size: tuple[int, ...],
    picture: tuple[int, int] | None = None,
) -> np.ndarray:
    """Map (2, 3) from px of a frame to px of its crop; without a picture (height, width) unlimited."""
    centres = np.asarray(centre, float)[None]
    shifts = augmentation.shifts(values, centres, size, picture) if picture else np.array([values.shift])
    return augmentation.matrices(values, centres, shifts, size)[0]
