"""The annotated test set that a submission is held against: that of a study, or of a data set's folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from crisp.core.errors import CrispError, Fault, fail
from crisp.preparation.video import count_packets
from crisp.study import importers, samples
from crisp.study.annotations import Stroke, is_unknown, read_annotation
from crisp.study.checks.labels import frame_count
from crisp.study.config import Study
from crisp.study.importers.discovery import FoundVideo, Labels, stem
from crisp.study.splits import read_split
from crisp.study.super_classes import TTSTROKE21, SuperClasses, of_ttstroke21


@dataclass(frozen=True)
class TrueVideo:
    """A video of the test set: file `name`, number of `frames`, frames per second, annotated strokes."""

    name: str
    frames: int
    fps: float
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True)
class Truth:
    """The annotation of a task and part.

    Attributes
    ----------
    where : str
        The study or folder, for messages.
    task : str
        ``classification`` or ``detection``.
    part : str
        ``train``, ``validation`` or ``test``.
    classes : tuple of str
        Names of the classes.
    super_classes : mapping
        Sets of super-classes.
    videos : dict of str to TrueVideo
        By file name without suffix.
    """

    where: str
    task: str
    part: str
    classes: tuple[str, ...]
    super_classes: SuperClasses
    videos: dict[str, TrueVideo]


def of_study(study: Study, task: str, part: str, split: str = "main") -> Truth:
    """Return the annotation of a study.

    Parameters
    ----------
    study : Study
    task : str
        ``classification`` or ``detection``.
    part : str
        ``train``, ``validation`` or ``test``: of the column `split`, or, for the classification task of a
        study with another `split.method` than ``given``, of a drawn split.
    split : str
        Name of the drawn split: ``main``, or a fold.

    Returns
    -------
    Truth

    Raises
    ------
    CrispError
        If it has no such video or split, two have one file name, or an input is missing or invalid.
    """
    drawn = task == study.task == "classification" and study.split_method != "given"
    parts = read_split(study.split_table(study.split(split))) if drawn else {}
    strokes: dict[str, list[Stroke]] = {}
    for row in study.annotations:
        if row.task != task or (not drawn and row.split != part):
            continue
        found = samples.strokes_of(study, row, {})
        if drawn:
            step = study.videos[row.video].frame_step
            spans = [samples.working_interval(one.begin, one.end, step) for one in found]
            ids = [f"{row.video}:{begin}-{end}" for begin, end in spans]
            found = [one for one, name in zip(found, ids, strict=True) if parts.get(name) == part]
        if found or not drawn:
            strokes.setdefault(row.video, []).extend(found)
    videos = [
        TrueVideo(Path(row.path).name, frame_count(study, video)[0], row.fps, tuple(strokes[video]))
        for video, row in study.used.items()
        if video in strokes
    ]
    where = f"study {study.name}"
    return Truth(where, task, part, study.classes, study.super_classes, _by_name(where, task, part, videos))


def of_folder(folder: str | Path, task: str, part: str) -> Truth:
    """Return the annotation of a data set in a layout that `crisp import` reads.

    Parameters
    ----------
    folder : path-like
    task, part : str
        As for `of_study`.

    Returns
    -------
    Truth
        The classes are TTStroke-21's if all labels are, or else those that occur.

    Raises
    ------
    CrispError
        If it has no known layout or no such video, or a file is invalid.
    """
    folder = Path(folder)
    layout = importers.detect_layout(folder)
    if not layout.startswith("ttstroke"):
        expected = "a folder in the layout of the campaign"
        raise fail(folder, "not a data set of the campaign", expected, layout, "import it, and give --study")
    read = importers.LAYOUTS[layout].read(folder).videos
    labelled = [(video, label) for video in read for label in video.labels if label.task == task]
    videos, known = [], set()
    for video, label in labelled:
        strokes = _strokes(label)
        known |= {one.label for one in strokes if one.label and not is_unknown(one.label)}
        if label.split == part:
            videos.append(_measured(folder, video, strokes))
    classes = TTSTROKE21 if known <= set(TTSTROKE21) else tuple(sorted(known))
    by_name = _by_name(str(folder), task, part, videos)
    return Truth(str(folder), task, part, classes, of_ttstroke21(classes), by_name)


def _strokes(label: Labels) -> list[Stroke]:
    if label.xml is not None:
        return read_annotation(label.xml)
    return [Stroke(0, 0, label.whole)] if label.whole else []


def _measured(folder: Path, video: FoundVideo, strokes: Iterable[Stroke]) -> TrueVideo:
    """Return a video with its number of frames, to which a clip's stroke extends."""
    source = count_packets(folder / video.path)
    whole = (one if one.end else one._replace(end=source.packets) for one in strokes)
    return TrueVideo(Path(video.path).name, source.packets, source.fps, tuple(whole))


def _by_name(where: str, task: str, part: str, videos: Iterable[TrueVideo]) -> dict[str, TrueVideo]:
    found: dict[str, TrueVideo] = {}
    faults = []
    for video in videos:
        if stem(video.name) in found:
            faults.append(Fault(f"{where}, {video.name}", f"several videos of the {part} set have this name"))
        found[stem(video.name)] = video
    if faults:
        raise CrispError(*faults)
    if not found:
        expected = f"annotated videos of task {task} in the {part} set"
        raise fail(where, "nothing to score against", expected, "none", "choose another --part or --task")
    return found
