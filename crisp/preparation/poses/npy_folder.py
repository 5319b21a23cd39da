"""The published layout: a folder with one ``.npy`` per frame, each a list of people.

A person is a dictionary by joint name, with score and position (y, x) in px of frames 320 px wide;
the key ``Scrore pose`` (spelled this way there) holds those of the whole person.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crisp.core.errors import fail
from crisp.core.unreadable import ERRORS
from crisp.preparation.poses import frame_files, safe_pickle
from crisp.preparation.poses.people import People, ordered, places, stacked

WIDTH = 320.0  # px, width of the frames of the published poses


def read(folder: Path, joints: Mapping[str, str]) -> People:
    """Read all people in each frame; see `crisp.preparation.poses.read_poses`."""
    files = frame_files(folder)
    if not files:
        raise fail(folder, "no poses", "a file 00000000.npy, 00000001.npy, ... a frame", "no .npy file")
    numbers = [int(path.stem) if path.stem.isdecimal() else -1 for path in files]
    wrong = next((place for place, number in enumerate(numbers) if place != number), None)
    if wrong is not None:
        raise fail(
            folder,
            "a frame's poses are missing",
            f"{wrong:08d}.npy, as frames are numbered from 0",
            files[wrong].name,
            "restore the file, or name the files by frame number",
        )
    return People(stacked([_people(path, joints) for path in files], folder), (WIDTH, 0.0))


def _people(path: Path, joints: Mapping[str, str]) -> list[np.ndarray]:
    try:
        content = safe_pickle.load_npy(path)
    except (ValueError, OSError) as error:
        raise fail(
            path, "pose file cannot be read", "a list of dictionaries", error, "restore the file"
        ) from None
    return [_person(path, person, joints) for person in content.ravel().tolist()]


def _person(path: Path, person: Any, joints: Mapping[str, str]) -> np.ndarray:
    expected = "a dictionary of (score, (y, x)) by joint"
    if not isinstance(person, dict):
        raise fail(path, "not a person's pose", expected, type(person).__name__)
    where = places(list(person), joints, path)
    try:
        points = np.array([(place[1], place[0], score) for score, place in person.values()], float)
    except ERRORS as error:
        raise fail(path, "not a person's pose", expected, error) from None
    return ordered(points, where)
