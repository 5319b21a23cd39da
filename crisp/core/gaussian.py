"""The Gaussian kernel for a number of taps, as the published method takes it throughout: OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np


def kernel(taps: int) -> np.ndarray:
    """Return the weights of a Gaussian kernel without a given standard deviation.

    sigma = 0.3 ((taps - 1) / 2 - 1) + 0.8, but OpenCV has fixed weights for 3, 5, 7 and 9 taps,
    and with an even number both middle taps have the weight of the maximum.

    Parameters
    ----------
    taps : int
        At least 1.

    Returns
    -------
    ndarray, (taps,) float64
        Symmetric, with the sum 1.
    """
    return cv2.getGaussianKernel(taps, 0, cv2.CV_64F)[:, 0]
