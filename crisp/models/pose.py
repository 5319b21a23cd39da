"""The pose stream's temporal convolutions, and the model that uses poses alone."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from crisp.core.errors import fail
from crisp.core.skeleton import POSE_CHANNELS
from crisp.models.branch import FEATURES, FILTERS


class PoseTrunk(nn.Module):
    """Map the poses of a clip to 500 features.

    The video trunk without spatial dimensions: three times Conv1d 3 + ReLU + MaxPool 2, each a member
    of `blocks`, with as many filters, then a fully connected layer + ReLU.

    Parameters
    ----------
    frames : int
        Frames of the clips.

    Raises
    ------
    CrispError
        If a clip is too short for the three poolings.
    """

    def __init__(self, frames: int) -> None:
        super().__init__()
        shrink = 2 ** len(FILTERS)
        if frames < shrink:
            raise fail("model", "clip is too small", f"at least {shrink} frames", frames, "raise size")
        self.blocks = nn.Sequential()
        for before, after in zip((POSE_CHANNELS, *FILTERS), FILTERS, strict=False):
            self.blocks.append(
                nn.Sequential(nn.Conv1d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2))
            )
        self.dense = nn.Linear(FILTERS[-1] * (frames // shrink), FEATURES)

    def forward(self, poses: Tensor) -> Tensor:
        """Map poses (B, 42, T) to features (B, 500)."""
        return torch.relu(self.dense(self.blocks(poses).flatten(1)))


class Pose(nn.Module):
    """The model of the pose stream alone.

    Parameters
    ----------
    frames : int
        Frames of the clips.
    classes : int
        Number of outputs.
    """

    def __init__(self, frames: int, classes: int) -> None:
        super().__init__()
        self.trunk = PoseTrunk(frames)
        self.head = nn.Linear(FEATURES, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: one tensor (B, 500)."""
        return (self.trunk(streams["pose"]),)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map poses (B, 42, T), by stream, to logits (B, classes)."""
        return self.head(*self.features(streams))
