"""Viewer pages to label suggested samples, and the list that links to them.

A page shows all unlabelled samples of a video as strokes of the class ``Unknown``, so that those that are
not labelled remain unlabelled: gaps between strokes would be taken as negatives.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crisp import __version__
from crisp.core.versions import INDEX, INDEX_OF_PLAYERS
from crisp.core.views import region_of, video_of
from crisp.indexing.viewer.review_lists import ReviewPages, by_file, check_folder, write_page
from crisp.preparation import frames
from crisp.report.suggestions import Suggestion, Suggestions, write_suggestions, write_suggestions_page
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.config import Study
from crisp.study.index_file import (
    IndexedModel,
    IndexedPlayer,
    IndexedStroke,
    IndexedVideo,
    IndexFile,
)
from crisp.study.samples import Sample
from crisp.study.tables import Annotation

TABLE = "suggestions.tsv"


def make_suggestion_pages(study: Study, found: Suggestions, folder: Path, study_file: str) -> ReviewPages:
    """Write the table, the list, and a page for each video, or annotation file, with suggestions.

    Parameters
    ----------
    study : Study
    found : Suggestions
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
    write_suggestions(table, found.suggestions)  # first, as it marks the folder for later calls
    links: dict[str, str] = {}
    warnings: list[str] = []
    for video in dict.fromkeys(video_of(one.video) for one in found.suggestions):
        suggested = [one for one in found.suggestions if video_of(one.video) == video]
        files: list[tuple[Annotation | None, list[Suggestion]]] = [*by_file(study, video, suggested).items()]
        for number, (row, ones) in enumerate(files or [(None, suggested)], start=1):
            if not ones:
                continue
            index = build_index(study, video, row, ones, found)
            of_page, remarks = write_page(study, folder, index, number, ones)
            links |= of_page
            warnings += remarks
    page = folder / "index.html"
    note = (
        "Each time links to the sample in the viewer: choose its class there, correct its bounds, and save "
        "the annotation. Put the file among the study's annotations, and give it a row in "
        f"{study.annotations_table}. What stays Unknown stays unlabelled: ask again with crisp suggest "
        f"--study {study_file}."
    )
    write_suggestions_page(page, study, found, note, links)
    return ReviewPages(page, links, warnings)


def build_index(
    study: Study, video: str, row: Annotation | None, suggested: Sequence[Suggestion], found: Suggestions
) -> IndexFile:
    """Return the viewer data of a video or of one of its annotation files.

    Parameters
    ----------
    study : Study
    video : str
    row : Annotation or None
        The annotation file; None if the video has none.
    suggested : sequence of Suggestion
        Those of the file. Their guesses are the strokes of the model.
    found : Suggestions

    Returns
    -------
    IndexFile
        Its annotation holds the unlabelled samples of a video without annotation as well. In the detection
        task it does not, as a stroke of any class is labelled there.

    Raises
    ------
    CrispError
        If the annotation file or the video's stage file is missing or damaged.
    """
    of = study.videos[video]
    source = frames.described(study.stage_file(video, "frames"))
    path = study.annotation_file(row) if row else None
    strokes = set(read_annotation(path) if path else [])
    if not strokes and study.task == "classification":
        strokes = {
            _stroke(one, of.frame_step, source.decoded) for one in found.pool if video_of(one.video) == video
        }
    players = tuple(IndexedPlayer(name=name, box=box) for name, box in of.boxes.items())
    return IndexFile(
        schema=INDEX_OF_PLAYERS if players else INDEX,
        crisp=__version__,
        video=IndexedVideo.of(video, study.source(video), source),
        model=IndexedModel(variant=found.by, classes=study.classes, negative=study.negative_class),
        strokes=tuple(_guess(study, one, source.decoded) for one in suggested if one.guess),
        truth=tuple(sorted(strokes)),
        annotations=str(path.absolute()) if path else None,
        players=players,
    )


def _stroke(one: Sample, step: int, count: int) -> Stroke:
    return Stroke(one.begin * step, min(one.end * step, count), one.label, region_of(one.video))


def _guess(study: Study, one: Suggestion, count: int) -> IndexedStroke:
    step = study.videos[video_of(one.video)].frame_step
    shares = dict(zip(study.classes, one.probabilities, strict=True))
    return IndexedStroke(
        begin=one.begin * step,
        end=min(one.end * step, count),
        label=one.guess,
        player=region_of(one.video),
        probability=max(one.probabilities),
        score=1 - shares.get(study.negative_class, 0.0),
        scores=shares,
    )
