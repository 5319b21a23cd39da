"""Whose stroke it is: the region of its video that a stroke's player names."""

from __future__ import annotations

from crisp.core.errors import Fault
from crisp.core.views import view
from crisp.study.annotations import Stroke
from crisp.study.tables import VideoRow


def view_of(stroke: Stroke, video: VideoRow) -> str | None:
    """Return the view that a stroke is in.

    That is the video if it has no regions, or else the region that the stroke's player names; a stroke
    without player is in a region that is the only one.

    Parameters
    ----------
    stroke : Stroke
    video : VideoRow

    Returns
    -------
    str or None
        None if the video has no such region.
    """
    if not video.regions:
        return video.video
    names = list(video.boxes)
    if not stroke.player and len(names) == 1:
        return view(video.video, names[0])
    return view(video.video, stroke.player) if stroke.player in names else None


def unknown_player(where: str, player: str, video: VideoRow) -> Fault:
    """Return the fault of a stroke that is in no region of its video.

    Parameters
    ----------
    where : str
        Place of the stroke, for the message.
    player : str
        Its player; empty if it names none.
    video : VideoRow

    Returns
    -------
    Fault
    """
    expected = f"the player in one of the regions {', '.join(video.boxes)}"
    remedy = f"correct the attribute player, or the column regions of {video.video}"
    what = "stroke of a player whom the video does not have" if player else "stroke of an unknown player"
    return Fault(where, what, expected, player or "no attribute player", remedy)
