"""Putting what was found into a data set's folder, next to what is there, over nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from crisp import tables
from crisp.annotations import Stroke, is_unknown
from crisp.annotations import read as read_strokes
from crisp.annotations import write as write_strokes
from crisp.errors import CrispError
from crisp.files import replacing
from crisp.importers import ids, template
from crisp.importers.found import Found, FoundVideo, Interval, Labels
from crisp.progress import progress
from crisp.scan import measure
from crisp.words import counted


@dataclass
class Report:
    """What an import did.

    Attributes
    ----------
    layout : name of the layout that was read.
    added, kept : what was written, and what was there and left as it was.
    problems : what a person should look at.
    """

    layout: str
    added: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[str]:
        """Yield the lines to print."""
        yield f"layout: {self.layout}"
        yield from (f"added: {text}" for text in self.added)
        yield from (f"kept: {text}" for text in self.kept)
        yield from (f"look at: {text}" for text in self.problems)


def write(found: Found, source: Path, folder: Path, link: Path, decode: bool, report: Report) -> None:
    """Write tables, annotation files and study of a data set; what is there stays.

    Parameters
    ----------
    found : the videos and their labels.
    source : folder that the videos' paths are relative to.
    folder : of the tables; its name is that of the data set.
    link : through which the study finds `source`.
    decode : count decoded frames instead of packets.
    report : told what was done.
    """
    videos_table, annotations_table = folder / "videos.tsv", folder / "annotations.tsv"
    rows = tables.read_videos(videos_table) if videos_table.exists() else []
    labels = tables.read_annotations(annotations_table) if annotations_table.exists() else []
    names = ids.assign(found.videos, {row.path: row.video for row in rows})
    by_id = {row.video: row for row in rows}

    new = [video for video in found.videos if names[video.path] not in by_id]
    for video in progress(new, "videos", "import", len(new)):
        row = _row(names[video.path], source, video, decode)
        by_id[row.video] = row
        if not row.use:
            report.problems.append(f"{source / row.path}: not used: {row.note}")
    if new:
        tables.write_videos(videos_table, by_id.values())
    _tell(report, videos_table, len(new), len(rows), "video")

    known = {(row.video, row.path, row.task) for row in labels}
    new_labels, files_kept = [], 0
    for video in found.videos:
        for label in video.labels:
            row = by_id[names[video.path]]
            path = Path("annotations", label.task, label.split, f"{row.video}.xml")
            if (folder / path).exists():
                files_kept += 1
            elif problem := _annotation_file(folder / path, row, label):
                report.problems.append(f"{source / row.path}: no annotation file: {problem}")
                continue
            if (row.video, path.as_posix(), label.task) not in known:
                new_labels.append(tables.Annotation(row.video, path.as_posix(), label.task, label.split))
    if new_labels or not annotations_table.exists():
        tables.write_annotations(annotations_table, [*labels, *new_labels])
    _tell(report, annotations_table, len(new_labels), len(labels), "row")
    if files_kept:
        report.kept.append(f"{counted(files_kept, 'annotation file')}, not overwritten")
    report.problems += found.problems
    _study(folder, link, list(by_id.values()), [*labels, *new_labels], report)


def _tell(report: Report, path: Path, added: int, kept: int, unit: str) -> None:
    if added:
        report.added.append(f"{path}: {counted(added, unit)}")
    if kept:
        report.kept.append(f"{path}: {counted(kept, unit)}")


def _row(name: str, source: Path, video: FoundVideo, decode: bool) -> tables.Video:
    try:
        found = measure(source / video.path, decode)
    except CrispError as error:
        fault = error.faults[0]
        note = " ".join(f"{fault.what}: {fault.found}".split())[:200]
        return tables.Video(name, video.path, use=False, note=note)
    return tables.Video(name, video.path, found.size, found.frames, found.sha256, found.fps)


def _annotation_file(path: Path, row: tables.Video, label: Labels) -> str:
    """Write one annotation file; the reason if that is impossible."""
    if label.xml is not None:
        with replacing(path) as beside:
            beside.write_bytes(label.xml.read_bytes())
        return ""
    if label.whole and not row.frames:
        return "the number of frames is not known"
    if any(interval.seconds for interval in label.intervals) and not row.fps:
        return "the frame rate is not known"
    whole = [Stroke(0, row.frames, label.whole)] if label.whole else []
    write_strokes(path, [*whole, *(_stroke(interval, row.fps) for interval in label.intervals)])
    return ""


def _stroke(interval: Interval, fps: float) -> Stroke:
    begin, end = (
        math.floor(bound * fps + 0.5) if interval.seconds else int(bound)
        for bound in (interval.begin, interval.end)
    )
    return Stroke(begin, max(end, begin + 1), interval.label)


def _study(
    folder: Path,
    link: Path,
    videos: list[tables.Video],
    labels: list[tables.Annotation],
    report: Report,
) -> None:
    path = folder / "study.yaml"
    classification = [row for row in labels if row.task == "classification"]
    frames = {row.video: row.frames for row in videos}
    classes: set[str] = set()
    trimmed = bool(classification)
    for row in classification:
        try:
            strokes = read_strokes(folder / row.path)
        except CrispError as error:
            report.problems += [str(fault).replace("\n", ";") for fault in error.faults]
            trimmed = False
            continue
        classes |= {stroke.label for stroke in strokes if stroke.label and not is_unknown(stroke.label)}
        trimmed &= [stroke[:2] for stroke in strokes] == [(0, frames.get(row.video))]
    if path.exists():
        report.kept.append(f"{path}, not overwritten; classes found: {', '.join(sorted(classes))}")
        return
    if not classes:
        report.problems.append(f"{path}: no labelled stroke found: put the classes in before training")
    with replacing(path) as beside:
        beside.write_text(
            template.text(
                folder,
                link,
                sorted(classes, key=lambda name: (name != template.NEGATIVE, name)),
                trimmed=trimmed,
                given=bool(classification) and all(row.split for row in classification),
            ),
            encoding="utf-8",
        )
    report.added.append(str(path))
