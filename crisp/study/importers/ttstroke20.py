"""TTStroke-21 as of 2020 and 2021: all videos in one folder, one XML per video, task and split.

``videos/*.mp4`` and ``{classification,detection}Task/{train,valid|validation,test}/<video>.xml``
"""

from __future__ import annotations

from pathlib import Path

from crisp.core.errors import Fault
from crisp.core.unicode_forms import compose
from crisp.study.importers.discovery import Found, FoundVideo, Labels, split_folders, stem, video_files
from crisp.study.tables import TASKS


def matches(folder: Path) -> bool:
    """Return whether a folder has this layout."""
    return (folder / "videos").is_dir() and bool(_xml_files(folder))


def read(folder: Path) -> Found:
    """Read the videos of a folder with this layout."""
    found = Found([FoundVideo(f"videos/{path.name}") for path in video_files(folder / "videos")])
    by_name: dict[str, list[FoundVideo]] = {}
    for video in found.videos:
        name = Path(video.path).name
        for known_as in {name, stem(name)}:
            by_name.setdefault(known_as, []).append(video)
    for task, split, path in _xml_files(folder):
        videos = by_name.get(compose(path.name.removesuffix(path.suffix)), [])
        if len(videos) == 1:
            videos[0].labels.append(Labels(task, split, xml=path))
        else:
            names = ", ".join(video.path for video in videos) or "none in videos/"
            found.problems.append(
                Fault(
                    str(path),
                    "annotation is not imported",
                    "one video of this name in videos/",
                    names,
                    "rename the annotation as its video, or add the video; then import again",
                )
            )
    return found


def _xml_files(folder: Path) -> list[tuple[str, str, Path]]:
    return [
        (task, split, path)
        for task in TASKS
        for split, of_split in split_folders(folder / f"{task}Task")
        for path in sorted(of_split.iterdir())
        if path.suffix.lower() == ".xml" and path.is_file() and not path.name.startswith(".")
    ]
