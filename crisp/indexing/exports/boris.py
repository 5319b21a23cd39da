"""BORIS project: one observation of the video, with a state event from begin to end of each stroke.

The players are the subjects. The project format is 7.0 (BORIS 7 to 9), according to its user guide and
saved projects.
"""

from __future__ import annotations

import string
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from crisp.core.files import write_json
from crisp.core.frame_times import FrameTimes
from crisp.study.index_file import IndexedStroke, IndexFile
from crisp.study.samples import UNKNOWN

PLAYERS = 8  # per BORIS observation; the video is in the first
KEYS = string.digits[1:] + string.ascii_lowercase  # hotkeys of classes, as long as they last


def write(path: Path, index: IndexFile) -> None:
    """Write the strokes of an index as a BORIS project; the comment of a begin gives the confidence."""
    given = {one.label for one in index.strokes}
    classes = [name for name in index.labels if name != index.model.negative or name in given]
    if "" in given:
        classes.append(UNKNOWN)
    now = datetime.now().isoformat(timespec="seconds")
    write_json(
        path,
        {
            "time_format": "hh:mm:ss",
            "project_date": now,
            "project_name": index.video.id,
            "project_description": f"Strokes found by CRISP {index.crisp}",
            "project_format_version": "7.0",
            "subjects_conf": {
                str(number): {"key": "", "name": name, "description": ""}
                for number, name in enumerate(filter(None, index.player_names))
            },
            "behaviors_conf": {
                str(number): _behaviour(name, KEYS[number : number + 1])
                for number, name in enumerate(classes)
            },
            "observations": {index.video.id: _observation(index, now)},
            "behavioral_categories": [],
            "behavioral_categories_config": {},
            "independent_variables": {},
            "coding_map": {},
            "behaviors_coding_map": [],
            "converters": {},
        },
    )


def _behaviour(name: str, key: str) -> dict[str, str]:
    return {
        "type": "State event",
        "key": key,
        "code": name,
        "description": "",
        "color": "",
        "category": "",
        "modifiers": "",
        "excluded": "",
        "coding map": "",
    }


def _observation(index: IndexFile, now: str) -> dict[str, Any]:
    video = index.video
    media = video.path
    return {
        "file": {str(player): [media] if player == 1 else [] for player in range(1, PLAYERS + 1)},
        "type": "MEDIA",
        "date": now,
        "description": "",
        "time offset": 0.0,
        "events": _events(index.strokes, index.times),
        "observation time interval": [0, 0],
        "independent_variables": {},
        "visualize_spectrogram": False,
        "visualize_waveform": False,
        "media_creation_date_as_offset": False,
        "media_scan_sampling_duration": 0,
        "image_display_duration": 1,
        "close_behaviors_between_videos": False,
        "media_info": {
            "length": {media: video.duration},
            "fps": {media: video.fps},
            "hasVideo": {media: True},
            "hasAudio": {media: False},
            "offset": {"1": 0.0},
        },
    }


def _events(strokes: Iterable[IndexedStroke], times: FrameTimes) -> list[list[Any]]:
    """Return time (s), subject, behaviour, modifier, comment and frame of each begin and end.

    BORIS interprets the first, third, … event of a subject's behaviour as a begin, and the others as ends.
    """
    events = [
        [round(times.time_of(frame), 3), one.player, one.label or UNKNOWN, "", comment, frame]
        for one in strokes
        for frame, comment in ((one.begin, _sureness(one)), (one.end, ""))
    ]
    return sorted(events, key=lambda event: event[-1])  # those of two players may overlap


def _sureness(one: IndexedStroke) -> str:
    return "" if one.probability is None else f"class {one.probability:.2f}, any stroke {one.score:.2f}"
