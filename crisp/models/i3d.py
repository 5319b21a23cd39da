"""The Inflated 3D ConvNet (I3D) of Carreira and Zisserman (CVPR 2017), from its figure 3."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

# Filters of each module: 1x1x1 | 1x1x1, 3x3x3 | 1x1x1, 3x3x3 | after the pooling (Szegedy et al., CVPR 2015).
INCEPTION = {
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}


def _padded(maps: Tensor, kernel: Sequence[int], stride: Sequence[int]) -> Tensor:
    """Pad maps so that a layer gives ceil(length / stride) values, the odd one at the end ("SAME")."""
    sides: list[int] = []
    for length, by, step in zip(maps.shape[2:], kernel, stride, strict=True):
        missing = max((math.ceil(length / step) - 1) * step + by - length, 0)
        sides = [missing // 2, missing - missing // 2, *sides]
    return functional.pad(maps, sides) if any(sides) else maps


class Unit(nn.Module):
    """Convolution without bias, batch normalisation and ReLU.

    Parameters
    ----------
    before, after : int
        Channels of the maps.
    kernel : int
        Length of the kernel along each dimension.
    stride : int
        Stride along each dimension.
    """

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv3d(before, after, kernel, stride, bias=False)
        self.norm = nn.BatchNorm3d(after, eps=0.001)

    def forward(self, maps: Tensor) -> Tensor:
        """Map feature maps (B, C, T, H, W) to maps of ceil(length / stride)."""
        padded = _padded(maps, self.convolution.kernel_size, self.convolution.stride)
        return torch.relu(self.norm(self.convolution(padded)))


class Pool(nn.Module):
    """Maximum of maps that are not negative, with the padding of `_padded`."""

    def __init__(self, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, maps: Tensor) -> Tensor:
        """Map feature maps (B, C, T, H, W) to maps of ceil(length / stride)."""
        return functional.max_pool3d(_padded(maps, self.kernel, self.stride), self.kernel, self.stride)


class Inception(nn.Module):
    """Four paths, joined along the channels."""

    def __init__(self, before: int, filters: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, to_second, second, to_third, third, fourth = filters
        self.paths = nn.ModuleList(
            [
                Unit(before, one, 1),
                nn.Sequential(Unit(before, to_second, 1), Unit(to_second, second, 3)),
                nn.Sequential(Unit(before, to_third, 1), Unit(to_third, third, 3)),
                nn.Sequential(Pool((3, 3, 3), (1, 1, 1)), Unit(before, fourth, 1)),
            ]
        )
        self.width = one + second + third + fourth

    def forward(self, maps: Tensor) -> Tensor:
        """Map feature maps (B, C, T, H, W) to as many places of `width` channels."""
        return torch.cat([path(maps) for path in self.paths], dim=1)


class I3D(nn.Module):
    """Inception-v1 inflated to three dimensions, without its last layer.

    Parameters
    ----------
    channels : int
        Channels of the clips, in [-1, 1].

    Attributes
    ----------
    width : int
        Number of features, 1024.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            Unit(channels, 64, 7, 2),
            Pool((1, 3, 3), (1, 2, 2)),
            Unit(64, 64, 1),
            Unit(64, 192, 3),
            Pool((1, 3, 3), (1, 2, 2)),
        ]
        width = 192
        for name, filters in INCEPTION.items():
            if name == "4b":
                layers.append(Pool((3, 3, 3), (2, 2, 2)))
            elif name == "5b":
                layers.append(Pool((2, 2, 2), (2, 2, 2)))
            module = Inception(width, filters)
            layers.append(module)
            width = module.width
        self.layers = nn.Sequential(*layers)
        self.width = width

    @property
    def maps(self) -> nn.Module:
        """Return the layer with the last maps of convolutions."""
        return self.layers[-1]

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, C, T, H, W) to features (B, 1024): the mean of two frames and all places, over time.

        The published last layer is linear and averaged over time: the same as one of averaged features.
        """
        maps = self.layers(clip.contiguous(memory_format=torch.channels_last_3d))
        frames, height, width = maps.shape[2:]
        return functional.avg_pool3d(maps, (min(2, frames), height, width), stride=1).mean(dim=(2, 3, 4))
