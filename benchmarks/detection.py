"""Time to find strokes in a long video with a full-size model: reading, and the model's windows.

Give the stage files of a prepared video; an untrained model takes as long as a trained one:

    python benchmarks/detection.py results/volumes/demo/player-21 [--size 100 120 120] [--device cuda]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import torch
from torch import nn

from crisp import models
from crisp.clips.reader import ClipReader
from crisp.evaluation import detection
from crisp.study.variants import Variant
from crisp.training.devices import choose_device, make_deterministic

MINUTES, FPS = 10, 120  # of the video that the figures are extrapolated to


class Idle(nn.Module):
    """A model that does nothing: what is left is the supply of its windows."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2))

    def forward(self, streams: dict[str, torch.Tensor]) -> torch.Tensor:
        """Logits (B, 2), zero."""
        return self.place.expand(len(next(iter(streams.values()))), 2)


def main() -> None:
    """Print windows a second and what a long video takes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path, help="stage files of a video")
    parser.add_argument("--method", default="deepflow", help="its flow method")
    parser.add_argument("--model", default="twin")
    parser.add_argument("--size", nargs=3, type=int, default=(100, 120, 120), metavar="N")
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("--stride", type=int, default=5, help="frames from a window to the next")
    parser.add_argument("--batch", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="auto")
    asked = parser.parse_args()
    make_deterministic(asked.threads)
    device = choose_device(asked.device)
    variant = Variant.from_config({"name": "full", "model": asked.model, "size": asked.size})
    reader = ClipReader(asked.folder, variant.streams, asked.method)
    frames = reader.shape[0]
    full = models.build(variant, asked.classes).to(device).eval()

    def seconds(model: nn.Module) -> float:
        begin = time.perf_counter()
        detection.frame_probabilities(model, reader, variant.size, None, asked.stride, asked.batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - begin

    idle = Idle().to(device)
    seconds(idle)  # files opened, memory allocated
    runs = [(seconds(idle), seconds(full)) for _ in range(asked.repeats)]
    supply, whole = (statistics.median(column) for column in zip(*runs, strict=True))
    windows = len(range(0, max(1, frames - variant.size[0]), asked.stride)) + 1
    scale = MINUTES * 60 * FPS / frames
    print(f"{asked.model} {tuple(variant.size)} on {device}, {frames} frames, {windows} windows")
    print(f"supply of the windows     {frames / supply:8.1f} frames/s")
    print(f"supply and model          {windows / whole:8.2f} windows/s")
    print(f"share of the supply       {supply / whole:8.2f}")
    print(f"{MINUTES} min at {FPS} frames/s   {whole * scale / 60:8.1f} min")


if __name__ == "__main__":
    main()
