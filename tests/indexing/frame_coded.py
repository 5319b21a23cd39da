"""Videos of every kind of timing, in which each frame shows its own number."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

FRAMES = 150
SIZE = 160, 90  # px
BLOCK = 16  # px; the number is a row of 8 blocks, low bit first, white = 1
KEY_FRAMES = 60  # key-frame interval of the video without an edit list
TICKS = 90_000  # time base of the MP4 files, 1/s


def _jittered(rate: float, most: float) -> list[float]:
    random = np.random.default_rng(3)
    return [(n + most * float(random.uniform(-1, 1)) * (n > 0)) / rate for n in range(FRAMES)]


CONSTANT = [n / 30 for n in range(FRAMES)]
STAMPS: dict[str, list[float]] = {
    "constant.mp4": CONSTANT,
    "30-then-24.mp4": [n / 30 if n < 80 else 80 / 30 + (n - 80) / 24 for n in range(FRAMES)],
    "reordered.mp4": _jittered(30, 0.45),
    "jitter.mp4": [stamp + 0.1 * (n > 60) for n, stamp in enumerate(_jittered(30, 0.45))],
    "after-sound.mp4": [0.5 + stamp for stamp in CONSTANT],
    "no-edit-list.mp4": [(n + 2) / 30 for n in range(FRAMES)],
    "milliseconds.webm": [round(1000 * 1.5 * stamp) / 1000 for stamp in _jittered(30, 0.4)],
}


def picture(number: int) -> np.ndarray:
    """Draw the number of a frame: (H, W, 3) uint8."""
    image = np.full((SIZE[1], SIZE[0], 3), 60, np.uint8)
    for bit in range(8):
        image[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (number >> bit & 1)
    return image


def number_of(image: np.ndarray) -> int:
    """Read the number back."""
    bits = (image[BLOCK // 2, bit * BLOCK + BLOCK // 2].mean() > 128 for bit in range(8))
    return sum(bit << place for place, bit in enumerate(bits))


def write(path: Path, stamps: Sequence[float] | None = None) -> Path:
    """Write a video of the kind of its name: ``STAMPS[path.name]`` are its times, s."""
    stamps = STAMPS[path.name] if stamps is None else stamps
    webm, sound = path.suffix == ".webm", path.name == "after-sound.mp4"
    ticks = 1000 if webm else TICKS
    # Without an edit list the times are those that reordering delays: by two frames here.
    delay = 2 / 30 if path.name == "no-edit-list.mp4" else 0
    muxing: dict[str, str] = {"use_editlist": "0"} if delay else {}
    coding = {"g": str(KEY_FRAMES)} if delay else {}
    if path.name == "jitter.mp4":  # as cameras do; reordered frames have wrong lengths in the file
        coding = {"bf": "0"}
    with av.open(str(path), "w", options=muxing) as container:
        stream: Any = container.add_stream("libvpx" if webm else "libx264", rate=30, options=coding)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.codec_context.time_base = Fraction(1, ticks)
        if sound:
            audio: Any = container.add_stream("aac", rate=48_000)
            silence = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), "fltp", "stereo")
            silence.sample_rate = 48_000
            for block in range(258):
                silence.pts = 1024 * block
                container.mux(audio.encode(silence))
            container.mux(audio.encode(None))
        for number, stamp in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame.pts, frame.time_base = round((stamp - delay) * ticks), Fraction(1, ticks)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
