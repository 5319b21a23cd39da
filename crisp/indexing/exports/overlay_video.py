"""Overlay video (H.264): region of interest, and name and probability of each stroke, of every player."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from crisp.core.files import replacing
from crisp.core.progress import progress
from crisp.preparation import video
from crisp.study.index_file import IndexedPlayer, IndexFile

REST, STROKE, TEXT, GROUND = (150, 150, 150), (255, 160, 30), (255, 255, 255), (20, 20, 20)  # RGB
WEIGHT = 500  # font weight
TEXT_SHARE = 24  # image height in letters
LARGEST_RATE = 1001  # denominator of a frame rate, e.g. 30000/1001
TICK = Fraction(1, 90_000)  # s; time base of frames that follow no rate


def write(path: Path, index: IndexFile) -> None:
    """Write the overlay video of an index: same frames at the same times, even width and height.

    Raises
    ------
    CrispError
        If the video is missing or unreadable, or the disk is full.
    """
    about = index.video
    size = about.width - about.width % 2, about.height - about.height % 2
    rate = Fraction(about.fps).limit_denominator(LARGEST_RATE)
    tick = TICK if about.times else 1 / rate
    shown = [
        (_places(track, about.frames), np.array(track.roi_size), track.box, _labels(index, track.name))
        for track in index.tracks
    ]
    # The start of a later first frame is stored with the time base of the whole file, 1 ms by default.
    options = {"movie_timescale": str(tick.denominator)} if about.times else {}
    images = progress(video.frames(about.path), "frames", f"{about.id} overlay", about.frames)
    with (
        replacing(path) as beside,
        beside.open("wb") as file,
        av.open(file, "w", format="mp4", options=options) as container,
    ):
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "21"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = tick
        pts = -1
        for number, image in enumerate(images):
            picture = video.resize(image, about.width, about.height)
            for places, roi, region, labels in shown if number < about.frames else ():
                _draw(picture, places[number], roi, region, labels.get(number, ""))
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[: size[1], : size[0]]), "rgb24")
            # Two frames at one time are a tick apart, as MP4 requires.
            pts = max(pts + 1, round(about.times[number] / tick)) if about.times else number
            frame.pts, frame.time_base = pts, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _places(track: IndexedPlayer, count: int) -> np.ndarray:
    """Return the centre of the region of interest in every frame, (N, 2) px."""
    known = np.array(track.roi, np.float64).reshape(-1, 2)
    at = np.arange(len(known)) * (track.roi_stride or 1)
    return np.stack([np.interp(np.arange(count), at, axis) for axis in known.T], axis=1)


def _labels(index: IndexFile, player: str) -> dict[int, str]:
    """Return the text for each frame in a stroke of a player."""
    name = f"{player}: " if player else ""
    return {
        frame: f"{name}{one.label}  {one.probability:.0%}"
        for one in index.strokes
        if one.player == player
        for frame in range(one.begin, one.end)
    }


def _draw(
    picture: np.ndarray, centre: np.ndarray, size: np.ndarray, region: Sequence[float], label: str
) -> None:
    """Draw the region of interest, and a label in the corner of the player's region unless it is empty."""
    height, width = picture.shape[:2]
    thickness = max(1, height // 240)
    first, last = (np.round(centre + sign * size / 2).astype(int).tolist() for sign in (-1, 1))
    cv2.rectangle(picture, first, last, STROKE if label else REST, thickness, cv2.LINE_AA)
    if label:
        # OpenCV's own font is ASCII only; this one covers other alphabets.
        font, letter = cv2.FontFace("sans"), max(10, height // TEXT_SHARE)
        left, top = round(region[0] * width), round(region[1] * height)
        place = left + letter // 2, top + letter + letter // 2
        x, y, wide, high = cv2.getTextSize((0, 0), label, place, font, letter, WEIGHT)
        cv2.rectangle(picture, (left, top), (x + wide + letter // 2, y + high + 2), GROUND, cv2.FILLED)
        cv2.putText(picture, label, place, TEXT, font, letter, WEIGHT)
