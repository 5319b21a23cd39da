"""Regions of the picture at import: whose strokes are in which, and what is kept of names without regions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from crisp.core import views
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.words import few
from crisp.study.importers.discovery import FoundVideo

MOST = 5  # names in a message


def give(videos: Iterable[FoundVideo], text: str) -> None:
    """Give each video its regions, and each region the group of its player.

    A video whose strokes name players gets their regions only: nothing is known of the others. Without
    regions, a name is kept where it tells the players of a video apart.

    Parameters
    ----------
    videos : iterable of FoundVideo
        Changed.
    text : str
        Regions of all, as in ``videos.tsv``; empty = none, but those that a video has already.

    Raises
    ------
    CrispError
        If they are no regions, or a stroke names a player who has none.
    """
    try:
        regions = views.parse_regions(text)
    except ValueError as error:
        raise fail("--regions", "bad regions", *error.args) from None
    faults = []
    for video in videos:
        if video.regions and not regions:
            continue  # those of its index
        named = {one.player for label in video.labels for one in label.intervals}
        if not regions and len(named) < 2:
            _forget(video)
        if regions and (unknown := sorted(named - regions.keys() - {""})):
            expected, remedy = f"one of the regions {', '.join(regions)}", "correct the table, or --regions"
            found = few(unknown, MOST)
            faults.append(Fault(video.path, "stroke of a player who has no region", expected, found, remedy))
        own = {name: box for name, box in regions.items() if name in named} or regions
        video.regions = views.format_regions(own)
        if groups := {name: video.groups[name] for name in own if video.groups.get(name)}:
            video.group = "; ".join(f"{name}={group}" for name, group in groups.items())
    if faults:
        raise CrispError(*faults)


def _forget(video: FoundVideo) -> None:
    """Forget the only player of a video: its strokes are those of the video."""
    video.labels = [
        replace(label, intervals=tuple(replace(one, player="") for one in label.intervals))
        for label in video.labels
    ]
