"""Geometry of a clip: one random draw per sample, one matrix per frame.

Each frame's crop follows its ROI centre c_t, with the same draw for the whole clip:

    A_t(p) = F( z R(theta) (p - c_t) + z s_t + (W/2, H/2) )

with the zoom z, the rotation R (2x2 part of ``cv2.getRotationMatrix2D(theta, 1)``), the shift s_t in
source px, the crop's width W and height H, and F the horizontal flip x -> W-1-x, applied last
(Martin et al., Multimedia Tools and Applications, 2020). Flow vectors go through its linear part
L = F z R, the same for all frames. The shift is that of the draw, shortened in frames where the crop would
leave the image, as published (see `shifts`).

The centre is a whole pixel and W/2, H/2 are rounded down for odd sizes, so that a clip without
augmentation is an exact copy of pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

ANGLE = 10.0  # degrees, in both directions
ZOOM = 0.1  # relative to 1, in both directions
SHIFT = 10  # crop side divided by the largest shift, in both directions
ATTEMPTS = 100  # to draw a start frame inside the sample; 0.3 % of the attempts miss


@dataclass(frozen=True)
class Draw:
    """The random draw for one sample; the default is no augmentation.

    Parameters
    ----------
    begin : int
        First frame of the clip; may lie outside the video.
    angle : float
        Degrees, counter-clockwise as seen.
    zoom : float
        Above 1 enlarges.
    shift : (int, int)
        (x, y) in source px; moves the content right and down.
    flip : bool
        Mirror left and right.
    """

    begin: int
    angle: float = 0.0
    zoom: float = 1.0
    shift: tuple[int, int] = (0, 0)
    flip: bool = False


def generator(seed: int, epoch: int, index: int) -> np.random.Generator:
    """Return the generator of a sample in an epoch, independent of the loading worker and time.

    Parameters
    ----------
    seed : int
        Seed of the training.
    epoch, index : int
        The epoch, and the item of the dataset (see `crisp.clips.dataset.ClipDataset`).

    Returns
    -------
    numpy.random.Generator
        A PCG64 seeded with the three numbers.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, epoch, index])))


def centred(begin: int, end: int, frames: int) -> Draw:
    """Return the draw without augmentation: the middle of a sample.

    Parameters
    ----------
    begin, end : int
        The sample, frames ``[begin, end)``.
    frames : int
        Frames of the clip; more than the sample has extend beyond it on both sides.

    Returns
    -------
    Draw
    """
    return Draw((begin + end - frames) // 2)


def draw(
    generator: np.random.Generator,
    begin: int,
    end: int,
    size: tuple[int, int, int],
    flip: bool = True,
    spread: float = 0.0,
) -> Draw:
    """Draw the augmentation of one sample.

    Parameters
    ----------
    generator : numpy.random.Generator
    begin, end : int
        The sample, frames ``[begin, end)``.
    size : (frames, height, width)
        Size of the clip.
    flip : bool
        Whether clips may be mirrored.
    spread : float
        Share of the sample, about its middle, in which the clip's middle is drawn uniformly;
        the clip may extend beyond the sample. 0 is as published: near the middle, inside the sample.

    Returns
    -------
    Draw
    """
    frames, height, width = size
    angle = generator.uniform(-ANGLE, ANGLE)
    zoom = generator.uniform(1 - ZOOM, 1 + ZOOM)
    shift = tuple(int(generator.integers(-(side // SHIFT), side // SHIFT + 1)) for side in (width, height))
    # Always drawn, so that the rest of the draw does not depend on the setting.
    mirrored = bool(generator.random() < 0.5)
    sample = begin, end, frames
    start = _anywhere(generator, *sample, spread) if spread else _near(generator, *sample)
    return Draw(start, angle, zoom, (shift[0], shift[1]), mirrored and flip)


def _anywhere(generator: np.random.Generator, begin: int, end: int, frames: int, spread: float) -> int:
    """Return the start frame of a clip whose middle is drawn from the middle part of the sample."""
    offset = spread * (end - begin) / 2 * generator.uniform(-1, 1)
    return math.floor((begin + end - frames) / 2 + offset + 0.5)


def _near(generator: np.random.Generator, begin: int, end: int, frames: int) -> int:
    """Return a start frame near the centred one, in ``[begin, end - frames]``."""
    spare = end - begin - frames
    if spare <= 0:
        return centred(begin, end, frames).begin
    for _ in range(ATTEMPTS):
        start = math.floor(generator.normal(begin + spare / 2, spare / 6) + 0.5)
        if begin <= start <= end - frames:
            break
    return min(max(start, begin), end - frames)


def linear(draw: Draw) -> np.ndarray:
    """Return the linear part L = F z R of the draw, (2, 2) float64."""
    result = draw.zoom * cv2.getRotationMatrix2D((0, 0), draw.angle, 1)[:, :2]
    if draw.flip:
        result[0] *= -1
    return result


def shifts(draw: Draw, centres: np.ndarray, size: tuple[int, ...], picture: tuple[int, int]) -> np.ndarray:
    """Return the shift of each frame: that of the draw, or as much as keeps the zoomed crop in the image.

    Only the corners that a rotation turns out of the image are then outside. On an axis where the
    crop is larger than the image, it is not shifted.

    Parameters
    ----------
    draw : Draw
    centres : ndarray, (n, 2)
        ROI centre (x, y) of each frame: smoothed, clamped, whole px.
    size : (..., height, width)
        Size of the crop.
    picture : (height, width)
        Size of the image.

    Returns
    -------
    ndarray, (n, 2) float64
        (x, y) in source px; whole px without zoom.
    """
    result = np.zeros((len(centres), 2))
    for axis, (side, length) in enumerate(zip(size[:-3:-1], picture[::-1], strict=True)):
        least = side // 2 / draw.zoom
        most = length - 1 - (side - 1 - side // 2) / draw.zoom
        if least <= most:
            shown = np.clip(centres[:, axis] - draw.shift[axis], least, most)
            result[:, axis] = centres[:, axis] - shown
    return result


def matrices(draw: Draw, centres: np.ndarray, shifts: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Return the maps from source px to crop px of a clip's frames.

    Parameters
    ----------
    draw : Draw
    centres : ndarray, (n, 2)
        ROI centre (x, y) of each frame: smoothed, clamped, whole px.
    shifts : ndarray, (n, 2)
        From `shifts`, source px.
    size : (..., height, width)
        Size of the crop.

    Returns
    -------
    ndarray, (n, 2, 3) float64
        In the form that ``cv2.warpAffine`` takes.
    """
    height, width = size[-2:]
    part = linear(draw)
    target = draw.zoom * shifts + (width // 2, height // 2)
    if draw.flip:
        target[:, 0] = width - 1 - target[:, 0]
    found = np.empty((len(centres), 2, 3))
    found[:, :, :2] = part
    found[:, :, 2] = [to - part @ centre for to, centre in zip(target, centres, strict=True)]
    return found
