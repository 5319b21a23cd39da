"""Viewer pages for suspected label errors, and the list that links to them.

A page shows the current annotation file beside out-of-sample predictions, so that it can be
corrected there and put back into the study.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from crisp import __version__
from crisp.core.versions import INDEX, INDEX_OF_PLAYERS
from crisp.core.views import region_of, video_of, view
from crisp.indexing.viewer.review_lists import ReviewPages, by_file, check_folder, write_page
from crisp.preparation import frames
from crisp.report import label_errors
from crisp.report.label_errors import Ranking, Suspect, write_label_errors, write_label_errors_page
from crisp.study.config import Study
from crisp.study.index_file import (
    IndexedModel,
    IndexedPlayer,
    IndexedProbabilities,
    IndexedStroke,
    IndexedVideo,
    IndexFile,
)
from crisp.study.samples import strokes_of
from crisp.study.tables import Annotation

TABLE = "label_errors.tsv"
MOST_POINTS = 4000  # per curve: more than the pixels of a screen


def make_label_error_pages(study: Study, ranking: Ranking, folder: Path, study_file: str) -> ReviewPages:
    """Write the table, the list, and a page for each annotation file with listed samples.

    Parameters
    ----------
    study : Study
    ranking : Ranking
    folder : path-like
        Output folder.
    study_file : str
        Study file, for the instructions on the page.

    Returns
    -------
    ReviewPages

    Raises
    ------
    CrispError
        If the folder holds other files, or an annotation file or stage file is missing or damaged.
    """
    table = folder / TABLE
    check_folder(table)
    write_label_errors(table, ranking.suspects)  # first, as it marks the folder for later calls
    links: dict[str, str] = {}
    warnings: list[str] = []
    listed = {one.sample for one in ranking.suspects[: label_errors.MOST_ROWS]}
    for video in dict.fromkeys(video_of(one.video) for one in ranking.suspects if one.sample in listed):
        of_video = [one for one in ranking.suspects if video_of(one.video) == video]
        for number, (row, suspects) in enumerate(by_file(study, video, of_video).items(), start=1):
            if listed.isdisjoint(one.sample for one in suspects):
                continue
            index = build_index(study, row, suspects, ranking.variant)
            of_page, remarks = write_page(study, folder, index, number, suspects)
            links |= of_page
            warnings += remarks
    page = folder / "index.html"
    note = (
        "Each time links to the sample in the viewer: correct the annotation there, save it, replace the "
        f"study's annotation file with it, and run the study again ({study_file})."
    )
    write_label_errors_page(page, study, ranking, note, links)
    return ReviewPages(page, links, warnings)


def build_index(study: Study, row: Annotation, suspects: Sequence[Suspect], variant: str) -> IndexFile:
    """Return the viewer data of an annotation file and the predictions of its samples.

    A stroke predicted as negative is listed among the model's strokes, with the negative class; a
    correctly predicted negative is not.

    Parameters
    ----------
    study : Study
    row : Annotation
        The annotation file.
    suspects : sequence of Suspect
        Ranked samples of the file.
    variant : str
        Name of the variant that predicted them.

    Returns
    -------
    IndexFile

    Raises
    ------
    CrispError
        If the annotation file or the video's stage file is missing or damaged.
    """
    path, video = study.annotation_file(row), study.videos[row.video]
    step = video.frame_step
    source = frames.described(study.stage_file(row.video, "frames"))
    truth = sorted(strokes_of(study, row, {}))
    strokes = [one for one in suspects if one.kind == "stroke"]
    warnings = []
    if len(strokes) < len(truth):
        warnings.append(
            f"{len(truth) - len(strokes)} of the {len(truth)} annotated strokes have no prediction: "
            "their class is unknown, or all models were trained or validated on them"
        )

    def curves(of_one: str) -> IndexedProbabilities:
        samples = [one for one in suspects if one.video == of_one]
        return _curves(samples, study.classes, step, source.decoded)

    players = tuple(
        IndexedPlayer(name=name, box=box, probabilities=curves(view(row.video, name)))
        for name, box in video.boxes.items()
    )
    return IndexFile(
        schema=INDEX_OF_PLAYERS if players else INDEX,
        crisp=__version__,
        video=IndexedVideo.of(row.video, study.source(row.video), source),
        model=IndexedModel(variant=variant, classes=study.classes, negative=study.negative_class),
        strokes=_predicted(study, suspects, step, source.decoded),
        truth=tuple(truth),
        annotations=str(path.absolute()),
        probabilities=None if players else curves(row.video),
        players=players,
        warnings=warnings,
    )


def _predicted(study: Study, suspects: Sequence[Suspect], step: int, count: int) -> tuple[IndexedStroke, ...]:
    """Return the predictions of samples as strokes, without correctly predicted negatives."""
    return tuple(
        IndexedStroke(
            begin=one.begin * step,
            end=min(one.end * step, count),
            label=one.predicted,
            player=region_of(one.video),
            probability=max(one.probabilities),
            score=1 - shares.get(study.negative_class, 0.0),
            scores=shares,
        )
        for one in sorted(suspects, key=lambda one: one.begin)
        for shares in [dict(zip(study.classes, one.probabilities, strict=True))]
        if one.kind == "stroke" or one.predicted != study.negative_class
    )


def _curves(
    suspects: Sequence[Suspect], classes: Sequence[str], step: int, count: int
) -> IndexedProbabilities:
    """Return per-frame class probabilities of the samples, 0 in other frames, for the viewer."""
    stride = max(1, -(-count // MOST_POINTS))
    values = np.zeros((-(-count // stride), len(classes)))
    for one in suspects:
        values[-(-one.begin * step // stride) : -(-one.end * step // stride)] = one.probabilities
    return IndexedProbabilities(stride=stride, first=0, classes=classes, values=values.round(3).tolist())
