"""A frozen variant of the tiny study, with random weights in the place of pre-trained ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from crisp.models.torchvision_networks import Backbone
from crisp.study import load
from crisp.study.config import Study
from tests.trainable import CONTENT

SMALL: dict[str, Any] = {"model": "mc3_18", "network_size": [2, 16, 16], "frozen": True}


def write_weights(path: Path, model: str = "mc3_18", seed: int = 7) -> Path:
    """Write weights as torchvision's file of a network has them."""
    torch.manual_seed(seed)
    network = Backbone(model, 3).network
    network.fc = nn.Linear(512, 400)
    torch.save(network.state_dict(), path)
    return path


def frozen_study(weights: Path, training: dict[str, Any] | None = None, **keys: Any) -> Study:
    """Return the tiny study with a variant ``frozen`` of these weights."""
    variant = {"name": "frozen", **SMALL, "weights": str(weights), **keys}
    settings = {**CONTENT["training"], **(training or {})}
    return load.resolve_study({**CONTENT, "variants": [*CONTENT["variants"], variant], "training": settings})
