"""ActivityNet and THUMOS: JSON with the segments of each video, in seconds.

``{"database": {"<id>": {"subset": "training", "annotations": [{"segment": [1.5, 3], "label": "Serve"}]}}}``;
mmaction2 leaves ``database`` out. The video is ``<id>`` or ``v_<id>`` with any suffix.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crisp.core import files as json_files
from crisp.core.errors import CrispError, Fault
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose
from crisp.study.importers.discovery import AnnotatedInterval, Found, Labels, split_name
from crisp.study.importers.lists import splits
from crisp.study.importers.lists.kinetics import split_in
from crisp.study.importers.lists.listed import TASK, ListedVideos, files
from crisp.study.importers.time_cells import MOST_SECONDS

NAME = "list of segments"


def matches(source: Path) -> bool:
    """Return whether a source is such a file, or a folder with one, also in a subfolder."""
    return any(_database(path) for path in files(source, ".json"))


def read(source: Path) -> Found:
    """Read the videos of all such files that are there.

    Raises
    ------
    CrispError
        If a segment is not of this form (all are listed), or none of the videos is there.
    """
    listed = ListedVideos(source)
    for path in files(source, ".json"):
        for name, video in _database(path).items():
            _add(name, video, path, listed)
    found = listed.found()
    found.notes += splits.complete(found.videos)
    return found


def _database(path: Path) -> dict[str, dict[str, Any]]:
    """Return the videos in a file by their ids; none for another file."""
    try:
        content = json_files.read_json(path, NAME)
    except CrispError:
        return {}
    content = content.get("database", content) if isinstance(content, dict) else None
    if not isinstance(content, dict) or not content:
        return {}
    annotated = [video.get("annotations") for video in content.values() if isinstance(video, dict)]
    if len(annotated) < len(content) or not any(isinstance(one, list) for one in annotated):
        return {}
    segments = [one for labels in annotated if isinstance(labels, list) for one in labels]
    known = all(isinstance(one, dict) and {"segment", "label"} <= one.keys() for one in segments)
    return content if segments and known else {}


def _add(name: str, video: dict[str, Any], path: Path, listed: ListedVideos) -> None:
    faults, intervals = [], []
    where = f"{path}, video {name}"
    subset = video.get("subset", "")
    try:
        split = split_name(str(subset)) if subset else split_in(path.stem)
    except ValueError as error:
        what, expected, instead = error.args
        faults, split = [Fault(where, what, expected, instead, "correct the file")], ""
    for number, one in enumerate(video.get("annotations") or [], 1):
        place = f"{where}, annotation {number}"
        interval = _interval(one, place)
        if interval is None:
            found = json.dumps(one, ensure_ascii=False)[:100]
            expected = "segment: [begin, end] in seconds, begin < end, and a label"
            faults.append(Fault(place, "bad segment", expected, found, "correct the file"))
        else:
            intervals.append(interval)
    listed.faults += faults
    if (found_video := listed.add(name, f"v_{name}")) and intervals:
        found_video.labels.append(Labels(TASK, split, intervals=tuple(dict.fromkeys(intervals))))


def _interval(one: dict[str, Any], where: str) -> AnnotatedInterval | None:
    segment, label = one["segment"], one["label"]
    if not isinstance(segment, list) or len(segment) != 2 or not isinstance(label, str):
        return None
    try:
        begin, end = map(float, segment)
    except (TypeError, ValueError):
        return None
    label = " ".join(compose(label).split())
    if not 0 <= begin < end <= MOST_SECONDS or not label or not is_plain(label):
        return None
    return AnnotatedInterval(begin, end, label, seconds=True, where=where)
