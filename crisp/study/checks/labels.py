"""Check annotation files: bounds, labels, repeated and overlapping strokes."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import h5py

from crisp.core.errors import CrispError, Fault
from crisp.core.unicode_forms import fold, spelt
from crisp.core.unreadable import ERRORS
from crisp.core.views import region_of
from crisp.core.words import counted, few
from crisp.study.annotations import Action, Stroke, is_begun, is_unknown, read_actions
from crisp.study.config import Study
from crisp.study.overlaps import colliding
from crisp.study.players import unknown_player, view_of
from crisp.study.samples import strokes_of
from crisp.study.tables import Annotation, VideoRow
from crisp.study.training_samples import TRAINING

MOST_ACTIONS = 20  # numbers in one message
MOST_FILES = 5  # in one message
MOST_GUESSES = 20  # misspelt labels to look up; thousands would take minutes
LARGEST_OVERLAP = 0.25  # of the shorter stroke; neighbours in TTStroke-21 overlap by up to that


@dataclass(frozen=True)
class Placed:
    """An action with its table row, file, and number in it (from 1)."""

    row: Annotation
    path: Path
    number: int
    action: Action

    @property
    def where(self) -> str:
        """Return the place, for messages."""
        return f"{self.path}, action {self.number}"

    @property
    def interval(self) -> str:
        """Return its bounds as written, for messages."""
        return f"begin={self.action.begin} end={self.action.end}"


class Checked(NamedTuple):
    """Findings of the check of the annotation files.

    Attributes
    ----------
    faults, warnings : list of Fault
    strokes : dict of str to list of Stroke
        Strokes without faults of their own, by the path of their file in ``annotations.tsv``.
    labels : list of (Annotation, str)
        Row and class of each action of the rows of the study's task, including those with faults.
    counts : dict of str to int
        Working frames by view, as far as known; 0 otherwise.
    unread : bool
        Whether a file could not be read at all.
    """

    faults: list[Fault]
    warnings: list[Fault]
    strokes: dict[str, list[Stroke]]
    labels: list[tuple[Annotation, str]]
    counts: dict[str, int]
    unread: bool


def check_labels(study: Study) -> Checked:
    """Check the annotation files of a study's used videos."""
    faults: list[Fault] = []
    warnings: list[Fault] = []
    placed, unread = _read(study, faults)
    known = {video: frame_count(study, video) for video in study.used}
    annotators = dict.fromkeys(row.annotator for row in study.annotator_rows)
    for video in dict.fromkeys(row.video for row in study.annotator_rows):
        actions = placed.get(video, [])
        rows = [row for row in study.annotations if row.video == video]
        if not actions and video not in unread and not all(map(study.is_unannotated, rows)):
            warnings.append(Fault(f"{study.annotations_table}, video {video}", "video has no stroke"))
        faults += _beyond(actions, *known[video])
        views = _by_view(study.videos[video], actions)
        faults += [
            unknown_player(one.where, stroke.player, study.videos[video])
            for one, stroke in views.pop(None, [])
        ]
        warnings += _players(study, video, actions, views)
        for view, *of in product(views, ("classification", "detection"), annotators):
            same = [(one, stroke) for one, stroke in views[view] if [one.row.task, one.row.annotator] == of]
            faults += _twice(same)
            warnings += _overlaps(same)
    warnings += [
        Fault(
            str(path),
            "video is not labelled to its end",
            remedy="negatives would be cut from the rest: label it, or set use=no in videos.tsv",
        )
        for row in study.annotator_rows
        if row.video not in unread and is_begun(path := study.annotation_file(row))
    ]
    everything = [one for actions in placed.values() for one in actions]
    warnings += _look_alikes(study, everything)
    strokes: dict[str, list[Stroke]] = {row.path: [] for row in study.annotator_rows}
    for row_actions in _by_file(placed):
        faults += _labels(study, row_actions)
        strokes[row_actions[0].row.path] = [stroke for _, stroke in _sound(row_actions)]
    merged = {row: strokes_of(study, row, strokes) for row in study.annotations if row.sources}
    strokes |= {row.path: found for row, found in merged.items()}
    faults += [fault for row, found in merged.items() for fault in _unknown_to_all(study, row, found)]
    used = set(study.annotations)
    return Checked(
        faults,
        warnings,
        strokes,
        [
            (row, study.class_of(stroke))
            for row, found in (
                *((one.row, [Stroke(0, 0, one.action.label)]) for one in everything if one.row in used),
                *merged.items(),
            )
            if row.task == study.task
            for stroke in found
        ],
        {view: -(-known[row.video][0] // row.frame_step) for view, row in study.views.items()},
        bool(unread),
    )


def _read(study: Study, faults: list[Fault]) -> tuple[dict[str, list[Placed]], set[str]]:
    """Read actions by video, and the videos with unreadable files."""
    placed: dict[str, list[Placed]] = defaultdict(list)
    unread: set[str] = set()
    seen: set[tuple[str, str, str]] = set()
    for row in study.annotator_rows:
        if (row.video, row.path, row.task) in seen:
            faults.append(
                Fault(
                    f"{study.annotations_table}, video {row.video}",
                    "duplicate row",
                    f"{row.path} once for {row.task}",
                    remedy="delete one of the two rows",
                )
            )
            continue
        seen.add((row.video, row.path, row.task))
        path = study.annotation_file(row)
        try:
            actions = read_actions(path)
        except CrispError as error:
            faults += error.faults
            unread.add(row.video)
            continue
        faults += [fault for action in actions for fault in action.faults]
        placed[row.video] += [Placed(row, path, number, one) for number, one in enumerate(actions, start=1)]
    return placed, unread


def _sound(actions: list[Placed]) -> list[tuple[Placed, Stroke]]:
    """Return those whose bounds are an interval."""
    return [(one, stroke) for one in actions if (stroke := one.action.stroke)]


def _by_view(video: VideoRow, actions: list[Placed]) -> dict[str | None, list[tuple[Placed, Stroke]]]:
    """Group the strokes of a video by the view that they are in; None if there is no such region."""
    views: dict[str | None, list[tuple[Placed, Stroke]]] = {view: [] for view in video.views}
    for one, stroke in _sound(actions):
        views.setdefault(view_of(stroke, video), []).append((one, stroke))
    return views


def _players(
    study: Study, video: str, actions: list[Placed], views: Mapping[str | None, Sequence[object]]
) -> list[Fault]:
    """Report regions without strokes, and players of a video without regions."""
    where = f"{study.annotations_table}, video {video}"
    if study.videos[video].regions:
        empty = [f"region {region_of(str(view))} has no stroke" for view, found in views.items() if not found]
        return [Fault(where, what) for what in empty if len(empty) < len(views)]
    named = sorted({one.action.player for one in actions if one.action.player})
    if not named:
        return []
    what = f"strokes name players ({', '.join(named[:5])}), but the video has no regions"
    remedy = "all are taken from the whole picture; give the video regions: crisp regions proposes some"
    return [Fault(where, what, remedy=remedy)]


def _by_file(placed: dict[str, list[Placed]]) -> list[list[Placed]]:
    by_row: dict[Annotation, list[Placed]] = defaultdict(list)
    for actions in placed.values():
        for one in actions:
            by_row[one.row].append(one)
    return list(by_row.values())


def _beyond(actions: list[Placed], count: int, source: str) -> list[Fault]:
    return [
        Fault(
            one.where,
            "stroke ends after the video",
            f"end <= {count} ({source})",
            one.interval,
            "correct the XML",
        )
        for one in actions
        if count and one.action.end is not None and one.action.end > count
    ]


def frame_count(study: Study, video: str) -> tuple[int, str]:
    """Return a video file's frame count and its source: as decoded, else as in ``videos.tsv``."""
    row = study.videos[video]
    path = study.stage_file(video, "frames")
    if path.exists():
        try:
            # Read only two attributes, without the checks of open_stage: thousands of files are opened.
            with h5py.File(path, "r", locking=False) as file:
                # The stage file may belong to a video that has since been replaced and scanned.
                if file.attrs["source_sha256"] == row.sha256:
                    return int(file.attrs["decoded_frames"]), "frames decoded"
        except ERRORS:
            pass  # damaged stage files are reported by the frames job
    return row.frames, f"frames in {study.videos_table}"


def _twice(strokes: list[tuple[Placed, Stroke]]) -> list[Fault]:
    """Report intervals annotated twice for a task: they would be one sample with two labels."""
    first: dict[tuple[int, int], tuple[Placed, Stroke]] = {}
    faults = []
    for one, stroke in strokes:
        other, before = first.setdefault(stroke[:2], (one, stroke))
        if other is not one:
            same = before.label == stroke.label
            faults.append(
                Fault(
                    one.where,
                    "stroke is annotated twice" if same else "interval has two labels",
                    f"{one.interval} once",
                    f"{stroke.label!r} here, {before.label!r} at {other.where}",
                    "delete one of the two",
                )
            )
    return faults


def _overlaps(strokes: list[tuple[Placed, Stroke]]) -> list[Fault]:
    def too_much(one: tuple[Placed, Stroke], other: tuple[Placed, Stroke]) -> bool:
        (_, first), (_, second) = one, other
        return _shared(first, second) > LARGEST_OVERLAP * _shorter(first, second)

    distinct = {stroke[:2]: (one, stroke) for one, stroke in reversed(strokes)}  # `_twice` reports the others
    return [
        Fault(
            other.where,
            f"overlaps another stroke by {counted(_shared(first, second), 'frame')}",
            f"at most {LARGEST_OVERLAP:.0%} of the shorter one ({counted(_shorter(first, second), 'frame')})",
            f"{other.interval}; {one.where}: {one.interval}",
        )
        for (one, first), (other, second) in colliding(distinct.values(), itemgetter(1), too_much)
    ]


def _shared(first: Stroke, second: Stroke) -> int:
    """Return the number of common frames of two intervals, sorted by begin."""
    return min(first.end, second.end) - second.begin


def _shorter(first: Stroke, second: Stroke) -> int:
    return min(stroke.end - stroke.begin for stroke in (first, second))


def _look_alikes(study: Study, actions: list[Placed]) -> list[Fault]:
    """Report labels and classes that are probably one class."""
    if study.task != "classification":
        return []
    files: dict[str, list[str]] = {label: [] for label in study.classes}
    for one in actions:
        if one.row.task == "classification" and one.action.label and not is_unknown(one.action.label):
            files.setdefault(one.action.label, []).append(str(one.path))
    alike: dict[str, list[str]] = defaultdict(list)
    for label in files:
        alike[fold(label)].append(label)
    faults = []
    for labels in alike.values():
        usual, *others = sorted(labels, key=lambda label: -len(files[label]))
        if others:
            paths = few(list(dict.fromkeys(path for label in others for path in files[label])), MOST_FILES)
            replace = f"write {spelt(usual)} for {', '.join(map(spelt, others))}"
            faults.append(
                Fault(
                    str(study.annotations_table),
                    "labels differ only by case, white space, width or look-alike letters",
                    "one spelling of a class",
                    ", ".join(f"{spelt(label)}: {counted(len(files[label]), 'stroke')}" for label in labels),
                    f"if they are one class, {replace} in classes{f' and in {paths}' if paths else ''}",
                )
            )
    return faults


def _labels(study: Study, actions: list[Placed]) -> list[Fault]:
    """Return faults of the labels in one classification file, one per label."""
    row, path = actions[0].row, actions[0].path
    if row.task != "classification" or study.task != "classification":
        return []
    numbers: dict[str, list[str]] = defaultdict(list)
    for one in actions:
        numbers[one.action.label].append(str(one.number))
    faults: list[Fault] = []
    for label, at in numbers.items():
        where = f"{path}, action {few(at, MOST_ACTIONS)}"
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
            # Of a stroke that is merged, others may know the class: `_unknown_to_all`.
            if study.split_method == "given" and row.split in TRAINING and row in study.annotations:
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
            close = _close(label, study.classes) if len(faults) < MOST_GUESSES else []
            faults.append(
                Fault(
                    where,
                    "unknown class",
                    "a class of the study",
                    spelt(label),
                    f"did you mean {close[0]!r}?" if close else "correct the label, or add it to classes",
                )
            )
    return faults


def _unknown_to_all(study: Study, row: Annotation, strokes: Sequence[Stroke]) -> list[Fault]:
    """Report merged training strokes whose class none of the annotators knows."""
    if "detection" in (study.task, row.task) or study.split_method != "given" or row.split not in TRAINING:
        return []
    return [
        Fault(
            f"{study.annotations_table}, video {row.video}, begin={stroke.begin} end={stroke.end}",
            f"unlabelled stroke in the {row.split} split",
            "a class by one of its annotators",
            repr(stroke.label),
            "label it, delete it, or move the rows to the test split",
        )
        for stroke in strokes
        if is_unknown(stroke.label)
    ]


@cache
def _close(label: str, classes: tuple[str, ...]) -> list[str]:
    if len(label) > 2 * max(map(len, classes)):
        return []  # not a misspelling
    if alike := [name for name in classes if fold(name) == fold(label)]:
        return alike
    return difflib.get_close_matches(label, classes, n=1)
