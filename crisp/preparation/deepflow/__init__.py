"""DeepFlow with our own solvers: the variational coarse-to-fine method of OpenCV's contrib module.

Each backend solves the same equations, given in docs/flow.md, with the constants below.
"""

from __future__ import annotations

from crisp.core.errors import CrispError

ALPHA = 4.0  # weight of the smoothness term
DELTA = 0.5 / 3  # of the brightness constancy term
GAMMA = 5 / 3  # of the gradient constancy term
ZETA = 0.1  # regularises the equations in uniform areas
EPSILON = 0.001  # of the robust penalty sqrt(x^2 + epsilon^2)
OMEGA = 1.6  # over-relaxation factor
FIXED_POINTS = 5  # linearisations per level
SWEEPS = 25  # red-black sweeps per linearisation
SHRINK = 0.95  # ratio of a level's sides to those of the next finer one
LEAST_SIDE = 25  # px; all levels except the finest have greater sides
BLUR = 0.6  # sigma, px, of the 3x3 Gaussian over the frames


class DeviceFullError(CrispError):
    """Not even one pair of frames fits into the free memory of a GPU."""


def pyramid_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Return the sizes (height, width) of the levels of a frame, finest to coarsest."""
    sizes = [(height, width)]
    while True:
        height, width = (int(SHRINK * side + 0.5) for side in sizes[-1])
        if min(height, width) <= LEAST_SIDE:
            return sizes
        sizes.append((height, width))
