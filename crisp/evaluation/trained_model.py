"""Load a trained model and check it against the study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from crisp.clips.dataset import read_scale
from crisp.core.errors import fail
from crisp.study.config import Study
from crisp.study.variants import Variant
from crisp.training.checkpoints import load_model
from crisp.training.devices import choose_device

# Keys of a variant that decide on its layers and clips.
ARCHITECTURE = (
    "model",
    "input",
    "network_size",
    "size",
    "flow",
    "norm_method",
    "attention",
    "pose_attention",
    "attention_blocks",
    "filters",
    "pooling",
    "features",
    "head",
)


def trained_model(study: Study, variant: Variant, split: str, seed: int, device: str) -> nn.Module:
    """Load the trained model of a variant.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split that it was trained on.
    seed : int
        Seed of the training.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Returns
    -------
    Module
        On the device, in evaluation mode.

    Raises
    ------
    CrispError
        If it is missing, or differs from the study in variant, class list or normalisation.
    """
    return model_with_settings(study, variant, split, seed, device)[0]


def model_with_settings(
    study: Study, variant: Variant, split: str, seed: int, device: str
) -> tuple[nn.Module, dict[str, Any]]:
    """Load the trained model of a variant with its metadata.

    Parameters
    ----------
    study, variant, split, seed, device
        As for `trained_model`.

    Returns
    -------
    model : Module
        On the device, in evaluation mode.
    about : dict
        Metadata in the model file: variant, classes, normalisation and others.

    Raises
    ------
    CrispError
        As for `trained_model`.
    """
    path = study.model_folder(variant.name, split, seed) / "model.pt"
    model, about = load_model(path, choose_device(device))
    _check(study, variant, split, about, path)
    return model, about


def _check(study: Study, variant: Variant, split: str, about: dict[str, Any], path: Path) -> None:
    """Reject a model whose clips or classes differ from the study's."""
    expected = {
        "classes": list(study.classes),
        **{key: value for key, value in variant.plain().items() if key in ARCHITECTURE},
        "normalisation": read_scale(study, variant, split),
    }
    if "pose" in variant.streams:
        expected["pose_norm"] = variant.pose_norm
    # Older model files lack newer keys; use the defaults.
    of_model = Variant.from_config(about["variant"])
    found = {**of_model.plain(), **about}
    other = [key for key in expected if found[key] != expected[key]]
    if other:
        raise fail(
            path,
            "model belongs to another variant, class list or normalisation",
            ", ".join(f"{key} {expected[key]}" for key in other),
            ", ".join(f"{key} {found[key]}" for key in other),
            "train it again",
        )
