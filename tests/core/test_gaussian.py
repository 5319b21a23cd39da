"""The kernels of OpenCV's calls without a standard deviation."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from crisp.core import gaussian
from tests import published


@pytest.mark.parametrize("taps", [*range(1, 13), 41, 213])
def test_kernel_is_the_published_one(taps: int) -> None:
    np.testing.assert_allclose(gaussian.kernel(taps), published.gaussian(taps), atol=1e-15)


@pytest.mark.parametrize("taps", [1, 3, 5, 7, 11, 41, 213])
def test_kernel_is_opencv_s(taps: int) -> None:
    np.testing.assert_allclose(gaussian.kernel(taps), cv2.getGaussianKernel(taps, 0)[:, 0], atol=1e-12)


@pytest.mark.parametrize(("taps", "apart"), [(9, 0.0021), *((n, 0.013) for n in (4, 6, 8, 10, 100))])
def test_of_these_taps_opencv_5_has_others(taps: int, apart: float) -> None:
    """It has a table for 9 taps, and takes 1 for both middle ones of an even number."""
    np.testing.assert_allclose(gaussian.kernel(taps), cv2.getGaussianKernel(taps, 0)[:, 0], atol=apart)
