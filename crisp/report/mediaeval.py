"""Campaign files: predictions in the format of the MediaEval task, validated before writing.

A submission is ``<team>/<task>Task/<run>``, the place in which the verification scripts of 2021 and 2022
look for it: they check nothing elsewhere, without saying so.
"""

from __future__ import annotations

import csv
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from crisp.core import json_file
from crisp.core.cells import plain
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.files import replacing
from crisp.core.limits import LARGEST_TEXT
from crisp.core.signals import provisional
from crisp.core.unreadable import reading
from crisp.core.words import counted
from crisp.study import samples
from crisp.study.annotations import Stroke, annotation_element, is_unknown
from crisp.study.checks.labels import frame_count
from crisp.study.config import Study
from crisp.study.importers.discovery import stem
from crisp.study.overlaps import colliding
from crisp.study.players import view_of
from crisp.study.splits import read_split

FORMS = ("2020", "2022")  # of the classification task: one XML per video, or one list of trimmed clips
MOST_RUNS = 5  # of a team that the campaign evaluates for each task
LARGEST_IOU = 0.5  # between two detections of a video
DETECTION = {  # schema of the part of a detection.json that is read
    "type": "object",
    "required": ["videos"],
    "properties": {"videos": {"type": "array", "items": {"type": "string"}}},
}
CLIPS = "test.xml"  # the scripts of 2022 read this name


class Clip(NamedTuple):
    """A test stroke: its video, annotated bounds, and predicted class."""

    video: str
    stroke: Stroke


def run_folder(out: str | Path, team: str, task: str, run: str) -> Path:
    """Return the folder of a run.

    Parameters
    ----------
    out : path-like
        Folder of all submissions.
    team, task, run : str
        Names of the team, of the task and of the run.

    Returns
    -------
    Path
        ``<out>/<team>/<task>Task/<run>``.
    """
    return Path(out, team, f"{task}Task", run)


def surplus(folder: Path) -> str:
    """Return a warning if a run's folder is one of more than the campaign takes; else an empty string."""
    runs = sorted(other.name for other in folder.parent.iterdir() if other.is_dir())
    if len(runs) <= MOST_RUNS:
        return ""
    return (
        f"{folder.parent}: {counted(len(runs), 'run')} ({', '.join(runs)}); the campaign takes at most "
        f"{MOST_RUNS} for each task: hand in the best of them"
    )


def classification_files(
    study: Study, split: str, predictions: str | Path, form: str = "auto"
) -> dict[str, Element]:
    """Return the submission files of the classification task.

    Parameters
    ----------
    study : Study
    split : str
        Name of the split whose test strokes are submitted: those in annotation files, as the
        negatives cut from the gaps are not part of the task.
    predictions : path-like
        A ``predictions.csv``.
    form : str
        ``2020`` (one XML per video), ``2022`` (one list of clips), or ``auto``: the latter if every test
        stroke is a whole video.

    Returns
    -------
    dict
        Content by file name in the folder of the run.

    Raises
    ------
    CrispError
        Listing everything that would invalidate the submission.
    """
    if form not in ("auto", *FORMS):
        raise fail("form", "unknown form", f"auto, {', '.join(FORMS)}", form, "choose one of them")
    if study.task != "classification":
        raise fail(f"study {study.name}", "is of the other task", "task: classification", study.task)
    faults: list[Fault] = []
    clips = _predicted(study, split, Path(predictions), faults)
    for video, own in _by_video(clips).items():
        faults += _outside(study, video, own)
    trimmed = not (parts := _not_whole(study, clips))
    faults += parts if form == "2022" else []
    faults += _same_names(study, {clip.video for clip in clips})
    nothing = Fault(f"split {split}", "no test stroke", "at least one annotated stroke", "none")
    _refuse(faults, clips, nothing)
    if form == "2022" or (form == "auto" and trimmed):
        root = Element("videos")
        for video, stroke in clips:
            SubElement(root, "video", {"name": Path(study.videos[video].path).name, "class": stroke.label})
        return {CLIPS: root}
    return {f"{_name(study, video)}.xml": annotation_element(own) for video, own in _by_video(clips).items()}


def detection_files(study: Study, detections: str | Path) -> dict[str, Element]:
    """Return the submission files of the detection task, one per test video, empty without detections.

    Test videos have a detection row of the split ``test`` in ``annotations.tsv``; if there are
    none, the videos of `detections`. Detections in other videos are skipped.

    Parameters
    ----------
    study : Study
    detections : path-like
        A ``detections.csv``: columns `video`, `begin` and `end`, in frames of the volume.

    Returns
    -------
    dict
        Content by file name in the folder of the run.

    Raises
    ------
    CrispError
        Listing everything that would invalidate the submission.
    """
    faults: list[Fault] = []
    found = _detections(study, Path(detections), faults)
    tested = {row.video for row in study.annotations if row.task == "detection" and row.split == "test"}
    videos = [video for video in study.used if video in (tested or found)]
    faults += _skipped(Path(detections), videos)
    for video in videos:
        faults += _outside(study, video, found.get(video, []), str(detections))
        faults += alike(f"{detections}, video {video}", found.get(video, []))
    faults += _same_names(study, videos)
    nothing = Fault(str(detections), "no test video", "at least one detection or test video", "none")
    _refuse(faults, videos, nothing)
    return {f"{_name(study, video)}.xml": annotation_element(found.get(video, [])) for video in videos}


def _refuse(faults: Sequence[Fault], content: Sequence[object], nothing: Fault) -> None:
    """Raise all faults of a submission, or `nothing` if it has no content."""
    if faults or not content:
        raise CrispError(*(faults or [nothing]))


def write_submission(out: str | Path, files: Mapping[str, Element]) -> None:
    """Write a submission's files to a new folder (`run_folder`): all of them or none.

    Raises
    ------
    CrispError
        If `out` already exists.
    """
    out = Path(out)
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise fail(
            out, "folder of the run is not empty", "a new folder", "other files", "choose another --run"
        )
    beside = out.with_name(f"{out.name}.tmp-{uuid.uuid4().hex[:8]}")
    with provisional(beside):
        for name, root in files.items():
            indent(root)
            with replacing(beside / name) as file:
                ElementTree(root).write(file, encoding="UTF-8", xml_declaration=True)
        beside.replace(out)


def _predicted(study: Study, split: str, path: Path, faults: list[Fault]) -> list[Clip]:
    """Return the test strokes of the annotation files with their predicted classes."""
    parts = read_split(study.split_table(split))
    predicted = _predictions(path, faults)
    clips = []
    for row in study.annotations:
        if row.task != "classification":
            continue
        video = study.videos[row.video]
        for stroke in sorted(samples.strokes_of(study, row, {})):
            begin, end = samples.working_interval(stroke.begin, stroke.end, video.frame_step)
            sample = f"{view_of(stroke, video)}:{begin}-{end}"
            where = f"{path}, sample {sample}"
            # An unlabelled stroke is only in the fold that tests it.
            if sample not in parts and (split == "main" or not is_unknown(stroke.label)):
                what = "stroke is not a sample of the split"
                faults.append(Fault(where, what, "as annotated", "another annotation", "run snakemake again"))
            if parts.get(sample) != "test":
                continue
            label = predicted.get(sample, "")
            if not label:
                what = "test stroke has no prediction"
                faults.append(Fault(where, what, "one", "none", "run snakemake again"))
            elif label not in study.classes:
                faults.append(Fault(where, "unknown class", ", ".join(study.classes), repr(label)))
            clips.append(Clip(row.video, stroke._replace(label=label)))
    return clips


def _predictions(path: Path, faults: list[Fault]) -> dict[str, str]:
    """Return the predicted class of each sample."""
    rows = [(row["sample"], plain(row["prediction"])) for _, row in _table(path, ("sample", "prediction"))]
    faults += [
        Fault(f"{path}, sample {sample}", "occurs more than once", "one row", counted(count, "row"))
        for sample, count in Counter(sample for sample, _ in rows).items()
        if count > 1
    ]
    return dict(rows)


def _detections(study: Study, path: Path, faults: list[Fault]) -> dict[str, list[Stroke]]:
    """Return the detections by video, in frames of the file."""
    found: dict[str, list[Stroke]] = {}
    for line, row in _table(path, ("video", "begin", "end")):
        where = f"{path}, line {line}"
        try:
            begin, end = int(row["begin"]), int(row["end"])
        except ValueError:
            bounds = f"{row['begin']!r} and {row['end']!r}"
            faults.append(Fault(where, "bad begin or end", "two frame numbers", bounds))
            continue
        if row["video"] not in study.views:
            faults.append(
                Fault(where, "unknown or unused video", f"an id of {study.videos_table}", row["video"])
            )
            continue
        video = study.video(row["video"])
        step, frames = video.frame_step, frame_count(study, video.video)[0]
        last = end * step
        # The last kept frame represents those after it, which may be fewer than `step`.
        last = frames if frames < last < frames + step else last
        found.setdefault(video.video, []).append(Stroke(begin * step, last))
    return found


def _skipped(detections: Path, videos: Collection[str]) -> list[Fault]:
    """Report test videos that detection skipped: an empty file would claim that nothing was found.

    The processed videos are listed in the ``detection.json`` beside ``detections.csv``; a table from
    elsewhere has none.
    """
    figures = detections.with_name("detection.json")
    processed = set(videos)
    if figures.exists():
        remedy = "give those of crisp detect"
        processed = set(json_file.read(figures, DETECTION, "file of detection figures", remedy)["videos"])
    return [
        Fault(
            f"{figures}, video {video}",
            "detection skipped this test video",
            "a video whose group has no training or validation samples",
            "skipped",
            "put its group into the test split, or do not use the video",
        )
        for video in videos
        if video not in processed
    ]


def _table(path: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    with (
        reading(path, "table of predictions", f"columns {', '.join(columns)}", largest=LARGEST_TEXT),
        path.open(encoding="utf-8", newline="") as file,
    ):
        reader = csv.DictReader(file, restval="")
        rows = [(reader.line_num, row) for row in reader]
        names = reader.fieldnames or ()
    if missing := [name for name in columns if name not in names]:
        raise fail(
            path, "missing columns", ", ".join(columns), f"no {', '.join(missing)}", "correct the header"
        )
    return rows


def _by_video(clips: Iterable[Clip]) -> dict[str, list[Stroke]]:
    found: dict[str, list[Stroke]] = {}
    for video, stroke in clips:
        found.setdefault(video, []).append(stroke)
    return found


def _outside(study: Study, video: str, intervals: Iterable[Stroke], where: str = "") -> list[Fault]:
    frames, source = frame_count(study, video)
    return [
        Fault(
            f"{where or 'submission'}, video {video}",
            "bad interval",
            f"0 <= begin < end <= {frames} ({source})",
            f"begin={one.begin} end={one.end}",
        )
        for one in intervals
        if not 0 <= one.begin < one.end <= frames
    ]


def alike(where: str, intervals: Iterable[Stroke]) -> list[Fault]:
    """Return a fault for each detection of a video that overlaps an earlier one too much."""
    sound = [one for one in intervals if one.begin < one.end]
    return [
        Fault(
            where,
            "two detections of the same stroke",
            f"IoU <= {LARGEST_IOU} of every two",
            f"IoU {_iou(one, other):.2f} of {one.begin}-{one.end} and {other.begin}-{other.end}",
            "keep the one with the higher score",
        )
        for one, other in colliding(sound, lambda one: one, lambda *both: _iou(*both) > LARGEST_IOU)
    ]


def _iou(one: Stroke, other: Stroke) -> float:
    """Return the intersection over union of two overlapping intervals, sorted by begin."""
    return (min(one.end, other.end) - other.begin) / (max(one.end, other.end) - one.begin)


def _not_whole(study: Study, clips: Sequence[Clip]) -> list[Fault]:
    """Report videos that are not one trimmed clip."""
    return [
        Fault(
            f"submission, video {video}",
            "form 2022 lists trimmed clips",
            f"one stroke, begin=0 end={frame_count(study, video)[0]}",
            ", ".join(f"begin={one.begin} end={one.end}" for one in own[:5]),
            "use form 2020",
        )
        for video, own in _by_video(clips).items()
        if [one[:2] for one in own] != [(0, frame_count(study, video)[0])]
    ]


def _name(study: Study, video: str) -> str:
    """Return the name of a video's XML: that of its file."""
    return stem(Path(study.videos[video].path).name)


def _same_names(study: Study, videos: Iterable[str]) -> list[Fault]:
    names = Counter(_name(study, video) for video in videos)
    return [
        Fault(f"submission, {name}.xml", "several test videos have this file name", "one", str(count))
        for name, count in names.items()
        if count > 1
    ]
