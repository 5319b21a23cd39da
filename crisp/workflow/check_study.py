"""The check at the start of a run: list every fault in a study's input.

At the start of a run no video is decoded, and each file is checked with one ``stat``. ``crisp check`` decodes
the first frame of each video.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from crisp.core import names
from crisp.core.errors import CrispError, Fault
from crisp.core.words import counted, few
from crisp.study import tables
from crisp.study.checks import owner, pose_sources, preparation
from crisp.study.checks.labels import check_labels
from crisp.study.checks.models import check_models, started_from_files
from crisp.study.checks.owner import check_owner
from crisp.study.checks.preparation import check_preparation
from crisp.study.checks.splits import check_splits
from crisp.study.checks.videos import check_videos
from crisp.study.config import Study
from crisp.study.networks import TORCHVISION


class Findings(NamedTuple):
    """Findings of a check: `faults` stop a run, `warnings` do not."""

    faults: list[Fault]
    warnings: list[Fault]


def check_study(
    study: Study, study_files: Sequence[str | Path], decode: bool = False, record: bool = False
) -> Findings:
    """Check a study's tables, videos and annotation files.

    Parameters
    ----------
    study : Study
    study_files : sequence of path-like
        Files that the study was read from, named in the commands of remedies.
    decode : bool
        Also decode every frame of every used video (slow).
    record : bool
        If there is no fault, record this study's file with its results, and its preparation parameters with
        the data set's volumes (as the start of a run does).

    Returns
    -------
    Findings
        Every fault and warning. Bad input raises no error.
    """
    faults = check_owner(study, study_files)
    warnings: list[Fault] = []
    study_file = ", ".join(map(str, study_files))
    readable = [_collected(faults, read) for read in (lambda: study.videos, lambda: _every_row(study))]
    if not all(readable):
        return Findings(faults, warnings)
    if not _collected(faults, lambda: study.annotations):
        return Findings(faults, warnings)
    if not study.used:
        return Findings([*faults, _none_in_use(study)], warnings)
    faults += _unknown_videos(study) + _unknown_annotators(study, study_file)
    warnings += _without_row(study)
    warnings += _not_searched(study, study_file)
    faults += _snakemakes_names(study, study_file)
    faults += check_models(study, study_file)
    faults += _origins(study)
    faults += _pretrained(study)
    faults += check_preparation(study)
    faults += pose_sources.check(study)
    labels = check_labels(study)
    for found in (
        check_videos(study, study_file, decode, look=not record),
        labels[:2],
        check_splits(study, study_file, labels),
    ):
        faults += found[0]
        warnings += found[1]
    faults = list(dict.fromkeys(faults))  # several rows may name the same XML file
    if record and not faults:
        owner.record(study, study_files)
        preparation.record(study)
    return Findings(faults, warnings)


def _origins(study: Study) -> list[Fault]:
    variants = started_from_files(study)
    if not variants:
        return []
    # Imported here, as torch takes seconds to load and few studies start from a model.
    from crisp.training.origins import check_origins

    return check_origins(study, variants)


def _pretrained(study: Study) -> list[Fault]:
    """Check that torchvision's networks can be built, and their weights read."""
    variants = [variant for variant in study.variants if variant.model in TORCHVISION]
    if not variants:
        return []
    from crisp.training.origins import check_pretrained

    return check_pretrained(study, variants)


def _collected(faults: list[Fault], read: Callable[[], object]) -> bool:
    """Return whether `read` succeeds; otherwise add its faults."""
    try:
        read()
    except CrispError as error:
        faults += error.faults
        return False
    return True


def _every_row(study: Study) -> list[tables.Annotation]:
    """Return all rows of ``annotations.tsv``, including those of excluded and unknown videos."""
    return tables.read_annotations(study.annotations_table)


def _none_in_use(study: Study) -> Fault:
    return Fault(
        str(study.videos_table),
        "no video is in use",
        "at least one row with use=yes",
        f"use=no in all of {counted(len(study.videos), 'row')}" if study.videos else "no row",
        "set use=yes for some videos" if study.videos else "add videos to the table",
    )


def _unknown_videos(study: Study) -> list[Fault]:
    faults = []
    unknown = dict.fromkeys(row.video for row in _every_row(study) if row.video not in study.videos)
    for video in unknown:
        # Many unknown ids are not misspellings, and finding similar names would take minutes.
        close = difflib.get_close_matches(video, study.videos, n=1) if len(unknown) < 20 else []
        faults.append(
            Fault(
                f"{study.annotations_table}, video {video}",
                "no such video",
                f"an id of {study.videos_table}",
                repr(video),
                f"did you mean {close[0]!r}?" if close else "correct the id, or add the video to the table",
            )
        )
    return faults


def _unknown_annotators(study: Study, study_file: str) -> list[Fault]:
    """Report ranked annotators who annotated no video, as a misspelt name would decide nothing."""
    known = list(dict.fromkeys(row.annotator for row in _every_row(study) if row.annotator))
    return [
        Fault(
            f"{study_file}, annotators.order",
            "no such annotator",
            f"a name of the column annotator in {study.annotations_table}: {few(known, 10) or 'none'}",
            repr(name),
            "correct the name, or remove it",
        )
        for name in study.merging.order
        if name not in known
    ]


def _snakemakes_names(study: Study, study_file: str) -> list[Fault]:
    """Report folder names that Snakemake would read as patterns, except those of videos and annotations."""
    folders = {
        "dataset.data": str(study.data) if study.generate else "",
        "dataset.poses": study.poses if study.takes_pose else "",
    }
    return [
        Fault(
            f"{study_file}, {key}",
            "Snakemake takes {...} and <...> in a path for its own",
            "a folder without these signs, or a link to it",
            folder,
            f"ln -s the folder to a plain name, and give that to {key}",
        )
        for key, folder in folders.items()
        if not names.plain(folder)
    ]


def _without_row(study: Study) -> list[Fault]:
    annotated = {row.video for row in study.annotations}
    return [
        Fault(f"{study.annotations_table}, video {video}", "video in use has no annotation row")
        for video in study.used
        if video not in annotated
    ]


def _not_searched(study: Study, study_file: str) -> list[Fault]:
    """Report untrimmed test videos in which no stroke can be found, as the study has no negative class."""
    wanted = [row.video for row in study.annotations if (row.task, row.split) == ("detection", "test")]
    if not wanted or study.negative_class in study.classes:
        return []
    return [
        Fault(
            f"{study_file}, negatives.class",
            "detection in untrimmed videos needs a class for frames without strokes",
            f"one of the classes, as {study.annotations_table} has test rows of task detection",
            repr(study.negative_class),
            "add a negative class, or remove those rows",
        )
    ]
