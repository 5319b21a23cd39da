"""Load the trained model of a study, checked against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from crisp.clips.dataset import read_scale
from crisp.core.errors import fail
from crisp.study.config import Study, Variant
from crisp.training.checkpoints import load_model
from crisp.training.devices import choose_device


def trained_model(study: Study, variant: Variant, split: str, seed: int, device: str) -> nn.Module:
    """Load the trained model of a variant.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split that it was trained on.
    seed : int
        Of the training.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Returns
    -------
    Module
        On the device, in evaluation mode.

    Raises
    ------
    CrispError
        If it is missing, or of another variant, class list or normalisation than the study's.
    """
    return model_with_settings(study, variant, split, seed, device)[0]


def model_with_settings(
    study: Study, variant: Variant, split: str, seed: int, device: str
) -> tuple[nn.Module, dict[str, Any]]:
    """As :func:`trained_model`, with what the model's file says about it."""
    path = study.model_folder(variant.name, split, seed) / "model.pt"
    model, about = load_model(path, choose_device(device))
    _check(study, variant, split, about, path)
    return model, about


def _check(study: Study, variant: Variant, split: str, about: dict[str, Any], path: Path) -> None:
    """Refuse a model that takes other clips or tells other classes apart than the study says."""
    expected = {
        "classes": list(study.classes),
        "size": list(variant.size),
        **{key: getattr(variant, key) for key in ("model", "attention", "flow", "norm_method")},
        "normalisation": read_scale(study, variant, split),
    }
    if "pose" in variant.streams:
        expected["pose_norm"] = variant.pose_norm
    # A model of before a key was made has its default.
    of_model = Variant.from_config(about["variant"])
    found = {**vars(of_model), "size": list(of_model.size), **about}
    other = [key for key in expected if found[key] != expected[key]]
    if other:
        raise fail(
            path,
            "model belongs to another variant, class list or normalisation",
            ", ".join(f"{key} {expected[key]}" for key in other),
            ", ".join(f"{key} {found[key]}" for key in other),
            "train it again",
        )
