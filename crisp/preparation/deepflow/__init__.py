"""DeepFlow by our own solvers: the variational coarse-to-fine method of OpenCV's contrib module.

Each backend solves the same equations, written down in docs/flow.md, with the constants below.
"""

from __future__ import annotations

from crisp.core.errors import CrispError

ALPHA = 4.0  # weight of smoothness
DELTA = 0.5 / 3  # of constant brightness
GAMMA = 5 / 3  # of constant gradients
ZETA = 0.1  # keeps the equations regular where the picture is flat
EPSILON = 0.001  # of the robust penalty sqrt(x^2 + epsilon^2)
OMEGA = 1.6  # over-relaxation
FIXED_POINTS = 5  # linearisations a level
SWEEPS = 25  # red-black sweeps a linearisation
SHRINK = 0.95  # from a level's sides to those of the next coarser one
LEAST_SIDE = 25  # px; a level has greater sides, except the finest
BLUR = 0.6  # sigma, px, of the 3x3 Gaussian over the frames


class DeviceFullError(CrispError):
    """Not even one pair of frames fits into the free memory of a GPU."""


def pyramid_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes (height, width) of the levels of a frame, finest to coarsest."""
    sizes = [(height, width)]
    while True:
        height, width = (int(SHRINK * side + 0.5) for side in sizes[-1])
        if min(height, width) <= LEAST_SIDE:
            return sizes
        sizes.append((height, width))
