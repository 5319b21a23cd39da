"""Regions: the part of a video's frames that clips of a sample can show.

Crops follow the region of interest, so pixels far from it are never used, whatever the augmentation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from crisp.clips import augmentation

PER_PIXEL = ("rgb", "flow", "mask")


@dataclass(frozen=True)
class Region:
    """Consecutive stored frames of a video, each cropped about its crop centre.

    Parameters
    ----------
    first : int
        Number of the frame in row 0.
    frames : int
        Number of frames of the whole video.
    picture : (height, width)
        Size of the whole frames, px.
    centres : ndarray, (n, 2) float64
        (x, y) of the crop's centre in each frame, whole px of the frame.
    origins : ndarray, (n, 2) int64
        (x, y) of the region's first pixel in each frame.
    arrays : dict of str to ndarray
        Required streams: ``rgb`` (n, h, w, 3) uint8; ``flow`` (n, h, w, 2) int16 with its dilated
        mask, ``mask`` (n, h, w) uint8; ``pose`` (n, 14, 3) float32, px of the frame,
        or (n, 14, 5) in the player's frame.
    scale : float
        px per unit of the flow.
    """

    first: int
    frames: int
    picture: tuple[int, int]
    centres: np.ndarray
    origins: np.ndarray
    arrays: dict[str, np.ndarray]
    scale: float = 1.0

    def stored(self) -> dict[str, np.ndarray]:
        """Return all arrays by name, the centres and origins as ``places`` (n, 2, 2) float64."""
        return {"places": np.stack([self.centres, self.origins], axis=1), **self.arrays}

    def rows(self, begin: int, end: int) -> Region:
        """Return the region of frames ``[begin, end)``, which must be included; nothing is copied."""
        part = slice(begin - self.first, end - self.first)
        return replace(
            self,
            first=begin,
            centres=self.centres[part],
            origins=self.origins[part],
            arrays={name: array[part] for name, array in self.arrays.items()},
        )


def reach(size: tuple[int, int, int], augment: bool) -> tuple[int, int]:
    """Return the maximum distance from the centre of pixels used by a crop, over all draws.

    Includes one extra pixel for the blur of the flow, and one for the interpolation.

    Parameters
    ----------
    size : (frames, height, width)
        Size of the clips.
    augment : bool
        Whether crops are augmented.

    Returns
    -------
    (x, y) : (int, int)
        px.
    """
    _, height, width = size
    if not augment:
        return width // 2 + 1, height // 2 + 1
    angle = math.radians(augmentation.ANGLE)
    x, y = map(_unturned, (width, height))
    turned = (
        x * math.cos(angle) + y * math.sin(angle),
        y * math.cos(angle) + x * math.sin(angle),
    )
    return math.ceil(turned[0]) + 2, math.ceil(turned[1]) + 2


def _unturned(side: int) -> float:
    """Return the reach of a crop's side without rotation, px: half of it, zoomed out, and moved.

    It moves by the shift, or into the image by what the zoom adds to it.
    """
    half = (side / 2 + 1) / (1 - augmentation.ZOOM)
    return half + max(side // augmentation.SHIFT, half - side / 2)


def shape(reach: tuple[int, int], picture: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) of regions in images (height, width), the same for all frames."""
    return min(2 * reach[1] + 1, picture[0]), min(2 * reach[0] + 1, picture[1])


def origins(centres: np.ndarray, reach: tuple[int, int], picture: tuple[int, int]) -> np.ndarray:
    """Return the origins of the regions for crops about some centres.

    A region at the border of its image is moved inside, as there are no pixels beyond.

    Parameters
    ----------
    centres : ndarray, (n, 2)
        (x, y) of each crop's centre, px of the frame.
    reach : (x, y)
        From `reach`.
    picture : (height, width)
        Size of the whole frames, px.

    Returns
    -------
    ndarray, (n, 2) int64
        (x, y) of each region's first pixel.
    """
    height, width = shape(reach, picture)
    corners = np.floor(centres) - reach
    return np.clip(corners, 0, (picture[1] - width, picture[0] - height)).astype(np.int64)


def cut(frames: np.ndarray, origins: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Cut the regions from whole frames.

    Parameters
    ----------
    frames : ndarray, (n, H, W, ...)
    origins : ndarray, (n, 2) int
        From `origins`.
    shape : (height, width)
        From `shape`.

    Returns
    -------
    ndarray, (n, height, width, ...)
    """
    height, width = shape
    return np.stack(
        [frame[y : y + height, x : x + width] for frame, (x, y) in zip(frames, origins, strict=True)]
    )


def span(begin: int, end: int, frames: int, spread: float, augment: bool) -> tuple[int, int]:
    """Return the frame range of all possible clips of a sample.

    Parameters
    ----------
    begin, end : int
        The sample, frames ``[begin, end)``.
    frames : int
        Frames of a clip.
    spread : float
        As for `crisp.clips.augmentation.draw`.
    augment : bool
        Whether clips are augmented; otherwise only the centred one is possible.

    Returns
    -------
    (first, last + 1) : (int, int)
        May lie outside the video.
    """
    middle = augmentation.centred(begin, end, frames).begin
    if not augment:
        return middle, middle + frames
    if spread:
        far = spread * (end - begin) / 2
        first = math.floor((begin + end - frames) / 2 - far + 0.5)
        last = math.floor((begin + end - frames) / 2 + far + 0.5)
        return first, last + frames
    return min(begin, middle), max(end, middle + frames)
