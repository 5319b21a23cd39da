"""The three-stream model: RGB, flow and pose trunks, joined in pairs by bilinear layers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import torch
from torch import Tensor, nn

from crisp.models.branch import CHANNELS, FEATURES, Trunk
from crisp.models.pose import PoseTrunk


class Pairwise(nn.Module):
    """Sum a bilinear layer for each pair of features, every layer with its own bias.

    Parameters
    ----------
    parts : int
        Number of features, each (B, 500).
    classes : int
        Number of outputs.
    """

    def __init__(self, parts: int, classes: int) -> None:
        super().__init__()
        self.pairs = list(combinations(range(parts), 2))
        self.layers = nn.ModuleList(nn.Bilinear(FEATURES, FEATURES, classes) for _ in self.pairs)

    def forward(self, *parts: Tensor) -> Tensor:
        """Map features, each (B, 500), to logits (B, classes)."""
        # Bilinear is not on autocast's list and refuses half-precision features.
        full = [part.to(next(self.parameters()).dtype) for part in parts]
        return torch.stack(
            [layer(full[a], full[b]) for layer, (a, b) in zip(self.layers, self.pairs, strict=True)]
        ).sum(dim=0)


class ThreeStream(nn.Module):
    """The three-stream network of Martin et al.: the Twin with a pose trunk.

    Parameters
    ----------
    size : (frames, height, width)
        Size of the clips.
    classes : int
        Number of outputs.
    attention : bool
        As for `Trunk`; poses have no spatial dimensions to attend to.
    """

    def __init__(self, size: tuple[int, int, int], classes: int, attention: bool = False) -> None:
        super().__init__()
        self.rgb = Trunk(CHANNELS["rgb"], size, attention)
        self.flow = Trunk(CHANNELS["flow"], size, attention)
        self.pose = PoseTrunk(size[0])
        self.head = Pairwise(3, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: the three trunks' features, each (B, 500)."""
        return self.rgb(streams["rgb"]), self.flow(streams["flow"]), self.pose(streams["pose"])

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map clips (B, C, T, H, W) and poses (B, 42, T), by stream, to logits (B, classes)."""
        return self.head(*self.features(streams))
