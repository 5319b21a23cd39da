"""Suggestions: the unlabelled samples of a study whose labels would help most, and the list of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min

from crisp.core import stage_files
from crisp.core.csv_table import write_table
from crisp.core.errors import fail
from crisp.core.html_table import Cells, Link, write_page
from crisp.core.words import counted
from crisp.evaluation.baselines import Features, simple_classifier
from crisp.evaluation.committee import committee_probabilities
from crisp.evaluation.selection import choose, margin_uncertainty, standardise
from crisp.study.config import Study
from crisp.study.samples import Sample, collect_samples
from crisp.study.unlabelled import unlabelled_samples


class Suggestion(NamedTuple):
    """A row of ``suggestions.tsv``: frames ``[begin, end)`` of the volume, to be labelled.

    `guess` is the most probable class and `uncertainty` one minus its lead over the second, empty and None
    without a classifier; `distance` is that of the features from the nearest labelled sample, in deviations,
    None without one. `probabilities` (N,), by class, are not a column.
    """

    rank: int
    sample: str
    video: str
    begin: int
    end: int
    guess: str
    uncertainty: float | None
    distance: float | None
    probabilities: tuple[float, ...]


class Suggestions(NamedTuple):
    """The suggestions, the first first; `by` is the classifier, empty if there is none.

    `pool` holds all unlabelled samples, of which they are some; `labelled` counts the labelled ones.
    """

    suggestions: list[Suggestion]
    by: str
    pool: list[Sample]
    labelled: int

    @property
    def scope(self) -> str:
        """Describe what is suggested, and from what."""
        text = (
            f"{len(self.suggestions)} of {counted(len(self.pool), 'unlabelled sample')} to label next; "
            f"labelled so far: {self.labelled}"
        )
        if self.by:
            return f"{text}; classifier: {self.by}"
        return f"{text}; no classifier, as labels of fewer than two classes are known"


def suggest_samples(study: Study, number: int, variant: str = "", device: str = "auto") -> Suggestions:
    """Choose the unlabelled samples to label next.

    The features are those of the study's simple classifier (`crisp.evaluation.baselines`), which is fitted
    on all labelled samples; `crisp.evaluation.selection` chooses.

    Parameters
    ----------
    study : Study
        With the stage files of its videos.
    number : int
        Samples to choose; all if there are fewer.
    variant : str
        Variant whose trained models are used instead of the simple classifier.
    device : str
        Of the trained models: ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.

    Returns
    -------
    Suggestions

    Raises
    ------
    CrispError
        If everything is labelled, there is no such variant, or a stage file, an annotation file or a model is
        missing or damaged.
    """
    network = study.variant(variant) if variant else None
    counts = {view: stage_files.frame_count(study.stage_file(view, "frames")) for view in study.views}
    samples = collect_samples(study, counts)
    labelled = [one for one in samples if one.label in study.classes]
    pool = unlabelled_samples(study, counts, samples)
    if not pool:
        raise fail(
            study.annotations_table,
            "nothing to label",
            "a video without annotation, or strokes annotated as Unknown",
            f"{counted(len(study.used), 'video')}, {counted(len(labelled), 'labelled sample')}",
            "add rows of new videos to the table of videos, none of annotations; crisp scan and crisp run",
        )
    features = simple_classifier(study).features(study, [*labelled, *pool])
    if network:
        by = network.name
        probabilities = committee_probabilities(study, network, pool, device)
    else:
        by = simple_classifier(study).name
        probabilities = _simple_probabilities(study, features, labelled, pool)
    known = len(probabilities) > 0
    uncertainty = margin_uncertainty(probabilities) if known else None
    spread = standardise([features[one.sample] for one in (*labelled, *pool)])
    of_labelled, of_pool = spread[: len(labelled)], spread[len(labelled) :]
    chosen = choose(of_pool, number, uncertainty)
    distances = pairwise_distances_argmin_min(of_pool[chosen], of_labelled)[1] if labelled else None
    suggestions = [
        Suggestion(
            rank=place + 1,
            sample=pool[index].sample,
            video=pool[index].video,
            begin=pool[index].begin,
            end=pool[index].end,
            guess=study.classes[int(probabilities[index].argmax())] if known else "",
            uncertainty=None if uncertainty is None else round(float(uncertainty[index]), 6),
            distance=None if distances is None else round(float(distances[place]), 6),
            probabilities=tuple(probabilities[index].round(6).tolist()) if known else (),
        )
        for place, index in enumerate(chosen.tolist())
    ]
    return Suggestions(suggestions, by if known else "", pool, len(labelled))


def _simple_probabilities(
    study: Study, features: Features, labelled: Sequence[Sample], pool: Sequence[Sample]
) -> NDArray[np.float64]:
    """Return the probabilities (n, N) of a simple classifier; none if fewer than two classes are labelled."""
    labels = np.array([study.classes.index(one.label) for one in labelled], dtype=np.intp)
    if len(set(labels.tolist())) < 2:
        return np.zeros((0, len(study.classes)))
    values = np.array([features[one.sample] for one in labelled])
    model = simple_classifier(study).fit((values, labels), (values[:0], labels[:0]))
    found = np.zeros((len(pool), len(study.classes)))
    found[:, model.classes_] = model.predict_proba(np.array([features[one.sample] for one in pool]))
    return found


def write_suggestions(path: str | Path, suggestions: Iterable[Suggestion]) -> None:
    """Write ``suggestions.tsv``."""
    write_table(path, Suggestion._fields[:-1], (one[:-1] for one in suggestions))


def suggestion_rows(study: Study, found: Suggestions) -> list[list[str]]:
    """Return the cells of each suggestion under `HEADINGS`."""
    return [
        [
            str(one.rank),
            one.video,
            f"{one.begin / study.video(one.video).working_fps:.2f} s",
            f"{one.begin} to {one.end}",
            one.guess or "–",
            "–" if one.uncertainty is None else f"{one.uncertainty:.3f}",
            "–" if one.distance is None else f"{one.distance:.2f}",
        ]
        for one in found.suggestions
    ]


HEADINGS = ("Rank", "Video", "Time", "Frames", "Guess", "Uncertainty", "Distance")


def write_suggestions_page(
    path: str | Path, study: Study, found: Suggestions, note: str, links: Mapping[str, str]
) -> None:
    """Write the suggestions as an HTML page.

    Parameters
    ----------
    path : path-like
        Page to write.
    study : Study
    found : Suggestions
    note : str
        How to label them.
    links : mapping
        URL of the viewer page of each sample.

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    about = (
        f"{found.scope}. Uncertainty is 1 if the two most probable classes are equally probable, 0 if the "
        "classifier is certain. Distance is that of the features from the nearest labelled sample, in "
        f"deviations. {note}"
    )
    body: list[Cells] = [
        [*cells[:2], Link(cells[2], links[one.sample]), *cells[3:]]
        for one, cells in zip(found.suggestions, suggestion_rows(study, found), strict=True)
    ]
    write_page(path, "What to label next", about, HEADINGS, body)
