"""Initial weights."""

from __future__ import annotations

from torch import nn

from crisp.models.attention import Attention, Residual
from crisp.models.branch import Trunk

LAST = 0.1
MASK = 1.5  # mean factor of an untrained attention: 1 + sigmoid(0)


def initialise(model: nn.Module, init: str) -> None:
    """Set a model's initial weights with torch's generator.

    ``he``: normal with variance 2 / inputs in every layer followed by a ReLU (He et al., ICCV 2015),
    a last layer with a tenth of unit scale, so that the loss starts at chance, and residual blocks that start
    as the identity (Goyal et al., 2017). Attention then multiplies by 1.5 at each block of a trunk,
    compensated in its fully connected layer: otherwise Twin multiplies both and diverges. Beside video a
    pose trunk starts with features of a tenth of unit scale: positions hardly differ between frames, so its
    features are nearly constant, and bilinear layers between these and others diverge. ``torch``: the
    library's defaults, as published; they shrink the signal at each layer, so that training may stay at
    chance for many epochs.
    """
    if init == "torch":
        return
    for name, layer in model.named_modules():
        if isinstance(layer, nn.Bilinear):
            nn.init.normal_(layer.weight, std=LAST * (layer.in1_features * layer.in2_features) ** -0.5)
        elif name.split(".")[0] == "head" and isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=LAST * layer.in_features**-0.5)
        elif isinstance(layer, nn.Conv3d | nn.Conv1d | nn.Linear):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        else:
            continue
        if name == "pose.dense":
            layer.weight.data.mul_(LAST)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)
    for part in model.modules():
        if isinstance(part, Residual):
            *_, last = part.parameters()
            nn.init.zeros_(last)
        elif isinstance(part, Trunk) and not part.pooled:
            masks = sum(isinstance(inner, Attention) for inner in part.modules())
            part.dense.weight.data.div_(MASK**masks)
