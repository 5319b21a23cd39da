"""Detect videos that browsers cannot play frame-accurately, and make copies that they can."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av

from crisp.core.errors import fail
from crisp.core.files import replacing
from crisp.core.frame_times import REGULAR
from crisp.core.progress import progress
from crisp.preparation import picture, video
from crisp.study.index_file import IndexedVideo

PLAYED = ("h264", "vp8", "vp9", "av1")
CONTAINERS = ("mp4", "matroska", "webm")
LARGEST_WIDTH = 1280  # px
OURS = "made by CRISP, to be watched"  # comment in a copy
KEY_FRAMES = 10  # key-frame interval: a step back decodes at most that many frames


def playback_problem(path: Path, about: IndexedVideo) -> str:
    """Explain why a browser may not play a video well; empty if it should."""
    if about.variable_rate and not about.times:  # an earlier index
        return "its frame rate varies, so the browser shows other frames than the index counts"
    try:
        with path.open("rb") as file, video.container_of(file) as container:
            streams = container.streams.video
            codec = streams[0].codec_context if streams else None
            name = codec.name if codec else "no video"
            depth = (codec.pix_fmt or "") if codec else ""
            if name not in PLAYED:
                return f"many browsers do not play {name}"
            if name == "h264" and depth not in ("yuv420p", "yuvj420p"):
                return f"many browsers do not play H.264 of {depth}"
            start = (container.start_time or 0) / av.time_base
            if codec is not None and codec.has_b_frames and start * about.fps > REGULAR:
                return "it has no edit list, so that browsers show other frames before key frames"
            if picture.INTERLACED in picture.notes(streams[0]):
                return "its header says interlaced: browsers then show combs where something moves"
            if not any(kind in container.format.name.split(",") for kind in CONTAINERS):
                return f"browsers do not open files of the format {container.format.name}"
    except (av.error.FFmpegError, OSError, ValueError) as error:
        return f"not a video that can be opened ({error})"
    return ""


def make_proxy(source: Path, out: Path, about: IndexedVideo) -> Path:
    """Copy a video as H.264 with constant frame rate, at most 1280 px wide, frame for frame.

    Parameters
    ----------
    source : path-like
        The video.
    out : path-like
        Copy to write.
    about : IndexedVideo
        The video as described by its index.

    Returns
    -------
    path
        The copy.

    Raises
    ------
    CrispError
        If the video cannot be decoded, or the copy would overwrite the video or another file.
    """
    if os.path.realpath(out) == os.path.realpath(source):
        raise fail(out, "the copy would overwrite the video", "another name", out, "choose another --out")
    if out.exists() and not (out.is_file() and is_copy(out)):
        raise fail(out, "another file has the name of the copy", "none", "a file", "choose another --out")
    rate = Fraction(about.fps).limit_denominator(1001)
    with replacing(out) as beside, beside.open("wb") as file, av.open(file, "w", format="mp4") as container:
        container.metadata["comment"] = OURS
        stream = container.add_stream("libx264", rate=rate, options={"preset": "veryfast", "crf": "21"})
        stream.pix_fmt = "yuv420p"
        # No B-frames: every browser shows the first frame at 0 s.
        stream.codec_context.max_b_frames = 0
        stream.codec_context.gop_size = KEY_FRAMES
        for number, image in enumerate(progress(video.frames(source), "frames", "proxy", about.frames)):
            if number == 0:
                stream.width, stream.height = _size(image.shape[1], image.shape[0])
            frame = av.VideoFrame.from_ndarray(
                video.resize(image, stream.width, stream.height), format="rgb24"
            )
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out


def is_copy(path: Path) -> bool:
    """Return whether a file is a copy made by `make_proxy`."""
    try:
        with path.open("rb") as file, video.container_of(file) as container:
            return container.metadata.get("comment") == OURS
    except (av.error.FFmpegError, OSError, ValueError):
        return False


def _size(width: int, height: int) -> tuple[int, int]:
    """Return even dimensions, as required by H.264 4:2:0."""
    shrunk = min(1.0, LARGEST_WIDTH / width)
    return max(2, int(width * shrunk) // 2 * 2), max(2, int(height * shrunk) // 2 * 2)
