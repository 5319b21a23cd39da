"""The fuse stage: late fusion of trained variants, without training again."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from crisp.clips.dataset import study_dataset
from crisp.core.errors import fail
from crisp.core.files import write_json
from crisp.core.words import counted
from crisp.evaluation import confusion_plot, decisions, metrics, per_class_table, predictions
from crisp.evaluation.inference import window_probabilities
from crisp.evaluation.trained_model import trained_model
from crisp.study.config import Study
from crisp.study.samples import read_samples
from crisp.study.training_samples import read_training_samples
from crisp.study.variants import Fusion
from crisp.training.devices import make_deterministic

STEPS = 200  # of the fit; its error falls geometrically
LEAST = 1e-12  # probability


def fuse_variants(
    study: Study, fusion: Fusion, split: str, seed: int, device: str = "auto"
) -> dict[str, Any]:
    """Evaluate the weighted mean of the probabilities of evaluated variants on a split's test samples.

    The probabilities are those of whole strokes by the study's decision rule, from the ``predictions.csv`` of
    each variant, so that their clips may differ in length; all decision rules give the same class. Write
    ``predictions.csv``, ``metrics.json``, ``confusion.png`` and ``per_class.html``.

    Parameters
    ----------
    study : Study
    fusion : Fusion
    split : str
        Name of the split.
    seed : int
        Seed of the trainings.
    device : str
        For weights fitted on validation samples: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Returns
    -------
    dict
        The metrics, as in ``metrics.json``; `weights` by variant among them.

    Raises
    ------
    CrispError
        If an input is missing, or variants were tested on different samples.
    """
    samples = {sample.sample: sample for sample in read_samples(study.results / "strokes.tsv")}
    tested = {name: _tested(study, name, split, seed) for name in fusion.of}
    first, *others = tested
    for other in others:
        if tested[other].keys() != tested[first].keys():
            raise fail(
                study.model_folder(other, split, seed) / "predictions.csv",
                f"not the test samples of {first}",
                counted(len(tested[first]), "sample"),
                f"{counted(len(tested[other]), 'sample')}, or others",
                "evaluate both again: crisp evaluate",
            )
    weights = np.full(len(tested), 1 / len(tested))
    if fusion.weights == "validation":
        weights = _fitted(study, fusion, split, seed, device)
    test = [samples[name] for name in tested[first]]
    scores = np.array([[rows[sample.sample] for sample in test] for rows in tested.values()])
    fused = np.tensordot(weights, scores.reshape(len(tested), len(test), len(study.classes)), 1)
    rows, figures = predictions.evaluate_predictions(
        test,
        [row[None] for row in fused],
        study.classes,
        study.decision,
        metrics.majority(_labels(study, split), predictions.class_indices(test, study.classes)),
        study.super_classes,
        study.negative_class,
    )
    figures["weights"] = dict(zip(fusion.of, weights.tolist(), strict=True))
    folder, title = study.fusion_folder(fusion.name, split, seed), f"{fusion.name}, seed {seed}"
    folder.mkdir(parents=True, exist_ok=True)
    predictions.write_predictions(folder / "predictions.csv", rows, study.classes)
    confusion_plot.plot_confusion(
        folder / "confusion.png", np.array(figures["confusion"]), study.classes, title
    )
    per_class_table.per_class_table(folder / "per_class.html", figures, title)
    write_json(folder / "metrics.json", figures)
    return figures


def _tested(study: Study, name: str, split: str, seed: int) -> dict[str, NDArray[np.float64]]:
    """Return the probabilities (N,) of a variant's test samples, by sample."""
    path = study.model_folder(name, split, seed) / "predictions.csv"
    return {row.sample: row.scores for row in predictions.read_predictions(path, study.classes)}


def _labels(study: Study, split: str) -> NDArray[np.intp]:
    return predictions.class_indices(read_training_samples(study, split, "train"), study.classes)


def _fitted(study: Study, fusion: Fusion, split: str, seed: int, device: str) -> NDArray[np.float64]:
    make_deterministic(study.training.threads)
    given = [_validated(study, name, split, seed, device) for name in fusion.of]
    return mixture_weights(np.array(given))


def _validated(study: Study, name: str, split: str, seed: int, device: str) -> NDArray[np.float64]:
    """Return the probability (n,) that a variant gives the class of each labelled validation sample."""
    variant = study.variant(name)
    model = trained_model(study, variant, split, seed, device)
    clips = study_dataset(study, variant, split, "validation", seed)
    batch_size = study.training_of(variant).batch_size
    found = []
    for sample, label in zip(clips.samples, clips.labels, strict=True):
        if label >= 0:
            windows = window_probabilities(model, clips, sample, batch_size)
            found.append(decisions.scores(windows, study.decision)[label])
    return np.array(found)


def mixture_weights(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weights of a mixture under which the true classes are most probable.

    The log-likelihood is concave in the weights; expectation maximisation reaches its maximum (Dempster,
    Laird and Rubin, Journal of the Royal Statistical Society B, 1977, for a mixture of known components):

        w(m) <- mean over samples of w(m) p(m) / sum of w(k) p(k) over k

    Parameters
    ----------
    probabilities : ndarray, (M, n)
        p, the probability that each of M models gives the true class of each sample.

    Returns
    -------
    ndarray, (M,)
        Not negative, of sum 1; equal without samples.
    """
    known = np.maximum(probabilities, LEAST)
    weights = np.full(len(known), 1 / len(known))
    for _ in range(STEPS if known.size else 0):
        parts = weights[:, None] * known
        weights = (parts / parts.sum(axis=0)).mean(axis=1)
    return weights
