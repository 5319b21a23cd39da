"""Unlabelled samples: strokes of unknown class, and stretches of videos without annotation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from crisp.study.annotations import is_unknown
from crisp.study.config import Study
from crisp.study.samples import UNKNOWN, Sample, annotated


def unlabelled_samples(study: Study, frames: Mapping[str, int], samples: Iterable[Sample]) -> list[Sample]:
    """Return what could be labelled, by view and time.

    Strokes annotated as ``Unknown`` keep their bounds. A video without annotation, or with an empty one if no
    class is negative, is divided into stretches of about the length of a stroke; it is one stretch if it is
    shorter than two strokes.

    Parameters
    ----------
    study : Study
    frames : mapping of str to int
        Number of working frames of each view.
    samples : iterable of Sample
        From `crisp.study.samples.collect_samples`.

    Returns
    -------
    list of Sample

    Raises
    ------
    CrispError
        If an annotation file is invalid.
    """
    own: dict[str, list[Sample]] = {view: [] for view in study.views}
    for one in samples:
        own[one.video].append(one)
    seconds = _stroke_seconds(study, own)
    found = []
    for view, row in study.views.items():
        if own[view]:
            found += [one for one in own[view] if is_unknown(one.label)]
        elif _is_unannotated(study, row.video):
            found += _stretches(view, frames[view], max(1, round(seconds * row.working_fps)))
    return found


def _stroke_seconds(study: Study, samples: Mapping[str, Sequence[Sample]]) -> float:
    """Return the median length of the labelled strokes, s, or that of a detected block if there are none."""
    lengths = [
        (one.end - one.begin) / study.views[view].working_fps
        for view, own in samples.items()
        for one in own
        if one.kind == "stroke" and one.label in study.classes
    ]
    return median(lengths) if lengths else study.detection.block


def _is_unannotated(study: Study, video: str) -> bool:
    """Return whether nothing is known of a video: an empty annotation says that all of it is negative."""
    if all(row.video != video for row in study.annotations):
        return True
    views = study.videos[video].views
    return study.negative_class not in study.classes and not any(annotated(study, view) for view in views)


def _stretches(view: str, count: int, length: int) -> list[Sample]:
    """Divide a view evenly into stretches of `length` frames or more; one if it is shorter."""
    bounds = np.linspace(0, count, max(1, count // length) + 1).round().astype(int).tolist()
    return [
        Sample(view, begin, end, UNKNOWN, "stroke", f"{view}:{begin}-{end}")
        for begin, end in pairwise(bounds)
    ]
