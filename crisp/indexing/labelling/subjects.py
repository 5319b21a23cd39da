"""The videos to label: where each one is, where its annotation belongs, and what it is labelled with."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from crisp.core import files
from crisp.core.errors import fail
from crisp.core.versions import INDEX, INDEX_OF_PLAYERS
from crisp.core.views import Box
from crisp.core.words import few
from crisp.indexing.labelling.marks import with_keys
from crisp.indexing.viewer.page import Mark
from crisp.preparation import video
from crisp.study.annotations import Stroke
from crisp.study.config import Study
from crisp.study.correction import annotation_rows, check_place, new_row
from crisp.study.importers.video_ids import plain
from crisp.study.index_file import IndexedModel, IndexedPlayer, IndexedVideo, IndexFile
from crisp.study.tables import Annotation, VideoRow

ENDING = ".annotate.html"  # of the page of a video; `.annotate.mp4` is its copy for browsers


@dataclass(frozen=True)
class Subject:
    """A video to label.

    Attributes
    ----------
    name : str
        Names it in a list; with a number where a video of a study has several annotation files.
    video : Path
        The video file.
    annotation : Path
        Its annotation file, which may not exist yet.
    page : Path
        The page that `crisp annotate` writes.
    marks : tuple of Mark
        Classes to label with.
    negative : str
        Negative class, empty if there is none.
    boxes : mapping of str to Box
        Regions of the players.
    fps : float
        Frame rate of a file that states none, frames per second.
    sha256 : str
        SHA-256 of the video, if known.
    study : Study, optional
        The study to which it belongs.
    row : Annotation, optional
        Its row in the study's table of annotations, which may still lack it.
    """

    name: str
    video: Path
    annotation: Path
    page: Path
    marks: tuple[Mark, ...]
    negative: str = ""
    boxes: Mapping[str, Box] = field(default_factory=dict)
    fps: float = 0.0
    sha256: str = ""
    study: Study | None = None
    row: Annotation | None = None

    @property
    def copy(self) -> Path:
        """Return the copy of the video for browsers, made by `crisp annotate --proxy`."""
        return self.page.with_suffix(".mp4")

    def check_place(self) -> None:
        """Refuse to write an annotation outside of the folders of its study.

        Raises
        ------
        CrispError
            If the file is outside.
        """
        if self.study:
            check_place(self.study, self.annotation)


def marks_of(study: Study) -> tuple[Mark, ...]:
    """Return the classes of a study to label with: all but the negative one."""
    return with_keys(Mark(name) for name in study.classes if name != study.negative_class)


def of_files(
    videos: Iterable[Path],
    marks: tuple[Mark, ...],
    annotations: Path | None = None,
    out: Path | None = None,
    boxes: Mapping[str, Box] | None = None,
) -> list[Subject]:
    """Return video files as subjects.

    Parameters
    ----------
    videos : iterable of path-like
    marks : tuple of Mark
    annotations : path-like, optional
        Folder of their annotation files, ``<name of the video>.xml``; that of each video by default.
    out : path-like, optional
        Folder of their pages; that of each video by default.
    boxes : mapping of str to Box, optional
        Regions of the players.

    Returns
    -------
    list of Subject

    Raises
    ------
    CrispError
        If two have the same name.
    """
    found: dict[str, Subject] = {}
    for path in videos:
        name = plain(path.name)
        if name in found:
            both = f"{found[name].video} and {path}"
            raise fail("VIDEO", "two videos of one name", "names that differ", both, "give one at a time")
        xml = (annotations or path.parent) / f"{path.stem}.xml"
        found[name] = Subject(
            name, path, xml, (out or path.parent) / f"{path.stem}{ENDING}", marks, boxes=boxes or {}
        )
    return list(found.values())


def of_study(
    study: Study, wanted: Sequence[str] = (), marks: tuple[Mark, ...] = (), out: Path | None = None
) -> list[Subject]:
    """Return videos of a study as subjects, one for each annotation file of its task.

    Parameters
    ----------
    study : Study
    wanted : sequence of str
        Ids of videos, or their files; all in use by default.
    marks : tuple of Mark
        Classes to label with; those of the study by default.
    out : path-like, optional
        Folder of their pages; in the study's results by default.

    Returns
    -------
    list of Subject

    Raises
    ------
    CrispError
        If the study has no such video.
    """
    rows = [_wanted(study, one) for one in wanted] or list(study.used.values())
    folder = out or study.results / "annotate"
    found = []
    for video_row in rows:
        annotations = annotation_rows(study, video_row.video) or [new_row(study, video_row.video)]
        for number, row in enumerate(annotations, start=1):
            name = video_row.video if number == 1 else f"{video_row.video}.{number}"
            found.append(
                Subject(
                    name,
                    study.source(video_row.video),
                    study.annotation_file(row),
                    folder / f"{name}{ENDING}",
                    marks or marks_of(study),
                    study.negative_class,
                    video_row.boxes,
                    video_row.fps,
                    video_row.sha256,
                    study,
                    row,
                )
            )
    return found


def _wanted(study: Study, given: str) -> VideoRow:
    for row in study.used.values():
        if given == row.video or os.path.realpath(given) == os.path.realpath(study.source(row.video)):
            return row
    known = few(list(study.used), 10)
    raise fail(
        study.videos_table, f"no video {given!r} in use", f"one of {known}", given, "check the spelling"
    )


def described(subject: Subject) -> IndexedVideo:
    """Describe a video by its packets and its first frame; its other frames are not decoded.

    Parameters
    ----------
    subject : Subject

    Returns
    -------
    IndexedVideo

    Raises
    ------
    CrispError
        If it is missing, not a video, or states no frame rate.
    """
    source = video.count_packets(subject.video, given_fps=subject.fps)
    source.require_rate("convert it: ffmpeg -i VIDEO new.mp4")
    image = next(video.frames(subject.video))
    source = replace(source, decoded=source.packets, width=image.shape[1], height=image.shape[0])
    sha256 = subject.sha256 or files.sha256(subject.video)
    return IndexedVideo.of(subject.name, subject.video, source, sha256)


def index_of(subject: Subject, about: IndexedVideo, strokes: Sequence[Stroke]) -> IndexFile:
    """Return what the page of a video shows: its annotated strokes, and none of a model.

    Parameters
    ----------
    subject : Subject
    about : IndexedVideo
        As of `described`.
    strokes : sequence of Stroke

    Returns
    -------
    IndexFile
    """
    negative = [subject.negative] if subject.negative else []
    classes = [mark.label for mark in subject.marks] + negative
    return IndexFile(
        schema=INDEX_OF_PLAYERS if subject.boxes else INDEX,
        video=about,
        model=IndexedModel(classes=classes, negative=subject.negative),
        strokes=(),
        players=tuple(IndexedPlayer(name=name, box=box) for name, box in subject.boxes.items()),
        truth=tuple(strokes),
        annotations=subject.annotation.name,
    )
