"""Viewer pages for the disagreements of annotators: the labels to correct, and another one's strokes below.

A page shows the labels of a video as its annotation and the strokes of one annotator in place of a model's,
so that either is taken with one click. The curves show what share of the annotators gives each class.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crisp import __version__
from crisp.core.errors import CrispError
from crisp.core.versions import INDEX, INDEX_OF_PLAYERS
from crisp.core.views import region_of, video_of
from crisp.core.words import counted, few
from crisp.indexing.viewer import make_viewer
from crisp.indexing.viewer.label_error_pages import MOST_POINTS
from crisp.preparation import frames
from crisp.report.agreement.annotated import AnnotatedView
from crisp.report.agreement.comparison import Agreement, frame_ratings
from crisp.report.agreement.disagreements import Disagreement
from crisp.report.agreement.page import MOST_ROWS
from crisp.study.annotations import Stroke
from crisp.study.config import Study
from crisp.study.index_file import (
    IndexedModel,
    IndexedPlayer,
    IndexedProbabilities,
    IndexedStroke,
    IndexedVideo,
    IndexFile,
    write_index,
)
from crisp.study.matching import Group, iou, middle
from crisp.study.players import view_of
from crisp.study.samples import UNKNOWN, strokes_of
from crisp.study.tables import Annotation


class DisagreementPages(NamedTuple):
    """The relative URL of each listed disagreement, by rank, and warnings."""

    links: dict[int, str]
    warnings: list[str]


def make_disagreement_pages(
    study: Study, agreement: Agreement, disagreements: Sequence[Disagreement], folder: Path
) -> DisagreementPages:
    """Write a page for each prepared video with listed disagreements and each annotator who differs there.

    Parameters
    ----------
    study : Study
    agreement : Agreement
    disagreements : sequence of Disagreement
    folder : Path
        Output folder.

    Returns
    -------
    DisagreementPages

    Raises
    ------
    CrispError
        If an annotation file or a stage file is missing or damaged.
    """
    views: dict[str, list[tuple[AnnotatedView, list[Group]]]] = {}
    for view, groups in agreement.groups:
        views.setdefault(video_of(view.name), []).append((view, groups))
    listed = disagreements[:MOST_ROWS]
    links: dict[int, str] = {}
    warnings: list[str] = []
    unprepared: dict[str, None] = {}
    for video in dict.fromkeys(video_of(one.video) for one in listed):
        if not study.stage_file(video, "frames").exists():
            unprepared[video] = None
            continue
        row, shown = _labels(study, video)
        names = list(views[video][0][0].strokes)
        strokes = strokes_of(study, row, {})
        of_view = {view.name: _in_view(study, view.name, strokes) for view, _ in views[video]}
        wanted: dict[str, list[Disagreement]] = {}
        for one in (one for one in listed if video_of(one.video) == video):
            others = [name for name in names if name != shown]
            name = _other(one, others, of_view[one.video], agreement.iou)
            wanted.setdefault(name, []).append(one)
        for name, found in wanted.items():
            path = folder / f"{video}.{names.index(name) + 1}.json"
            write_index(path, build_index(study, row, views[video], name))
            result = make_viewer(path, path.with_suffix(".html"))
            warnings += result.warnings
            links |= {one.rank: f"{result.page.name}{_place(one)}" for one in found}
    if unprepared:
        count = counted(len(unprepared), "video")
        warnings.append(f"no pages of {count}: prepare them with crisp run ({few(list(unprepared), 5)})")
    return DisagreementPages(links, warnings)


def _labels(study: Study, video: str) -> tuple[Annotation, str]:
    """Return the row whose strokes are to be corrected, and whose it is: nobody's if they are merged."""
    try:
        rows = study.annotations
    except CrispError:  # no rule merges them: those of the first by rank
        rows = study.annotator_rows
    own = [row for row in rows if row.video == video and row.task == study.task]
    first = study.merging.ranked(row.annotator for row in own)[0]
    row = next(row for row in own if row.annotator == first)
    return row, first


def _in_view(study: Study, view: str, strokes: Sequence[Stroke]) -> list[Stroke]:
    return [stroke for stroke in strokes if view_of(stroke, study.video(view)) == view]


def _other(one: Disagreement, names: Sequence[str], labels: Sequence[Stroke], least: float) -> str:
    """Return the annotator who deviates most from the labels, the first of several."""
    near = [label for label in labels if iou(label[:2], (one.begin, one.end))[0, 0] >= least]
    label = max(near, key=lambda label: float(iou(label[:2], (one.begin, one.end))[0, 0]), default=None)
    return max(names, key=lambda name: _deviation(one.strokes[name], label))


def _deviation(stroke: Stroke | None, label: Stroke | None) -> float:
    """Return 2 if only one of both has the stroke, 1 for another class, or less the more bounds overlap."""
    if stroke is None or label is None:
        return 0.0 if stroke is label else 2.0
    return 1.0 if stroke.label != label.label else 1 - float(iou(stroke[:2], label[:2])[0, 0])


def _place(one: Disagreement) -> str:
    """Return the fragment of a disagreement's URL."""
    player = region_of(one.video)
    return f"#frame={one.begin}" + (f"&player={player}" if player else "")


def build_index(
    study: Study, row: Annotation, views: Sequence[tuple[AnnotatedView, Sequence[Group]]], name: str
) -> IndexFile:
    """Return the viewer data of the labels of a video, and of an annotator's strokes.

    Parameters
    ----------
    study : Study
    row : Annotation
        The labels.
    views : sequence of (AnnotatedView, groups)
        The video, or each of its regions.
    name : str
        The annotator.

    Returns
    -------
    IndexFile

    Raises
    ------
    CrispError
        If an annotation file or the video's stage file is missing or damaged.
    """
    source = frames.described(study.stage_file(row.video, "frames"))
    of_all = {stroke.label for view, _ in views for own in view.strokes.values() for stroke in own}
    others = sorted(of_all - {*study.classes, ""})
    classes = [*study.classes, *others, *[UNKNOWN] * ("" in of_all)]
    curves = {view.name: _shares(view, classes, study.negative_class, source.decoded) for view, _ in views}
    players = tuple(
        IndexedPlayer(name=region, box=box, probabilities=curves[f"{row.video}@{region}"])
        for region, box in study.videos[row.video].boxes.items()
    )
    path = study.annotation_file(row)
    return IndexFile(
        schema=INDEX_OF_PLAYERS if players else INDEX,
        crisp=__version__,
        video=IndexedVideo.of(row.video, study.source(row.video), source),
        model=IndexedModel(variant=name, classes=classes, negative=study.negative_class),
        strokes=tuple(
            _indexed(group[name], group, view, classes)
            for view, groups in views
            for group in sorted(groups, key=middle)
            if name in group
        ),
        truth=tuple(sorted(strokes_of(study, row, {}))),
        annotations=str(path.absolute()),
        probabilities=None if players else curves[row.video],
        players=players,
        warnings=[
            f"strokes of {name} are shown as those of the model, shares of annotators as probabilities"
        ],
    )


def _indexed(stroke: Stroke, group: Group, view: AnnotatedView, classes: Sequence[str]) -> IndexedStroke:
    """Return an annotator's stroke; its scores are the shares of annotators who give each class."""
    labels = [one.label or UNKNOWN for one in group.values()]
    scores = {label: round(labels.count(label) / len(view.strokes), 3) for label in classes}
    label = stroke.label or UNKNOWN
    return IndexedStroke(
        begin=stroke.begin,
        end=stroke.end,
        label=label,
        player=region_of(view.name),
        probability=scores[label],
        score=round(len(group) / len(view.strokes), 3),
        scores=scores,
    )


def _shares(view: AnnotatedView, classes: Sequence[str], negative: str, count: int) -> IndexedProbabilities:
    """Return the share of annotators who give each class to frames; to no stroke, the negative class."""
    known = [name for name in classes if name not in (negative, UNKNOWN)]
    ratings, weights = frame_ratings(view, known)
    columns = {0: negative, -1: UNKNOWN, **dict(enumerate(known, start=1))}
    shares = np.zeros((len(weights), len(classes)))
    for rating, name in columns.items():
        if name in classes:
            shares[:, classes.index(name)] = (ratings == rating).mean(axis=1)
    stride = max(1, -(-count // MOST_POINTS))
    runs = np.searchsorted(np.cumsum(weights), np.arange(0, min(count, view.frames), stride), side="right")
    return IndexedProbabilities(
        stride=stride, first=0, classes=classes, values=shares[runs].round(3).tolist()
    )
