"""The Twin Spatio-Temporal CNN: an RGB and a flow trunk, joined by a bilinear layer."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from crisp.models.branch import CHANNELS, FEATURES, Trunk


class Twin(nn.Module):
    """TSTCNN of Martin et al. (Multimedia Tools and Applications, 2020).

    Parameters
    ----------
    size : (frames, height, width)
        Size of the clips.
    classes : int
        Number of outputs.
    attention : bool
        As for `Trunk`.
    """

    def __init__(self, size: tuple[int, int, int], classes: int, attention: bool = False) -> None:
        super().__init__()
        self.rgb = Trunk(CHANNELS["rgb"], size, attention)
        self.flow = Trunk(CHANNELS["flow"], size, attention)
        self.head = nn.Bilinear(FEATURES, FEATURES, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: the two trunks' features, each (B, 500)."""
        return self.rgb(streams["rgb"]), self.flow(streams["flow"])

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map clips by stream, each (B, C, T, H, W), to logits (B, classes)."""
        # Bilinear is not on autocast's list and refuses half-precision features.
        return self.head(*(part.to(self.head.weight.dtype) for part in self.features(streams)))
