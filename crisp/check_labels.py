"""The part of the check that looks at annotation files: bounds, labels, splits."""

from __future__ import annotations

import difflib
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import h5py

from crisp.annotations import Stroke, is_unknown, read
from crisp.errors import CrispError, Fault
from crisp.study import Study
from crisp.tables import SPLITS, Annotation
from crisp.words import counted

LARGEST_OVERLAP = 0.25  # of the shorter stroke; neighbours in TTStroke-21 overlap by up to that


@dataclass(frozen=True)
class Placed:
    """A stroke with its place: the row and file it is from, and its number there (from 1)."""

    row: Annotation
    path: Path
    number: int
    stroke: Stroke

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.path}, action {self.number}"


def check(study: Study, study_file: str | Path) -> tuple[list[Fault], list[Fault]]:
    """Check the annotation files of a study's used videos, and what they hold for each split.

    Parameters
    ----------
    study : Study
    study_file : named where a remedy is in the study.

    Returns
    -------
    faults, warnings : list of Fault
    """
    faults: list[Fault] = []
    warnings: list[Fault] = []
    placed, unread = _read(study, faults)
    for row in study.annotations:
        if study.split_method == "given" and row.task == "classification" and not row.split:
            faults.append(_no_split(study, row))
    for video in dict.fromkeys(row.video for row in study.annotations):
        strokes = placed.get(video, [])
        if not strokes and video not in unread:
            warnings.append(Fault(f"{study.annotations_table}, video {video}", "video has no stroke"))
        if strokes:
            faults += _beyond(study, video, strokes)
        for task in ("classification", "detection"):
            of_task = [one for one in strokes if one.row.task == task]
            faults += _twice(of_task)
            warnings += _overlaps(of_task)
    for row_strokes in _by_file(placed):
        faults += _labels(study, row_strokes)
    if not unread:
        labelled = [one for strokes in placed.values() for one in strokes if one.row.task == "classification"]
        faults += _empty_splits(study, labelled)
        faults += _classes_without_stroke(study, study_file, labelled)
        faults += _trimmed_by_video(study, study_file, labelled)
    return faults, warnings


def _read(study: Study, faults: list[Fault]) -> tuple[dict[str, list[Placed]], set[str]]:
    """Strokes by video, and the videos of which a file could not be read."""
    placed: dict[str, list[Placed]] = defaultdict(list)
    unread: set[str] = set()
    seen: set[tuple[str, str, str]] = set()
    for row in study.annotations:
        if (row.video, row.path, row.task) in seen:
            faults.append(
                Fault(
                    f"{study.annotations_table}, video {row.video}",
                    "row is there twice",
                    f"{row.path} once for {row.task}",
                    remedy="delete one of the two rows",
                )
            )
            continue
        seen.add((row.video, row.path, row.task))
        path = study.annotation_file(row)
        try:
            strokes = read(path)
        except CrispError as error:
            faults += error.faults
            unread.add(row.video)
            continue
        placed[row.video] += [Placed(row, path, number, one) for number, one in enumerate(strokes, start=1)]
    return placed, unread


def _by_file(placed: dict[str, list[Placed]]) -> list[list[Placed]]:
    by_row: dict[Annotation, list[Placed]] = defaultdict(list)
    for strokes in placed.values():
        for one in strokes:
            by_row[one.row].append(one)
    return list(by_row.values())


def _no_split(study: Study, row: Annotation) -> Fault:
    return Fault(
        f"{study.annotations_table}, {row.path}",
        "no split is given",
        ", ".join(SPLITS),
        "nothing",
        "fill in the column split, or choose another split.method",
    )


def _beyond(study: Study, video: str, strokes: list[Placed]) -> list[Fault]:
    count, source = frame_count(study, video)
    return [
        Fault(
            one.where,
            "stroke ends after the video",
            f"end <= {count} ({source})",
            f"begin={one.stroke.begin} end={one.stroke.end}",
            "correct the XML",
        )
        for one in strokes
        if count and one.stroke.end > count
    ]


def frame_count(study: Study, video: str) -> tuple[int, str]:
    """Frames of a video file, and where that is known from: as decoded, else as in ``videos.tsv``."""
    row = study.videos[video]
    path = study.stage_file(video, "frames")
    if path.exists():
        try:
            # Two attributes are read, not all that open_stage looks at: thousands of files are opened.
            with h5py.File(path, "r", locking=False) as file:
                # The stage file may still be that of a video which has been replaced and scanned since.
                if file.attrs["source_sha256"] == row.sha256:
                    return int(file.attrs["decoded_frames"]), "frames decoded"
        except (KeyError, OSError):
            pass  # a damaged stage file is the frames job's to tell
    return row.frames, f"frames in {study.videos_table}"


def _twice(strokes: list[Placed]) -> list[Fault]:
    """Intervals annotated twice for a task: they would be one sample with two labels."""
    first: dict[tuple[int, int], Placed] = {}
    faults = []
    for one in strokes:
        other = first.setdefault(one.stroke[:2], one)
        if other is not one:
            same = other.stroke.label == one.stroke.label
            faults.append(
                Fault(
                    one.where,
                    "stroke is annotated twice" if same else "interval has two labels",
                    f"begin={one.stroke.begin} end={one.stroke.end} once",
                    f"{one.stroke.label!r} here, {other.stroke.label!r} at {other.where}",
                    "delete one of the two",
                )
            )
    return faults


def _overlaps(strokes: list[Placed]) -> list[Fault]:
    warnings = []
    ordered = sorted(strokes, key=lambda one: one.stroke)
    for position, one in enumerate(ordered):
        for other in ordered[position + 1 :]:
            shared = min(one.stroke.end, other.stroke.end) - other.stroke.begin
            if shared <= 0:
                break
            shorter = min(stroke.end - stroke.begin for stroke in (one.stroke, other.stroke))
            if shared > LARGEST_OVERLAP * shorter and one.stroke[:2] != other.stroke[:2]:
                warnings.append(
                    Fault(
                        other.where,
                        f"overlaps another stroke by {counted(shared, 'frame')}",
                        f"at most {LARGEST_OVERLAP:.0%} of the shorter one ({counted(shorter, 'frame')})",
                        f"begin={other.stroke.begin} end={other.stroke.end}; "
                        f"{one.where}: begin={one.stroke.begin} end={one.stroke.end}",
                    )
                )
    return warnings


def _labels(study: Study, strokes: list[Placed]) -> list[Fault]:
    """Faults of the labels in one classification file, one per label."""
    row, path = strokes[0].row, strokes[0].path
    if row.task != "classification":
        return []
    numbers: dict[str, list[str]] = defaultdict(list)
    for one in strokes:
        numbers[one.stroke.label].append(str(one.number))
    faults = []
    for label, at in numbers.items():
        where = f"{path}, action {', '.join(at)}"
        if not label:
            faults.append(
                Fault(
                    where,
                    "no label",
                    'move="<class>"',
                    "nothing",
                    "label it, or give the row the task detection",
                )
            )
        elif is_unknown(label):
            if study.split_method == "given" and row.split in ("train", "validation"):
                faults.append(
                    Fault(
                        where,
                        f"unlabelled stroke in the {row.split} split",
                        "a class",
                        repr(label),
                        "label it, delete it, or move the row to the test split",
                    )
                )
        elif label not in study.classes:
            close = _close(label, study.classes)
            faults.append(
                Fault(
                    where,
                    "unknown class",
                    "a class of the study",
                    repr(label),
                    f"did you mean {close[0]!r}?" if close else "correct the label, or add it to classes",
                )
            )
    return faults


@cache
def _close(label: str, classes: tuple[str, ...]) -> list[str]:
    return difflib.get_close_matches(label, classes, n=1)


def _empty_splits(study: Study, strokes: list[Placed]) -> list[Fault]:
    if study.split_method != "given":
        return []
    return [
        Fault(
            str(study.annotations_table),
            f"the {split} split has no stroke",
            "at least one stroke",
            "none",
            "annotate some, or move rows to that split, or choose another split.method",
        )
        for split in SPLITS
        if not any(one.row.split == split for one in strokes)
    ]


def _classes_without_stroke(study: Study, study_file: str | Path, strokes: list[Placed]) -> list[Fault]:
    given = study.split_method == "given"
    trained = {one.stroke.label for one in strokes if not given or one.row.split == "train"}
    # The negative class needs no annotated stroke where its samples are cut from the gaps.
    cut = {study.negative_class} if study.negative_share else set()
    return [
        Fault(
            f"{study_file}, classes",
            f"class {label!r} has no {'training ' if given else ''}stroke",
            "at least one",
            "none",
            "annotate some, or remove it from classes" + (", or change the column split" if given else ""),
        )
        for label in study.classes
        if label not in trained and label not in cut
    ]


def _trimmed_by_video(study: Study, study_file: str | Path, strokes: list[Placed]) -> list[Fault]:
    """Whether a split by video would part clips that may be of one recording."""
    if (
        study.split_method not in ("by_video", "leave_one_group_out")
        or len({one.row.video for one in strokes}) < 2
    ):
        return []
    if len({one.row.video for one in strokes}) < len(strokes):
        return []
    for one in strokes:
        video = study.videos[one.row.video]
        if video.group or one.stroke.begin > 0 or one.stroke.end < video.frames:
            return []
    return [
        Fault(
            f"{study_file}, split.method",
            f"{study.split_method} on trimmed clips: clips cut from one recording would fall into different "
            "splits",
            f"a column group in {study.videos_table} that names each clip's source video or player",
            f"{counted(len(strokes), 'video')} of exactly one whole-length stroke, without group",
            "fill in the column group, or choose split.method given or stratified",
        )
    ]
