"""What an import would take: videos, classes and first strokes; nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.frame_times import FrameTimes
from crisp.core.progress import progress
from crisp.core.unicode_forms import existing
from crisp.core.words import counted
from crisp.preparation import video
from crisp.study import tables
from crisp.study.annotations import Stroke
from crisp.study.importers import contradictions, video_end, video_ids
from crisp.study.importers.annotation_files import Times, placed, strokes_of
from crisp.study.importers.discovery import Found, FoundVideo
from crisp.study.importers.report import Report

MOST_VIDEOS = 50  # listed one by one
FIRST = 3  # strokes of each
UNLABELLED = "(no class)"


def show(found: Found, source: Path, fps: float, report: Report) -> None:
    """Report what would be imported: each video with its first strokes, and the classes with their counts.

    Parameters
    ----------
    found : Found
    source : Path
        Base folder of the videos' paths.
    fps : float
        Rate of raw streams whose header has none, frames per second; 0 = unknown.
    report : Report
        Its notes and warnings are extended.
    """
    classes, splits = Counter[str](), Counter[str]()
    names = video_ids.assign(found.videos, {})
    times = Times(source)
    lines: list[str] = []
    for number, one in enumerate(progress(found.videos, "videos", "preview", len(found.videos))):
        row, fault = _row(names[one.path], source, one, fps, times)
        report.warnings += [fault] if fault else []
        strokes = list(_strokes(row, one, times, report))
        classes.update(stroke.label or UNLABELLED for _, stroke in strokes)
        splits.update(split for split, _ in strokes if split)
        if number < MOST_VIDEOS:
            lines += _lines(row, strokes, times.get(row.path))
    if len(found.videos) > MOST_VIDEOS:
        lines.append(f"and {counted(len(found.videos) - MOST_VIDEOS, 'more video', 'more videos')}")
    total = f"{counted(classes.total(), 'stroke')}, {counted(len(classes), 'class', 'classes')}"
    report.notes += [f"preview: {counted(len(found.videos), 'video')}, {total}; nothing is written"]
    report.notes += [f"class {name}: {counted(number, 'stroke')}" for name, number in sorted(classes.items())]
    report.notes += [f"split {name}: {counted(number, 'stroke')}" for name, number in sorted(splits.items())]
    report.notes += lines
    if not classes:
        report.notes.append("note: no video is labelled; docs/formats.md says how to add labels")
    report.notes += found.notes
    report.warnings += found.problems


def _row(
    name: str, source: Path, one: FoundVideo, fps: float, times: Times
) -> tuple[tables.VideoRow, Fault | None]:
    """Return what is needed of a video's row, and what prevents its use."""
    row = tables.VideoRow(name, one.path, use=False)
    try:
        found = video.count_packets(existing(source / one.path), video.IN_STUDY, fps)
        found.require_rate()
    except CrispError as error:
        fault = error.faults[0]
        what = f"video would not be used: {fault.what}"
        return row, Fault(str(source / one.path), what, fault.expected, fault.found, fault.remedy)
    times[one.path] = found.times
    rate = float(f"{found.fps:.6g}")
    return tables.VideoRow(name, one.path, frames=found.packets, fps=rate), None


def _strokes(
    row: tables.VideoRow, one: FoundVideo, times: Times, report: Report
) -> Iterator[tuple[str, Stroke]]:
    """Yield the strokes of a video with their splits, and report what cannot be taken."""
    for label in one.labels:
        try:
            strokes = strokes_of(row, label, times)
        except (CrispError, ValueError) as error:
            if row.use:
                why = error.faults[0].what if isinstance(error, CrispError) else str(error)
                report.warnings.append(Fault(one.path, "labels would not be taken", found=why))
            continue
        if label.intervals:
            beyond = placed(row, label, times)
            report.warnings += video_end.remarks(row.path, label.intervals, beyond, row.frames)
            report.warnings += contradictions.overlaps(row.path, label.intervals, beyond)
        yield from ((label.split, stroke) for stroke in sorted(strokes))


def _lines(
    row: tables.VideoRow, strokes: list[tuple[str, Stroke]], times: FrameTimes | None
) -> Iterator[str]:
    fps = f"{row.fps:g}"
    size = f"{counted(row.frames, 'frame')} at {fps} frames per second" if row.use else "not usable"
    yield f"video {row.path}: {size}, {counted(len(strokes), 'stroke') if strokes else 'no stroke'}"
    for split, stroke in strokes[:FIRST]:
        seconds = (
            f" ({times.time_of(stroke.begin):.3f} to {times.time_of(stroke.end):.3f} s)" if times else ""
        )
        more = "".join(f", {text}" for text in (stroke.player, split) if text)
        yield f"  {stroke.begin} to {stroke.end}{seconds}: {stroke.label or UNLABELLED}{more}"
    if len(strokes) > FIRST:
        yield f"  and {counted(len(strokes) - FIRST, 'more stroke', 'more strokes')}"
