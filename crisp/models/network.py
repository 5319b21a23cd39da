"""Networks on RGB, flow or both besides the published: Slim, I3D and the video networks of torchvision."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from crisp.models import torchvision_networks
from crisp.models.branch import CHANNELS
from crisp.models.i3d import I3D
from crisp.models.slim import Slim
from crisp.models.torchvision_networks import Backbone
from crisp.study.variants import Variant


class MeanOfLogits(nn.Module):
    """Late fusion: a linear layer for each stream, and the mean of their logits.

    Parameters
    ----------
    widths : tuple of int
        Number of features of each stream.
    classes : int
        Number of outputs.
    """

    def __init__(self, widths: tuple[int, ...], classes: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, classes) for width in widths)

    def forward(self, *parts: Tensor) -> Tensor:
        """Map features, each (B, width), to logits (B, classes)."""
        return torch.stack([layer(part) for layer, part in zip(self.layers, parts, strict=True)]).mean(dim=0)


class Network(nn.Module):
    """A network for each stream; two streams are averaged as in Carreira and Zisserman (CVPR 2017).

    Clips are resampled to the variant's `network_size` (nearest frames, bilinear in space) and scaled as the
    network expects: RGB by torchvision's mean and standard deviation, for I3D to [-1, 1]; for Slim it stays
    in [0, 1], and flow in [-1, 1].

    Parameters
    ----------
    variant : Variant
        Its `model`, `input`, `network_size` and `dropout` are used.
    classes : int
        Number of outputs.

    Raises
    ------
    CrispError
        If torchvision is needed and missing.
    """

    def __init__(self, variant: Variant, classes: int) -> None:
        super().__init__()
        name = variant.model
        self.size = variant.network_size or variant.size
        self.backbones = nn.ModuleDict({stream: _backbone(name, stream) for stream in variant.streams})
        self.widths = tuple(int(part.width) for part in self.backbones.values())  # type: ignore[arg-type]
        self.dropout = nn.Dropout(variant.dropout)
        head = nn.Linear(self.widths[0], classes) if len(self.widths) == 1 else None
        self.head = head or MeanOfLogits(self.widths, classes)
        self.mean, self.std = _expected(name)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
        """Return the input of the head: each stream's features (B, width)."""
        return tuple(
            self.dropout(backbone(self._scaled(stream, streams[stream])))
            for stream, backbone in self.backbones.items()
        )

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map clips (B, C, T, H, W), by stream, to logits (B, classes)."""
        return self.head(*self.features(streams))

    def _scaled(self, stream: str, clip: Tensor) -> Tensor:
        clip = resampled(clip, self.size)
        if stream != "rgb":
            return clip
        mean, std = (clip.new_tensor(values).view(3, 1, 1, 1) for values in (self.mean, self.std))
        return (clip - mean) / std


def _backbone(name: str, stream: str) -> nn.Module:
    if name == "slim":
        return Slim(CHANNELS[stream], differences=stream == "rgb")
    return I3D(CHANNELS[stream]) if name == "i3d" else Backbone(name, CHANNELS[stream])


def _expected(name: str) -> tuple[list[float], list[float]]:
    """Return mean and standard deviation of RGB (0 to 1) by which a network's clips are scaled, (3,) each."""
    if name == "slim":
        return [0.0] * 3, [1.0] * 3
    return ([0.5] * 3, [0.5] * 3) if name == "i3d" else torchvision_networks.statistics(name)


def resampled(clip: Tensor, size: tuple[int, int, int]) -> Tensor:
    """Resample clips (B, C, T, H, W) to a size: the nearest frames, evenly spaced, bilinear in space."""
    frames, height, width = size
    if clip.shape[2] != frames:
        middles = (torch.arange(frames, device=clip.device) + 0.5) * clip.shape[2] / frames
        clip = clip.index_select(2, middles.long())
    if clip.shape[3:] != (height, width):
        clip = functional.interpolate(clip, (frames, height, width), mode="trilinear", align_corners=False)
    return clip


def start_pretrained(model: nn.Module, variant: Variant) -> None:
    """Load a variant's pre-trained `weights` into its untrained model.

    Raises
    ------
    CrispError
        If the file is missing or of another network.
    """
    path = torchvision_networks.weights_file(variant.model, variant.weights)
    for part in model.modules():
        if isinstance(part, Backbone):
            torchvision_networks.load_weights(part, path)
