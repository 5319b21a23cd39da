"""What every reader of pose files gives, and the matching of joint names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from crisp.core.errors import fail
from crisp.core.skeleton import JOINTS, POINTS
from crisp.core.words import counted

CROWD = 256  # people in one frame, spectators included
# Spellings of the centre; the first two are of the published files.
CENTRE = ({"scrore", "pose"}, {"score", "pose"}, {"centre"}, {"center"})


class People(NamedTuple):
    """Everyone in each frame.

    Attributes
    ----------
    points : ndarray, (N, P, 14, 3) float64
        (x, y, score), x and y in px of the pictures that the poses were found in; NaN where a frame has
        fewer people or a point is not known.
    size : (width, height)
        Of these pictures, px; 0 where the file does not tell.
    """

    points: np.ndarray
    size: tuple[float, float] = (0.0, 0.0)


def _words(name: str) -> frozenset[str]:
    """The words of a joint's name whatever its spelling: left_eye, leftEye, EYE-L, lefteye."""
    words = [word.lower() for word in re.findall("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    if len(words) == 1 and (parts := re.fullmatch("(left|right)(.+)", words[0])):
        words = list(parts.groups())
    return frozenset({"l": "left", "r": "right"}.get(word, word) for word in words)


def places(names: Sequence[str], given: Mapping[str, str], where: object) -> dict[int, int]:
    """Place in `names` of each of our points that a file has.

    Parameters
    ----------
    names : the file's joints.
    given : by name of a point of ours, that of the file, empty for one it does not have.
    where : for messages.

    Raises
    ------
    CrispError
        If a joint is missing or there twice; a centre need not be there.
    """
    names = list(names)
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
            "say in preparation.pose.joints what they are called in the file (empty: not there)",
        )
    return found


def check_count(path: object, found: int, frames: int) -> None:
    """Check that poses are those of a video of so many frames.

    Raises
    ------
    CrispError
        If they are of more or fewer.
    """
    if found != frames:
        raise fail(
            path,
            "poses of another number of frames than the video",
            f"{counted(frames, 'frame')}, as many as decode",
            found,
            "is it the pose file of this video? Export the poses of all its frames",
        )


def stacked(frames: Sequence[Sequence[np.ndarray]], where: object) -> np.ndarray:
    """People (14, 3) of each frame as one array (N, P, 14, 3), NaN where a frame has fewer.

    Raises
    ------
    CrispError
        If a frame has more than `CROWD`: there would be room for as many in all frames.
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
    """Points (..., joints of a file, 3) in our order, (..., 14, 3), NaN where the file has none."""
    result = np.full((*points.shape[:-2], len(POINTS), 3), np.nan)
    result[..., list(where), :] = points[..., list(where.values()), :]
    return result
