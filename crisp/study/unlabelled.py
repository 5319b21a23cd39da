"""Unlabelled samples: strokes of unknown class, and stretches of videos in which nothing is annotated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from crisp.study.annotations import is_unknown
from crisp.study.config import Study
from crisp.study.samples import UNKNOWN, Sample, annotated, gaps


def is_labelled(study: Study, sample: Sample) -> bool:
    """Return whether a sample has one of the classes of its study."""
    return sample.label in study.classes


def unlabelled_samples(study: Study, frames: Mapping[str, int], samples: Sequence[Sample]) -> list[Sample]:
    """Return what could be labelled, by view and time.

    Strokes annotated as ``Unknown`` keep their bounds. What is not annotated is divided into stretches of
    about the length of a stroke; a video shorter than two strokes is one. It is

    - a video without annotation,
    - a video with an empty annotation, if no class is negative,
    - the gaps between the strokes, if a class is negative but none are cut from the gaps (`negatives.share`
      0).

    In all other studies gaps are taken as negatives, or hold nothing to label.

    Parameters
    ----------
    study : Study
    frames : mapping of str to int
        Number of working frames of each view.
    samples : sequence of Sample
        From `crisp.study.samples.collect_samples`.

    Returns
    -------
    list of Sample
        Of label `UNKNOWN`.

    Raises
    ------
    CrispError
        If an annotation file is invalid.
    """
    seconds = stroke_seconds(study, samples)
    found = []
    for view, row in study.views.items():
        own = [one for one in samples if one.video == view]
        found += [one for one in own if not one.label or is_unknown(one.label)]
        length = max(1, round(seconds * row.working_fps))
        for begin, end in _open(study, view, frames[view], own):
            if end - begin >= length or end - begin == frames[view]:
                found += _stretches(view, begin, end, length)
    return sorted(found, key=lambda one: (list(study.views).index(one.video), one.begin))


def stroke_seconds(study: Study, samples: Iterable[Sample]) -> float:
    """Return the median length of the labelled strokes, s, or that of a detected block if there are none."""
    lengths = [
        (one.end - one.begin) / study.video(one.video).working_fps
        for one in samples
        if one.kind == "stroke" and is_labelled(study, one)
    ]
    return median(lengths) if lengths else study.detection.block


def _open(study: Study, view: str, count: int, own: Sequence[Sample]) -> list[tuple[int, int]]:
    """Return the frames of a view of which nothing is known."""
    rows = [row for row in study.annotations if row.video == study.video(view).video]
    strokes = annotated(study, view)
    if not rows or (study.negative_class in study.classes and not study.negative_share):
        return gaps(sorted((one.begin, one.end) for one in (*strokes, *own)), count)
    empty = study.negative_class not in study.classes and not any(
        annotated(study, other) for other in study.video(view).views
    )
    return [(0, count)] if empty else []


def _stretches(view: str, begin: int, end: int, length: int) -> list[Sample]:
    """Divide ``[begin, end)`` evenly into stretches of `length` frames or more; one if it is shorter."""
    bounds = np.linspace(begin, end, max(1, (end - begin) // length) + 1).round().astype(int).tolist()
    return [
        Sample(view, first, last, UNKNOWN, "stroke", f"{view}:{first}-{last}")
        for first, last in pairwise(bounds)
    ]
