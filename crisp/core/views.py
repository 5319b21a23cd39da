"""Views: what samples are cut from, a video or one of its named regions (``match@left``).

A region is a box of the picture in which one player stays. Frames and flow belong to the video; mask, ROI,
statistics, poses and all that follows belong to the view.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

from crisp.core.names import ID

REGION = f"@{ID}"  # as it follows a video's id, or the method of its ROI file
FORM = "name=left,top,right,bottom; ... in shares of the picture, such as left=0,0,0.5,1; right=0.5,0,1,1"
MOST_REGIONS = 50  # of a video
DECIMALS = 4


class Box(NamedTuple):
    """A box in shares of the picture's width and height, from its top left corner."""

    left: float
    top: float
    right: float
    bottom: float

    def __str__(self) -> str:
        return ",".join(f"{round(share, DECIMALS):g}" for share in self)

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Return its (left, top, right, bottom) in px of a picture, the last two excluded."""
        left, top, right, bottom = (
            math.floor(share * size + 0.5) for share, size in zip(self, (width, height) * 2, strict=True)
        )
        return left, top, right, bottom

    def overlaps(self, other: Box) -> bool:
        """Return whether two boxes share an area."""
        across = min(self.right, other.right) > max(self.left, other.left)
        return across and min(self.bottom, other.bottom) > max(self.top, other.top)


WHOLE = Box(0, 0, 1, 1)


def view(video: str, region: str = "") -> str:
    """Return the id of a view: that of its video, with the name of its region if it has one."""
    return f"{video}@{region}" if region else video


def video_of(name: str) -> str:
    """Return the id of a view's video."""
    return name.partition("@")[0]


def region_of(name: str) -> str:
    """Return the name of a view's region; empty for a whole video."""
    return name.partition("@")[2]


def parse_box(text: str) -> Box:
    """Read a box, ``left,top,right,bottom``.

    Parameters
    ----------
    text : str

    Returns
    -------
    Box

    Raises
    ------
    ValueError
        With expected, found and remedy, if it is not four shares of the picture, leaves it, or is empty.
    """
    expected = "left,top,right,bottom in shares of the picture, 0 to 1"
    try:
        box = Box(*(float(share) for share in text.split(",")))
    except (TypeError, ValueError):
        raise ValueError(expected, repr(text)[:80], "correct the box") from None
    if not all(0 <= share <= 1 for share in box):  # NaN is not
        raise ValueError(f"a region inside the picture: {expected}", text[:80], "correct the box")
    if box.left >= box.right or box.top >= box.bottom:
        raise ValueError("left < right and top < bottom", f"an empty region {text[:80]}", "correct the box")
    return box


def parse_regions(text: str) -> dict[str, Box]:
    """Read the regions of a video, ``left=0,0,0.5,1; right=0.5,0,1,1``; none if empty.

    Parameters
    ----------
    text : str

    Returns
    -------
    dict of str to Box

    Raises
    ------
    ValueError
        With expected, found and remedy, if it is not of that form, or a region leaves the picture, is empty,
        has the name of another, or overlaps one.
    """
    regions: dict[str, Box] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, sign, box = (piece.strip() for piece in part.partition("="))
        if not sign or not re.fullmatch(ID, name) or len(name) > 40:
            raise ValueError(FORM, repr(part)[:80], "correct the region")
        if name.lower() in map(str.lower, regions):
            raise ValueError("regions of different names", f"{name!r} twice", "rename one")
        try:
            regions[name] = parse_box(box)
        except ValueError as error:
            expected, found, remedy = error.args
            raise ValueError(expected, f"{name}: {found}", remedy) from None
    if len(regions) > MOST_REGIONS:
        raise ValueError(f"at most {MOST_REGIONS} regions", str(len(regions)), "delete some")
    for (one, first), (other, second) in combinations(regions.items(), 2):
        if first.overlaps(second):
            raise ValueError("regions apart from each other", f"{one} overlaps {other}", "make one smaller")
    return regions


def format_regions(regions: Mapping[str, Box]) -> str:
    """Write regions as `parse_regions` reads them."""
    return "; ".join(f"{name}={box}" for name, box in regions.items())


def parse_each(text: str, regions: Iterable[str]) -> dict[str, str]:
    """Read a value for each region, such as its group: one for all, or ``left=Anna; right=Ben``.

    Parameters
    ----------
    text : str
    regions : iterable of str

    Returns
    -------
    dict of str to str
        Empty where none is given.

    Raises
    ------
    ValueError
        With expected, found and remedy, if a group is given to a region that the video does not have.
    """
    named = [
        tuple(piece.strip() for piece in part.partition("=")) for part in text.split(";") if part.strip()
    ]
    names = tuple(regions)
    if not any(sign for _, sign, _ in named):
        return dict.fromkeys(names, text)
    given = {name: group for name, _, group in named}
    if unknown := [name for name in given if name not in names]:
        expected = f"one value, or one for each of the regions {', '.join(names)}"
        raise ValueError(expected, f"one of {unknown[0]!r}", "correct the cell")
    return {name: given.get(name, "") for name in names}


def parse_facing(text: str, regions: Iterable[str]) -> dict[str, str]:
    """Read the side of the picture to which the player plays, ``left`` or ``right``, of each region.

    Parameters
    ----------
    text : str
        One side, or one for each region as for `parse_each`; empty: not stated.
    regions : iterable of str
        None for the whole picture, whose name is empty.

    Returns
    -------
    dict of str to str

    Raises
    ------
    ValueError
        With expected, found and remedy, if it is another side, or of a region that the video does not have.
    """
    names = tuple(regions)
    each = parse_each(text, names) if names else {"": text}
    if not set(each.values()) <= {"left", "right", ""}:
        raise ValueError("left, right, or one of them for each region", repr(text)[:50], "correct it")
    return each
