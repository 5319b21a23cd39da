"""Videos whose pictures show their own number, written at any time stamps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BLOCK, BITS = 16, 16  # px; bits of the number, least significant first, row by row
WIDTH, HEIGHT = 128, 96
SIZE = WIDTH, HEIGHT
TICK = Fraction(1, 90_000)  # s

FRAMES = 150  # of the videos of `STAMPS`: their numbers fit into the first row of blocks
KEY_FRAMES = 60  # key-frame interval of the one without an edit list


def _jittered(rate: float, most: float) -> list[float]:
    random = np.random.default_rng(3)
    return [(n + most * float(random.uniform(-1, 1)) * (n > 0)) / rate for n in range(FRAMES)]


CONSTANT = [n / 30 for n in range(FRAMES)]
# Times of the frames of a video of each kind, s, by file name.
STAMPS: dict[str, list[float]] = {
    "constant.mp4": CONSTANT,
    "30-then-24.mp4": [n / 30 if n < 80 else 80 / 30 + (n - 80) / 24 for n in range(FRAMES)],
    "reordered.mp4": _jittered(30, 0.45),
    "jitter.mp4": [stamp + 0.1 * (n > 60) for n, stamp in enumerate(_jittered(30, 0.45))],
    "after-sound.mp4": [0.5 + stamp for stamp in CONSTANT],
    "no-edit-list.mp4": [(n + 2) / 30 for n in range(FRAMES)],
    "milliseconds.webm": [round(1000 * 1.5 * stamp) / 1000 for stamp in _jittered(30, 0.4)],
    "null-frames.avi": [n / 30 for n in range(FRAMES + 16) if n % 10 != 7][:FRAMES],
}


def draw(number: int) -> np.ndarray:
    """The picture of a frame: black and white blocks above, something that moves below."""
    picture = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    per_row = WIDTH // BLOCK
    for bit in range(BITS):
        top, left = BLOCK * (bit // per_row), BLOCK * (bit % per_row)
        picture[top : top + BLOCK, left : left + BLOCK] = 255 * (number >> bit & 1)
    left = 3 * number % (WIDTH - BLOCK)
    picture[4 * BLOCK : 5 * BLOCK, left : left + BLOCK] = (230, 40, 40)
    return picture


def read(picture: np.ndarray) -> int:
    """The number that a picture shows."""
    blocks = picture[: BLOCK * BITS * BLOCK // WIDTH].mean(axis=2)
    blocks = blocks.reshape(-1, BLOCK, WIDTH // BLOCK, BLOCK)[:, 4:-4, :, 4:-4].mean(axis=(1, 3))
    return sum(1 << bit for bit, level in enumerate(blocks.flat) if level > 128)


def write(
    path: Path,
    ticks: Sequence[int],
    tick: Fraction = TICK,
    codec: str = "libx264",
    form: str = "mp4",
    rate: int = 30,
    audio: bool = False,
    codec_options: dict[str, str] | None = None,
    **options: str,
) -> Path:
    """Write a video whose frame n is shown at ``ticks[n] * tick`` s; with `audio`, silence from 0 on."""
    with av.open(path.as_posix(), "w", format=form, options=options) as container:
        stream = container.add_stream(codec, rate=rate, options=codec_options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if codec == "mjpeg":
            stream.pix_fmt = "yuvj420p"
        stream.codec_context.time_base = stream.time_base = tick
        stream.codec_context.thread_count = 1
        if audio:
            sound = container.add_stream("aac", rate=48_000)
            for begin in range(0, 48_000, 1024):
                silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
                silence.sample_rate, silence.pts, silence.time_base = 48_000, begin, Fraction(1, 48_000)
                container.mux(sound.encode(silence))
            container.mux(sound.encode(None))
        for number, stamp in enumerate(ticks):
            frame = av.VideoFrame.from_ndarray(draw(number), format="rgb24")
            frame.pts, frame.time_base = stamp, tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def write_kind(path: Path) -> Path:
    """Write the video of the kind of its name, with the times ``STAMPS[path.name]``."""
    # Without an edit list the times are those that reordering delays: by two frames here.
    delay = 2 / 30 if path.name == "no-edit-list.mp4" else 0
    tick, codec, form = {
        ".mp4": (TICK, "libx264", "mp4"),
        ".webm": (Fraction(1, 1000), "libvpx", "webm"),
        ".avi": (Fraction(1, 30), "mpeg4", "avi"),
    }[path.suffix]
    coding = {"g": str(KEY_FRAMES)} if delay else {}
    if path.name == "jitter.mp4":  # as cameras do; reordered frames have wrong lengths in the file
        coding = {"bf": "0"}
    muxing = {"use_editlist": "0"} if delay else {}
    ticks = [round((stamp - delay) / tick) for stamp in STAMPS[path.name]]
    return write(
        path, ticks, tick, codec, form, audio=path.name == "after-sound.mp4", codec_options=coding, **muxing
    )
