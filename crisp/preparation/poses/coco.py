"""COCO keypoint JSON: ``images`` in time order, and ``annotations`` with ``keypoints``, one per person."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from crisp.core.errors import fail
from crisp.core.skeleton import JOINTS
from crisp.core.unreadable import ERRORS, reading
from crisp.preparation.poses.people import People, check_count, ordered, places, stacked

# The first of COCO's 17 points are ours, in our order; a file may define its own in `categories`.
KEYPOINTS = [*JOINTS, "left knee", "right knee", "left ankle", "right ankle"]


def read(path: Path, count: int, joints: Mapping[str, str]) -> People:
    """Read all people in each frame.

    The third value of a keypoint is a score, or COCO's visibility: 0 means an unknown point, 1
    and 2 count as score 1.

    Parameters
    ----------
    path, count, joints
        As `path`, `frames` and `joints` of `crisp.preparation.poses.read_poses`.

    Returns
    -------
    People

    Raises
    ------
    CrispError
        If the file is damaged, lacks joints, or its images are not the frames of this video.
    """
    with reading(path, "pose file", "JSON of COCO keypoints"):
        content = json.loads(path.read_text(encoding="utf-8"))
    try:
        images, annotations = content["images"], content["annotations"]
        rows = {image["id"]: row for row, image in enumerate(sorted(images, key=_moment))}
        names = next((c["keypoints"] for c in content.get("categories", []) if "keypoints" in c), KEYPOINTS)
        if not all(isinstance(name, str) for name in names) or not isinstance(annotations, list):
            raise ValueError("keypoints that are not names, or annotations that are not a list")
        sizes = {(float(image.get("width", 0)), float(image.get("height", 0))) for image in images}
    except ERRORS as error:
        raise fail(
            path,
            "not a COCO keypoint file",
            "images (one per frame, with an id) and annotations",
            f"{type(error).__name__}: {error}",
            "include the images with the annotations: a list of results alone has no frame count",
        ) from None
    if len(rows) != len(images) or len(sizes) > 1:
        found = f"{len(images)} images, {len(rows)} ids, {len(sizes)} sizes"
        raise fail(path, "not the frames of one video", "images of one size, each with its own id", found)
    check_count(path, len(rows), count)
    where = places(names, joints, path)
    frames: list[list[np.ndarray]] = [[] for _ in rows]
    for number, annotation in enumerate(annotations):
        place = f"{path}, annotations.{number}"
        person = _person(annotation, len(names), place)
        try:
            row = rows[annotation.get("image_id")]
        except (KeyError, TypeError):
            raise fail(place, "annotation of an unknown image", "image_id of one of images") from None
        frames[row].append(ordered(person, where))
    return People(stacked(frames, path), next(iter(sizes), (0.0, 0.0)))


def _moment(image: dict[str, Any]) -> tuple[int, str]:
    """Return the sort key of images: the frame, else the last number of the file name, else the id."""
    numbers = re.findall("[0-9]+", Path(str(image.get("file_name", ""))).stem) or [image["id"]]
    frame = image.get("frame_id", numbers[-1])
    return int(frame), str(image["id"])


def _person(annotation: Any, count: int, place: str) -> np.ndarray:
    try:
        points = np.array(annotation["keypoints"], float).reshape(count, 3)
    except ERRORS:
        found = annotation.get("keypoints") if isinstance(annotation, dict) else annotation
        raise fail(
            place, "not a person's keypoints", f"{count} times x, y and score", str(found)[:100]
        ) from None
    points[:, 2] = np.minimum(points[:, 2], 1)
    return points
