"""Files for other software, made from what `crisp.index` found in a video.

Each module writes one format from the content of an ``index.json``. Bounds in it are frames of the video
file, ends exclusive; a frame's time is its number over the frame rate.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from crisp.exports import boris, campaign, elan, subtitles, table

Index = dict[str, Any]

FORMATS: dict[str, Callable[[Path, Index], None]] = {
    "strokes.xml": campaign.write,
    "strokes.csv": table.write,
    "strokes.eaf": elan.write,
    "strokes.boris": boris.write,
    "strokes.vtt": subtitles.write,
}
OVERLAY = "overlay.mp4"


def write(folder: Path, index: Index, overlay: bool) -> None:
    """Write the formats that a folder lacks, the video with what was found drawn on it only if asked for.

    Parameters
    ----------
    folder : path
    index : dict
        Content of an ``index.json``.
    overlay : bool

    Raises
    ------
    CrispError
        If there is no room, or, for the overlay, if the video is gone.
    """
    for name, make in FORMATS.items():
        if not (folder / name).exists():
            make(folder / name, index)
    if overlay and not (folder / OVERLAY).exists():
        from crisp.exports import overlay as drawing

        drawing.write(folder / OVERLAY, index)
