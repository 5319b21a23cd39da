"""The attention module after a block of convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

CONVOLUTION = {1: nn.Conv1d, 3: nn.Conv3d}
NORM = {1: nn.BatchNorm1d, 3: nn.BatchNorm3d}
POOL = {1: nn.MaxPool1d, 3: nn.MaxPool3d}
LINEAR = {1: "linear", 3: "trilinear"}


def _activated(before: int, after: int, kernel: int, dimensions: int) -> tuple[nn.Module, ...]:
    """BatchNorm, ReLU and a convolution without bias that keeps the size."""
    convolution = CONVOLUTION[dimensions](before, after, kernel, padding=kernel // 2, bias=False)
    return NORM[dimensions](before), nn.ReLU(), convolution


class Residual(nn.Module):
    """Residual block: 1x1x1 to a quarter of the channels, 3x3x3, 1x1x1 back, plus the unchanged input.

    With one dimension its convolutions are of 1, 3 and 1.
    """

    def __init__(self, channels: int, dimensions: int = 3) -> None:
        super().__init__()
        inner = -(-channels // 4)
        self.path = nn.Sequential(
            *_activated(channels, inner, 1, dimensions),
            *_activated(inner, inner, 3, dimensions),
            *_activated(inner, channels, 1, dimensions),
        )

    def forward(self, maps: Tensor) -> Tensor:
        """Map feature maps (B, C, T, H, W) or (B, C, T) to maps of the same shape."""
        return maps + self.path(maps)


class Attention(nn.Module):
    """Attention of Martin et al. (ICPR 2021) on feature maps: a trunk weighted by a mask of its own input.

    The mask passes three poolings down and back up, with a skip connection at each level:

        x = R(in), trunk = R(R(x)), a = R(pool x), b = R(pool a), c = R(R(pool b)),
        m = R(up(c) + R(b)), m = R(up(m) + R(a)), out = R((1 + sigmoid(to_mask(up(m)))) * trunk)

    R are residual blocks with separate weights, `up` is trilinear with aligned corners, `pool`
    the maximum of 3 with stride 2. Maps with one value per channel cannot be normalised in training with
    batch size 1.

    Parameters
    ----------
    channels : int
        Channels of the feature maps.
    dimensions : {1, 3}
        3 for video, 1 for poses: every layer then works along time only.
    """

    def __init__(self, channels: int, dimensions: int = 3) -> None:
        super().__init__()

        def two() -> list[Residual]:
            return [Residual(channels, dimensions), Residual(channels, dimensions)]

        self.entry = Residual(channels, dimensions)
        self.trunk = nn.Sequential(*two())
        self.pool = POOL[dimensions](3, stride=2, padding=1)
        self.down = nn.ModuleList(two())
        self.bottom = nn.Sequential(*two())
        self.skip = nn.ModuleList(two())
        self.up = nn.ModuleList(two())
        self.to_mask = nn.Sequential(
            *_activated(channels, channels, 1, dimensions), *_activated(channels, channels, 1, dimensions)
        )
        self.exit = Residual(channels, dimensions)

    def forward(self, maps: Tensor) -> Tensor:
        """Map feature maps (B, C, T, H, W) or (B, C, T) to maps of the same shape."""
        x = self.entry(maps)
        a = self.down[0](self.pool(x))
        b = self.down[1](self.pool(a))
        mask = self.bottom(self.pool(b))
        for level, skip, up in zip((b, a), self.skip, self.up, strict=True):
            mask = up(_resized(mask, level) + skip(level))
        mask = torch.sigmoid(self.to_mask(_resized(mask, x)))
        return self.exit((1 + mask) * self.trunk(x))


def _resized(maps: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(maps, like.shape[2:], mode=LINEAR[like.dim() - 2], align_corners=True)
