"""A network for few clips: a linear classifier on a coarse grid of signed changes."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

GRID = (12, 7, 7)  # frames, rows and columns, whatever the size of the clips
LEAST = 1e-4  # below the square root, whose slope at 0 is infinite


class Slim(nn.Module):
    """Map the clips of one stream to features by steps that need no labels.

    What changes is averaged over the cells of a coarse grid, separately by direction, so that opposite
    motions in a cell do not cancel (half-wave rectification, Efros et al., ICCV 2003):

        g = sqrt(mean over the cell of max(c, 0)), and of max(-c, 0)

    with c the flow, or for RGB the difference of successive frames (Wang et al., ECCV 2016). Batch
    normalisation then standardises each value of the grid.

    Parameters
    ----------
    channels : int
        Channels of the clips.
    differences : bool
        Whether to take differences of successive frames first.

    Attributes
    ----------
    width : int
        Number of features, 1176 per channel.
    """

    def __init__(self, channels: int, differences: bool) -> None:
        super().__init__()
        self.differences = differences
        self.width = 2 * channels * math.prod(GRID)
        self.norm = nn.BatchNorm1d(self.width)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, C, T, H, W) of two frames or more to features (B, width)."""
        return self.norm(self.grid(clip).flatten(1))

    def grid(self, clip: Tensor) -> Tensor:
        """Return the grid g, (B, 2 C, 12, 7, 7): first the positive changes, then the negative ones."""
        changes = clip.diff(dim=2) if self.differences else clip
        cells = [functional.adaptive_avg_pool3d(part.clamp_min(0), GRID) for part in (changes, -changes)]
        return (torch.cat(cells, dim=1) + LEAST).sqrt()
