"""Inference: window probabilities of samples under a trained model, and a variant's evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from crisp import calibration, decisions, evaluation, metrics, plots, reliability_plot, summary
from crisp.augmentation import centred
from crisp.checkpoints import load_model
from crisp.clips import ClipDataset
from crisp.devices import choose_device, make_deterministic
from crisp.errors import fail
from crisp.files import write_json
from crisp.progress import progress
from crisp.strokes import Sample
from crisp.study import Study, Variant
from crisp.training import dataset, read_scale


def evaluate(study: Study, variant: Variant, split: str, seed: int, device: str = "auto") -> dict[str, Any]:
    """Evaluate a trained variant on a split's test samples.

    Writes ``predictions.csv``, ``metrics.json``, ``confusion.png``, ``reliability.png``,
    ``per_class.html`` and, of a study with super-classes, ``super_confusion.png`` beside the model, and
    returns the metrics.

    Raises
    ------
    CrispError
        If an input is missing, or the model is of another variant, class list or normalisation than
        the study's.
    """
    make_deterministic(study.training.threads)
    folder = study.model_folder(variant.name, split, seed)
    model, about = _trained(study, variant, split, seed, device)
    test = dataset(study, variant, split, "test", seed)
    probabilities = [
        window_probabilities(model, test, sample, study.training.batch_size)
        for sample in progress(test.samples, "samples", variant.name, len(test))
    ]
    trained = dataset(study, variant, split, "train", seed).labels
    majority = metrics.majority(np.array(trained), np.array(test.labels))
    rows, figures = evaluation.evaluate(
        test.samples, probabilities, study.classes, study.decision, majority, study.super_classes
    )
    figures["parameters"] = sum(weights.numel() for weights in model.parameters())
    figures["calibration"] = _calibration(about["calibration"], probabilities, test.labels, study.decision)
    title = f"{variant.name}, seed {seed}"
    evaluation.write_predictions(folder / "predictions.csv", rows, study.classes)
    plots.confusion(folder / "confusion.png", np.array(figures["confusion"]), study.classes, title)
    if study.super_classes:
        plots.super_confusion(folder / "super_confusion.png", figures["super_classes"], title)
    reliability_plot.reliability(folder / "reliability.png", figures["calibration"], title)
    summary.per_class_table(folder / "per_class.html", figures, title)
    write_json(folder / "metrics.json", figures)
    return figures


def trained_model(study: Study, variant: Variant, split: str, seed: int, device: str) -> nn.Module:
    """The trained model of a variant, on the device.

    Raises
    ------
    CrispError
        If it is missing, or of another variant, class list or normalisation than the study's.
    """
    return _trained(study, variant, split, seed, device)[0]


def _trained(
    study: Study, variant: Variant, split: str, seed: int, device: str
) -> tuple[nn.Module, dict[str, Any]]:
    """As :func:`trained_model`, with what the model's file says about it."""
    path = study.model_folder(variant.name, split, seed) / "model.pt"
    model, about = load_model(path, choose_device(device))
    _check(study, variant, split, about, path)
    return model, about


def _calibration(
    fitted: dict[str, Any], windows: Sequence[np.ndarray], labels: Sequence[int], rule: str
) -> dict[str, Any]:
    """The calibration of a model: on the validation samples as fitted, on the test samples as decided."""
    scores = [decisions.scores(window, rule) for window in windows]
    validation = {key: fitted.get(key, {}) for key in ("before", "after")}
    return {
        "temperature": fitted["temperature"],
        "remark": fitted["remark"],
        "validation": {"samples": fitted.get("samples", 0), **validation},
        "test": calibration.measured(scores, labels, fitted["temperature"]),
    }


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


def window_probabilities(model: nn.Module, clips: ClipDataset, sample: Sample, batch_size: int) -> np.ndarray:
    """Softmax of every window of a sample, (n, classes) float64.

    The crop follows the ROI frame by frame whatever the window, so the sample's frames are read
    once and the windows are slices of them.
    """
    frames, *crop = clips.variant.size
    length = max(sample.end - sample.begin, frames)
    draw = centred(sample.begin, sample.end, length)
    clip = clips.readers[sample.video].clip(draw, (length, crop[0], crop[1]), clips.normalised)
    device = next(model.parameters()).device
    streams = {name: torch.from_numpy(array).to(device) for name, array in clip.items()}
    rows = [model_rows(model, batch) for batch in _batches(streams, frames, batch_size)]
    return np.concatenate(rows)


def _batches(
    streams: dict[str, torch.Tensor], frames: int, batch_size: int
) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of windows (B, C, T, ...) sliding over streams (C, length, ...)."""
    sliding = {name: clip.unfold(1, frames, 1).movedim(1, 0).movedim(-1, 2) for name, clip in streams.items()}
    count = len(next(iter(sliding.values())))
    for begin in range(0, count, batch_size):
        yield {name: windows[begin : begin + batch_size].contiguous() for name, windows in sliding.items()}


def model_rows(model: nn.Module, streams: dict[str, torch.Tensor]) -> np.ndarray:
    """Softmax of a batch, (B, classes) float64."""
    try:
        with torch.inference_mode():
            return torch.softmax(model(streams).double(), dim=1).cpu().numpy()
    except torch.OutOfMemoryError:
        count = len(next(iter(streams.values())))
        if count == 1:
            raise fail(
                "GPU",
                "not even one clip fits into its memory",
                "room for the model and a clip",
                "none",
                "free it of other programs, or use --device cpu",
            ) from None
    halves = (slice(count // 2), slice(count // 2, count))
    return np.concatenate(
        [model_rows(model, {name: clips[half] for name, clips in streams.items()}) for half in halves]
    )
