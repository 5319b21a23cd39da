"""Label errors: samples ranked by the out-of-sample probability of their annotated class.

Confident learning, after C. G. Northcutt, L. Jiang and I. L. Chuang, "Confident learning: estimating
uncertainty in dataset labels", Journal of Artificial Intelligence Research 70, 2021.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crisp.core.csv_table import write_table
from crisp.core.html_table import Link, write_page
from crisp.core.words import counted
from crisp.evaluation.predictions import Prediction, read_predictions
from crisp.study.config import Study
from crisp.study.samples import Sample, read_samples

MOST_ROWS = 100  # on the page; the table holds all


class Suspect(NamedTuple):
    """A row of ``label_errors.tsv``: frames ``[begin, end)`` of the volume, annotated as `label`.

    `kind` is ``stroke`` or ``negative``, `predicted` the class with the highest mean probability over
    `models` models; the next columns are those of `LabelConfidence`. `probabilities` (N,), by class, are not
    a column.
    """

    rank: int
    sample: str
    video: str
    begin: int
    end: int
    kind: str
    label: str
    predicted: str
    self_confidence: float
    margin: float
    likely: bool
    models: int
    probabilities: tuple[float, ...]


class LabelConfidence(NamedTuple):
    """Confidence in n labels.

    `self_confidence` (n,) is the probability of the given label, `margin` (n,) its difference from the
    highest probability of another class, `likely` (n,) whether confident learning finds an error.
    """

    self_confidence: NDArray[np.float64]
    margin: NDArray[np.float64]
    likely: NDArray[np.bool_]


class Ranking(NamedTuple):
    """The suspects for a variant, least confident first; `samples` counts the study's labelled ones."""

    variant: str
    suspects: list[Suspect]
    samples: int

    @property
    def scope(self) -> str:
        """Describe which samples are ranked."""
        ranked, likely = len(self.suspects), sum(one.likely for one in self.suspects)
        text = f"{ranked} of {counted(self.samples, 'sample')}, by {self.variant}; likely errors: {likely}"
        if ranked < self.samples:
            text += (
                ". The others were used for training or validation: with split.folds, or split.method "
                "leave_one_group_out, every sample is ranked"
            )
        return text


def label_confidence(labels: ArrayLike, probabilities: ArrayLike) -> LabelConfidence:
    """Evaluate labels with probabilities of models that did not train on them.

    A label is a likely error if another class is the most probable one of those whose probability
    reaches their threshold: the mean probability of a class over the samples with that label (equations 1
    and 2 of the paper). A class without samples has no threshold, and is never reached.

    Parameters
    ----------
    labels : array_like
        (n,) class indices.
    probabilities : array_like
        (n, N) out-of-sample class probabilities.

    Returns
    -------
    LabelConfidence
    """
    given, values = np.asarray(labels, dtype=np.intp), np.asarray(probabilities, dtype=np.float64)
    every = np.arange(len(given))
    confidence = values[every, given]
    others = values.copy()
    others[every, given] = -np.inf
    thresholds = np.array(
        [
            confidence[given == index].mean() if (given == index).any() else np.inf
            for index in range(values.shape[1])
        ]
    )
    confident = np.where(values >= thresholds, values, -np.inf)
    likely = np.isfinite(confident.max(axis=1)) & (confident.argmax(axis=1) != given)
    return LabelConfidence(confidence, confidence - others.max(axis=1), likely)


def rank_label_errors(study: Study, variant: str = "") -> Ranking:
    """Rank the labelled samples that models of a variant predicted out of sample.

    Parameters
    ----------
    study : Study
        Evaluated runs. In a cross-validation every sample is tested once per seed, in one split only the test
        samples. The probabilities are the mean over the seeds, by the study's decision rule.
    variant : str
        Name of the variant; empty: the one with the most correct predictions.

    Returns
    -------
    Ranking

    Raises
    ------
    CrispError
        If the study has no such variant, or predictions or samples are missing or damaged.
    """
    names = [study.variant(variant).name] if variant else [one.name for one in study.variants]
    found = {name: _labelled(study, name) for name in names}
    name = max(found, key=lambda one: _accuracy(found[one]))
    samples = {sample.sample: sample for sample in read_samples(study.results / "strokes.tsv")}
    labelled = sum(sample.label in study.classes for sample in samples.values())
    # Exclude later changes of the annotation, and videos no longer in use.
    known = [
        predictions
        for sample, predictions in found[name].items()
        if sample in samples
        and samples[sample].label == predictions[0].label
        and samples[sample].video in study.views
    ]
    return Ranking(name, _suspects(study, known, samples) if known else [], labelled)


def _suspects(
    study: Study, known: Sequence[Sequence[Prediction]], samples: Mapping[str, Sample]
) -> list[Suspect]:
    """Return the samples of these predictions, one list each, least confident first."""
    means = np.array([np.mean([one.scores for one in predictions], axis=0) for predictions in known])
    labels = [study.classes.index(predictions[0].label) for predictions in known]
    found = label_confidence(labels, means)
    order = sorted(
        range(len(known)), key=lambda index: (found.self_confidence[index], found.margin[index], index)
    )
    return [
        Suspect(
            rank=rank,
            sample=first.sample,
            video=first.video,
            begin=first.begin,
            end=first.end,
            kind=samples[first.sample].kind,
            label=first.label,
            predicted=study.classes[int(means[index].argmax())],
            self_confidence=round(float(found.self_confidence[index]), 6),
            margin=round(float(found.margin[index]), 6),
            likely=bool(found.likely[index]),
            models=len(known[index]),
            probabilities=tuple(means[index].round(6).tolist()),
        )
        for rank, index in enumerate(order, start=1)
        for first in known[index][:1]
    ]


def _labelled(study: Study, variant: str) -> dict[str, list[Prediction]]:
    """Return the predictions of each labelled sample, one per seed."""
    found: dict[str, list[Prediction]] = {}
    for split in study.split_names:
        for seed in study.seeds:
            path = study.model_folder(variant, split, seed) / "predictions.csv"
            for one in read_predictions(path, study.classes):
                if one.correct is not None:
                    found.setdefault(one.sample, []).append(one)
    return found


def _accuracy(found: Mapping[str, Sequence[Prediction]]) -> float:
    every = [bool(one.correct) for predictions in found.values() for one in predictions]
    return sum(every) / len(every) if every else 0.0


def write_label_errors(path: str | Path, suspects: Iterable[Suspect]) -> None:
    """Write ``label_errors.tsv``."""
    write_table(path, Suspect._fields[:-1], (one[:-1] for one in suspects))


def write_label_errors_page(
    path: str | Path, study: Study, ranking: Ranking, note: str, links: Mapping[str, str] | None = None
) -> None:
    """Write the first `MOST_ROWS` as an HTML page.

    Parameters
    ----------
    path : path-like
        Page to write.
    study : Study
    ranking : Ranking
    note : str
        How to correct them.
    links : mapping, optional
        URL of the viewer page of each sample.

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    headings = [
        "Rank",
        "Video",
        "Time",
        "Frames",
        "Annotated",
        "Predicted",
        "P(annotated)",
        "Margin",
        "Likely error",
    ]
    body = []
    for one in ranking.suspects[:MOST_ROWS]:
        begin = f"{one.begin / study.video(one.video).working_fps:.2f} s"
        target = (links or {}).get(one.sample)
        body.append(
            [
                str(one.rank),
                one.video,
                Link(begin, target) if target else begin,
                f"{one.begin} to {one.end}",
                one.label,
                one.predicted,
                f"{one.self_confidence:.3f}",
                f"{one.margin:+.3f}",
                "yes" if one.likely else "",
            ]
        )
    about = (
        f"{ranking.scope}. The least probable labels come first: P(annotated) is the out-of-sample "
        "probability of the annotated class, margin its difference from the highest probability of another "
        "class. Likely errors are those of confident learning (Northcutt et al., 2021). A negative that "
        f"looks like a stroke may be an unannotated stroke. {note}"
    )
    write_page(path, "Labels that may be wrong", about, headings, body)
