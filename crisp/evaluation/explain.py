"""Explain predictions of a trained model: evidence in chosen samples, or in its worst confusions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from crisp.clips.dataset import ClipDataset, study_dataset
from crisp.core.errors import fail
from crisp.core.words import few
from crisp.evaluation.confusions import worst_confusions
from crisp.evaluation.explanation import explain_clip, last_maps
from crisp.evaluation.explanation_plot import ExplainedClip, plot_explanations
from crisp.evaluation.predictions import Prediction, read_predictions
from crisp.evaluation.trained_model import trained_model
from crisp.study.config import Study
from crisp.study.variants import Variant

NAME = "explanations.png"
NO_CONFUSION = "all labelled test samples are classified correctly"
NO_MAPS = "this network has no maps of convolutions, whose evidence could be shown"


def explain_samples(
    study: Study,
    variant: Variant,
    split: str,
    seed: int,
    chosen: Sequence[str],
    out: str | Path,
    device: str = "auto",
) -> None:
    """Plot the evidence in test samples of an evaluated variant.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split.
    seed : int
        Seed of the training.
    chosen : sequence of str
        Names of test samples; empty = one of each of the worst confusions.
    out : path-like
        PNG file to write.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Raises
    ------
    CrispError
        If an input is missing, a sample is not a test sample, or the model cannot be explained.
    """
    table = study.model_folder(variant.name, split, seed) / "predictions.csv"
    rows = read_predictions(table, study.classes)
    known = {row.sample: row for row in rows}
    if unknown := [name for name in chosen if name not in known]:
        remedy = "choose samples of the column sample"
        raise fail(table, "no such sample", few(list(known), 5), few(unknown, 5), remedy)
    model = trained_model(study, variant, split, seed, device)
    check_explicable(variant.name, model, variant, "choose another variant")
    test = study_dataset(study, variant, split, "test", seed)
    picked = [known[name] for name in chosen] or examples(rows, study.classes)
    plot_predictions(out, model, test, picked, study.classes, f"{variant.name}, seed {seed}")


def examples(rows: Sequence[Prediction], classes: Sequence[str]) -> list[Prediction]:
    """Return one prediction of each of the worst confusions."""
    return [confusion.examples[0] for confusion in worst_confusions(rows, classes)]


def explicable(model: nn.Module, variant: Variant) -> bool:
    """Return whether the evidence of a variant's model can be shown."""
    return all(last_maps(model, stream) is not None for stream in variant.streams)


def check_explicable(where: str | Path, model: nn.Module, variant: Variant, remedy: str) -> None:
    """Check that the evidence of a variant's model can be shown.

    Parameters
    ----------
    where : path-like
        For messages.
    model : Module
    variant : Variant
    remedy : str
        Of the error.

    Raises
    ------
    CrispError
        If it cannot.
    """
    if not explicable(model, variant):
        raise fail(where, NO_MAPS, "a model of convolutions", variant.model, remedy)


def plot_predictions(
    path: str | Path,
    model: nn.Module,
    test: ClipDataset,
    picked: Sequence[Prediction],
    classes: Sequence[str],
    title: str,
) -> None:
    """Plot the evidence for the predicted class in the middle of each sample, or say that there are no maps.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    model : Module
        In evaluation mode.
    test : ClipDataset
        Holds the samples, without augmentation.
    picked : sequence of Prediction
    classes : sequence of str
        Of the model.
    title : str

    Raises
    ------
    CrispError
        If a stage file is missing or damaged.
    """
    title = f"{title}: what the model looks at"
    if not explicable(model, test.variant):
        plot_explanations(path, title, [], NO_MAPS)
        return
    places = {sample.sample: index for index, sample in enumerate(test.samples)}
    clips = [_explained(model, test, places[one.sample], one, classes) for one in picked]
    plot_explanations(path, title, clips, NO_CONFUSION)


def _explained(
    model: nn.Module, test: ClipDataset, index: int, one: Prediction, classes: Sequence[str]
) -> ExplainedClip:
    clip = test[index][0]
    found = explain_clip(model, clip, list(classes).index(one.prediction))
    begin = test.draw(index).begin
    label = one.label if one.correct is not None else ""
    return ExplainedClip(one.sample, label, one.prediction, float(one.scores.max()), begin, clip, found)
