"""Peak memory of the preparation jobs on a short and on a long video: it must not grow with length.

python benchmarks/memory.py [--method dis] [--short 300] [--long 6000]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import av
import numpy as np

WIDTH, HEIGHT = 320, 180
LIMIT_MB, LIMIT_RATIO = 600, 1.1


def generate(path: Path, frames: int) -> None:
    """Write a video of a textured square that goes round before a noisy ground."""
    random = np.random.default_rng(0)
    grounds = random.integers(90, 110, (7, HEIGHT, WIDTH, 3), np.uint8)
    square = random.integers(0, 256, (40, 40, 3), np.uint8)
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=120, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for index in range(frames):
            image = grounds[index % 7].copy()
            x, y = round(140 + 100 * np.cos(index / 30)), round(70 + 50 * np.sin(index / 30))
            image[y : y + 40, x : x + 40] = square
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def peak(*arguments: object) -> float:
    """Peak resident memory of one ``crisp`` command, in MB."""
    script = "from crisp.cli import main; main()"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        told = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(told)
    # Kilobytes on Linux, bytes on macOS.
    return usage.ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def stages(folder: Path, frames: int, method: str) -> dict[str, float]:
    """Peak memory by stage of one video."""
    video, images, flow = folder / "video.mp4", folder / "frames.h5", folder / "flow.h5"
    generate(video, frames)
    return {
        "frames": peak("frames", video, images),
        "flow": peak("flow", images, flow, "--method", method),
        "roi": peak("roi", images, flow, folder / "roi.h5"),
    }


def main() -> None:
    """Print a table; end with 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--method", default="dis")
    parser.add_argument("--short", type=int, default=300)
    parser.add_argument("--long", type=int, default=6000)
    options = parser.parse_args()
    found = []
    for frames in (options.short, options.long):
        with tempfile.TemporaryDirectory() as folder:
            found.append(stages(Path(folder), frames, options.method))
    short, long = found
    print(f"{'stage':<8} {options.short:>6} {options.long:>6} frames (MB)   ratio")
    for stage in short:
        print(f"{stage:<8} {short[stage]:6.0f} {long[stage]:6.0f} {long[stage] / short[stage]:19.2f}")
    if any(long[stage] > LIMIT_MB or long[stage] / short[stage] > LIMIT_RATIO for stage in long):
        sys.exit(f"wanted: at most {LIMIT_MB} MB and a ratio of at most {LIMIT_RATIO}")


if __name__ == "__main__":
    main()
