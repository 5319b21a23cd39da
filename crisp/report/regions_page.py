"""A page to look at the regions of videos, and to correct them by dragging their boxes."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from crisp.core.errors import fail
from crisp.core.html_pages import write_html
from crisp.core.progress import progress
from crisp.core.views import Box, format_regions
from crisp.preparation import video
from crisp.preparation.frames import working_size
from crisp.preparation.region_proposals import Proposal, propose_regions
from crisp.study.config import Study
from crisp.study.tables import VideoRow

WIDTH = 960  # px of a picture in the page
QUALITY = 80  # of its JPEG


def propose_page(
    study: Study, videos: Sequence[VideoRow], players: int, minutes: float, path: Path, table: str
) -> dict[str, str]:
    """Propose regions of a study's videos that have none, and write the page that shows all.

    Parameters
    ----------
    study : Study
    videos : sequence of VideoRow
    players : int
        How many players each picture shows.
    minutes : float
        How much of each video to look at.
    path : Path
        HTML file to write.
    table : str
        Name under which the page saves the regions.

    Returns
    -------
    dict
        The regions by video, in the form of ``videos.tsv``.

    Raises
    ------
    CrispError
        If there is no video, or one is unreadable, without a frame rate, or nothing moves in it.
    """
    if not videos:
        remedy = "name videos, to look at their regions"
        raise fail(study.videos_table, "no video without regions", "some in use", "none", remedy)
    pictured = []
    for row in progress(videos, "videos", "regions", len(videos)):
        source = study.source(row.video)
        if not row.fps:
            where = f"{study.videos_table}, video {row.video}"
            raise fail(where, "video has not been scanned", "its frame rate", "0", "crisp scan")
        still = next(video.frames(source))
        width, height = working_size(still.shape[1], still.shape[0], study.width, study.upscale)
        crops = study.crop_sizes
        least = max(size[1] for size in crops) / width, max(size[0] for size in crops) / height
        found = Proposal(row.boxes, still)
        if not row.regions:
            found = propose_regions(source, row.fps, players, minutes, least)
        pictured.append(PicturedRegions(row.video, *found))
    write_regions_page(path, pictured, table)
    return {one.video: format_regions(one.regions) for one in pictured}


class PicturedRegions(NamedTuple):
    """A video's regions, and an RGB picture of it (H, W, 3) uint8."""

    video: str
    regions: Mapping[str, Box]
    still: np.ndarray


def write_regions_page(path: str | Path, videos: Sequence[PicturedRegions], table: str) -> None:
    """Write the page.

    Parameters
    ----------
    path : path-like
        HTML file to write.
    videos : sequence of PicturedRegions
    table : str
        Name under which the page saves the regions.

    Raises
    ------
    CrispError
        If the page cannot be written.
    """
    content = [
        {"video": one.video, "regions": {name: list(box) for name, box in one.regions.items()}}
        for one in videos
    ]
    pictures = [_picture(one.still) for one in videos]
    write_html(
        path,
        "report/regions_page.html",
        title="Regions of players",
        videos=list(zip([one.video for one in videos], pictures, strict=True)),
        data={"table": table, "videos": content},
    )


def _picture(still: np.ndarray) -> str:
    """Return a picture as the URL of a JPEG."""
    height = max(1, round(still.shape[0] * WIDTH / still.shape[1]))
    small = cv2.resize(still, (WIDTH, height), interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(
        ".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"
