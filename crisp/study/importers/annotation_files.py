"""Write imported annotation files; existing ones are kept, or changed on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.files import replacing
from crisp.core.frame_times import FrameTimes
from crisp.core.words import counted, few
from crisp.preparation.video import count_packets
from crisp.study import tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.importers import contradictions, video_end
from crisp.study.importers.discovery import AnnotatedInterval, CountedFrame, Labels, Moment, Timecode
from crisp.study.importers.report import Report

MOST = 5  # files named in one message
MOST_STROKES = 3  # named in one message


class Times(dict[str, FrameTimes]):
    """When the frames of each video are shown, by its path; of a known video read when asked for."""

    def __init__(self, source: Path) -> None:
        super().__init__()
        self._source = source

    def of(self, row: tables.VideoRow) -> FrameTimes:
        """Return the times of a video; raise CrispError or ValueError if they cannot be determined."""
        if not row.fps:
            raise ValueError("the frame rate is not known")
        if row.path not in self:
            self[row.path] = count_packets(self._source / row.path, given_fps=row.fps).times
        return self[row.path]


class AnnotationFiles:
    """The annotation files of a data set and the rows of their table.

    Parameters
    ----------
    folder : Path
        Folder of the tables.
    source : Path
        Base folder of the videos' paths.
    times : Times
    update : bool
        Change existing files and splits that differ from the source; their old content is kept beside them.
    report : Report
        Filled with what is written, kept and changed.
    """

    def __init__(self, folder: Path, source: Path, times: Times, update: bool, report: Report) -> None:
        self._folder, self._source, self._times = folder, source, times
        self._update, self._report = update, report
        self._table = folder / "annotations.tsv"
        self._rows = tables.read_annotations(self._table) if self._table.exists() else []
        self._same, self._other = 0, list[Fault]()
        self._labels = Counter[tuple[str, str]]()  # number of labels of a video for a task

    def write(self, pairs: Iterable[tuple[tables.VideoRow, Labels]]) -> list[tables.Annotation]:
        """Write missing files and the table; return all its rows.

        Parameters
        ----------
        pairs : iterable of (VideoRow, Labels)
            The labels of each video, one for each task and split.

        Returns
        -------
        list of Annotation
        """
        pairs, before = list(pairs), list(self._rows)
        self._labels = Counter((row.video, label.task) for row, label in pairs)
        known = {(row.video, row.path, row.task) for row in before}
        added = []
        for row, label in pairs:
            path = Path("annotations", label.task, label.split, f"{row.video}.xml")
            if self._place(path, row, label) and (row.video, path.as_posix(), label.task) not in known:
                added.append(tables.Annotation(row.video, path.as_posix(), label.task, label.split))
        if self._rows != before:
            self._report.notes.append(f"updated: {self._table}, old table kept as {keep(self._table).name}")
        if added or self._rows != before or not self._table.exists():
            tables.write_annotations(self._table, [*self._rows, *added])
        self._report.note(self._table, len(added), len(before), "row")
        self._tell()
        return [*self._rows, *added]

    def _place(self, path: Path, row: tables.VideoRow, label: Labels) -> bool:
        """Write or compare one file; return whether it is to have a row."""
        file = self._folder / path
        if file.exists():
            self._compare(file, row, label)
        elif self._moved(row, label):
            return False
        elif problem := self._write(file, row, label):
            where, what = str(self._source / row.path), "video has no annotation file"
            remedy = "repair the video, then import again"
            self._report.warnings.append(Fault(where, what, found=problem, remedy=remedy))
            return False
        else:
            strokes = placed(row, label, self._times)
            self._report.warnings += video_end.remarks(row.path, label.intervals, strokes, row.frames)
            self._report.warnings += contradictions.overlaps(row.path, label.intervals, strokes)
        return True

    def _compare(self, path: Path, row: tables.VideoRow, label: Labels) -> None:
        """Keep an existing file, or change it on request, if it differs from the source."""
        try:
            theirs = set(strokes_of(row, label, self._times))
        except (CrispError, ValueError):
            self._same += 1  # crisp check reports the fault
            return
        ours = _read(path)
        if ours == theirs or (ours is None and not self._update):
            self._same += 1
            return
        source, here = _named(theirs - (ours or set())), _named((ours or set()) - theirs)
        if not self._update:
            self._other.append(
                Fault(
                    str(path),
                    "differs from the source, not overwritten",
                    f"{source} (source)",
                    f"{here} (here)",
                    "if the source is right, import again with --update; corrections made here are kept",
                )
            )
            return
        kept = keep(path)
        self._write(path, row, label)
        self._report.notes.append(f"updated: {path}: {source} for {here}; old file kept as {kept.name}")

    def _moved(self, row: tables.VideoRow, label: Labels) -> bool:
        """Return whether another row has this label with another split: it would be two samples."""
        try:
            theirs = set(strokes_of(row, label, self._times))
        except (CrispError, ValueError):
            return False  # reported when it is written
        own = [one for one in self._rows if (one.video, one.task) == (row.video, label.task)]
        same = [one for one in own if _read(self._folder / one.path) == theirs]
        single = not same and len(own) == self._labels[row.video, label.task] == 1
        if self._update and single and (self._folder / own[0].path).exists():
            self._compare(self._folder / own[0].path, row, label)
            same = own
        if not theirs or not same:
            return False
        source, here = label.split or "none", same[0].split or "none"
        if self._update:
            self._rows[self._rows.index(same[0])] = replace(same[0], split=label.split)
            self._report.notes.append(f"updated: split of {row.video}: {source} for {here}")
        else:
            self._report.warnings.append(
                Fault(
                    f"{self._table}, video {row.video}",
                    "split differs from the source, not changed",
                    f"{source} (source)",
                    f"{here} (here)",
                    "if the source is right, import again with --update, or correct the column split",
                )
            )
        return True

    def _write(self, path: Path, row: tables.VideoRow, label: Labels) -> str:
        """Write one annotation file; return the reason if that is impossible."""
        if label.xml is not None:
            with replacing(path) as beside:
                beside.write_bytes(label.xml.read_bytes())
            return ""
        try:
            write_annotation(path, strokes_of(row, label, self._times))
        except CrispError as error:
            return error.faults[0].what
        except ValueError as error:
            return str(error)
        return ""

    def _tell(self) -> None:
        """Report how many existing files are as in the source, and the first of those that are not."""
        kept, other = self._report.kept, self._other
        if self._same:
            kept.append(f"{_files(self._same)} as in the source")
        if other:
            kept.append(f"{_files(len(other))} that differ{'s' * (len(other) == 1)} from the source")
            self._report.warnings += other[:MOST]
        if len(other) > MOST:
            what = f"{_files(len(other) - MOST)} more that differ from the source, not overwritten"
            self._report.warnings.append(Fault(str(self._folder / "annotations"), what))


def keep(path: Path) -> Path:
    """Copy a file beside itself, under the first free name with ``.bak``; return the path of the copy."""
    names = (path.with_name(f"{path.name}.bak{number or ''}") for number in count())
    copy = next(name for name in names if not name.exists())
    with replacing(copy) as beside:
        beside.write_bytes(path.read_bytes())
    return copy


def _files(number: int) -> str:
    return counted(number, "annotation file")


def _read(path: Path) -> set[Stroke] | None:
    """Return the strokes of an annotation file; None if it is damaged, as crisp check reports."""
    try:
        return set(read_annotation(path))
    except CrispError:
        return None


def _named(strokes: set[Stroke]) -> str:
    """Format the first strokes of a set, for messages."""
    texts = [f"{one.begin} to {one.end} {one.label!r}" for one in sorted(strokes)]
    return few(texts, MOST_STROKES) or "no such stroke"


def strokes_of(row: tables.VideoRow, label: Labels, times: Times) -> list[Stroke]:
    """Return the strokes of a label in frames of the video, cut at its end.

    A label in seconds begins, and ends before, the frame shown at that time.

    Parameters
    ----------
    row : VideoRow
    label : Labels
    times : Times

    Returns
    -------
    list of Stroke

    Raises
    ------
    CrispError, ValueError
        If they cannot be determined, as the video or the label's file lacks information.
    """
    if label.xml is not None:
        return read_annotation(label.xml)
    if label.whole and not row.frames:
        raise ValueError("the number of frames is not known")
    whole = [Stroke(0, row.frames, label.whole)] if label.whole else []
    return [*whole, *video_end.cut(label.intervals, placed(row, label, times), row.frames)]


def placed(row: tables.VideoRow, label: Labels, times: Times) -> list[Stroke]:
    """Return the intervals of a label in frames, possibly beyond the end of the video.

    Parameters
    ----------
    row : VideoRow
    label : Labels
    times : Times

    Returns
    -------
    list of Stroke

    Raises
    ------
    CrispError, ValueError
        As for `strokes_of`.
    """
    return [_stroke(interval, row, times) for interval in label.intervals]


def _stroke(interval: AnnotatedInterval, row: tables.VideoRow, times: Times) -> Stroke:
    begin, end = (_frame(bound, interval, row, times) for bound in (interval.begin, interval.end))
    return Stroke(begin, max(end, begin + 1), interval.label, interval.player)


def _frame(bound: Moment, interval: AnnotatedInterval, row: tables.VideoRow, times: Times) -> int:
    if not isinstance(bound, Timecode | CountedFrame):
        return times.of(row).frame_at(bound) if interval.seconds else int(bound)
    shown = times.of(row)
    try:
        return bound.frame_in(shown)
    except ValueError as error:
        raise ValueError(f"{interval.where}: {error}") from None
