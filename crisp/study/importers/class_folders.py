"""Clips sorted into a folder for each class, perhaps in a folder for each split: ``train/Serve/a.mp4``."""

from __future__ import annotations

from pathlib import Path

from crisp.core.errors import Fault
from crisp.core.unicode_forms import compose
from crisp.study.importers.discovery import SPLIT_NAMES, Found, FoundVideo, Labels, folders, video_files
from crisp.study.importers.lists import splits


def matches(source: Path) -> bool:
    """Return whether a folder has folders for two splits or more, each with folders of clips."""
    found = [split for split, folder in _split_folders(source) if any(map(_has_clips, folders(folder)))]
    return len(found) > 1


def _split_folders(source: Path) -> list[tuple[str, Path]]:
    """Return the splits and their folders."""
    named = [(SPLIT_NAMES.get(path.name.casefold(), ""), path) for path in folders(source)]
    return [(split, path) for split, path in named if split]


def _has_clips(folder: Path) -> bool:
    return any(video_files(folder))


def read(source: Path) -> Found:
    """Read the clips; the class is the folder's name. Without folders of splits, each folder is a class."""
    found = Found()
    for split, place in _split_folders(source) or [("", source)]:
        for folder in folders(place):
            label = " ".join(compose(folder.name).replace("_", " ").split())
            for path in video_files(folder):
                labels = [Labels("classification", split, whole=label)]
                name = path.relative_to(source).as_posix()
                found.videos.append(FoundVideo(name, (split, label) if split else (label,), labels))
        found.problems += [
            Fault(str(path), "clip has no label", "a clip in the folder of its class", remedy="move it there")
            for path in video_files(place)
        ]
    found.notes += splits.complete(found.videos)
    return found
