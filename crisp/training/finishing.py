"""Finish a training: what the file of its model holds, and its calibration and reference.

Clips are taken from the middle of their samples, without augmentation. No weight or decision changes here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crisp import __version__
from crisp.clips.dataset import ClipDataset
from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.core.parallel import ahead
from crisp.core.progress import progress
from crisp.study.config import Study
from crisp.study.variants import Variant
from crisp.training import calibration, checkpoints, curves, reference
from crisp.training.history import Row, write_history

MOST = 500  # training clips used for the reference, spread evenly over all of them


def content(
    study: Study,
    variant: Variant,
    scale: dict[str, Any],
    about: dict[str, Any],
    weights: Mapping[str, torch.Tensor],
) -> dict[str, Any]:
    """Return a trained model with everything inference needs, as plain types and tensors.

    Parameters
    ----------
    study : Study
    variant : Variant
    scale : dict
        Content of the normalisation file; empty without flow.
    about : dict
        `seed`, `epoch`, `digest` and `init_from` of the training.
    weights : mapping of str to Tensor

    Returns
    -------
    dict
        For `write`.
    """
    return {
        "schema": checkpoints.MODEL_SCHEMA,
        "crisp": __version__,
        "torch": torch.__version__.split("+")[0],
        "variant": variant.plain(),
        "classes": list(study.classes),
        "normalisation": scale,
        "preparation": {
            "width": study.width,
            "upscale": study.upscale,
            "fps": next(iter(study.used.values())).working_fps,
            "roi_alpha": study.roi_alpha,
            "roi_threshold": study.roi_threshold,
            "roi_power": study.roi_power,
            "flow_backend": study.flow_backend,
            **({"stabilise": study.stabilise} if study.stabilise != "never" else {}),
            "pose_estimator": study.pose_estimator,
        },
        "detection": asdict(study.detection),
        "negative_class": study.negative_class,
        "decision": study.decision,
        "training": asdict(study.training_of(variant)),
        **about,
        "model": {key: value.cpu() for key, value in weights.items()},
    }


def write(
    folder: Path, model: dict[str, Any], history: Sequence[Row], title: str, steps: str = "Epoch"
) -> None:
    """Write ``model.pt``, ``history.csv`` and ``curves.png``.

    Parameters
    ----------
    folder : Path
    model : dict
        From `content`, with what `measured` returns.
    history : sequence of mappings
        A row per step of the training.
    title : str
        Name of what was trained.
    steps : str
        Name of a step.
    """
    checkpoints.save(folder / "model.pt", model)
    write_history(folder / "history.csv", history)
    curves.plot_curves(folder / "curves.png", history, title, steps)


def measured(
    study: Study, variant: Variant, model: nn.Module, training: ClipDataset, validation: ClipDataset
) -> dict[str, Any]:
    """Return the `calibration` and `reference` of a model for its file, as plain types and tensors.

    Parameters
    ----------
    study : Study
    variant : Variant
    model : Module
        With the selected weights; left in evaluation mode.
    training, validation : ClipDataset
        Without augmentation.

    Returns
    -------
    dict
    """
    model.eval()
    batch = study.training_of(variant).batch_size
    spread = evenly(len(training))
    of_training, _ = predicted(model, training, spread, batch, f"{variant.name} reference")
    every = range(len(validation))
    of_validation, shares = predicted(model, validation, every, batch, f"{variant.name} calibration")
    return summarised(study, variant, training, validation, of_training, of_validation, shares)


def evenly(count: int) -> list[int]:
    """Return up to `MOST` of that many indices, evenly spread."""
    return np.linspace(0, count - 1, min(MOST, count)).astype(int).tolist()


def summarised(
    study: Study,
    variant: Variant,
    training: ClipDataset,
    validation: ClipDataset,
    of_training: NDArray[np.float32],
    of_validation: NDArray[np.float32],
    shares: NDArray[np.float64],
) -> dict[str, Any]:
    """Return the `calibration` and `reference` of a model from what it computed of its clips.

    Parameters
    ----------
    study : Study
    variant : Variant
    training, validation : ClipDataset
        Without augmentation.
    of_training : ndarray, (n, D) float32
        Features of training clips.
    of_validation : ndarray, (m, D) float32
        Features of all validation clips.
    shares : ndarray, (m, N) float64
        Probabilities of the N classes of the validation clips.

    Returns
    -------
    dict
    """
    return {
        "calibration": calibration.fit_temperature(shares, validation.labels),
        "reference": {
            **_pictures(study, variant, training),
            "features": reference.features(of_training, of_validation),
        },
    }


def predicted(
    model: nn.Module, clips: ClipDataset, indices: Sequence[int], batch_size: int, name: str
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Apply a model to clips.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    clips : ClipDataset
    indices : sequence of int
        Of n clips.
    batch_size : int
    name : str
        Of the progress bar.

    Returns
    -------
    features : ndarray, (n, D) float32
        Input of the last layer.
    shares : ndarray, (n, N) float64
        Probabilities of the N classes.
    """
    device = next(model.parameters()).device
    count = -(-len(indices) // batch_size)
    batches = progress(ahead(_batches(clips, indices, batch_size)), "batches", name, count)
    seen: list[torch.Tensor] = []
    with torch.inference_mode(), reference.at_head(model, seen.append):
        shares = [
            torch.softmax(model({key: part.to(device) for key, part in streams.items()}).double(), 1).cpu()
            for streams in batches
        ]
        if not shares:
            return np.empty((0, 0), np.float32), np.empty((0, 0))
        return torch.cat([features.cpu() for features in seen]).numpy(), torch.cat(shares).numpy()


def _batches(
    clips: ClipDataset, indices: Sequence[int], batch_size: int
) -> Iterator[dict[str, torch.Tensor]]:
    for begin in range(0, len(indices), batch_size):
        items = [clips[index][0] for index in indices[begin : begin + batch_size]]
        yield {name: torch.stack([item[name] for item in items]) for name in items[0]}


def _pictures(study: Study, variant: Variant, training: ClipDataset) -> dict[str, Any]:
    """Return aspect ratio, width and sample-frame speeds of the training videos."""
    shapes, widths, speeds = [], [], []
    for video, reader in training.readers.items():
        frames, height, width = reader.shape
        shapes.append(width / height)
        widths.append(_source_width(study.stage_file(video, "frames")))
        inside = np.zeros(frames, bool)
        for sample in training.samples:
            if sample.video == video:
                inside[max(0, sample.begin) : sample.end] = True
        moving = reference.speeds(study.stage_file(video, "roi", variant.flow))
        speeds.append(moving[inside[1:]] if len(moving) else moving)
    known = [width for width in widths if width]
    return {
        "shape": [min(shapes), max(shapes)] if shapes else [],
        "width": min(known, default=0),
        "motion": reference.motion(speeds),
    }


def _source_width(path: Path) -> int:
    """Return the width of a video, px; 0 if unknown, as training does not always need the frames."""
    try:
        with stage_files.open_stage(path, "frames") as file:
            return int(file.attrs.get("source_width", 0))
    except CrispError:
        return 0
