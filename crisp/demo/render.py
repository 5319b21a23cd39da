"""Write the demo videos and their ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np

from crisp.core.errors import fail
from crisp.core.files import replacing
from crisp.core.skeleton import JOINTS
from crisp.demo.ball import flight
from crisp.demo.body import HEIGHT, WIDTH, BodyPose, build, pose
from crisp.demo.motion import offset
from crisp.demo.scene import Scene
from crisp.demo.script import FPS, Action, DemoVideo, actions, find, strokes

# With these settings x264 computes in integers only, so that its output is the same everywhere.
_X264 = {"qp": "18", "preset": "medium", "x264-params": "aq-mode=0:mbtree=0:psy=0:threads=1"}


class Truth(NamedTuple):
    """Ground truth for each frame of a demo video.

    Attributes
    ----------
    racket : ndarray of shape (N, 2), float32
        Centre of the blade, (x, y) in pixels of the video.
    joints : ndarray of shape (N, 13, 2), float32
        Nose, left/right eye, ear, shoulder, elbow, wrist and hip, (x, y) in pixels of the video; left and
        right are the player's own.

    Notes
    -----
    The camera drift (at most one pixel) is not included.
    """

    racket: np.ndarray
    joints: np.ndarray


def poses(video: DemoVideo) -> Iterator[tuple[Action, BodyPose]]:
    """Yield the player's action and pose, frame by frame."""
    player = build(video)
    for action in actions(video):
        frames = action.end - action.begin
        for frame in range(frames):
            yield action, pose(player, offset(action.kind, frame / frames, frames, action.style))


def truth(video: DemoVideo) -> Truth:
    """Return the true positions of racket and joints."""
    moments = [moment for _, moment in poses(video)]
    return Truth(
        np.array([moment.racket for moment in moments], np.float32),
        np.array([[moment.points[name] for name in JOINTS] for moment in moments], np.float32),
    )


def frames(video: DemoVideo) -> Iterator[np.ndarray]:
    """Yield the frames of a video, uint8 RGB of shape (108, 192, 3)."""
    scene = Scene(video, build(video))
    stances = [moment for _, moment in poses(video)]
    for moment, ball in zip(stances, flight(video, stances), strict=True):
        yield scene.draw(moment, ball)


def generate(video_id: str, folder: str | Path) -> Path:
    """Write one demo video, ``<folder>/<id>.mp4``, and its truth, ``<folder>/truth/<id>.npz``.

    Parameters
    ----------
    video_id : str
        Id of one of `crisp.demo.VIDEOS`.
    folder : path-like
        Folder to write to; created if necessary.

    Returns
    -------
    Path
        The video: 192x108 pixels, 20 fps, H.264. Two runs write the same bytes.

    Raises
    ------
    CrispError
        If there is no demo video with that id, or another video has its name.

    Notes
    -----
    The truth file holds ``racket`` and ``joints`` (see `Truth`) and, of the strokes, ``begin`` and ``end``
    (int64, frames, half-open) and ``label`` (text).
    """
    video = find(video_id)
    path = Path(folder) / f"{video.id}.mp4"
    known = Path(folder) / "truth" / f"{video.id}.npz"
    if path.exists() and not known.exists():
        expected, remedy = f"nothing, or a demo video with its {known}", "write to another folder"
        raise fail(path, "another video has the name of a demo video", expected, "a file", remedy)
    begin, end, label, _ = zip(*strokes(video), strict=True)
    with replacing(known) as beside, beside.open("wb") as file:
        np.savez_compressed(
            file, **truth(video)._asdict(), begin=np.array(begin), end=np.array(end), label=np.array(label)
        )
    with replacing(path) as beside:
        encode(beside, frames(video))
    return path


def encode(path: str | Path, pictures: Iterator[np.ndarray]) -> None:
    """Write frames as H.264 for browsers, with reproducible bytes.

    Parameters
    ----------
    path : path-like
        File to write.
    pictures : iterator of ndarray, (108, 192, 3) uint8
        RGB frames.
    """
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=FPS, options=_X264)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        stream.codec_context.time_base = Fraction(1, FPS)
        for number, picture in enumerate(pictures):
            # OpenCV converts in integers; FFmpeg's scaler differs between processors.
            planes = cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420).astype(np.uint8, copy=False)
            frame = av.VideoFrame.from_ndarray(planes, "yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
