"""Sliding windows that share their convolutions against separate ones, by stride.

python benchmarks/windows.py [--model twin] [--size 100 120 120] [--frames 1000] [--strides 8 5 1]

Both are computed in turn on the same windows, `--separate` at a time of the second kind; the ratio is the
median of `--repeat` rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np
import torch

from crisp.evaluation.inference import model_rows
from crisp.models import build, input_shape
from crisp.models.sliding import pays, window_logits
from crisp.study.variants import Variant

CLASSES = 21
BATCH = 8  # windows


def rates(
    model: torch.nn.Module, streams: dict[str, torch.Tensor], frames: int, starts: np.ndarray, separate: int
) -> tuple[float, float, float]:
    """Windows a second, shared and separately, and the largest difference of a probability."""
    begin = time.perf_counter()
    with torch.inference_mode():
        shared = torch.softmax(window_logits(model, streams, starts, frames, BATCH).double(), 1).numpy()
    between = time.perf_counter()
    some = starts[np.linspace(0, len(starts) - 1, min(separate, len(starts))).astype(int)]
    rows = [
        model_rows(model, {name: clip[None, :, at : at + frames] for name, clip in streams.items()})
        for at in some
    ]
    end = time.perf_counter()
    places = np.searchsorted(starts, some)
    difference = float(np.abs(shared[places] - np.concatenate(rows)).max())
    return len(starts) / (between - begin), len(some) / (end - between), difference


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="twin")
    parser.add_argument("--size", type=int, nargs=3, default=[100, 120, 120])
    parser.add_argument("--frames", type=int, default=1000, help="of the stream")
    parser.add_argument("--strides", type=int, nargs="+", default=[8, 5, 1])
    parser.add_argument("--separate", type=int, default=12)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    variant = Variant.from_config({"name": "v", "model": given.model, "size": given.size})
    model = build(variant, CLASSES).eval()
    shapes = {name: input_shape(name, variant) for name in variant.streams}
    streams = {name: torch.rand(shape[0], given.frames, *shape[2:]) for name, shape in shapes.items()}
    print("stride  windows  shared/s  separate/s  ratio  difference  chosen")
    for stride in given.strides:
        starts = np.arange(0, given.frames - given.size[0] + 1, stride)
        rounds = [rates(model, streams, given.size[0], starts, given.separate) for _ in range(given.repeat)]
        shared, separate = (statistics.median(one[kind] for one in rounds) for kind in (0, 1))
        ratio = statistics.median(one[0] / one[1] for one in rounds)
        chosen = "shared" if pays(model, streams, starts, given.size[0]) else "separate"
        print(
            f"{stride:6}  {len(starts):7}  {shared:8.2f}  {separate:10.2f}  {ratio:5.2f}"
            f"  {max(one[2] for one in rounds):10.1e}  {chosen}",
            flush=True,
        )


if __name__ == "__main__":
    main()
