"""Write imported tables, annotations and study file without overwriting existing files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.files import replacing
from crisp.core.frame_times import FrameTimes
from crisp.core.progress import progress
from crisp.core.words import counted, few
from crisp.preparation.video import count_packets
from crisp.study import tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.importers import player_groups, presets, proposal, rates, video_ids
from crisp.study.importers.discovery import (
    AnnotatedInterval,
    CountedFrame,
    Found,
    FoundVideo,
    Labels,
    Timecode,
)
from crisp.study.importers.presets import CostOf, Machine
from crisp.study.scan import measure

MOST = 5  # files named in one message


@dataclass
class Report:
    """Report of an import.

    Attributes
    ----------
    layout : str
        Name of the detected layout.
    source : Path
        Imported path.
    added, kept : list of str
        Written and existing files.
    notes : list of str
        Description of the study, with reasons.
    warnings : list of Fault
        Points for the user to check.
    """

    layout: str
    source: Path
    added: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)

    def note(self, path: Path, added: int, kept: int, unit: str) -> None:
        """Record how many of a table's rows were added and kept.

        Parameters
        ----------
        path : Path
        added, kept : int
        unit : str
            Of the rows, for example ``video``.
        """
        if added:
            self.added.append(f"{path}: {counted(added, unit)}")
        if kept:
            self.kept.append(f"{path}: {counted(kept, unit)}")

    def __iter__(self) -> Iterator[str]:
        """Yield the lines to print, without the warnings."""
        yield f"layout: {self.layout}"
        yield from (f"added: {text}" for text in self.added)
        yield from (f"kept: {text}" for text in self.kept)
        yield from self.notes


def write_dataset(
    found: Found,
    source: Path,
    folder: Path,
    link: Path,
    decode: bool,
    preset: str,
    fps: float,
    machine: Callable[[], Machine],
    cost: CostOf,
    report: Report,
) -> None:
    """Write tables, annotation files and study of a data set; existing files are kept.

    Parameters
    ----------
    found : Found
        The videos and their labels.
    source : Path
        Base folder of the videos' paths.
    folder : Path
        Folder of the tables; its name is that of the data set.
    link : Path
        Path by which the study finds `source`.
    decode : bool
        Count decoded frames instead of packets.
    preset : str
        Preset of the study, or ``auto``.
    fps : float
        Rate of raw streams whose header has none, frames per second; 0 = unknown.
    machine : callable
        Returns the target machine.
    cost : callable
        Cost of a study on it; see `CostOf`.
    report : Report
        Filled with the results.

    Raises
    ------
    CrispError
        If no video can be used; nothing has been written then.
    """
    videos_table = folder / "videos.tsv"
    old = tables.read_videos(videos_table) if videos_table.exists() else []
    names = video_ids.assign(found.videos, {row.path: row.video for row in old})
    known = {row.video for row in old}
    by_id = {row.video: row for row in old}
    new = [video for video in found.videos if names[video.path] not in known]
    times = Times(source)
    for video in progress(new, "videos", "import", len(new)):
        row, fault = _row(names[video.path], source, video, decode, fps, times)
        by_id[row.video] = row
        report.warnings += _measured(source / row.path, row, video, fault, videos_table)
    if not any(row.use for row in by_id.values()):
        raise CrispError(*(report.warnings[:MOST] or [_none_in_use(videos_table)]))

    report.note(videos_table, len(new), len(old), "video")
    pairs = [(by_id[names[video.path]], label) for video in found.videos for label in video.labels]
    labels = _annotations(folder, source, pairs, times, report)
    report.warnings += found.problems
    report.notes += found.notes
    study_file = folder / "study.yaml"
    data = proposal.Data(folder, link, labels, _strokes(folder, labels, report), by_id)
    data = _grouped(data, known, report)
    choice = None if study_file.exists() else presets.choose(preset, len(data.labelled), machine(), cost)
    thinned = choice is not None and choice.preset not in presets.AS_RECORDED
    measured = [row for row in data.videos.values() if row.video not in known]
    rate = rates.working_rate(measured, old, thinned, data.short)
    added = [replace(row, frame_step=rates.step(row, rate)) for row in measured]
    report.warnings += rates.odd(videos_table, added, rate)
    rows = [*old, *added]
    if added:
        tables.write_videos(videos_table, rows)
    if choice is None:
        _kept(study_file, data, preset, report)
        return
    proposed = proposal.propose(data, rows, choice, report.source, study_file)
    with replacing(study_file) as beside:
        beside.write_text(proposed.text, encoding="utf-8")
    report.added.append(str(study_file))
    report.notes += proposed.notes
    report.warnings += proposed.faults


def _grouped(data: proposal.Data, known: Collection[str], report: Report) -> proposal.Data:
    """Return trimmed clips with groups guessed from their names, if they have none and all are new."""
    if known or not data.trimmed or data.grouped:
        return data
    labelled = {video.path: stroke.label for video, stroke in data.labelled}
    groups = player_groups.guess(list(labelled.items()))
    if not groups:
        return data
    distinct = sorted(set(groups.values()))
    report.notes.append(
        f"note: {counted(len(distinct), 'group')} guessed from the names of the clips: "
        f"{few(distinct, MOST)}; clips of a group never train and test together. If they are not the "
        f"players, correct the column group of {data.folder / 'videos.tsv'}"
    )
    rows = {name: replace(row, group=groups.get(row.path, "")) for name, row in data.videos.items()}
    return replace(data, videos=rows)


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


def _row(
    name: str, source: Path, video: FoundVideo, decode: bool, fps: float, times: Times
) -> tuple[tables.VideoRow, Fault | None]:
    """Return the row of a video, and faults of the file."""
    try:
        found = measure(source / video.path, decode, fps)
    except CrispError as error:
        fault = error.faults[0]
        note = " ".join(f"{fault.what}: {fault.found}".split())[:200]
        return tables.VideoRow(name, video.path, use=False, note=note), fault
    times[video.path] = found.times
    row = tables.VideoRow(name, video.path, found.size, found.frames, found.sha256, found.fps, video.group)
    row = replace(row, timing=found.timing, picture=found.picture, capture_fps=found.capture_fps)
    return replace(row, regions=video.regions), None


def _measured(
    path: Path, row: tables.VideoRow, video: FoundVideo, fault: Fault | None, videos_table: Path
) -> list[Fault]:
    """Return remarks on a video: unusable, or not the one that its labels were made for."""
    if fault:
        remedy = fault.remedy or "replace the file by one that plays, or convert it"
        again = f"{remedy}; then set use=yes in {videos_table} and type crisp scan"
        return [Fault(str(path), f"video is not used: {fault.what}", fault.expected, fault.found, again)]
    remarks = [Fault(str(path), row.remark)] if row.remark else []
    if video.sha256 not in ("", row.sha256):
        what = "video is not the file that was indexed, so its strokes may be elsewhere"
        expected, remedy = f"SHA-256 {video.sha256}", "index this file, or check its strokes"
        remarks.append(Fault(str(path), what, expected, row.sha256, remedy))
    return remarks


def _none_in_use(videos_table: Path) -> Fault:
    return Fault(
        str(videos_table), "no video is in use", "use=yes in a row", "use=no in all", "set use=yes for some"
    )


def _annotations(
    folder: Path,
    source: Path,
    pairs: list[tuple[tables.VideoRow, Labels]],
    times: Times,
    report: Report,
) -> list[tables.Annotation]:
    """Write missing annotation files and their table; return all its rows."""
    table = folder / "annotations.tsv"
    before = tables.read_annotations(table) if table.exists() else []
    known = {(row.video, row.path, row.task) for row in before}
    added, same, other = list[tables.Annotation](), 0, list[Fault]()
    for row, label in pairs:
        path = Path("annotations", label.task, label.split, f"{row.video}.xml")
        if (folder / path).exists():
            difference = _difference(folder / path, row, label, times)
            same += difference is None
            other += [difference] if difference else []
        elif moved := _moved(folder, [one for one in before if one.video == row.video], row, label, times):
            report.warnings.append(moved)
            continue
        elif problem := _annotation_file(folder / path, row, label, times):
            where, what = str(source / row.path), "video has no annotation file"
            report.warnings.append(
                Fault(where, what, found=problem, remedy="repair the video, then import again")
            )
            continue
        if (row.video, path.as_posix(), label.task) not in known:
            added.append(tables.Annotation(row.video, path.as_posix(), label.task, label.split))
    if added or not table.exists():
        tables.write_annotations(table, [*before, *added])
    report.note(table, len(added), len(before), "row")
    if same:
        report.kept.append(f"{_files(same)} as in the source")
    if other:
        report.kept.append(f"{_files(len(other))} that differ{'s' * (len(other) == 1)} from the source")
        report.warnings += other[:MOST]
    if len(other) > MOST:
        what = f"{_files(len(other) - MOST)} more that differ from the source, not overwritten"
        report.warnings.append(Fault(str(folder / "annotations"), what))
    return [*before, *added]


def _files(count: int) -> str:
    return "1 annotation file" if count == 1 else f"{count} annotation files"


def _difference(path: Path, row: tables.VideoRow, label: Labels, times: Times) -> Fault | None:
    """Describe the difference of an existing annotation file from the source, if any."""
    try:
        theirs = _of_source(row, label, times)
        ours = set(read_annotation(path))
    except (CrispError, ValueError):
        return None  # crisp check reports the fault
    if ours == theirs:
        return None
    return Fault(
        str(path),
        "differs from the source, not overwritten",
        _named(theirs - ours) + " (source)",
        _named(ours - theirs) + " (here)",
        "if the source is right, move this file away and import again; corrections made here are kept",
    )


def _of_source(row: tables.VideoRow, label: Labels, times: Times) -> set[Stroke]:
    """Return the strokes of a label; raise CrispError or ValueError if they cannot be determined."""
    return set(read_annotation(label.xml) if label.xml is not None else _labelled(row, label, times))


def _moved(
    folder: Path, before: list[tables.Annotation], row: tables.VideoRow, label: Labels, times: Times
) -> Fault | None:
    """Return whether another row has this label with another split: it would be two samples."""
    try:
        theirs = _of_source(row, label, times)
        same = [
            one
            for one in before
            if one.task == label.task and set(read_annotation(folder / one.path)) == theirs
        ]
    except (CrispError, ValueError):
        return None  # crisp check reports the fault
    if not theirs or not same:
        return None
    return Fault(
        f"{folder / 'annotations.tsv'}, video {row.video}",
        "split differs from the source, not changed",
        f"{label.split or 'none'} (source)",
        f"{same[0].split or 'none'} (here)",
        "if the source is right, correct the column split",
    )


def _named(strokes: set[Stroke]) -> str:
    """Format the first strokes of a set, for messages."""
    texts = [f"{one.begin} to {one.end} {one.label!r}" for one in sorted(strokes)]
    return few(texts, 3) or "no such stroke"


def _annotation_file(path: Path, row: tables.VideoRow, label: Labels, times: Times) -> str:
    """Write one annotation file; return the reason if that is impossible."""
    if label.xml is not None:
        with replacing(path) as beside:
            beside.write_bytes(label.xml.read_bytes())
        return ""
    try:
        write_annotation(path, _labelled(row, label, times))
    except CrispError as error:
        return error.faults[0].what
    except ValueError as error:
        return str(error)
    return ""


def _labelled(row: tables.VideoRow, label: Labels, times: Times) -> list[Stroke]:
    """Return the strokes of a label without a file; raise ValueError if the video lacks information.

    A label in seconds begins, and ends before, the frame shown at that time.
    """
    if label.whole and not row.frames:
        raise ValueError("the number of frames is not known")
    whole = [Stroke(0, row.frames, label.whole)] if label.whole else []
    return [*whole, *(_stroke(interval, row, times) for interval in label.intervals)]


def _stroke(interval: AnnotatedInterval, row: tables.VideoRow, times: Times) -> Stroke:
    begin, end = (_frame(bound, interval.seconds, row, times) for bound in (interval.begin, interval.end))
    return Stroke(begin, max(end, begin + 1), interval.label, interval.player)


def _frame(bound: float | Timecode | CountedFrame, seconds: bool, row: tables.VideoRow, times: Times) -> int:
    if isinstance(bound, Timecode | CountedFrame):
        return bound.frame_in(times.of(row))
    return times.of(row).frame_at(bound) if seconds else int(bound)


def _strokes(folder: Path, labels: list[tables.Annotation], report: Report) -> dict[str, list[Stroke]]:
    """Return the strokes of every annotation file by its path; none for an unreadable one."""
    found = {}
    for row in labels:
        try:
            found[row.path] = read_annotation(folder / row.path)
        except CrispError as error:
            report.warnings += error.faults
            found[row.path] = []
    return found


def _kept(study_file: Path, data: proposal.Data, preset: str, report: Report) -> None:
    """Report what an existing study keeps, and what it lacks."""
    report.kept.append(f"{study_file}, not overwritten; classes found: {', '.join(data.classes)}")
    if preset != presets.AUTO:
        report.warnings.append(
            Fault(
                str(study_file),
                f"preset {preset} is not applied: the existing study is kept",
                remedy=f"crisp import {shlex.quote(str(report.source))} --name {data.folder.name}-{preset} "
                f"--preset {preset}",
            )
        )
