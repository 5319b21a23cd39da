"""Models of several streams, whose features are joined in pairs by bilinear layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import torch
from torch import Tensor, nn

from crisp.models.branch import Trunk
from crisp.study.variants import Variant


class Pairwise(nn.Module):
    """Sum a bilinear layer for each pair of features, every layer with its own bias.

    Parameters
    ----------
    widths : sequence of int
        Number of features of each part.
    classes : int
        Number of outputs.
    """

    def __init__(self, widths: Sequence[int], classes: int) -> None:
        super().__init__()
        self.pairs = list(combinations(range(len(widths)), 2))
        self.layers = nn.ModuleList(nn.Bilinear(widths[a], widths[b], classes) for a, b in self.pairs)

    def forward(self, *parts: Tensor) -> Tensor:
        """Map features, each (B, width), to logits (B, classes)."""
        return torch.stack(
            [layer(parts[a], parts[b]) for layer, (a, b) in zip(self.layers, self.pairs, strict=True)]
        ).sum(dim=0)


class Joined(nn.Module):
    """A trunk for each stream, joined by bilinear layers.

    Two streams have one bilinear layer: with RGB and flow this is the Twin Spatio-Temporal CNN of Martin
    et al. (Multimedia Tools and Applications, 2020). Three have one for each pair, and their sum: the
    three-stream network of the same authors.

    Parameters
    ----------
    streams : sequence of {"rgb", "flow", "pose"}
        Each becomes a member of that name.
    variant : Variant
        As for `Trunk`, with its `dropout`.
    classes : int
        Number of outputs.
    """

    def __init__(self, streams: Sequence[str], variant: Variant, classes: int) -> None:
        super().__init__()
        self.streams = tuple(streams)
        trunks = {stream: Trunk(stream, variant) for stream in self.streams}
        for stream, trunk in trunks.items():
            self.add_module(stream, trunk)
        self.dropout = nn.Dropout(variant.dropout)
        self.widths = tuple(trunk.width for trunk in trunks.values())
        first, second, *more = self.widths
        self.head = Pairwise([first, second, *more], classes) if more else nn.Bilinear(first, second, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: each trunk's features (B, width)."""
        return tuple(self.dropout(self.get_submodule(name)(streams[name])) for name in self.streams)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map clips (B, C, T, H, W) and poses (B, C, T), by stream, to logits (B, classes)."""
        # Bilinear is not on autocast's list and refuses half-precision features.
        dtype = next(self.head.parameters()).dtype
        return self.head(*(part.to(dtype) for part in self.features(streams)))
