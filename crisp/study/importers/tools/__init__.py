"""Labels from annotation tools: a module per format gives a `LabelFile`, of which a `Selection` is taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.words import counted, few
from crisp.study.annotations import MOST_ACTIONS
from crisp.study.importers import stroke_table
from crisp.study.importers.discovery import AnnotatedInterval, Found, FoundVideo
from crisp.study.importers.tools import (
    boris,
    boris_table,
    cvat,
    elan,
    label_studio,
    subtitles,
    via,
)
from crisp.study.importers.tools.label_file import LabelFile
from crisp.study.importers.tools.media import Videos, files_below
from crisp.study.importers.tools.selection import Selection

MOST = 5  # names in a message


class Format(NamedTuple):
    """Label files of a tool; `text` describes them, `is_one` recognises one, `read` reads it."""

    text: str
    is_one: Callable[[Path], bool]
    read: Callable[[Path], LabelFile]


FORMATS = {
    "elan": Format("ELAN documents (.eaf)", elan.is_one, elan.read),
    "boris": Format("BORIS projects (.boris)", boris.is_one, boris.read),
    "boris-events": Format(
        "events exported from BORIS, tabular or aggregated (.csv, .tsv)", boris_table.is_one, boris_table.read
    ),
    "cvat": Format("annotations of CVAT for video 1.1 (.xml)", cvat.is_one, cvat.read),
    "label-studio": Format("annotations of Label Studio (.json)", label_studio.is_one, label_studio.read),
    "via": Format("projects of VIA 3 (.json)", via.is_one, via.read),
    "subtitles": Format("WebVTT or SRT subtitles (.vtt, .srt)", subtitles.is_one, subtitles.read),
}


def format_of(path: Path) -> str:
    """Return the name of the format of a label file; empty if no tool's."""
    return next((name for name, one in FORMATS.items() if one.is_one(path)), "")


def matches(name: str, source: Path) -> bool:
    """Return whether a source is, or a folder holds at any depth, a label file of a format."""
    return any(map(FORMATS[name].is_one, [source] if source.is_file() else files_below(source)))


def read(source: Path, name: str, selection: Selection, with_regions: bool) -> Found:
    """Read the label files of a tool, and find their videos below the folder.

    Parameters
    ----------
    source : Path
        A label file in the folder of its videos, or that folder; videos and label files may be deeper.
    name : str
        A key of `FORMATS`.
    selection : Selection
        What to take of the labels.
    with_regions : bool
        Whether a player is a region of the picture; otherwise it is the group of the video.

    Returns
    -------
    Found
        Labelled videos; others are only named.

    Raises
    ------
    CrispError
        If there is no such file, one is damaged, or the video of none is found.
    """
    folder = source.parent if source.is_file() else source
    below = files_below(folder)
    paths = [source] if source.is_file() else list(filter(FORMATS[name].is_one, below))
    if not paths:
        raise fail(source, f"no label file of {name}", FORMATS[name].text, "none", "correct the path")
    files = _read_all(paths, FORMATS[name])
    selection.check(files)
    videos, strokes, problems = Videos(folder, below), dict[str, list[AnnotatedInterval]](), list[Fault]()
    labelled: dict[str, list[str]] = {}
    for file in files:
        for medium in file.media:
            video = videos.find(medium, file.path)
            if isinstance(video, Fault):
                problems.append(video)
                continue
            strokes.setdefault(video, []).extend(selection.intervals(medium.events, file))
            labelled.setdefault(video, []).append(f"{file.path}{f', {medium.where}' * bool(medium.where)}")
    if not strokes:
        raise CrispError(*problems or [Fault(str(source), "no video is labelled", FORMATS[name].text)])
    problems += [fault for file in files for fault in (*_assumed(file, selection), *file.faults)]
    problems += _several(labelled)
    problems += _unused(source, folder, below, paths, [path for path in videos.paths if path not in strokes])
    return Found([_found(folder, *item, with_regions) for item in strokes.items()], problems)


def _read_all(paths: list[Path], tool: Format) -> list[LabelFile]:
    """Read all label files, and report the faults of all that are damaged."""
    files, faults = list[LabelFile](), list[Fault]()
    for path in paths:
        try:
            files.append(tool.read(path))
        except CrispError as error:
            faults += error.faults
    if faults:
        raise CrispError(*faults)
    return files


def _found(folder: Path, path: str, intervals: list[AnnotatedInterval], with_regions: bool) -> FoundVideo:
    strokes = list(dict.fromkeys(intervals))
    if len(strokes) > MOST_ACTIONS:
        most = f"at most {MOST_ACTIONS:,} a video"
        raise fail(folder / path, "too many strokes", most, f"{len(strokes):,}", "take fewer: --tier")
    video = stroke_table.found_video(path, {"": strokes})
    players = {stroke.player for stroke in strokes}
    if not with_regions:
        video.groups = {player: player for player in players}
        video.group = next(iter(players)) if len(players) == 1 else ""
    return video


def _assumed(file: LabelFile, selection: Selection) -> Iterator[Fault]:
    """Report what was taken for granted, as no option states it: strokes in all tiers, a frame rate."""
    if not selection.tiers and len({tier.split("@")[0] for tier in file.tiers}) > 1:
        what = f"the labels of {counted(len(file.tiers), 'tier')} are taken as strokes"
        remedy = "if only some are, import again under another name with --tier NAME"
        yield Fault(str(file.path), what, found=few(list(file.tiers), MOST), remedy=remedy)
    if file.rate and not selection.fps:
        what = "frame numbers are taken as frames of the videos"
        remedy = "if the rate differs from the video's, import again under another name with --label-fps RATE"
        yield Fault(str(file.path), what, found=file.rate, remedy=remedy)


def _several(labelled: dict[str, list[str]]) -> list[Fault]:
    return [
        Fault(
            video,
            "labelled several times, the strokes of all are taken",
            "once",
            few(places, MOST),
            "if these are labels of several people, import each under a name of its own",
        )
        for video, places in labelled.items()
        if len(places) > 1
    ]


def _unused(
    source: Path, folder: Path, below: list[Path], read: list[Path], unlabelled: list[str]
) -> list[Fault]:
    """Report what else is in an imported folder: videos without labels, and label files of other tools."""
    if source.is_file():
        return []
    faults = []
    if unlabelled:
        what = f"{counted(len(unlabelled), 'video')} without labels, not imported"
        faults.append(Fault(str(folder), what, found=few(unlabelled, MOST)))
    others = {path: name for path in below if path not in read and (name := format_of(path))}
    if others:
        names = [str(path.relative_to(folder)) for path in others]
        what = f"{counted(len(others), 'label file')} of another tool, not read"
        remedy = f"to read them instead: --layout {few(sorted(set(others.values())), MOST)}"
        faults.append(Fault(str(folder), what, found=few(names, MOST), remedy=remedy))
    return faults
