"""The strokes of each annotator of each video, from a study or from a folder for each annotator."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.frame_times import FrameTimes
from crisp.core.unicode_forms import fold
from crisp.preparation.frames import read_times
from crisp.study.annotations import Stroke, is_unknown, read_annotation
from crisp.study.annotators import ADJUDICATED, by_video
from crisp.study.checks.labels import frame_count
from crisp.study.config import Study
from crisp.study.players import unknown_player, view_of
from crisp.study.samples import Labels, strokes_of
from crisp.study.tables import VideoRow

STROKE = "Stroke"  # the class of all strokes where nobody gives one
MOST_ANNOTATORS = 100


@dataclass(frozen=True)
class AnnotatedView:
    """What several people annotated in a video, or in a region of it.

    Attributes
    ----------
    name : str
        Id of the view.
    frames : int
        Number of frames of the video.
    strokes : mapping of str to sequence of Stroke
        By annotator, sorted; in frames of the file, none longer than the video or twice. A label is a class,
        or empty if its annotator does not know it.
    times : FrameTimes or None
        When each frame is shown; None if the frame rate is not known.
    speed : float
        Seconds of the scene per second of the file, below 1 in slow motion.
    """

    name: str
    frames: int
    strokes: Mapping[str, Sequence[Stroke]]
    times: FrameTimes | None = None
    speed: float = 1.0

    def delay(self, frame: int, after: float, unit: str) -> float:
        """Return how much later a frame is than another.

        Parameters
        ----------
        frame : int
        after : float
            Another frame; between two, as a median may be, times are interpolated.
        unit : str
            ``ms`` of the scene, or ``frames``.

        Returns
        -------
        float
        """
        if unit == "frames" or self.times is None:
            return frame - after
        below = math.floor(after)
        begin, end = self.times.time_of(below), self.times.time_of(below + 1)
        return 1000 * self.speed * (self.times.time_of(frame) - begin - (after - below) * (end - begin))


@dataclass(frozen=True)
class Annotated:
    """The annotations to compare.

    Attributes
    ----------
    where : str
        What they are of, for messages and headings.
    annotators : tuple of str
        By rank; each annotated a video that another one annotated.
    classes : tuple of str
        Classes that occur.
    views : list of AnnotatedView
        Those of at least two annotators.
    alone : int
        Number of views of one annotator, which are left out.
    warnings : list of str
    """

    where: str
    annotators: tuple[str, ...]
    classes: tuple[str, ...]
    views: list[AnnotatedView]
    alone: int
    warnings: list[str]

    @property
    def unit(self) -> str:
        """Return the unit of differences of bounds: ms, or frames if the rate of a video is not known."""
        return "ms" if all(view.times for view in self.views) else "frames"


def of_study(study: Study, label_snapshot: Labels | None = None) -> Annotated:
    """Return the annotations of a study's task that several people made; adjudicated ones are not among them.

    Parameters
    ----------
    study : Study
        Frame times are those of the prepared videos, or else follow the rates in ``videos.tsv``.
    label_snapshot : Labels, optional
        Snapshot of strokes to use instead of the files.

    Returns
    -------
    Annotated

    Raises
    ------
    CrispError
        If no video has several annotators, or an annotation file is invalid.
    """
    rows = [row for row in study.annotator_rows if row.task == study.task and row.annotator != ADJUDICATED]
    found: list[AnnotatedView] = []
    faults: list[Fault] = []
    for (name, _), of in by_video(rows).items():
        video = study.videos[name]
        strokes = {
            annotator: [
                stroke._replace(label=_known(study.class_of(stroke)))
                for row in own
                for stroke in strokes_of(study, row, label_snapshot or {})
                if stroke.label != study.negative_class
            ]
            for annotator, own in of.items()
        }
        everybody = {stroke for own in strokes.values() for stroke in own}
        faults += [
            unknown_player(f"{study.annotations_table}, video {name}", stroke.player, video)
            for stroke in sorted(everybody)
            if view_of(stroke, video) is None
        ]
        found += [
            AnnotatedView(
                view,
                frame_count(study, name)[0] or max((stroke.end for stroke in everybody), default=0),
                {who: [one for one in own if view_of(one, video) == view] for who, own in strokes.items()},
                _times(study, video),
                video.fps / video.recorded_fps if video.fps else 1.0,
            )
            for view in video.views
        ]
    if faults:
        raise CrispError(*faults)
    return _annotated(
        f"study {study.name}", found, study.merging.ranked(row.annotator for row in rows), study.classes
    )


def _known(label: str) -> str:
    return "" if is_unknown(label) else label


def _times(study: Study, video: VideoRow) -> FrameTimes | None:
    stage = study.stage_file(video.video, "frames")
    if stage.exists():
        return read_times(stage)
    return FrameTimes(video.fps) if video.fps else None


def of_folders(folders: Sequence[Path], fps: float = 0) -> Annotated:
    """Return the annotations in folders of annotation XML, one for each annotator, who has its name.

    Files of the same path in several folders are of one video, whose number of frames is that of the last
    annotated end; strokes of different players are of different views.

    Parameters
    ----------
    folders : sequence of Path
    fps : float
        Frame rate of the videos, frames per second; 0: not known.

    Returns
    -------
    Annotated

    Raises
    ------
    CrispError
        If there are fewer than two folders, one is missing or has no XML file, two have one name, no video is
        in two of them, or a file is invalid.
    """
    names = _folder_names(folders)
    files: dict[str, dict[str, Path]] = defaultdict(dict)
    for name, folder in names.items():
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() == ".xml" and path.is_file())
        if not paths:
            found = "no XML file" if folder.is_dir() else "no folder"
            expected, remedy = "a folder of annotation XML", "correct the path"
            raise fail(folder, "annotations are missing", expected, found, remedy)
        for path in paths:
            files[path.relative_to(folder).with_suffix("").as_posix()][name] = path
    found_views = []
    for video, of in sorted(files.items()):
        strokes = {
            name: [one._replace(label=_known(one.label)) for one in read_annotation(path)]
            for name, path in of.items()
        }
        everybody = [stroke for own in strokes.values() for stroke in own]
        frames = max((stroke.end for stroke in everybody), default=0)
        for player in sorted({stroke.player for stroke in everybody}) or [""]:
            there = {name: [one for one in own if one.player == player] for name, own in strokes.items()}
            name = f"{video}@{player}" if player else video
            found_views.append(AnnotatedView(name, frames, there, FrameTimes(fps) if fps else None))
    return _annotated(", ".join(map(str, folders)), found_views, list(names), ())


def _folder_names(folders: Sequence[Path]) -> dict[str, Path]:
    if len(folders) < 2:
        expected, found = "a study, or a folder for each of two annotators", f"{len(folders)} folder"
        raise fail("crisp agree", "nothing to compare", expected, found, "name the folders of all annotators")
    names = {folder.resolve().name: folder for folder in folders}
    if len(names) < len(folders):
        found, remedy = ", ".join(map(str, folders)), "rename one: the name of a folder is its annotator's"
        raise fail("crisp agree", "folders of the same name", "a name for each", found, remedy)
    return names


def _annotated(
    where: str, views: list[AnnotatedView], ranked: Sequence[str], classes: Sequence[str]
) -> Annotated:
    """Return what several people annotated, with one spelling of each class, and each stroke once."""
    common = [view for view in views if len(view.strokes) > 1]
    if not common:
        people = ", ".join(name or "nobody named" for name in ranked) or "none"
        raise fail(
            where,
            "no video was annotated by two people",
            "rows of a video and task that name several annotators, or files of one name in two folders",
            f"annotators: {people}",
            "fill in the column annotator of annotations.tsv (docs/agreement.md)",
        )
    annotators = tuple(name for name in ranked if any(name in view.strokes for view in common))
    if len(annotators) > MOST_ANNOTATORS:
        raise fail(where, "too many annotators", f"at most {MOST_ANNOTATORS}", str(len(annotators)))
    labels = Counter(stroke.label for view in common for own in view.strokes.values() for stroke in own)
    spelling, warnings = _spellings(labels, classes)
    if not any(labels):  # only bounds are annotated
        spelling = {"": STROKE}
    cleaned = [
        replace(
            view,
            strokes={
                name: _clean(view, view.strokes[name], spelling)
                for name in annotators
                if name in view.strokes
            },
        )
        for view in common
    ]
    known = dict.fromkeys(name for name in classes if name in spelling.values())
    known |= dict.fromkeys(sorted(name for name in set(spelling.values()) if name))
    return Annotated(where, annotators, tuple(known), cleaned, len(views) - len(common), warnings)


def _spellings(labels: Mapping[str, int], classes: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return the class that each label means: labels that differ by case or look-alike letters are one."""
    usual: dict[str, str] = {}
    exact = list(classes)
    for name in [*exact, *sorted(labels, key=lambda label: -labels[label])]:  # the most frequent spelling
        usual.setdefault(fold(name), name)
    spelling = {name: name if name in exact else usual[fold(name)] for name in labels}
    warnings = [
        f"class {name!r} is counted as {same!r}" for name, same in sorted(spelling.items()) if name != same
    ]
    return spelling, warnings


def _clean(view: AnnotatedView, strokes: Iterable[Stroke], spelling: Mapping[str, str]) -> list[Stroke]:
    """Return strokes sorted, inside the video, with one label for each interval."""
    inside: dict[tuple[int, int], Stroke] = {}
    for stroke in sorted(strokes):
        begin, end = stroke.begin, min(stroke.end, view.frames)
        if begin < end:
            inside.setdefault((begin, end), Stroke(begin, end, spelling[stroke.label], stroke.player))
    return list(inside.values())
