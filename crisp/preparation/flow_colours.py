"""Colour coding of optical flow: direction as hue, speed as saturation, white without motion."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.colors import hsv_to_rgb

BRIGHTEST = 99.5  # percentile of the speeds with full colour


def full_colour_speed(fields: Iterable[np.ndarray]) -> float:
    """Return the speed with full colour common to flow fields (..., 2), in their unit; 1 without motion."""
    speeds = [np.linalg.norm(field, axis=-1).ravel() for field in fields]
    moving = np.concatenate([np.empty(0), *speeds])
    moving = moving[moving > 0]
    return float(np.percentile(moving, BRIGHTEST)) if len(moving) else 1.0


def flow_to_rgb(flow: np.ndarray, limit: float) -> np.ndarray:
    """Return the colours of a flow field, with the colour wheel of Baker et al. (IJCV 2011).

    Parameters
    ----------
    flow : ndarray, (..., 2) float
        (dx, dy), y downwards.
    limit : float
        Vector length with full colour, in units of `flow`; longer vectors look the same.

    Returns
    -------
    ndarray, (..., 3) uint8
        Right is red, down yellow-green, left cyan, up violet.
    """
    hue = np.arctan2(flow[..., 1], flow[..., 0]) / (2 * np.pi) % 1
    saturation = np.clip(np.hypot(flow[..., 0], flow[..., 1]) / limit, 0, 1)
    colours = hsv_to_rgb(np.stack([hue, saturation, np.ones_like(hue)], axis=-1))
    return (255 * colours + 0.5).astype(np.uint8)


def colour_wheel(side: int = 101) -> np.ndarray:
    """Return the legend of `flow_to_rgb`: each pixel has the colour of its vector from the centre.

    Returns
    -------
    ndarray, (side, side, 4) uint8
        RGBA, transparent outside the circle whose radius is the limit.
    """
    ticks = np.linspace(-1, 1, side)
    vectors = np.stack(np.meshgrid(ticks, ticks), axis=-1)
    inside = np.hypot(vectors[..., 0], vectors[..., 1]) <= 1
    return np.dstack([flow_to_rgb(vectors, 1), np.where(inside, 255, 0).astype(np.uint8)])
