"""Corrected annotations of a study: where each belongs, what it changes, and its place in the tables."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crisp.core.errors import CrispError, fail
from crisp.core.unicode_forms import compose
from crisp.core.words import counted, few
from crisp.study import annotation_store, samples, tables
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.config import Study

COPY = re.compile(r" ?\([0-9]+\)$")  # which browsers append to the name of a second download


class Change(NamedTuple):
    """A stroke that differs: `kind` says how, `before` or `after` is None where there is no such stroke."""

    kind: str
    before: Stroke | None
    after: Stroke | None


def annotation_rows(study: Study, video: str) -> list[tables.Annotation]:
    """Return the rows of a video's annotation files, of the task of the study."""
    return [row for row in study.annotations if (row.video, row.task) == (video, study.task)]


def new_row(study: Study, video: str) -> tables.Annotation:
    """Return the row of a first annotation file of a video."""
    return tables.Annotation(video, f"annotations/{study.task}/{video}.xml", study.task)


def add_row(study: Study, row: tables.Annotation) -> bool:
    """Append a row to the study's table of annotations; return whether it was missing."""
    with annotation_store.locked(study.annotations_table.parent):
        rows = tables.read_annotations(study.annotations_table)
        if row in rows:
            return False
        tables.write_annotations(study.annotations_table, [*rows, row])
        return True


def check_place(study: Study, path: Path) -> None:
    """Refuse to write an annotation file outside of the folders of a study.

    Raises
    ------
    CrispError
        If it is neither below the folder of the table of annotations nor in the data folder, once links are
        followed.
    """
    folders = [study.annotations_table.parent, study.data]
    if not any(Path(os.path.realpath(path)).is_relative_to(os.path.realpath(one)) for one in folders):
        raise fail(
            path,
            "annotation file is outside of the folders of the study",
            f"a file below {' or '.join(map(str, folders))}",
            os.path.realpath(path),
            f"copy it there, and correct its path in {study.annotations_table}",
        )


def find_row(study: Study, file: Path, video: str = "") -> tables.Annotation:
    """Return the row to which a saved annotation belongs: by the id of the video, or by its file's name.

    Parameters
    ----------
    study : Study
    file : path-like
        The saved file, named after the video or after the annotation file that it corrects.
    video : str
        Id of the video, if the name does not say it.

    Returns
    -------
    Annotation
        A new one, which the table lacks, for a video without annotation file.

    Raises
    ------
    CrispError
        If the study has no such video, or several files to choose from.
    """
    stem = COPY.sub("", compose(file.stem))
    rows = [row for row in study.annotations if row.task == study.task]
    if video and video not in study.used:
        study.video(video)
    wanted = video or (stem if stem in study.used else "")
    found = [row for row in rows if row.video == wanted or (not wanted and Path(row.path).stem == stem)]
    same = [row for row in found if Path(row.path).stem == stem]
    if len(found) > 1 and len(same) == 1:
        found = same
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(row.path for row in found)
        remedy = "name it after one of them, and give --video"
        raise fail(file, "fits several annotation files", "one", several, remedy)
    if wanted:
        return new_row(study, wanted)
    raise fail(
        file,
        "belongs to no video of the study",
        f"a file named after one of {few(list(study.used), 10)}",
        file.name,
        "rename it, or give --video",
    )


def changes(before: Sequence[Stroke], after: Sequence[Stroke]) -> list[Change]:
    """Compare two annotations of a video.

    Strokes that are equal in all go together first; of the others, those of one player that overlap, by the
    assignment with the greatest sum of intersections over unions.

    Parameters
    ----------
    before, after : sequence of Stroke

    Returns
    -------
    list of Change
        ``added``, ``removed``, or of a stroke that stayed what is new of it: ``moved``, ``renamed``, ``other
        player``; in time order.
    """
    gone, come = _without(before, after), _without(after, before)
    found: list[Change] = []
    for olds, news in _clusters(gone, come):
        found += _paired(olds, news)
    return sorted(found, key=lambda change: change.before or change.after or Stroke(0, 1))


def _clusters(gone: list[Stroke], come: list[Stroke]) -> Iterator[tuple[list[Stroke], list[Stroke]]]:
    """Group strokes that overlap, directly or by others: no stroke has to do with one of another group."""
    olds, news, reached = list[Stroke](), list[Stroke](), 0
    for stroke, group in sorted([(one, False) for one in gone] + [(one, True) for one in come]):
        if stroke.begin >= reached:
            yield olds, news
            olds, news = [], []
        (news if group else olds).append(stroke)
        reached = max(reached, stroke.end)
    yield olds, news


def _paired(gone: list[Stroke], come: list[Stroke]) -> list[Change]:
    """Compare the strokes of a group."""
    from scipy.optimize import linear_sum_assignment  # slow to import

    shares = np.array([[_share(one, other) for other in come] for one in gone]).reshape(len(gone), len(come))
    pairs = zip(*linear_sum_assignment(shares, maximize=True), strict=True)
    met = {int(one): int(other) for one, other in pairs if shares[one, other] > 0}
    found = [Change(_kind(gone[one], come[other]), gone[one], come[other]) for one, other in met.items()]
    found += [Change("removed", one, None) for number, one in enumerate(gone) if number not in met]
    return found + [
        Change("added", None, one) for number, one in enumerate(come) if number not in met.values()
    ]


def _without(strokes: Sequence[Stroke], others: Sequence[Stroke]) -> list[Stroke]:
    return sorted((Counter(strokes) - Counter(others)).elements())


def _share(one: Stroke, other: Stroke) -> float:
    """Return the intersection over union of two strokes that may be the same; 0 of those of two players."""
    if one[:3] != other[:3] and one.player and other.player and one.player != other.player:
        return 0.0
    shared = min(one.end, other.end) - max(one.begin, other.begin)
    return max(0, shared) / (max(one.end, other.end) - min(one.begin, other.begin))


def _kind(before: Stroke, after: Stroke) -> str:
    moved = (before.begin, before.end) != (after.begin, after.end)
    kinds = (
        (moved, "moved"),
        (before.label != after.label, "renamed"),
        (before.player != after.player, "other player"),
    )
    return ", ".join(words for is_so, words in kinds if is_so)


def of_last_run(study: Study) -> samples.Labels | None:
    """Return the labels with which the last run of the study began; None if it has not run."""
    path = study.results / "labels.json"
    try:
        return samples.read_labels(path) if path.is_file() else None
    except CrispError:  # the run report tells; no label can be compared
        return None


def differs(labels: samples.Labels | None, row: tables.Annotation, strokes: Sequence[Stroke]) -> bool:
    """Return whether an annotation has other strokes than in the last run, if there was one.

    Parameters
    ----------
    labels : Labels or None
        As of `of_last_run`.
    row : Annotation
        Row of its file.
    strokes : sequence of Stroke
        What it holds.

    Returns
    -------
    bool
    """
    if labels is None:
        return False
    known = sorted(list(stroke) for stroke in labels.get(row.path, ()))
    return known != sorted(stroke.row for stroke in strokes)


class Correction(NamedTuple):
    """A saved annotation in the place of another one.

    `row` is that of the file `path` in the table of annotations, which lacked it if `is_new`; `begun` is
    whether the video is not labelled to its end, `counts` whether the labels are new to the next run.
    """

    row: tables.Annotation
    path: Path
    changes: list[Change]
    is_new: bool
    begun: bool
    counts: bool


def put(study: Study, given: Sequence[Path], video: str = "", write: bool = True) -> list[Correction]:
    """Put saved annotations in the places where the study has them, each with a backup of what was there.

    Parameters
    ----------
    study : Study
    given : sequence of path-like
        Saved files, of a video each (`find_row`).
    video : str
        Id of the video, if the name of a file does not say it.
    write : bool
        Whether to write anything.

    Returns
    -------
    list of Correction

    Raises
    ------
    CrispError
        If a file is not an annotation of a video of the study, or two are of the same one; nothing is written
        then. Or if an annotation file is a link, or outside of the folders of the study.
    """
    rows = [find_row(study, file, video) for file in given]
    for number, row in enumerate(rows):
        if row in rows[:number]:
            first = given[rows.index(row)]
            raise fail(
                given[number], "two files for one video", "one", f"{first}, too", "give the one that is right"
            )
    for file in given:
        read_annotation(file)  # a missing one is a fault here
    read = [annotation_store.load(file) for file in given]
    for file, row, saved in zip(given, rows, read, strict=True):
        check_place(study, study.annotation_file(row))
        frames = study.videos[row.video].frames
        if saved.strokes and 0 < frames < max(stroke.end for stroke in saved.strokes):
            expected = f"strokes in the {counted(frames, 'frame')} of {row.video}"
            last = max(stroke.end for stroke in saved.strokes)
            raise fail(
                file, "strokes after the end of the video", expected, last, "check that it is of that video"
            )
    labels = of_last_run(study)
    return [_put(study, row, saved, labels, write) for row, saved in zip(rows, read, strict=True)]


def _put(
    study: Study,
    row: tables.Annotation,
    saved: annotation_store.Saved,
    labels: samples.Labels | None,
    write: bool,
) -> Correction:
    path, is_new = study.annotation_file(row), row not in study.annotations
    before = annotation_store.load(path)
    if write:
        annotation_store.save(path, saved.strokes, saved.begun, before.version)
        add_row(study, row)
    found = changes(before.strokes, saved.strokes)
    counts = bool(found) or is_new if labels is None else differs(labels, row, saved.strokes)
    return Correction(row, path, found, is_new, saved.begun, counts)
