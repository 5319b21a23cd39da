"""One stream's spatio-temporal convolutions, and the model that uses a single stream."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from crisp.core.errors import fail
from crisp.core.skeleton import pose_channels
from crisp.core.words import counted
from crisp.models.attention import CONVOLUTION, POOL, Attention
from crisp.study.variants import Variant

CHANNELS = {"rgb": 3, "flow": 2}


class Trunk(nn.Module):
    """Map the clips of one stream to features (Martin et al., Multimedia Tools and Applications, 2020).

    As published three times a convolution of 3 + ReLU + MaxPool 2 (+ attention), each a member of `blocks`,
    then a fully connected layer to 500 features + ReLU. Convolutions are 3-D for video and 1-D, along time,
    for poses. In video the ReLU follows the pooling: same result with an eighth of the values.

    Parameters
    ----------
    stream : {"rgb", "flow", "pose"}
    variant : Variant
        Its `size`, `filters`, `pooling`, `features`, `head`, `attention`, `attention_blocks`,
        `pose_attention` and `pose_norm` are used.

    Attributes
    ----------
    width : int
        Number of features: `features`, or with the head ``pooled`` the last of `filters`, as the mean of each
        map then replaces the fully connected layer.

    Raises
    ------
    CrispError
        If a clip is too small for the poolings.
    """

    def __init__(self, stream: str, variant: Variant) -> None:
        super().__init__()
        video, filters = stream in CHANNELS, variant.filters
        dimensions = 3 if video else 1
        pools = [pool[:dimensions] for pool in variant.pools]
        size = _pooled(variant, dimensions)
        attentive = variant.attention if video else variant.pose_attention
        first = len(filters) - (variant.attention_blocks or len(filters))
        self.blocks = nn.Sequential()
        channels = (CHANNELS.get(stream) or pose_channels(variant.pose_norm), *filters)
        for number, (before, after, pool) in enumerate(zip(channels, filters, pools, strict=False)):
            layers = [nn.ReLU(), POOL[dimensions](pool)]
            block = nn.Sequential(
                CONVOLUTION[dimensions](before, after, 3, padding=1), *(layers[::-1] if video else layers)
            )
            if attentive and number >= first:
                block.append(Attention(after, dimensions))
            self.blocks.append(block)
        self.video = video
        self.pooled = variant.head == "pooled"
        self.width = filters[-1] if self.pooled else variant.features
        if not self.pooled:
            self.dense = nn.Linear(filters[-1] * size, self.width)

    @property
    def maps(self) -> nn.Module:
        """Return the layers with the last maps of convolutions."""
        return self.blocks

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, C, T, H, W), or poses (B, C, T), to features (B, width)."""
        if self.video:
            clip = clip.contiguous(memory_format=torch.channels_last_3d)
        return self.summary(self.blocks(clip))

    def summary(self, maps: Tensor) -> Tensor:
        """Map the last maps of convolutions (B, C, ...) to features (B, width)."""
        maps = maps.flatten(2)
        return maps.mean(dim=2) if self.pooled else torch.relu(self.dense(maps.flatten(1)))


def _pooled(variant: Variant, dimensions: int) -> int:
    """Return the number of places in a map of the last block."""
    size, least = variant.size[:dimensions], [1] * dimensions
    places = list(size)
    for pool in variant.pools:
        places = [length // by for length, by in zip(places, pool, strict=False)]
        least = [length * by for length, by in zip(least, pool, strict=False)]
    if min(places) < 1:
        pixels = f" and {least[1]}x{least[2]} px" if least[1:] else ""
        expected = f"at least {counted(least[0], 'frame')}{pixels}"
        found = size if len(size) > 1 else size[0]
        raise fail("model", "clip is too small", expected, found, "raise size, or lower pooling")
    return math.prod(places)


class Branch(nn.Module):
    """The model of a single stream.

    Parameters
    ----------
    stream : {"rgb", "flow", "pose"}
    variant : Variant
        As for `Trunk`, with its `dropout`.
    classes : int
        Number of outputs.
    """

    def __init__(self, stream: str, variant: Variant, classes: int) -> None:
        super().__init__()
        self.stream = stream
        self.trunk = Trunk(stream, variant)
        self.widths = (self.trunk.width,)
        self.dropout = nn.Dropout(variant.dropout)
        self.head = nn.Linear(self.trunk.width, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: one tensor (B, width)."""
        return (self.dropout(self.trunk(streams[self.stream])),)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map clips by stream to logits (B, classes)."""
        return self.head(*self.features(streams))
