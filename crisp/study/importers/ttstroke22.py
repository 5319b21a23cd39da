"""TTStroke-21 as of 2022 and 2023: trimmed clips sorted by class, and detection videos with XML.

- ``classificationTask/{train,validation}/<Class Name>/<id>.mp4``, ``…/test/<id>.mp4`` and
  ``classificationTask/test.xml``: ``<videos><video name="1.mp4" class="UNKNOWN"/>…</videos>``
- ``detectionTask/{train,validation,test}/<id>.mp4`` and ``<id>.xml``

Either part, or both in one folder.
"""

from __future__ import annotations

from pathlib import Path

from crisp.core import xml_files
from crisp.core.errors import Fault
from crisp.core.unicode_forms import compose, existing
from crisp.core.unreadable import reading
from crisp.study.importers.discovery import (
    Found,
    FoundVideo,
    Labels,
    folders,
    split_folders,
    stem,
    video_files,
)

UNKNOWN = "Unknown"


def matches_classification(folder: Path) -> bool:
    """Return whether a folder has the classification part."""
    task = folder / "classificationTask"
    labelled = any(folders(path) for split, path in split_folders(task) if split != "test")
    return labelled or (task / "test.xml").is_file()


def matches_detection(folder: Path) -> bool:
    """Return whether a folder has the detection part."""
    return any(any(video_files(path)) for _, path in split_folders(folder / "detectionTask"))


def read_classification(folder: Path) -> Found:
    """Read the trimmed clips: the class is the folder's name, or given in ``test.xml``."""
    found = Found()
    classes = _test_classes(folder / "classificationTask" / "test.xml")
    for split, of_split in split_folders(folder / "classificationTask"):
        places = [(of_split, ""), *((path, path.name) for path in folders(of_split))]
        for place, label in places:
            for path in video_files(place):
                known = label or (classes.pop(compose(path.name), UNKNOWN) if split == "test" else "")
                if not known:
                    found.problems.append(
                        Fault(
                            str(path),
                            "clip has no label",
                            "a clip in the folder of its class",
                            f"a clip in {of_split.name}/ itself",
                            "move it into the folder of its class, then import again",
                        )
                    )
                found.videos.append(_video(folder, path, "classification", split, known))
    for name in classes:
        found.problems.append(
            Fault(
                str(folder / "classificationTask" / "test.xml"),
                "a listed clip is missing",
                f"test/{name}",
                "nothing",
                "add the clip, or correct the list; then import again",
            )
        )
    return found


def _video(folder: Path, path: Path, task: str, split: str, label: str) -> FoundVideo:
    labels = [Labels(task, split, whole=" ".join(compose(label).split()))] if label else []
    return FoundVideo(path.relative_to(folder).as_posix(), (split, task), labels)


def _test_classes(path: Path) -> dict[str, str]:
    """Map file names to classes."""
    name = "list of test clips"
    with reading(path, name):
        if not path.is_file():
            return {}
    root = xml_files.read(path, name)
    return {compose(video.get("name", "")): video.get("class") or UNKNOWN for video in root.iter("video")}


def read_detection(folder: Path) -> Found:
    """Read the untrimmed videos, each with the XML of the same name beside it, if there is one.

    A test video without XML gets an empty annotation: its row selects it for detection.
    """
    found = Found()
    for split, of_split in split_folders(folder / "detectionTask"):
        for path in video_files(of_split):
            video = FoundVideo(path.relative_to(folder).as_posix(), (split, "detection"))
            xml = existing(path.with_name(f"{stem(path.name)}.xml"))
            if xml.is_file():
                video.labels.append(Labels("detection", split, xml=xml))
            elif split == "test":
                video.labels.append(Labels("detection", split))
            else:
                found.problems.append(
                    Fault(
                        str(path),
                        "video has no annotation",
                        f"{xml.name} beside it",
                        "nothing",
                        "add the annotation, then import again",
                    )
                )
            found.videos.append(video)
    return found


def matches_both(folder: Path) -> bool:
    """Return whether a folder has both parts."""
    return matches_classification(folder) and matches_detection(folder)


def read_both(folder: Path) -> Found:
    """Read the clips, then the detection videos."""
    clips, untrimmed = read_classification(folder), read_detection(folder)
    return Found(clips.videos + untrimmed.videos, clips.problems + untrimmed.problems)
