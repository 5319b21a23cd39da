"""Output format of all pose file readers, and matching of joint names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crisp.core.errors import fail
from crisp.core.skeleton import JOINTS, POINTS
from crisp.core.unicode_forms import compose
from crisp.core.words import counted

CROWD = 256  # maximum people in one frame, including spectators
# Spellings of the centre; the first two are from the published files.
CENTRE = ({"scrore", "pose"}, {"score", "pose"}, {"centre"}, {"center"})


class People(NamedTuple):
    """All people in each frame.

    Attributes
    ----------
    points : ndarray, (N, P, 14, 3) float64
        (x, y, score), x and y in px of the images of the poses; NaN if a frame has
        fewer people or a point is unknown.
    size : (width, height)
        Size of these images, px; 0 if it is not in the file.
    """

    points: np.ndarray
    size: tuple[float, float] = (0.0, 0.0)


def _words(name: str) -> frozenset[str]:
    """Split a joint name into words, in any spelling: left_eye, leftEye, EYE-L, lefteye."""
    words = [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    if len(words) == 1 and (parts := re.fullmatch("(left|right)(.+)", words[0])):
        words = list(parts.groups())
    return frozenset({"l": "left", "r": "right"}.get(word, word) for word in words)


def places(names: Sequence[str], given: Mapping[str, str], where: object) -> dict[int, int]:
    """Return the index in a file's joints of each of our points that the file has.

    Parameters
    ----------
    names : sequence of str
        The file's joints.
    given : mapping of str to str
        Our point names to those in the file, empty if missing there.
    where : object
        The file, named in messages.

    Returns
    -------
    dict of int to int
        Index in `names`, by index in `crisp.core.skeleton.POINTS`.

    Raises
    ------
    CrispError
        If a joint is missing or occurs twice; the centre is optional.
    """
    names = list(map(compose, names))
    found: dict[int, int] = {}
    missing = []
    for point, ours in enumerate(POINTS):
        spellings = CENTRE if ours == "centre" else ({*ours.split()},)
        if ours in given:
            hits = [given[ours]] if given[ours] in names else []
        else:
            hits = [name for name in names if _words(name) in spellings]
        if len(hits) > 1:
            raise fail(
                where,
                f"two joints are called {ours!r}",
                "one name for it",
                ", ".join(hits),
                "name it in preparation.pose.joints",
            )
        if hits:
            found[point] = names.index(hits[0])
        elif given.get(ours, "unknown") and ours in {*JOINTS, *given}:
            missing.append(given.get(ours, ours))
    if missing or not found:
        raise fail(
            where,
            f"joints are missing or have unknown names: {', '.join(missing)}",
            ", ".join(JOINTS),
            ", ".join(map(str, names)) or "none",
            "give their names in the file in preparation.pose.joints (empty: absent)",
        )
    return found


def check_count(path: object, found: int, frames: int) -> None:
    """Check that the number of poses matches the video's number of frames.

    Parameters
    ----------
    path : object
        The pose file, named in the message.
    found : int
        Frames in the pose file.
    frames : int
        Decodable frames of the video.

    Raises
    ------
    CrispError
        If it does not.
    """
    if found != frames:
        raise fail(
            path,
            "the number of frames with poses differs from the video",
            f"{counted(frames, 'frame')}, as many as decode",
            found,
            "is it the pose file of this video? Export the poses of all its frames",
        )


def stacked(frames: Sequence[Sequence[np.ndarray]], where: object) -> np.ndarray:
    """Stack people (14, 3) of each frame to one array (N, P, 14, 3), NaN if a frame has fewer.

    Raises
    ------
    CrispError
        If a frame has more than `CROWD`: the array would have room for as many in all frames.
    """
    most = max(map(len, frames), default=0)
    if most > CROWD:
        number = next(number for number, people in enumerate(frames) if len(people) == most)
        what = f"too many people in frame {number}"
        raise fail(where, what, f"at most {CROWD}", counted(most, "person", "people"), "export it again")
    points = np.full((len(frames), most, len(POINTS), 3), np.nan)
    for row, people in zip(points, frames, strict=True):
        for place, person in zip(row, people, strict=False):
            place[:] = person
    return points


def ordered(points: np.ndarray, where: Mapping[int, int]) -> np.ndarray:
    """Reorder points (..., joints of a file, 3) to our order, (..., 14, 3), NaN for missing ones."""
    result = np.full((*points.shape[:-2], len(POINTS), 3), np.nan)
    result[..., list(where), :] = points[..., list(where.values()), :]
    return result
