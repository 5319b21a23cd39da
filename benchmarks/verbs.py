"""What the study-wide verbs cost on 1,000 and on 10,000 videos: time, peak memory, and how they grow.

    python benchmarks/verbs.py [--videos 1000 10000]

The verbs run for real, on copies of one video's stage files of ten seconds and 16x16 px. Each study needs
about 40 kB of temporary disk a video.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from dag import FRAMES, Cost, generate, measure

from crisp.core import stage_files as storage
from crisp.preparation import flow
from crisp.study import tables

SIDE = 16  # px
SCRIPT = "from crisp.cli import main; main()"
VERBS = {
    "check": ["check"],
    "plan": ["plan"],
    "strokes": ["strokes"],
    "split": ["split"],
    "normalise": ["normalise"],
    "samples": ["samples", "twin", "--out", "samples.png"],
}
LIMIT_GROWTH = 15.0  # for ten times the videos: linear, and room for a disk cache that is too small


def stage_files(folder: Path) -> None:
    """Write one video's stage files."""
    random = np.random.default_rng(0)
    attributes = {"fps": 120.0, "source_sha256": "0" * 64, "decoded_frames": FRAMES}
    with storage.create(folder / "frames.h5", "frames", attributes) as file:
        images = storage.Appender(file, "rgb", (SIDE, SIDE, 3), "u1", 16)
        images.append(np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8))
        images.close()
    with storage.create(folder / "flow" / "deepflow.h5", "flow", attributes) as file:
        fields = storage.Appender(file, "flow", (SIDE, SIDE, 2), "i2", flow.CHUNK, bitshuffle=True)
        fields.dataset.attrs["scale"] = flow.SCALE
        fields.append(np.zeros((FRAMES, SIDE, SIDE, 2), np.int16))
        fields.close()
    with storage.create(folder / "roi" / "deepflow.h5", "roi", {**attributes, "alpha": 0.6}) as file:
        masks = storage.Appender(file, "mask", (SIDE, SIDE), "u1", 16, bitshuffle=True)
        masks.append(np.ones((FRAMES, SIDE, SIDE), np.uint8))
        masks.close()
        storage.put(file, "roi", np.full((FRAMES, 2, 2), SIDE / 2, np.float32))
        storage.put(file, "flow_stats", random.uniform(0, 20, (FRAMES, 6)).astype(np.float32))


def run(folder: Path, count: int) -> dict[str, Cost]:
    """Cost of each verb on a study of `count` videos."""
    study = generate(folder, count)
    rows = [replace(row, sha256="0" * 64) for row in tables.read_videos(folder / "videos.tsv")]
    tables.write_videos(folder / "videos.tsv", rows)
    stage_files(folder / "one")
    for row in rows:
        shutil.copytree(folder / "one", folder / "results" / "volumes" / "many" / row.video)
    return {
        name: measure(folder, ["-c", SCRIPT, *verb, "--study", study.name]) for name, verb in VERBS.items()
    }


def main() -> None:
    """Print a table; end with 1 where a verb grows faster than its videos."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--videos", type=int, nargs=2, default=[1000, 10000])
    few, many = parser.parse_args().videos
    found = []
    for count in (few, many):
        with tempfile.TemporaryDirectory() as name:
            found.append(run(Path(name), count))
    before, after = found
    print(f"{'verb':<10} {few:>6} {many:>6} videos (cpu s)  growth     s     MB")
    slow = []
    for name in VERBS:
        growth = after[name].processor / before[name].processor
        print(
            f"{name:<10} {before[name].processor:6.1f} {after[name].processor:6.1f}"
            f" {growth:21.1f}x {after[name].seconds:6.1f} {after[name].kilobytes / 1024:6.0f}"
        )
        if growth > LIMIT_GROWTH / 10 * many / few:
            slow.append(name)
    if slow:
        raise SystemExit(f"more than linear in the number of videos: {', '.join(slow)}")


if __name__ == "__main__":
    main()
