"""Training of the full-size Twin: the published step against ours, and on a GPU whole epochs, clips included.

    python benchmarks/train.py [--device auto] [--batch 1] [--steps 5] [--threads 2]
    python benchmarks/train.py --device cuda --batch 10 --steps 30 --epochs 3 --workers 12 [--compile]

The published step: contiguous tensors, ReLU before pooling, plain SGD, softmax and cross-entropy on it,
float32. Steps are taken in turns on the same clips; the ratio is the median of the pairs. With `--epochs` a
study of the size of TTStroke-21 is made up (`--clips` training and `--validation` clips, cut
from two videos), and trained for so many epochs: clips a second, share of the time that the model waits for
clips, and what 500 epochs like it take. The first epoch fills the clip cache.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import tempfile
import time
from pathlib import Path
from statistics import median

import footage
import loader
import torch
from torch import nn
from torch.nn import functional

from crisp.clips import normalisation
from crisp.clips.dataloader import Batch
from crisp.models.joined import Joined
from crisp.study import tables, training_samples
from crisp.study.config import Study
from crisp.study.load import resolve_study
from crisp.study.samples import Sample
from crisp.study.tables import VideoRow
from crisp.study.variants import Variant
from crisp.training import trainer as training
from crisp.training.devices import choose_device, make_deterministic
from crisp.training.train_step import TrainStep

SIZE, CLASSES = (100, 120, 120), 21
METHOD = "dis"


class Published(Joined):
    """The Twin as published: each ReLU before its pooling, and no layout of its own."""

    def __init__(self, size: tuple[int, int, int], classes: int) -> None:
        super().__init__(("rgb", "flow"), Variant.from_config({"name": "twin", "size": size}), classes)
        for trunk in (self.rgb, self.flow):
            for block in trunk.blocks:
                block[1], block[2] = block[2], block[1]
            trunk.forward = self._forward(trunk)

    @staticmethod
    def _forward(trunk: nn.Module):
        return lambda clip: torch.relu(trunk.dense(trunk.blocks(clip).flatten(1)))


def study(**changes: object) -> Study:
    """The made-up study."""
    return resolve_study(
        {
            "study": "benchmark",
            "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
            "preparation": {"flow_methods": [METHOD]},
            "classes": [f"Stroke {number}" for number in range(CLASSES - 1)] + ["Negative"],
            "negatives": {"share": 0},
            "defaults": {"size": list(SIZE), "flow": METHOD},
            "variants": [{"name": "twin", "model": "twin"}],
            "training": {"epochs": 500, "learning_rate": 0.001, "schedule": "constant", **changes},
        }
    )


def wait(device: torch.device) -> None:
    """Until the device has done all that it was asked."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def steps(made: Study, device: torch.device, batch: int, count: int) -> None:
    """Print the time of the published step, and of ours by precision."""
    torch.manual_seed(0)
    streams = {"rgb": torch.rand(batch, 3, *SIZE), "flow": torch.randn(batch, 2, *SIZE).clamp(-1, 1)}
    streams = {name: clips.to(device) for name, clips in streams.items()}
    labels = torch.randint(0, CLASSES, (batch,), device=device)
    published = Published(SIZE, CLASSES).to(device)
    settings = made.training
    plain = torch.optim.SGD(
        published.parameters(), 0.001, settings.momentum, weight_decay=settings.weight_decay, nesterov=True
    )

    def theirs() -> None:
        loss = functional.cross_entropy(torch.softmax(published(streams), 1), labels)
        plain.zero_grad()
        loss.backward()
        plain.step()

    kinds = {"published, float32": theirs}
    for precision in ("float32", "bfloat16"):
        settings = study(precision=precision, compile=made.training.compile).training
        ours = TrainStep(made.variant("twin"), CLASSES, settings, device)
        kinds[f"ours, {precision}"] = lambda ours=ours: ours.step(Batch(streams, labels, batch), True, None)
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for turn in range(count + 1):
        for name, step in kinds.items():
            wait(device)
            begin = time.perf_counter()
            step()
            wait(device)
            if turn:  # the first of each chooses its kernels
                times[name].append(time.perf_counter() - begin)
    print(f"Twin {SIZE}, batch {batch}, {device}, {torch.get_num_threads()} threads, {count} steps each")
    print(f"{'':<22} {'s a step':>10} {'clips/s':>9} {'ratio':>7}")
    for name, found in times.items():
        ratio = median(a / b for a, b in zip(times["published, float32"], found, strict=True))
        print(f"{name:<22} {median(found):10.3f} {batch / median(found):9.2f} {ratio:7.2f}")


def epochs(made: Study, device: torch.device, count: int, clips: int, validation: int, frames: int) -> None:
    """Print what whole epochs take, clips included; in an empty working folder."""
    videos = [footage.write(Path(f"player-{number}.mp4"), frames, number) for number in range(2)]
    loader.prepare(videos, Path("made"), METHOD)
    made.volumes.parent.mkdir(parents=True, exist_ok=True)
    Path("made/ours").rename(made.volumes)
    samples: list[Sample] = [
        sample._replace(label=made.classes[number % CLASSES], sample=f"{sample.sample}:{number}")
        for number, sample in enumerate(loader.strokes(made.volumes, clips + validation))
    ]
    tables.write_videos("videos.tsv", [VideoRow(v.stem, v.name, frames=frames, fps=120) for v in videos])
    parts = ["train"] * clips + ["validation"] * validation
    assigned = {sample.sample: part for sample, part in zip(samples, parts, strict=True)}
    training_samples.keep(made, "main", samples, assigned)
    scale = normalisation.Normalisation("normal", 4.0, 4.0)
    normalisation.write_json(
        made.normalisation_file(made.variant("twin"), "main"), normalisation.to_json(scale)
    )
    trainer = training.Trainer(made, made.variant("twin"), "main", 1, device)
    for number in range(1, count + 1):
        wait(device)
        begin, waited = time.perf_counter(), trainer._waited()
        trainer.epoch(number)
        wait(device)
        seconds, waited = time.perf_counter() - begin, trainer._waited() - waited
        print(
            f"epoch {number}: {seconds:.1f} s, {clips / seconds:.1f} training clips/s with validation, "
            f"{waited / seconds:.1%} waiting for clips, 500 epochs like it: {500 * seconds / 60:.0f} min",
            flush=True,
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"memory of the training process at most {peak:.1f} GiB (mapped regions included)")
    if device.type == "cuda":
        print(f"GPU memory at most {torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--clips", type=int, default=807)
    parser.add_argument("--validation", type=int, default=230, help="clips")
    parser.add_argument("--frames", type=int, default=3000, help="of each video that is made")
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--compile", action="store_true")
    asked = parser.parse_args()
    make_deterministic(asked.threads)
    device = choose_device(asked.device)
    made = study(batch_size=asked.batch, workers=asked.workers, compile=asked.compile, threads=asked.threads)
    if asked.steps:
        steps(made, device, asked.batch, asked.steps)
    if asked.epochs:
        with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
            os.environ.setdefault("CRISP_CACHE", f"{name}/cache")
            epochs(made, device, asked.epochs, asked.clips, asked.validation, asked.frames)


if __name__ == "__main__":
    main()
