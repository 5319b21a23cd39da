"""Videos whose pictures show their own number, written at any time stamps."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

BLOCK, BITS = 8, 16  # px; bits of the number, least significant first, row by row
WIDTH, HEIGHT = 64, 48


def draw(number: int) -> np.ndarray:
    """The picture of a frame: black and white blocks above, something that moves below."""
    picture = np.full((HEIGHT, WIDTH, 3), 96, np.uint8)
    per_row = WIDTH // BLOCK
    for bit in range(BITS):
        top, left = BLOCK * (bit // per_row), BLOCK * (bit % per_row)
        picture[top : top + BLOCK, left : left + BLOCK] = 255 * (number >> bit & 1)
    left = 3 * number % (WIDTH - BLOCK)
    picture[32:40, left : left + BLOCK] = (230, 40, 40)
    return picture


def read(picture: np.ndarray) -> int:
    """The number that a picture shows."""
    blocks = picture[: BLOCK * BITS * BLOCK // WIDTH].mean(axis=2)
    blocks = blocks.reshape(-1, BLOCK, WIDTH // BLOCK, BLOCK)[:, 2:-2, :, 2:-2].mean(axis=(1, 3))
    return sum(1 << bit for bit, level in enumerate(blocks.flat) if level > 128)


def write(
    path: Path,
    ticks: Sequence[int],
    tick: Fraction = Fraction(1, 90_000),
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
