"""Foreground masks: against a background that stands still, or that moves with the camera."""

from __future__ import annotations

import math

import cv2
import numpy as np

BACK = 0.1  # s to the earlier frame that one of a moving camera is compared with
DIFFERENCE = 8.0  # grey levels between foreground and background
_NEAR = np.ones((3, 3), np.uint8)  # px around a place in which the background may lie
_CLOSED = np.ones((5, 5), np.uint8)  # px over which a gap in the foreground is closed


class Foreground:
    """Zivkovic's adaptive mixture of Gaussians (MOG2), fed a whole video in order, without shadows."""

    def __init__(self) -> None:
        self._model = cv2.createBackgroundSubtractorMOG2(history=500, varThreshold=16, detectShadows=False)

    def masks(self, rgb: np.ndarray) -> np.ndarray:
        """Return the foreground of the next frames: (n, H, W, 3) uint8 to (n, H, W) uint8, 1 = foreground."""
        return np.stack([self._model.apply(image) for image in rgb]) // 255


class MovingForeground:
    """What differs from an earlier frame that is moved as the camera moved, fed a whole video in order.

    Parameters
    ----------
    fps : float
        Frames per second; the earlier frame is `BACK` seconds old.
    """

    def __init__(self, fps: float) -> None:
        self._back = max(1, math.floor(BACK * fps + 0.5))
        self._earlier: list[tuple[np.ndarray, np.ndarray]] = []  # grey frames and the motions to them

    def masks(self, rgb: np.ndarray, motions: np.ndarray) -> np.ndarray:
        """Return the foreground of the next frames.

        Parameters
        ----------
        rgb : ndarray, (n, H, W, 3) uint8
            Frames.
        motions : ndarray, (n, 3, 3) float64
            The camera's motion to each, from `crisp.preparation.camera.motions`.

        Returns
        -------
        ndarray, (n, H, W) uint8
            1 = foreground. Empty where a motion on the way from the earlier frame is not known.
        """
        return np.stack([self._mask(image, motion) for image, motion in zip(rgb, motions, strict=True)])

    def _mask(self, image: np.ndarray, motion: np.ndarray) -> np.ndarray:
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
        self._earlier = [*self._earlier, (grey, motion)][-self._back - 1 :]
        background, _ = self._earlier[0]
        steps = [step for _, step in self._earlier[1:]]
        if not steps or any(np.array_equal(step, np.eye(3)) for step in steps):
            return np.zeros(grey.shape, np.uint8)
        whole = np.linalg.multi_dot([*reversed(steps), np.eye(3)])
        size = grey.shape[::-1]
        moved = cv2.warpPerspective(background, whole, size, borderMode=cv2.BORDER_REPLICATE)
        seen = cv2.erode(cv2.warpPerspective(np.ones_like(grey), whole, size), _CLOSED) == 1
        # Edges that are less than a pixel off are not foreground.
        above, below = grey - cv2.dilate(moved, _NEAR), cv2.erode(moved, _NEAR) - grey
        found = (seen & (np.maximum(above, below) > DIFFERENCE)).astype(np.uint8)
        return cv2.morphologyEx(found, cv2.MORPH_CLOSE, _CLOSED)
