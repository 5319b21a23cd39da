"""One stream's spatio-temporal convolutions, and the model that uses a single stream."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from crisp.core.errors import fail
from crisp.models.attention import Attention

CHANNELS = {"rgb": 3, "flow": 2}
FILTERS = (30, 60, 80)
FEATURES = 500


class Trunk(nn.Module):
    """Map a clip of one stream to 500 features (Martin et al., Multimedia Tools and Applications, 2020).

    Three times Conv3d 3x3x3 + ReLU + MaxPool 2 (+ attention), each a member of `blocks`, then a fully
    connected layer + ReLU. The ReLU follows the pooling: same result with an eighth of the values.

    Parameters
    ----------
    channels : int
        Channels of the stream.
    size : (frames, height, width)
        Size of the clips.
    attention : bool
        Whether an attention module follows each pooling.

    Raises
    ------
    CrispError
        If a clip is too small for the three poolings.
    """

    def __init__(self, channels: int, size: tuple[int, int, int], attention: bool = False) -> None:
        super().__init__()
        shrink = 2 ** len(FILTERS)
        pooled = [length // shrink for length in size]
        if min(pooled) < 1:
            raise fail(
                "model",
                "clip is too small",
                f"at least {shrink} frames and {shrink}x{shrink} px",
                size,
                "raise size",
            )
        self.blocks = nn.Sequential()
        for before, after in zip((channels, *FILTERS), FILTERS, strict=False):
            block = nn.Sequential(nn.Conv3d(before, after, 3, padding=1), nn.MaxPool3d(2), nn.ReLU())
            if attention:
                block.append(Attention(after))
            self.blocks.append(block)
        self.dense = nn.Linear(FILTERS[-1] * pooled[0] * pooled[1] * pooled[2], FEATURES)

    def forward(self, clip: Tensor) -> Tensor:
        """Map clips (B, C, T, H, W) to features (B, 500)."""
        maps = self.blocks(clip.contiguous(memory_format=torch.channels_last_3d))
        return torch.relu(self.dense(maps.flatten(1)))


class Branch(nn.Module):
    """The model of a single stream, ``rgb`` or ``flow``.

    Parameters
    ----------
    stream : {"rgb", "flow"}
    size : (frames, height, width)
    classes : int
        Number of outputs.
    attention : bool
        As for `Trunk`.
    """

    def __init__(
        self, stream: str, size: tuple[int, int, int], classes: int, attention: bool = False
    ) -> None:
        super().__init__()
        self.stream = stream
        self.trunk = Trunk(CHANNELS[stream], size, attention)
        self.head = nn.Linear(FEATURES, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: one tensor (B, 500)."""
        return (self.trunk(streams[self.stream]),)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map clips by stream, each (B, C, T, H, W), to logits (B, classes)."""
        return self.head(*self.features(streams))
