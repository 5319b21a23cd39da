"""Training clips a second and core, the published way (files a frame, whole frames turned) against ours.

    python benchmarks/loader.py [VIDEO ...] [--clips 11] [--frames 400] [--method dis]

Without videos two of 1920x1080 at 120 frames per second are made and prepared. Clips of (100, 120, 120), RGB
and flow, each with a draw of its own, are made in turns in this process on one thread; times are of the
processor. Ours: the first epoch, which reads the stage files and keeps the regions; the epochs after it; and
what a loader process does where clips are cut on a GPU; the cutting itself is part of `train.py`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import footage
import numpy as np
import published
import torch

from crisp.clips.cache import Cache
from crisp.clips.dataset import ClipDataset
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.preparation import flow, roi
from crisp.preparation.flow import extract_flow
from crisp.preparation.frames import extract_frames
from crisp.preparation.roi import extract_roi
from crisp.study.load import resolve_study
from crisp.study.samples import Sample
from crisp.study.variants import Variant

SIZE = (100, 120, 120)
LENGTH = 150  # frames of a stroke


def prepare(videos: list[Path], folder: Path, method: str) -> None:
    """Prepare videos our way, and write the same frames, flow and masks as the published files."""
    for video in videos:
        here, there = folder / "ours" / video.stem, folder / "published" / video.stem
        extract_frames(video, here / "frames.h5")
        extract_flow(here / "frames.h5", here / "flow" / f"{method}.h5", method, workers=2)
        extract_roi(
            here / "frames.h5", here / "flow" / f"{method}.h5", here / "roi" / f"{method}.h5", 0.6, 0.25
        )
        for name in ("rgb", "flow", "mask"):
            (there / name).mkdir(parents=True)
        with (
            stage_files.open_stage(here / "frames.h5", "frames") as images,
            stage_files.open_stage(here / "flow" / f"{method}.h5", "flow") as motion,
            stage_files.open_stage(here / "roi" / f"{method}.h5", "roi") as places,
        ):
            count = len(images["rgb"])
            np.save(there / "roi_mask.npy", roi.read_centres(places, 0, count, SIZE[1:], smoothed=False).T)
            for number in range(count):
                picture = cv2.cvtColor(images["rgb"][number], cv2.COLOR_RGB2BGR)
                cv2.imwrite(str(there / "rgb" / f"{number:08d}.png"), picture)
                cv2.imwrite(str(there / "mask" / f"{number:08d}.png"), 255 * places["mask"][number])
                np.save(there / "flow" / f"{number:08d}.npy", flow.read_flow(motion, number, number + 1)[0])


def twin(method: str) -> Variant:
    """The full-size Twin."""
    config = {
        "study": "s",
        "dataset": {"name": "d", "videos": "v.tsv", "annotations": "a.tsv"},
        "preparation": {"flow_methods": [method]},
        "classes": ["Stroke", "Negative"],
        "negatives": {"share": 0},
        "defaults": {"size": list(SIZE), "flow": method},
        "variants": [{"name": "twin", "model": "twin"}],
    }
    return resolve_study(config).variant("twin")


def strokes(folder: Path, count: int) -> list[Sample]:
    """Samples at random places of the videos in a folder."""
    random, found = np.random.default_rng(0), []
    videos = sorted(path.name for path in folder.iterdir())
    for number in range(count):
        video = videos[number % len(videos)]
        total = stage_files.frame_count(folder / video / "frames.h5")
        begin = int(random.integers(1, max(2, total - LENGTH)))
        found.append(
            Sample(video, begin, min(begin + LENGTH, total), "Stroke", "stroke", f"{video}:{number}")
        )
    return found


def timed(work: Callable[[], object]) -> float:
    """Processor time, s."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--frames", type=int, default=400, help="frames of each video that is made")
    parser.add_argument("--clips", type=int, default=11)
    parser.add_argument("--method", default="dis", help="of the flow; the loading does not depend on it")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = asked.videos or [
            footage.write(folder / f"player-{number}.mp4", asked.frames, number) for number in range(2)
        ]
        prepare(videos, folder, asked.method)
        variant, samples = twin(asked.method), strokes(folder / "ours", asked.clips)
        readers = {
            video.stem: ClipReader(folder / "ours" / video.stem, ("rgb", "flow"), asked.method)
            for video in videos
        }
        scale = Normalisation("normal", 4.0, 4.0)
        (folder / "cache").mkdir()
        cache = Cache(folder / "cache", 2**36)
        ours, uncut = (
            ClipDataset(samples, ["Stroke"], readers, variant, scale, 1, True, cache, on_device)
            for on_device in (False, True)
        )
        cache.reserve(ours.wanted(index) for index in range(len(ours)))
        random = np.random.default_rng(1)
        rows: dict[str, list[float]] = {}
        for index, sample in enumerate(samples):
            begin = int(random.integers(sample.begin, max(sample.begin, sample.end - SIZE[0]) + 1))
            there = folder / "published" / sample.video
            work: dict[str, Callable[[], object]] = {
                "published": partial(published.augmented, there, begin, SIZE, random),
                "ours, first epoch": partial(ours.__getitem__, index),
                "ours, later epochs": partial(ours.__getitem__, index),
                "ours, to be cut on a GPU": partial(uncut.__getitem__, index),
            }
            for title, loading in work.items():
                ours.epoch = uncut.epoch = 1 + (title != "ours, first epoch")
                rows.setdefault(title, []).append(timed(loading))
        kept = sum(path.stat().st_size for path in (folder / "cache").rglob("*.npy"))
        print(
            f"{len(samples)} clips of {SIZE}, RGB and flow; a region takes {kept / len(samples) / 1e6:.0f} MB"
        )
        print(f"{'':<28} {'ms a clip':>10} {'clips/s':>9} {'ratio':>7}")
        for title, times in rows.items():
            ratio = median(theirs / our for theirs, our in zip(rows["published"], times, strict=True))
            print(f"{title:<28} {1e3 * median(times):10.1f} {1 / median(times):9.1f} {ratio:7.1f}")


if __name__ == "__main__":
    main()
