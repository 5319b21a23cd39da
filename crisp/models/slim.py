"""A network for few clips: a coarse grid of signed changes, and two small blocks of convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

GRID = (12, 14, 14)  # frames, rows and columns of the grid, whatever the size of the clips
FILTERS = (16, 32)
LEAST = 1e-4  # below the square root, whose slope at 0 is infinite


class Slim(nn.Module):
    """Map the clips of one stream to features, most of them by fixed steps that need no labels.

    What changes is averaged over a coarse grid, separately by direction, so that opposite motions in a cell do
    not cancel (half-wave rectification, Efros et al., ICCV 2003):

        g = sqrt(mean over the cell of max(c, 0)), and of max(-c, 0)

    with c the flow, or for RGB the difference of successive frames (Wang et al., ECCV 2016). Batch normalisation
    standardises the grid; two blocks of convolution of 3, batch normalisation, ReLU and maximum of 2 follow.

    Parameters
    ----------
    channels : int
        Channels of the clips.
    differences : bool
        Whether to take differences of successive frames first.

    Attributes
    ----------
    width : int
        Number of features, 864.
    """

    def __init__(self, channels: int, differences: bool) -> None:
        super().__init__()
        self.differences = differences
        self.norm = nn.BatchNorm3d(2 * channels)
        self.blocks = nn.Sequential()
        places = GRID
        for before, after in zip((2 * channels, *FILTERS), FILTERS, strict=False):
            convolution = nn.Conv3d(before, after, 3, padding=1, bias=False)
            self.blocks.append(nn.Sequential(convolution, nn.BatchNorm3d(after), nn.ReLU(), nn.MaxPool3d(2)))
            places = (places[0] // 2, places[1] // 2, places[2] // 2)
        self.width = FILTERS[-1] * places[0] * places[1] * places[2]

    @property
    def maps(self) -> nn.Module:
        """Return the layers with the last maps of convolutions."""
        return self.blocks

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, C, T, H, W) of two frames or more to features (B, width)."""
        return self.blocks(self.norm(self.grid(clip))).flatten(1)

    def grid(self, clip: Tensor) -> Tensor:
        """Return the grid of signed changes, (B, 2 C, 12, 14, 14): first the positive ones, then the negative."""
        changes = clip.diff(dim=2) if self.differences else clip
        cells = [functional.adaptive_avg_pool3d(part.clamp_min(0), GRID) for part in (changes, -changes)]
        return (torch.cat(cells, dim=1) + LEAST).sqrt()
