"""Video to measure on: the demo's scene as a sports camera might film it, 1920x1080 at 120 fps."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import av
import cv2
import numpy as np

from crisp.demo import render, script

SIZE, FPS = (1920, 1080), 120
GRAIN = 8.0  # standard deviation of the noise of each pixel, without which pictures code too well
GRAINS = 7  # different pictures of noise, in turn


def write(path: Path, frames: int, number: int = 0) -> Path:
    """Write `frames` frames of the demo's video `number` as H.264, enlarged and with grain."""
    random = np.random.default_rng(number)
    grains = [random.normal(0, GRAIN, (SIZE[1], SIZE[0], 1)).astype(np.int16) for _ in range(GRAINS)]
    pictures = islice(render.frames(script.VIDEOS[number % len(script.VIDEOS)]), frames)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"crf": "23", "preset": "veryfast"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for index, picture in enumerate(pictures):
            large = cv2.resize(picture, SIZE, interpolation=cv2.INTER_CUBIC).astype(np.int16)
            image = np.clip(large + grains[index % GRAINS], 0, 255).astype(np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())
    return path
