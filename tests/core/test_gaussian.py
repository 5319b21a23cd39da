"""The kernels of OpenCV's calls without a standard deviation."""

from __future__ import annotations

import numpy as np
import pytest

from crisp.core import gaussian
from tests import published


@pytest.mark.parametrize("taps", [*range(1, 15), 41, 100, 213])
def test_kernel_is_the_published_one(taps: int) -> None:
    np.testing.assert_allclose(gaussian.kernel(taps), published.gaussian(taps), atol=1e-12)
