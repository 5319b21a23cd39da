"""Search for the joints of one person, frame by frame, where that person was in the frame before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np

from crisp.core.skeleton import POINTS
from crisp.core.views import WHOLE, Box
from crisp.preparation import roi

SIDE = 256  # px, minimum side of the searched image; smaller squares are enlarged
TRUNKS = 6.0  # side of the square in which a person is followed, in trunk lengths
EXTENTS = 1.8  # and at least this many times the larger side of the box about the joints
LEAST = 32.0  # and at least this many px
SURE = 0.5  # mean score below which a person is not followed but searched for again

# Maps an image (side, side, 3) to a person's joints (13, 3), x and y as shares of the side; None for nobody.
Detect = Callable[[np.ndarray], np.ndarray | None]


class Square(NamedTuple):
    """A part of an image: (x, y) of its middle and its side, px from the image's upper left corner."""

    x: float
    y: float
    side: float

    def holds(self, x: float, y: float) -> bool:
        """Return whether a place (px) is inside.

        Parameters
        ----------
        x, y : float

        Returns
        -------
        bool
        """
        return max(abs(x - self.x), abs(y - self.y)) <= self.side / 2


@dataclass
class PersonSearch:
    """Find a person in consecutive frames.

    The person of the frame before is searched for in a square about its joints. Without one, or if the player
    moves elsewhere, the search is about the centre of the ROI: in a square as high as the frame, then in half
    of it. Small squares are enlarged: small people are missed in whole images.

    Attributes
    ----------
    detect : callable
        See `Detect`.
    region : Box
        Nothing else is seen; unless it is the whole frame, it is searched first as a whole.
    followed : Square or None
        Where the person of the last frame is searched for in the next one.
    """

    detect: Detect
    region: Box = WHOLE
    followed: Square | None = field(default=None, init=False)

    def joints(self, image: np.ndarray, centre: np.ndarray) -> np.ndarray:
        """Find the person in the next frame.

        Parameters
        ----------
        image : ndarray, (H, W, 3) uint8
            RGB.
        centre : (x, y)
            ROI centre, px.

        Returns
        -------
        ndarray, (14, 3)
            (x, y, score) in px of the frame, without the centre; NaN without a person.
        """
        left, top, right, bottom = self.region.pixels(image.shape[1], image.shape[0])
        part = image[top:bottom, left:right]
        x, y = float(centre[0]) - left, float(centre[1]) - top
        points = np.full((len(POINTS), 3), np.nan)
        for square in self._squares(part, x, y):
            found = self.detect(enlarged(part, square))
            if found is not None:
                corner = np.array([square.x, square.y]) - square.side / 2 - 0.5
                points[1:, :2] = found[:, :2] * square.side + corner
                points[1:, 2] = found[:, 2]
                break
        self.followed = _about(points)
        points[:, :2] += (left, top)
        return points

    def _squares(self, part: np.ndarray, x: float, y: float) -> Iterator[Square]:
        """Yield the squares to search, in the order of the search."""
        height, width = part.shape[:2]
        if self.followed and (self.region != WHOLE or self.followed.holds(x, y)):
            yield self.followed
        if self.region != WHOLE:
            yield Square(width / 2, height / 2, max(width, height))
        for side in (min(height, width), min(height, width) // 2):
            middle = roi.clamp(np.array([[x, y]]), (side, side), width, height)[0]
            corner = np.floor(middle) - side // 2
            yield Square(corner[0] + side / 2, corner[1] + side / 2, side)


def enlarged(image: np.ndarray, square: Square) -> np.ndarray:
    """Cut a square from an image, black outside it, enlarged to a side of at least `SIDE`.

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8
    square : Square

    Returns
    -------
    ndarray, (side, side, 3) uint8
    """
    side = max(SIDE, round(square.side))
    scale = side / square.side
    moved = [scale * (square.side / 2 - middle + 0.5) - 0.5 for middle in (square.x, square.y)]
    matrix = np.array([[scale, 0, moved[0]], [0, scale, moved[1]]])
    return cv2.warpAffine(image, matrix, (side, side), flags=cv2.INTER_CUBIC)


def _about(points: np.ndarray) -> Square | None:
    """Return the square in which to follow a person (14, 3); None for nobody, or an unsure one."""
    if not np.nan_to_num(points[1:, 2]).mean() >= SURE:
        return None
    names = [[POINTS.index(f"{side} {name}") for side in ("left", "right")] for name in ("shoulder", "hip")]
    shoulders, hips = (points[pair, :2].mean(axis=0) for pair in names)
    trunk = float(np.linalg.norm(shoulders - hips))
    extent = np.ptp(points[1:, :2], axis=0).max()
    x, y = ((shoulders + hips) / 2).tolist()
    return Square(x, y, max(TRUNKS * trunk, EXTENTS * float(extent), LEAST))
