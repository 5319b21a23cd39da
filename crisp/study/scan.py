"""Scan video files and update their rows in ``videos.tsv``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from crisp.core import files
from crisp.core.errors import CrispError, Fault, fail, listed
from crisp.core.frame_times import FrameTimes
from crisp.core.progress import progress
from crisp.core.unicode_forms import existing
from crisp.preparation import video
from crisp.study import tables

MEASURED = ("size", "frames", "sha256", "fps", "timing", "picture")
REMARKED = ("timing", "picture")  # a warning repeats what they say


@dataclass(frozen=True)
class Measure:
    """Scan results of a video file.

    Attributes
    ----------
    size : int
        Bytes.
    frames : int
        Packets, or decoded frames.
    sha256 : str
        Of the file's bytes.
    fps : float
        Nominal frame rate, frames per second.
    timing : str
        As `crisp.preparation.video.Source.timing_note`.
    picture : str
        As `crisp.preparation.video.Source.picture`, separated by ``; ``.
    capture_fps : float
        The rate given for a file that has none, frames per second; else 0.
    times : FrameTimes
        When each frame is shown.
    """

    size: int
    frames: int
    sha256: str
    fps: float
    timing: str
    picture: str
    capture_fps: float
    times: FrameTimes


def measure(path: str | Path, decode: bool = False, given_fps: float = 0.0) -> Measure:
    """Read a video file from beginning to end.

    Parameters
    ----------
    path : path-like
    decode : bool
        Count the frames that can be decoded (slow) instead of the packets.
    given_fps : float
        Rate of a raw stream whose header has none, frames per second; 0 = unknown.

    Returns
    -------
    Measure

    Raises
    ------
    CrispError
        If the file is missing, unreadable, not a video, or has no frame or no frame rate.
    """
    path = existing(path)
    if decode:
        source = video.Source(Path(path), remedy=video.IN_STUDY, given_fps=given_fps)
        for _ in video.frames(path, source):
            pass
    else:
        source = video.count_packets(path, video.IN_STUDY, given_fps)
    source.require_rate()
    try:
        return Measure(
            size=Path(path).stat().st_size,
            frames=source.decoded if decode else source.packets,
            sha256=files.sha256(path),
            fps=float(f"{source.fps:.6g}"),  # rounded as in the table, so that a second scan changes nothing
            timing=source.timing_note,
            picture="; ".join(source.picture),
            capture_fps=given_fps if source.rate_given else 0.0,
            times=source.times,
        )
    except OSError as error:
        raise fail(path, "video file cannot be read", "a readable file", error.strerror) from None


def scan_videos(
    videos_table: str | Path, data_folder: str | Path, decode: bool = False, only: Iterable[str] = ()
) -> list[str]:
    """Update size, frames, sha256, fps, timing and picture of the rows of a ``videos.tsv`` from the files.

    A raw stream whose header has no frame rate keeps that of its row. Notes on the picture of an unchanged
    file stay until it is decoded, as only decoding finds some of them.

    Parameters
    ----------
    videos_table : path of the table; written only if something changed.
    data_folder : path-like
        Folder that the table's paths are relative to.
    decode : bool
        Decode every frame (slow) instead of counting packets.
    only : iterable of str
        Ids to scan, whether in use or not; empty = all rows with use=yes.

    Returns
    -------
    list of str
        One line per changed row, then the warnings; of many alike, the first ones and their number.

    Raises
    ------
    CrispError
        Listing unknown ids of `only` (nothing is scanned then), or every video that is missing,
        not a video or without a frame (the other rows are updated).
    """
    rows = tables.read_videos(videos_table)
    wanted = _wanted(rows, set(only), videos_table)
    updated: dict[str, Measure] = {}
    lines: list[str] = []
    warnings: list[Fault] = []
    faults: list[Fault] = []
    try:
        for row in progress(wanted, "videos", "scan", len(wanted)):
            try:
                found = measure(Path(data_folder) / row.path, decode, row.recorded_fps)
            except CrispError as error:
                faults += [
                    replace(fault, where=f"video {row.video}, {fault.where}") for fault in error.faults
                ]
                continue
            if not decode and found.sha256 == row.sha256:
                found = replace(found, picture=_joined(row.picture, found.picture))
            if change := _change(row, found):
                updated[row.video] = found
                lines.append(f"{row.video}: {change}")
            if remark := _measured(row, found).remark:
                warnings.append(Fault(row.video, remark))
    finally:
        # Also when interrupted: a scan of many videos takes hours.
        _store(videos_table, updated)
    if faults:
        raise CrispError(*faults)
    return lines + [f"warning: {warning}" for warning in listed(warnings)]


def _store(videos_table: str | Path, updated: dict[str, Measure]) -> None:
    """Merge results into the current table, as a user may have edited it meanwhile."""
    if updated:
        rows = tables.read_videos(videos_table)
        tables.write_videos(
            videos_table,
            [_measured(row, updated[row.video]) if row.video in updated else row for row in rows],
        )


def _measured(row: tables.VideoRow, found: Measure) -> tables.VideoRow:
    measured = {name: getattr(found, name) for name in MEASURED}
    return replace(row, **measured, capture_fps=found.capture_fps or row.capture_fps)


def _joined(*pictures: str) -> str:
    """Join notes on a picture, each kept once."""
    return "; ".join(dict.fromkeys(note for picture in pictures for note in picture.split("; ") if note))


def _wanted(rows: list[tables.VideoRow], only: set[str], videos_table: str | Path) -> list[tables.VideoRow]:
    unknown = sorted(only - {row.video for row in rows})
    if unknown:
        raise fail(
            videos_table,
            "no such video",
            "ids of the column video",
            ", ".join(unknown),
            "correct the id, or add a row for the video",
        )
    return [row for row in rows if (row.video in only if only else row.use)]


def _change(row: tables.VideoRow, found: Measure) -> str:
    """Return the differences, without the texts that the warning repeats; empty if there are none."""
    changes, scanned = [], _measured(row, found)
    for name in (*MEASURED, "capture_fps"):
        before, after = getattr(row, name), getattr(scanned, name)
        if before != after and after and name in REMARKED:
            changes.append(f"{name} as in the warning")
        elif before != after:
            before, after = (str(value)[:8] if name == "sha256" else value for value in (before, after))
            changes.append(f"{name} {before or '(none)'} -> {after or '(none)'}")
    return ", ".join(changes)
