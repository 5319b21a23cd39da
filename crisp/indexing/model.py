"""A trained model for use on new videos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from crisp.core import files
from crisp.core.errors import fail
from crisp.core.views import Box, parse_facing
from crisp.study.config import Study
from crisp.study.variants import Detection, Variant
from crisp.training.checkpoints import load_model
from crisp.training.devices import choose_device, make_deterministic


@dataclass(frozen=True)
class Model:
    """A trained model with the metadata for its use."""

    path: Path
    sha256: str
    network: nn.Module
    about: dict[str, Any]
    variant: Variant
    settings: Detection
    decision: str

    @property
    def classes(self) -> list[str]:
        """Return the names of its classes."""
        return self.about["classes"]

    @property
    def preparation(self) -> dict[str, Any]:
        """Return the preparation settings of its training."""
        return self.about["preparation"]

    @property
    def temperature(self) -> float:
        """Return the temperature of probabilities shown to people."""
        return self.about["calibration"]["temperature"]


def load_trained_model(
    path: Path, device: str = "auto", study: Study | None = None, workers: int = 1
) -> Model:
    """Load a trained model onto the device.

    Parameters
    ----------
    path : path-like
        A ``model.pt``.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
    study : Study, optional
        Source of the decision rule and detection settings; default: those of the training.
    workers : int
        Threads of the network.

    Returns
    -------
    Model

    Raises
    ------
    CrispError
        If it is missing, damaged or of another schema, has no negative class, or needs poses that
        cannot be estimated.
    """
    make_deterministic(workers)
    network, about = load_model(path, choose_device(device))
    variant = Variant.from_config(about["variant"])
    if about["negative_class"] not in about["classes"]:
        raise fail(
            path,
            "model has no negative class",
            f"{about['negative_class'] or 'Negative'!r} among its classes",
            ", ".join(about["classes"]),
            "train one with negatives.class among the classes",
        )
    if "pose" in variant.streams and not about["preparation"]["pose_estimator"]:
        raise fail(
            path,
            "model needs poses, and was trained on poses from files",
            "a model without poses, or one trained with preparation.pose.estimator",
            f"model {variant.model}",
            "choose another model",
        )
    settings = study.detection if study else Detection(**about["detection"])
    decision = study.decision if study else about["decision"]
    return Model(path, files.sha256(path), network, about, variant, settings, decision)


@dataclass(frozen=True)
class Options:
    """How to index videos: `annotated` is an annotation file, or a folder of ``<video id>.xml``.

    `fps` is the rate at which slow motion or a raw stream was recorded; 0 = that of the file. `explain` is
    whether to draw what the model looks at in each stroke. `regions` are the places of the players in the
    picture, by name; without any, all strokes are of nobody.
    `facing` is the side to which the player plays, or each of them, as in ``videos.tsv``.
    """

    out: Path
    annotated: Path | None = None
    overlay: bool = False
    keep: bool = False
    workers: int = 1
    backend: str = ""  # flow backend; empty = as in the model's study
    fps: float = 0.0
    explain: bool = False
    regions: Mapping[str, Box] = field(default_factory=dict)
    facing: str = ""

    def is_mirrored(self, region: str) -> bool:
        """Return whether the clips of a region are mirrored, so that the player faces right in them."""
        return parse_facing(self.facing, self.regions)[region] == "left"
