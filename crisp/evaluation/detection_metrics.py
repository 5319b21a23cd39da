"""Detection metrics: detected strokes of untrimmed videos against the annotated ones.

If nothing was detected every metric is 0. An undefined metric (recall without annotated strokes,
a class that does not occur) is None, which JSON writes as null.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from crisp.evaluation import metrics
from crisp.study.matching import iou

THRESHOLDS = tuple(percent / 100 for percent in range(50, 100, 5))  # of the IoU

# For each detected stroke the (index, IoU) of its candidate annotated strokes, in their order.
Candidates = Sequence[Sequence[tuple[int, float]]]


class DetectedInterval(NamedTuple):
    """An annotated or detected stroke: frames ``[begin, end)`` of a video.

    `label` is empty if the class is not known. For a detected stroke, `score` is the probability of
    any stroke, used for ranking, and `probability` that of its class.
    """

    video: str
    begin: int
    end: int
    label: str = ""
    score: float = 1.0
    probability: float = 1.0


def detection(
    truth: Sequence[DetectedInterval],
    found: Sequence[DetectedInterval],
    frames: Mapping[str, int],
    classes: Sequence[str],
    negative: str,
) -> dict[str, Any]:
    """Compute all metrics of a detection.

    Parameters
    ----------
    truth, found : sequence of DetectedInterval
        The annotated and detected strokes of all videos; the order of detected strokes matters in
        `campaign` only.
    frames : mapping of str to int
        Number of frames of every video.
    classes : sequence of str
        The N class names.
    negative : str
        The class of frames outside strokes.

    Returns
    -------
    dict
        Ready for JSON: `strokes` and `detections` (counts), `frames`, the metrics of `frame_figures`,
        `campaign` and `ranked`, and `classes`.
    """
    return {
        "strokes": len(truth),
        "detections": len(found),
        "frames": sum(frames.values()),
        **frame_figures(truth, found, frames, classes, negative),
        "campaign_map": campaign(truth, found),
        "campaign_map_one_to_one": campaign(truth, found, one_to_one=True),
        **ranked(truth, found, [name for name in classes if name != negative]),
        "classes": list(classes),
    }


def frame_figures(
    truth: Iterable[DetectedInterval],
    found: Iterable[DetectedInterval],
    frames: Mapping[str, int],
    classes: Sequence[str],
    negative: str,
) -> dict[str, Any]:
    """Compute per-frame metrics over all videos.

    Parameters
    ----------
    truth, found, frames, classes, negative
        As for `detection`; in both sequences later strokes overwrite earlier ones.

    Returns
    -------
    dict
        `global_iou`: frames in both an annotated and a detected stroke over frames in either; None if there
        are none. `everywhere`: its value if every frame were detected as a stroke, i.e. the share
        of stroke frames. `frame_confusion`: counts (N, N), rows = annotated class, of the frames with a
        known class.
    """
    actual = _painted(truth, frames, classes, negative)
    chosen = _painted(found, frames, classes, negative)
    rest = list(classes).index(negative)
    both = int(((actual != rest) & (chosen != rest)).sum())
    either = int(((actual != rest) | (chosen != rest)).sum())
    known = chosen != metrics.UNKNOWN
    return {
        "global_iou": both / either if either else None,
        "everywhere": float((actual != rest).mean()) if actual.size else None,
        "frame_confusion": metrics.confusion(actual[known], chosen[known], len(classes)).tolist(),
    }


def _painted(
    strokes: Iterable[DetectedInterval], frames: Mapping[str, int], classes: Sequence[str], negative: str
) -> NDArray[np.intp]:
    """Return the class index of every frame of all videos; later strokes overwrite earlier ones."""
    indices = {name: index for index, name in enumerate(classes)}
    videos = {video: np.full(count, indices[negative], np.intp) for video, count in frames.items()}
    for stroke in sorted(strokes, key=lambda stroke: (stroke.begin, stroke.end)):
        videos[stroke.video][stroke.begin : stroke.end] = indices.get(stroke.label, metrics.UNKNOWN)
    return np.concatenate([*videos.values(), np.empty(0, np.intp)])


def campaign(
    truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval], one_to_one: bool = False
) -> float | None:
    """Compute the "mAP" that ranked the MediaEval sport task of 2022; it is not an average precision.

    It is the mean over `THRESHOLDS` of precision x recall, ignoring the class. In the order given, each
    detected stroke matches all unmatched annotated strokes with an overlap of at least the threshold; one
    without a match is false. Scores are not used.

    Parameters
    ----------
    truth, found : sequence of DetectedInterval
    one_to_one : bool
        A detected stroke matches only the annotated one with the largest overlap.

    Returns
    -------
    float or None
        None if nothing is annotated.
    """
    if not truth:
        return None
    candidates = _candidates(truth, found)
    return fmean(_campaign_at(candidates, threshold, len(truth), one_to_one) for threshold in THRESHOLDS)


def _campaign_at(candidates: Candidates, threshold: float, n_truth: int, one_to_one: bool) -> float:
    taken: set[int] = set()
    false = 0
    for each in candidates:
        free = [(overlap, index) for index, overlap in each if overlap >= threshold and index not in taken]
        false += not free
        taken.update(index for _, index in (free if not one_to_one else sorted(free)[-1:]))
    return len(taken) / (len(taken) + false) * len(taken) / n_truth if taken else 0.0


def ranked(
    truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval], classes: Sequence[str]
) -> dict[str, Any]:
    """Compute average precisions at each IoU ("0.50" to "0.95") and their mean ("mean").

    Parameters
    ----------
    truth, found : sequence of DetectedInterval
    classes : sequence of str
        The stroke classes.

    Returns
    -------
    dict
        `average_precision`: ignoring the class. `per_class`: by name, with the numbers of `strokes` and
        `detections`; excludes detected strokes that mostly overlap one of unknown class.
        `mean_average_precision`: mean over the annotated classes.
    """
    known = [stroke for stroke in truth if stroke.label in classes]
    judged = _without_unknown(truth, found, classes)
    per_class = {}
    for name in classes:
        of_class = [[stroke for stroke in strokes if stroke.label == name] for strokes in (known, judged)]
        counts = {"strokes": len(of_class[0]), "detections": len(of_class[1])}
        per_class[name] = {**counts, **_precisions(*of_class)}
    occurring = [figures for figures in per_class.values() if figures["strokes"]]
    keys = _precisions([], [])
    return {
        "average_precision": _precisions(truth, found),
        "mean_average_precision": {
            key: fmean(float(figures[key] or 0) for figures in occurring) if occurring else None
            for key in keys
        },
        "per_class": per_class,
    }


def _without_unknown(
    truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval], classes: Sequence[str]
) -> list[DetectedInterval]:
    """Exclude detected strokes whose largest overlap is with an annotated one of unknown class."""
    if all(stroke.label in classes for stroke in truth):
        return list(found)
    kept = []
    for stroke, each in zip(found, _candidates(truth, found, least=0.0), strict=True):
        nearest = max(each, key=lambda candidate: candidate[1], default=None)
        if nearest is None or truth[nearest[0]].label in classes:
            kept.append(stroke)
    return kept


def _precisions(
    truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval]
) -> dict[str, float | None]:
    candidates = _candidates(truth, found)
    scores = [stroke.score for stroke in found]
    values = [_average_precision(candidates, scores, threshold, len(truth)) for threshold in THRESHOLDS]
    named = {f"{threshold:.2f}": value for threshold, value in zip(THRESHOLDS, values, strict=True)}
    return {**named, "mean": fmean(value or 0.0 for value in values) if truth else None}


def average_precision(
    truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval], threshold: float
) -> float | None:
    """Compute the area under the precision-recall curve, all points interpolated (as PASCAL VOC from 2010).

    From the highest score down, each detected stroke matches the unmatched annotated one with the largest
    overlap, if it reaches the threshold; one without a match is false. Equal scores
    form one point of the curve, so their order does not matter.

    Parameters
    ----------
    truth, found : sequence of DetectedInterval
    threshold : float
        Minimum IoU, one of `THRESHOLDS`.

    Returns
    -------
    float or None
        None if nothing is annotated.
    """
    return _average_precision(
        _candidates(truth, found), [stroke.score for stroke in found], threshold, len(truth)
    )


def _average_precision(
    candidates: Candidates, scores: Sequence[float], threshold: float, n_truth: int
) -> float | None:
    if not n_truth:
        return None
    best = [max((overlap for _, overlap in each), default=0.0) for each in candidates]
    order = np.lexsort((-np.array(best), -np.array(scores, dtype=np.float64)))
    taken: set[int] = set()
    right = np.zeros(len(order))
    for place, chosen in enumerate(order):
        free = [(overlap, i) for i, overlap in candidates[chosen] if overlap >= threshold and i not in taken]
        if free:
            taken.add(max(free)[1])
            right[place] = 1
    last = np.flatnonzero(np.diff(np.asarray(scores)[order], append=np.nan))
    hits = right.cumsum()[last]
    highest = np.maximum.accumulate((hits / (last + 1))[::-1])[::-1]
    return float((np.diff(hits / n_truth, prepend=0) * highest).sum())


def _candidates(
    truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval], least: float = THRESHOLDS[0]
) -> Candidates:
    """Return for each detected stroke the annotated ones of its video that overlap it by at least `least`."""
    by_video: dict[str, list[int]] = defaultdict(list)
    for index, stroke in enumerate(truth):
        by_video[stroke.video].append(index)
    candidates = []
    for stroke in found:
        indices = by_video[stroke.video]
        overlaps = iou(stroke[1:3], [truth[index][1:3] for index in indices])[0]
        each = zip(indices, overlaps.tolist(), strict=True)
        candidates.append([(index, overlap) for index, overlap in each if overlap >= max(least, 1e-9)])
    return candidates
