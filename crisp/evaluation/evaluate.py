"""The evaluate stage: evaluate a trained model on the test samples of its split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from crisp.clips.dataset import study_dataset
from crisp.core.files import write_json
from crisp.core.progress import progress
from crisp.evaluation import (
    confusion_plot,
    decisions,
    explain,
    metrics,
    per_class_table,
    predictions,
    reliability_plot,
)
from crisp.evaluation.inference import window_probabilities
from crisp.evaluation.predictions import evaluate_predictions
from crisp.evaluation.trained_model import model_with_settings
from crisp.study.config import Study
from crisp.study.variants import Variant
from crisp.training import calibration
from crisp.training.devices import make_deterministic


def evaluate_model(
    study: Study, variant: Variant, split: str, seed: int, device: str = "auto"
) -> dict[str, Any]:
    """Evaluate a trained variant on a split's test samples.

    Write ``predictions.csv``, ``metrics.json``, ``confusion.png``, ``reliability.png``,
    ``per_class.html``, ``explanations.png`` and, for a study with super-classes, ``super_confusion.png``
    beside the model.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split.
    seed : int
        Seed of the training.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Returns
    -------
    dict
        The metrics, as in ``metrics.json``.

    Raises
    ------
    CrispError
        If an input is missing, or the model differs from the study in variant, class list or
        normalisation.
    """
    make_deterministic(study.training.threads)
    folder = study.model_folder(variant.name, split, seed)
    model, about = model_with_settings(study, variant, split, seed, device)
    test = study_dataset(study, variant, split, "test", seed)
    probabilities = [
        window_probabilities(model, test, sample, study.training_of(variant).batch_size)
        for sample in progress(test.samples, "samples", variant.name, len(test))
    ]
    trained = study_dataset(study, variant, split, "train", seed).labels
    majority = metrics.majority(np.array(trained), np.array(test.labels))
    rows, figures = evaluate_predictions(
        test.samples,
        probabilities,
        study.classes,
        study.decision,
        majority,
        study.super_classes,
        study.negative_class,
    )
    figures["parameters"] = sum(weights.numel() for weights in model.parameters())
    figures["calibration"] = _calibration(about["calibration"], probabilities, test.labels, study.decision)
    title = f"{variant.name}, seed {seed}"
    predictions.write_predictions(folder / "predictions.csv", rows, study.classes)
    confusion_plot.plot_confusion(
        folder / "confusion.png", np.array(figures["confusion"]), study.classes, title
    )
    if study.super_classes:
        confusion_plot.plot_super_confusion(folder / "super_confusion.png", figures["super_classes"], title)
    reliability_plot.reliability(folder / "reliability.png", figures["calibration"], title)
    per_class_table.per_class_table(folder / "per_class.html", figures, title)
    picked = explain.examples(
        predictions.read_predictions(folder / "predictions.csv", study.classes), study.classes
    )
    explain.plot_predictions(folder / explain.NAME, model, test, picked, study.classes, title)
    write_json(folder / "metrics.json", figures)
    return figures


def _calibration(
    fitted: dict[str, Any], windows: Sequence[np.ndarray], labels: Sequence[int], rule: str
) -> dict[str, Any]:
    """Return the calibration of a model, on the validation samples (as fitted) and on the test samples."""
    scores = [decisions.scores(window, rule) for window in windows]
    validation = {key: fitted.get(key, {}) for key in ("before", "after")}
    return {
        "temperature": fitted["temperature"],
        "remark": fitted["remark"],
        "validation": {"samples": fitted.get("samples", 0), **validation},
        "test": calibration.measured(scores, labels, fitted["temperature"]),
    }
