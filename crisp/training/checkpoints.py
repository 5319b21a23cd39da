"""Read and write models and training checkpoints: plain types and tensors, written atomically."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from crisp import models
from crisp.core.errors import fail
from crisp.core.files import replacing
from crisp.core.unreadable import explained, remade
from crisp.study.schema import defaults
from crisp.study.variants import FORMER, Variant
from crisp.training import torch_files

MODEL_SCHEMA = 1


def save(path: Path, content: dict[str, Any]) -> None:
    """Write plain types and tensors to a file atomically.

    Raises
    ------
    CrispError
        If the disk is full.
    """
    with replacing(path) as beside:
        torch.save(content, beside)


def load(path: Path, device: torch.device, part: str) -> dict[str, Any]:
    """Read a training checkpoint.

    Parameters
    ----------
    path : Path
    device : torch.device
        For its tensors.
    part : str
        Its definition in ``model.schema.yaml``, ``last`` or ``best``.

    Returns
    -------
    dict
        Empty if the file is missing or unusable, as this only costs time.
    """
    try:
        content = torch_files.read(path, device)
        torch_files.check(content, f"/$defs/{part}")
        return content
    except FileNotFoundError:
        return {}
    except Exception as error:  # torch raises half a dozen kinds for damaged files
        print(f"{path}: unusable checkpoint ({type(error).__name__}), training afresh", file=sys.stderr)
        return {}


def of_training(path: Path) -> bool:
    """Return whether a file is a training checkpoint, without reading its weights."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # torch raises half a dozen kinds for other files
        return False
    return isinstance(content, dict) and "digest" in content


def start_from(model: nn.Module, variant: Variant, classes: tuple[str, ...]) -> dict[str, Any]:
    """Copy the weights of a variant's `init_from` into its model.

    Parameters
    ----------
    model : Module
        Changed.
    variant : Variant
    classes : tuple of str
        Those of the study; if the file has others, its last layer is not copied.

    Returns
    -------
    dict
        Metadata of the file.

    Raises
    ------
    CrispError
        If the file is missing or damaged, or its model has other layers.
    """
    source, about = load_model(Path(variant.init_from), torch.device("cpu"), "")
    weights = source.state_dict()
    if about["classes"] != list(classes):
        weights = {key: value for key, value in weights.items() if not key.startswith("head.")}
    own = model.state_dict()
    other = [key for key in own if key not in weights and not key.startswith("head.")]
    other += [key for key, value in weights.items() if key not in own or value.shape != own[key].shape]
    if other:
        raise fail(
            variant.init_from,
            f"model has other layers than variant {variant.name!r}",
            ", ".join(f"{key} {variant.plain()[key]}" for key in ("model", "size", "attention")),
            ", ".join(f"{key} {about['variant'][key]}" for key in ("model", "size", "attention")),
            "start from a model of the same architecture and clip size",
        )
    model.load_state_dict(weights, strict=False)
    kept = ("crisp", "variant", "classes", "seed", "epoch", "digest", "init_from")
    return {"path": variant.init_from, **{key: about.get(key, "") for key in kept}}


def load_model(
    path: Path, device: torch.device, part: str = "/$defs/complete"
) -> tuple[nn.Module, dict[str, Any]]:
    """Load a trained model and its metadata.

    Parameters
    ----------
    path : Path
    device : torch.device
        For the model.
    part : str
        Required definition in ``model.schema.yaml``; by default everything that inference needs.

    Returns
    -------
    model : Module
        In evaluation mode.
    about : dict
        Metadata.

    Raises
    ------
    CrispError
        If the file is missing, damaged, or of another schema.
    """
    expected, by_hand = "a model.pt of CRISP, a ZIP archive", "crisp train makes one"
    try:
        content = torch_files.read(path, device)
    except Exception as error:  # torch raises half a dozen kinds for damaged files
        raise explained(path, error, "model", expected, "train", by_hand) from None
    if not isinstance(content, dict) or "schema" not in content:
        found = type(content).__name__ if not isinstance(content, dict) else "a file of torch without schema"
        raise fail(path, "not a model of CRISP", expected, found, f"correct the path; {by_hand}")
    if type(content["schema"]) is not int or content["schema"] != MODEL_SCHEMA:
        remedy = "use the version of CRISP that trained it, or train one with this version"
        raise fail(path, "model of another schema", str(MODEL_SCHEMA), str(content["schema"])[:80], remedy)
    try:
        torch_files.check(content, part)
        content = _with_defaults(content)
        variant, weights = Variant.from_config(content["variant"]), content.pop("model")
        with torch.device("meta"), warnings.catch_warnings():  # the described model may exceed the memory
            warnings.simplefilter("ignore")
            torch_files.check_weights(models.build(variant, len(content["classes"])), weights)
        model = models.build(variant, len(content["classes"])).to(device)
        _check_features(models.widths(model), content["reference"].get("features"))
        model.load_state_dict(weights)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
        remedy = remade(path, "train", else_="copy it again from where it was trained, or train it again")
        expected = "weights and all that inference needs"
        raise fail(path, "model is damaged", expected, reason.splitlines()[0][:300], remedy) from None
    return model.eval(), content


def _check_features(width: int, features: dict[str, Any] | None) -> None:
    """Check that the reference matches the input size of the last layer."""
    if not features:
        return
    count = len(features["components"])
    shapes = {"mean": (width,), "components": (count, width), "variances": (count,)}
    found = {name: tuple(features[name].shape) for name in shapes}
    if found != shapes:
        raise ValueError(f"reference.features of shapes {found} instead of {shapes}")


def _with_defaults(content: dict[str, Any]) -> dict[str, Any]:
    """Fill in the study's defaults for keys that were added after the model file was written."""
    prepared = defaults("preparation")
    preparation = {
        "roi_power": float(prepared["roi"]["power"]),
        "flow_backend": prepared["flow_backend"],
        "pose_estimator": prepared["pose"]["estimator"],
    }
    return {
        "negative_class": defaults("negatives")["class"],
        "calibration": {"temperature": 1.0, "remark": "the model file is of an older version"},
        "reference": {},
        **content,
        "classes": list(content["classes"]),
        "variant": {**defaults("defaults"), **FORMER, **content["variant"]},
        "preparation": {**preparation, **content["preparation"]},
        "detection": {**defaults("detection"), **content.get("detection", {})},
    }
