"""The Gaussian kernel that OpenCV takes for a number of taps, as the published method does throughout."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SMALL = {3: (1, 2, 1), 5: (1, 4, 6, 4, 1), 7: (2, 7, 14, 18, 14, 7, 2)}  # fixed kernels, before normalisation


def kernel(taps: int) -> NDArray[np.float64]:
    """Return the weights of a Gaussian kernel without a given standard deviation.

    As ``getGaussianKernel(taps, 0)`` by OpenCV's documentation: fixed weights for 3, 5 and 7 taps, otherwise
    sigma = 0.3 ((taps - 1) / 2 - 1) + 0.8. OpenCV 5 itself differs by up to 0.002 for 9 taps and by up to
    0.013 for even numbers.

    Parameters
    ----------
    taps : int
        At least 1.

    Returns
    -------
    ndarray, (taps,) float64
        Symmetric, with the sum 1.
    """
    if taps in SMALL:
        weights = np.array(SMALL[taps], float)
    else:
        sigma = 0.3 * ((taps - 1) / 2 - 1) + 0.8
        weights = np.exp(-((np.arange(taps) - (taps - 1) / 2) ** 2) / (2 * sigma**2))
    return weights / weights.sum()
