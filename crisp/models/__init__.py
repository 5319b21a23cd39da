"""Build models by name.

A model takes a dict of streams (float32), each (B, C, T, H, W), or (B, C, T) for poses, and returns logits
(B, classes).
Its `features` (the input of the last layer) are separate from its `head`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from crisp.core.skeleton import pose_channels
from crisp.models.branch import CHANNELS, Branch
from crisp.models.initialisation import initialise
from crisp.models.joined import Joined
from crisp.models.network import Network
from crisp.models.trees import Trees
from crisp.study.config import Study
from crisp.study.networks import NETWORKS, TORCHVISION
from crisp.study.variants import STREAMS, Variant


def build(variant: Variant, classes: int) -> nn.Module:
    """Return the untrained model of a variant; weights come from torch's generator, seeded by the caller.

    Raises
    ------
    CrispError
        If the variant's clips are too small for the model.
    """
    model = _untrained(variant, classes)
    initialise(model, "torch" if variant.model in TORCHVISION else variant.init)
    # The fastest memory layout for 3-D convolutions (docs/training.md); it changes no value.
    return model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]


def _untrained(variant: Variant, classes: int) -> nn.Module:
    if variant.model in NETWORKS:
        return Network(variant, classes)
    if variant.model == "trees":
        return Trees(variant, classes)
    streams = STREAMS[variant.model]
    if len(streams) == 1:
        return Branch(streams[0], variant, classes)
    return Joined(streams, variant, classes)


def widths(model: nn.Module) -> int:
    """Return the number of features that the last layer of a model takes, of all streams together."""
    return sum(model.widths)  # type: ignore[arg-type]


def input_shape(stream: str, variant: Variant) -> tuple[int, ...]:
    """Return the shape of a stream of a variant's clips: (C, T, H, W), for poses (C, T)."""
    if stream == "pose":
        return pose_channels(variant.pose_norm), variant.size[0]
    return CHANNELS[stream], *variant.size


def model_table(study: Study) -> list[dict[str, Any]]:
    """List the models of a study: `variant`, `model`, `parameters` and `inputs` (shape by stream).

    The weights are counted without being allocated.
    """
    rows = []
    for variant in study.variants:
        with torch.device("meta"):
            model = build(variant, len(study.classes))
        rows.append(
            {
                "variant": variant.name,
                "model": variant.model,
                "parameters": sum(weights.numel() for weights in model.parameters()),
                "inputs": {stream: input_shape(stream, variant) for stream in variant.streams},
            }
        )
    return rows
