"""Videos without a list: each with the XML of its name, as the viewer saves it, or not labelled yet."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from crisp.core.errors import CrispError, Fault
from crisp.core.unicode_forms import compose, existing
from crisp.core.words import few
from crisp.study.annotations import read_annotation
from crisp.study.importers import stroke_table, video_ids
from crisp.study.importers.discovery import OTHER_FILES, Found, FoundVideo, Labels, stem
from crisp.study.importers.lists.listed import files
from crisp.study.importers.media_files import MediaFiles

# Files that are videos without doubt; others are imported as videos beside them, and read as such.
VIDEO = re.compile(
    r"\.(mp4|m4v|mov|qt|avi|mkv|webm|mpe?g|mts|m2ts?|ts|wmv|flv|f4v|3gp|3g2|ogv|ogm|mxf|vob|dv|y4m|mjpe?g|h26[45]|hevc)",
    re.IGNORECASE,
)
MOST = 5  # names in a message
DEEP = 4  # levels of subfolders in which XML is looked for
LEAST = 2  # folders of as many videos, which may be classes


def matches(source: Path) -> bool:
    """Return whether a source is a folder with videos, and without a table that cannot be understood."""
    if not source.is_dir() or stroke_table.unlike(source):
        return False
    return any(VIDEO.fullmatch(Path(path).suffix) for path in MediaFiles(source).all)


def read(source: Path) -> Found:
    """Read the videos of a folder and its subfolders, and the XML named as one of them (or as its id)."""
    found = Found([FoundVideo(path, _hints(path)) for path in MediaFiles(source).all])
    by_name: dict[str, list[FoundVideo]] = {}
    for video in found.videos:
        name = PurePosixPath(video.path).name
        for known_as in {stem(name), video_ids.plain(name)}:
            by_name.setdefault(known_as, []).append(video)
    for path in files(source, ".xml", deep=DEEP):
        _label(path, by_name.get(compose(path.stem), []), found)
    _tell(source, found)
    return found


def _hints(path: str) -> tuple[str, ...]:
    return tuple(reversed(PurePosixPath(path).parts[:-1]))


def _label(path: Path, named: list[FoundVideo], found: Found) -> None:
    """Give the strokes of an XML file to the video of its name, or report why not."""
    beside = [video for video in named if PurePosixPath(video.path).parent.name == path.parent.name]
    videos = beside if len(beside) == 1 else named
    if len(videos) != 1 or videos[0].labels:
        names = ", ".join(video.path for video in named) or "none"
        what, expected = "annotation is not imported", "one video of this name, and one XML of a video"
        remedy = "rename it as its video, or remove it; then import again"
        found.problems.append(Fault(str(path), what, expected, names, remedy))
        return
    try:
        read_annotation(path)
    except CrispError as error:
        found.problems += error.faults
    else:
        videos[0].labels.append(Labels("classification", xml=existing(path)))


def _tell(source: Path, found: Found) -> None:
    """Report videos without labels, other files, and folders that may be classes."""
    bare = [video.path for video in found.videos if not video.labels]
    if bare and len(bare) < len(found.videos):
        found.notes.append(f"note: not labelled yet: {few(bare, MOST)}")
    others = [
        path.name
        for path in sorted(source.iterdir())
        if path.is_file() and OTHER_FILES.fullmatch(path.suffix) and path.suffix.lower() != ".xml"
    ]
    if others:
        found.notes.append(f"note: not read: {few(others, MOST)}")
    folders = Counter(PurePosixPath(path).parent.name for path in bare)
    if len(folders) >= LEAST and "" not in folders and min(folders.values()) >= LEAST:
        names = few(sorted(folders), MOST)
        found.notes.append(f"note: if the folders are classes ({names}), import with --layout class-folders")
