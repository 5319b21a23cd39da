"""How far annotators agree: in frames, strokes, bounds and classes, and each with the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crisp.core.views import video_of
from crisp.report.agreement.annotated import Annotated, AnnotatedView
from crisp.report.agreement.coefficients import (
    MISSING,
    Tally,
    alpha,
    interval,
    kappa,
    tally_pair,
    tally_units,
)
from crisp.study.annotations import Stroke
from crisp.study.matching import Group, group_strokes, match_intervals


class Coefficient(NamedTuple):
    """Agreement beyond chance: its value and 95 % interval, and the share of agreeing pairs of ratings.

    None where it is not defined: no units, or all in one category. `units` is the number of frames or strokes
    of a pair, or of ratings of them.
    """

    value: float | None
    interval: list[float] | None
    agreed: float | None
    units: float


class Spread(NamedTuple):
    """The 5th percentile, median and 95th percentile of differences, in the unit of the comparison."""

    low: float
    middle: float
    high: float


class Pair(NamedTuple):
    """Agreement of two annotators in the videos of both.

    `matched` counts the strokes of both, `found` is their share, 2 * matched / (strokes of both); `frames`
    and `classes` are Cohen's kappa of the frames and of the matched strokes; `begin` and `end` say how much
    later the second one's bounds are.
    """

    first: str
    second: str
    videos: int
    strokes: tuple[int, int]
    matched: int
    found: float | None
    frames: Coefficient
    classes: Coefficient
    begin: Spread | None
    end: Spread | None


class Person(NamedTuple):
    """How far an annotator deviates from the others of the same videos.

    `missed` of the `expected` strokes that more than half of the others have, `alone` of the own `strokes`
    that nobody else has, `other_class` of the `labelled` ones for which most of the others give one class;
    `begin` and `end` say how much later the bounds are than the median of the others.
    """

    name: str
    videos: int
    strokes: int
    expected: int
    missed: int
    alone: int
    labelled: int
    other_class: int
    begin: Spread | None
    end: Spread | None


class ClassAgreement(NamedTuple):
    """Agreement in a class, over all pairs of annotators.

    `pairs` counts the pairs of an annotated stroke of the class with another annotator; in `missed` of them
    the other has no such stroke, in `same` the same class. `confused` is the class given most often instead,
    in `confusions` of them; empty if none.
    """

    name: str
    pairs: int
    missed: int
    same: int
    confused: str
    confusions: int


class Agreement(NamedTuple):
    """The comparison of annotators.

    `fleiss` and `alpha` are of all annotators, by ``frames`` and ``strokes``; `confusion` (K, K) counts the
    pairs of annotators of one stroke by their classes, each in both orders. `groups` are the strokes of each
    view.
    """

    iou: float
    unit: str
    videos: int
    fleiss: dict[str, Coefficient]
    alpha: dict[str, Coefficient]
    pairs: list[Pair]
    people: list[Person]
    classes: list[ClassAgreement]
    confusion: NDArray[np.int64]
    groups: list[tuple[AnnotatedView, list[Group]]]


def compare_annotators(annotated: Annotated, least: float) -> Agreement:
    """Compare annotators.

    Parameters
    ----------
    annotated : Annotated
    least : float
        Smallest temporal intersection over union of the same stroke.

    Returns
    -------
    Agreement
    """
    groups = [(view, group_strokes(view.strokes, least)) for view in annotated.views]
    units = {"frames": [(view, *frame_ratings(view, annotated.classes)) for view in annotated.views]}
    units["strokes"] = [(view, *_stroke_ratings(view, of, annotated)) for view, of in groups]
    confusion = _confusion(groups, annotated.classes)
    return Agreement(
        least,
        annotated.unit,
        len({video_of(view.name) for view in annotated.views}),
        {of: _of_all(ratings, annotated, complete=True) for of, ratings in units.items()},
        {of: _of_all(ratings, annotated, complete=False) for of, ratings in units.items()},
        [_pair(annotated, one, other, least) for one, other in combinations(annotated.annotators, 2)],
        [_person(annotated, name, groups) for name in annotated.annotators],
        _classes(groups, annotated.classes, confusion),
        confusion,
        groups,
    )


Ratings = tuple[NDArray[np.intp], NDArray[np.float64]]


def frame_ratings(view: AnnotatedView, classes: Sequence[str]) -> Ratings:
    """Return what each annotator says of the frames of a view, as runs of frames of which all say the same.

    Parameters
    ----------
    view : AnnotatedView
    classes : sequence of str
        The K classes.

    Returns
    -------
    ratings : ndarray, (n, R)
        Of the annotators in order, 0 = no stroke, 1 to K = class, -1 = a stroke of unknown class; of
        overlapping strokes of one annotator the later.
    weights : ndarray, (n,)
        Number of frames.
    """
    number = {name: index for index, name in enumerate(["", *classes])}
    bounds = {bound for own in view.strokes.values() for stroke in own for bound in stroke[:2]}
    edges = np.array(sorted({0, view.frames} | bounds))
    ratings = np.zeros((len(edges) - 1, len(view.strokes)), np.intp)
    for column, own in enumerate(view.strokes.values()):
        runs = np.searchsorted(edges, [stroke[:2] for stroke in own] or np.empty((0, 2)))
        for stroke, (begin, end) in zip(own, runs, strict=True):
            ratings[begin:end, column] = number[stroke.label] or MISSING
    return ratings, np.diff(edges).astype(float)


def _stroke_ratings(view: AnnotatedView, groups: Sequence[Group], annotated: Annotated) -> Ratings:
    number = {name: index for index, name in enumerate(annotated.classes)}
    ratings = np.full((len(groups), len(view.strokes)), MISSING, np.intp)
    columns = {name: column for column, name in enumerate(view.strokes)}
    for row, group in enumerate(groups):
        for name, stroke in group.items():
            ratings[row, columns[name]] = number.get(stroke.label, MISSING)
    return ratings, np.ones(len(groups))


def _of_all(
    units: Iterable[tuple[AnnotatedView, NDArray[np.intp], NDArray[np.float64]]],
    annotated: Annotated,
    complete: bool,
) -> Coefficient:
    """Return Fleiss' kappa of the views of all annotators, or Krippendorff's alpha of all views."""
    categories = len(annotated.classes) + 1
    tallies = [
        (view, tally_units(ratings, categories, weights, complete))
        for view, ratings, weights in units
        if not complete or len(view.strokes) == len(annotated.annotators)
    ]
    return _coefficient(tallies, corrected=not complete)


def _coefficient(tallies: Sequence[tuple[AnnotatedView, Tally]], corrected: bool = False) -> Coefficient:
    """Return the coefficient of views, with the interval over their videos."""
    of_video: dict[str, Tally] = {}
    for view, tally in tallies:
        video = video_of(view.name)
        known = of_video.get(video)
        of_video[video] = tally if known is None else _joined([known, tally]).total
    if not of_video:
        return Coefficient(None, None, None, 0)
    every = _joined(list(of_video.values()))
    total = every.total
    value, pairs = float((alpha if corrected else kappa)(total)[0]), float(total.pairs[0])
    return Coefficient(
        value if np.isfinite(value) else None,
        interval(every, corrected),
        float(total.agreed[0]) / pairs if pairs else None,
        pairs,
    )


def _joined(tallies: Sequence[Tally]) -> Tally:
    parts = zip(*((one.agreed, one.first, one.second) for one in tallies), strict=True)
    return Tally(*(np.concatenate(part) for part in parts))


def _pair(annotated: Annotated, one: str, other: str, least: float) -> Pair:
    """Compare two annotators, whose strokes are matched without regard to the others'."""
    common = [view for view in annotated.views if one in view.strokes and other in view.strokes]
    number = {name: index for index, name in enumerate(annotated.classes)}
    categories = len(annotated.classes) + 1
    frames, classes, begins, ends = [], [], list[float](), list[float]()
    for view in common:
        a, b = view.strokes[one], view.strokes[other]
        two = AnnotatedView(view.name, view.frames, {one: a, other: b})
        ratings, weights = frame_ratings(two, annotated.classes)
        frames.append((view, tally_pair(ratings[:, 0], ratings[:, 1], categories, weights)))
        pairs = [(a[i], b[j]) for i, j in match_intervals([s[:2] for s in a], [s[:2] for s in b], least)]
        labels = [[number.get(pair[side].label, MISSING) for pair in pairs] for side in (0, 1)]
        classes.append((view, tally_pair(labels[0], labels[1], categories)))
        begins += [view.delay(later.begin, stroke.begin, annotated.unit) for stroke, later in pairs]
        ends += [view.delay(later.end, stroke.end, annotated.unit) for stroke, later in pairs]
    counts = tuple(sum(len(view.strokes[name]) for view in common) for name in (one, other))
    return Pair(
        one,
        other,
        len({video_of(view.name) for view in common}),
        (counts[0], counts[1]),
        len(begins),
        2 * len(begins) / sum(counts) if sum(counts) else None,
        _coefficient(frames),
        _coefficient(classes),
        spread(begins),
        spread(ends),
    )


def spread(differences: Sequence[float]) -> Spread | None:
    """Return the percentiles of differences, with three decimals; None if there are none."""
    if not differences:
        return None
    low, middle, high = np.percentile(differences, [5, 50, 95]).round(3).tolist()
    return Spread(low, middle, high)


def _person(annotated: Annotated, name: str, groups: Sequence[tuple[AnnotatedView, list[Group]]]) -> Person:
    counts: Counter[str] = Counter()
    begins, ends = list[float](), list[float]()
    own = [(view, of) for view, of in groups if name in view.strokes]
    for view, of in own:
        for group in of:
            others = [stroke for who, stroke in group.items() if who != name]
            mine = group.get(name)
            expected = 2 * len(others) > len(view.strokes) - 1
            counts["expected"] += expected
            counts["missed"] += expected and mine is None
            if mine is None:
                continue
            counts["strokes"] += 1
            counts["alone"] += not others
            label = _most(others)
            counts["labelled"] += bool(label and mine.label)
            counts["other_class"] += bool(label and mine.label) and label != mine.label
            if others:
                begin, end = median(one.begin for one in others), median(one.end for one in others)
                begins.append(view.delay(mine.begin, begin, annotated.unit))
                ends.append(view.delay(mine.end, end, annotated.unit))
    return Person(
        name,
        len({video_of(view.name) for view, _ in own}),
        counts["strokes"],
        counts["expected"],
        counts["missed"],
        counts["alone"],
        counts["labelled"],
        counts["other_class"],
        spread(begins),
        spread(ends),
    )


def _most(strokes: Iterable[Stroke]) -> str:
    """Return the class that more annotators give than any other; empty if there is none."""
    ranked = Counter(stroke.label for stroke in strokes if stroke.label).most_common(2)
    return ranked[0][0] if len(ranked) == 1 or (ranked and ranked[0][1] > ranked[1][1]) else ""


def _confusion(
    groups: Iterable[tuple[AnnotatedView, list[Group]]], classes: Sequence[str]
) -> NDArray[np.int64]:
    number = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), np.int64)
    for _, of in groups:
        for group in of:
            for one, other in combinations([stroke.label for stroke in group.values() if stroke.label], 2):
                counts[number[one], number[other]] += 1
                counts[number[other], number[one]] += 1
    return counts


def _classes(
    groups: Iterable[tuple[AnnotatedView, list[Group]]], classes: Sequence[str], confusion: NDArray[np.int64]
) -> list[ClassAgreement]:
    missed: Counter[str] = Counter()
    for view, of in groups:
        for group in of:
            for stroke in group.values():
                missed[stroke.label] += len(view.strokes) - len(group)
    found = []
    for index, name in enumerate(classes):
        others = np.where(np.arange(len(classes)) == index, 0, confusion[index])
        most = int(others.argmax())
        found.append(
            ClassAgreement(
                name,
                int(confusion[index].sum()) + missed[name],
                missed[name],
                int(confusion[index, index]),
                classes[most] if others[most] else "",
                int(others[most]),
            )
        )
    return found
