"""Make samples and splits from the current labels as the rules will, and check them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.words import counted, few
from crisp.study import splits
from crisp.study.checks.labels import Checked
from crisp.study.config import Study
from crisp.study.players import view_of
from crisp.study.samples import Sample, collect_samples, gaps, negative_length, working_interval
from crisp.study.tables import SPLITS, Annotation

# Samples times splits; more would take minutes. With a thousand splits only the first ones are made.
MOST = 500_000
MOST_NAMED = 5  # groups in a message


def check_splits(study: Study, study_file: str | Path, found: Checked) -> tuple[list[Fault], list[Fault]]:
    """Check whether every split of a study can be trained and tested.

    Parameters
    ----------
    study : Study
    study_file : path-like
        Named if a remedy is in the study.
    found : Checked
        Content of the annotation files. If one could not be read, no split is known; a
        faulty stroke may be of any class.

    Returns
    -------
    faults, warnings : list of Fault
    """
    faults = _no_split(study) + _too_few_groups(study, study_file)
    if found.unread:
        return faults, []
    faults += _empty_splits(study, found.labels)
    faults += _trimmed_by_video(study, study_file, found)
    strokeless, missing = _classes_without_stroke(study, study_file, found.labels)
    splittable = not faults
    faults += missing
    if not all(found.counts.values()):
        return faults, []  # a video has not been scanned
    if _negatives_are_cut(study, found.labels):
        spaceless = _no_room_for_negatives(study, study_file, found)
        faults += spaceless
        strokeless |= {study.negative_class} if spaceless else set()
    if found.faults or not splittable:
        return faults, []
    more, warnings = _made(study, study_file, found, strokeless)
    return faults + more, warnings


def _no_split(study: Study) -> list[Fault]:
    return [
        Fault(
            f"{study.annotations_table}, {row.path}",
            "no split is given",
            ", ".join(SPLITS),
            "nothing",
            "fill in the column split, or choose another split.method",
        )
        for row in study.annotations
        if study.split_method == "given" and row.task == study.task and not row.split
    ]


def _too_few_groups(study: Study, study_file: str | Path) -> list[Fault]:
    """Report if folds of whole groups would leave a fold, or its training or validation, empty."""
    if study.split_names == ("main",) or study.split_method == "stratified":
        return []
    annotated = [row.video for row in study.annotations if row.task == study.task]
    groups = len({study.group_of(view) for video in annotated for view in study.videos[video].views})
    needed = (
        4 if study.split_folds == 2 else max(3, study.split_folds)
    )  # two halves, each with at least two groups
    if groups >= needed:
        return []
    return [
        Fault(
            f"{study_file}, split",
            "too few groups for the folds",
            f"{needed} groups of annotated videos in use: beside those tested, one to train, one to validate",
            str(groups),
            f"fewer split.folds, split.method stratified, or more groups in {study.videos_table}",
        )
    ]


def _empty_splits(study: Study, labels: Sequence[tuple[Annotation, str]]) -> list[Fault]:
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
        if not any(row.split == split for row, _ in labels)
        and not any(study.is_unannotated(row) for row in study.annotations if row.split == split)
    ]


def _classes_without_stroke(
    study: Study, study_file: str | Path, labels: Sequence[tuple[Annotation, str]]
) -> tuple[set[str], list[Fault]]:
    given = study.split_method == "given"
    trained = {label for row, label in labels if not given or row.split == "train"}
    # The negative class needs no annotated stroke if its samples are cut from the gaps.
    cut = {study.negative_class} if study.negative_share else set()
    missing = [label for label in study.classes if label not in trained | cut]
    faults = [
        Fault(
            f"{study_file}, classes",
            f"class {label!r} has no {'training ' if given else ''}stroke",
            "at least one",
            "none",
            "annotate some, or remove it from classes" + (", or change the column split" if given else ""),
        )
        for label in missing
    ]
    return set(missing), faults


def _trimmed_by_video(study: Study, study_file: str | Path, found: Checked) -> list[Fault]:
    """Report if a split by video would separate clips that may be from one recording."""
    if study.split_method not in ("by_video", "leave_one_group_out") or not _trimmed(study, found):
        return []
    clips = {row.video for row, _ in found.labels}
    if any(study.videos[video].group for video in clips):
        return []
    return [
        Fault(
            f"{study_file}, split.method",
            f"{study.split_method} on trimmed clips: clips cut from one recording would fall into different "
            "splits",
            f"a column group in {study.videos_table} that names each clip's source video or player",
            f"{counted(len(clips), 'video')} of exactly one whole-length stroke, without group",
            "fill in the column group, or choose split.method given or stratified",
        )
    ]


def _negatives_are_cut(study: Study, labels: Sequence[tuple[Annotation, str]]) -> bool:
    """Return whether all negatives must come from the gaps."""
    annotated = any(label == study.negative_class for _, label in labels)
    return bool(study.negative_share) and study.negative_class in study.classes and not annotated


def _no_room_for_negatives(study: Study, study_file: str | Path, found: Checked) -> list[Fault]:
    """Report if no gap is long enough for a negative. A faulty stroke could only make gaps shorter."""
    busy: dict[str, list[tuple[int, int]]] = {view: [] for view in study.views}
    for row in study.annotations:
        video = study.videos[row.video]
        for stroke in found.strokes[row.path]:
            if view := view_of(stroke, video):
                busy[view].append(working_interval(stroke.begin, stroke.end, video.frame_step))
    longest, of = 0.0, ""
    annotated = dict.fromkeys(row.video for row in study.annotations if row.task == study.task)
    for view in (view for video in annotated for view in study.videos[video].views):
        free = gaps(sorted(busy[view]), found.counts[view])
        length = max((end - begin for begin, end in free), default=0)
        if length >= negative_length(study, view):
            return []
        fps = study.video(view).working_fps
        if fps and length / fps > longest:
            longest, of = length / fps, view
    drop = f"set negatives.share: 0 and remove {study.negative_class!r} from classes"
    return [
        Fault(
            f"{study_file}, negatives.seconds",
            f"class {study.negative_class!r} has no sample: no gap between strokes is as long as one",
            f"a gap of at least {study.negative_seconds:.3g} s in a video of task {study.task}",
            f"the longest is {longest:.3g} s, in {of}" if of else "no gap",
            # Rounded down, as the value must fit into the gap.
            f"negatives.seconds of at most {math.floor(longest * 100) / 100:g}, or {drop}"
            if longest >= 0.01
            else drop,
        )
    ]


def _made(
    study: Study, study_file: str | Path, found: Checked, known: set[str]
) -> tuple[list[Fault], list[Fault]]:
    """Make samples and splits, and report what they lack; `known` classes are already reported."""
    try:
        samples = collect_samples(study, found.counts, found.strokes)
    except CrispError as error:  # frame_step may merge two intervals
        return list(error.faults), []
    lacking = {}
    left_out: set[str] | None = None
    for name in study.split_names[: max(1, MOST // max(1, len(samples)))]:
        split = splits.assigned(study, samples, name)
        parts, classes = splits.lacking(study, samples, split)
        lacking[name] = splits.Lacking(parts, tuple(label for label in classes if label not in known))
        trains = _not_searched(study, samples, split)
        left_out = trains if left_out is None else left_out & trains
    warnings = [
        Fault(
            f"{study.annotations_table}, video {video}",
            "strokes will not be detected in this untrimmed video",
            "a video that neither trains nor validates, nor any of its group",
            "training or validation samples",
            f"give its classification rows, and those of its group, to test, or correct {study.videos_table}",
        )
        for video in sorted(left_out or ())
    ]
    warnings += _players_shared(study, study_file, found, samples, split)
    return splits.shortages(study, f"{study_file}, split", lacking), warnings


def _players_shared(
    study: Study, study_file: str | Path, found: Checked, samples: list[Sample], split: dict[str, str]
) -> list[Fault]:
    """Warn of players, or clips of unknown players, that both train and test in a split."""
    parts: dict[str, set[str]] = {}
    for sample in samples:
        if sample.sample in split:
            parts.setdefault(study.group_of(sample.video), set()).add(split[sample.sample])
    named = {row.group for row in study.videos.values() if row.group}
    shared = sorted(group for group, own in parts.items() if group in named and own >= {"train", "test"})
    if shared:
        return [
            Fault(
                f"{study_file}, split.method",
                "samples of one group train and test: figures will be too good for other players",
                "groups in one part each",
                f"{counted(len(shared), 'group')} in both: {few(shared, MOST_NAMED)}",
                "set split.method: by_video, which keeps groups apart",
            )
        ]
    if study.split_method != "stratified" or named or not _trimmed(study, found):
        return []
    return [
        Fault(
            f"{study.videos_table}, column group",
            "the players of the clips are not known, so clips of one player train and test: "
            "figures will be too good",
            "the player, or the source video, of each clip",
            "nothing",
            f"write it there, and set split.method: by_video in {study_file}",
        )
    ]


def _trimmed(study: Study, found: Checked) -> bool:
    """Return whether every video is a clip of one stroke."""
    clips = {row.video for row, _ in found.labels}
    if len(clips) < 2 or len(clips) < len(found.labels):
        return False
    for row, _ in found.labels:
        known = found.strokes[row.path]
        if not known or known[0].begin > 0 or known[0].end < study.videos[row.video].frames:
            return False
    return True


def _not_searched(study: Study, samples: list[Sample], split: dict[str, str]) -> set[str]:
    """Report untrimmed test videos that detection skips, as they or their groups are trained on."""
    wanted = study.detection_views
    if not wanted:
        return set()
    trained = {
        study.group_of(sample.video)
        for sample in samples
        if split.get(sample.sample) in ("train", "validation")
    }
    return {video for video in wanted if study.group_of(video) in trained}
