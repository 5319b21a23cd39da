"""End-point error of each flow method on the RubberWhale pair (Middlebury).

Give a folder with rubberwhale1.png, rubberwhale2.png and the true flow as a .flo file:

    python benchmarks/rubberwhale.py /path/to/folder
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import cv2
import numpy as np

from crisp import flow

UNKNOWN = 1e9  # px; the format marks pixels without a true flow by greater values


def read_flo(path: Path) -> np.ndarray:
    """A Middlebury .flo file as (H, W, 2) float32."""
    content = path.read_bytes()
    if content[:4] != b"PIEH":
        sys.exit(f"{path}: not a .flo file")
    width, height = np.frombuffer(content, "<i4", 2, 4)
    return np.frombuffer(content, "<f4", height * width * 2, 12).reshape(height, width, 2)


def main(folder: Path) -> None:
    """Print the error of zero flow and of every method."""
    truth = read_flo(next(iter(sorted(folder.glob("*.flo")))))
    pair = [cv2.imread(str(folder / f"rubberwhale{n}.png")) for n in (1, 2)]
    grey = flow.grey(np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2RGB) for image in pair]))
    known = np.abs(truth).max(axis=-1) < UNKNOWN
    print(f"{'method':<10} {'EPE (px)':>8} {'seconds':>8}")
    print(f"{'zero':<10} {np.linalg.norm(truth, axis=-1)[known].mean():8.3f}")
    for method in flow.METHODS:
        begin = time.perf_counter()
        found = flow.compute(grey, method)[1]
        seconds = time.perf_counter() - begin
        print(f"{method:<10} {np.linalg.norm(found - truth, axis=-1)[known].mean():8.3f} {seconds:8.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
