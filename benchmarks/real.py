"""The variants of a study on real clips against simple classifiers, in one table.

    python benchmarks/real.py config/<study>/study.yaml

The study must have run; all its folds count together, and the table has, for each seed, the accuracy
on the test samples, with Wilson's 95 % interval of the mean, and the median time of a training. The simple
classifiers see the same training samples, and validation chooses their regularisation:

- the most frequent class,
- logistic regression on flow statistics: mean, deviation and maximum of (max |dx|, mean dx, std dx, max |dy|,
  mean dy, std dy) over the sample, from the ROI stage files,
- logistic regression on pooled features: the signed changes of flow and RGB in the middle of the sample
  (`crisp.models.slim`), averaged over 4 times and 7x7 places.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from crisp.clips.augmentation import centred
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.evaluation import metrics
from crisp.evaluation.predictions import read_predictions
from crisp.models.branch import CHANNELS
from crisp.models.slim import Slim
from crisp.study.config import Study
from crisp.study.load import load_study
from crisp.study.samples import Sample, read_samples
from crisp.study.splits import read_split
from crisp.workflow.run_times import wall_time

STRENGTHS = (1e-4, 1e-3, 1e-2, 0.1, 1.0)  # inverse regularisation
CELLS = (4, 7, 7)


class Line(NamedTuple):
    """A line of the table: accuracy of each seed, number of test samples, seconds of a training."""

    name: str
    accuracies: list[float]
    n: int
    seconds: float | None = None

    def __str__(self) -> str:
        mean = fmean(self.accuracies)
        low, high = metrics.interval(round(mean * self.n), self.n) or (0.0, 0.0)
        seeds = ", ".join(f"{one:.3f}" for one in self.accuracies)
        took = "" if self.seconds is None else f"{self.seconds:.0f}"
        return f"| {self.name} | {mean:.3f} | {low:.2f} to {high:.2f} | {self.n} | {seeds} | {took} |"


def flow_statistics(study: Study, sample: Sample) -> np.ndarray:
    """Statistics of the flow over a sample, (18,)."""
    method = study.variants[0].flow
    with stage_files.open_stage(study.stage_file(sample.video, "roi", method), "roi") as file:
        inside = file["flow_stats"][sample.begin : sample.end]
    return np.concatenate([inside.mean(0), inside.std(0), inside.max(0)])


def pooled(study: Study, sample: Sample) -> np.ndarray:
    """Signed changes of the flow (px per frame) and of RGB in the middle of a sample, (1960,)."""
    variant = study.variants[0]
    reader = ClipReader(
        study.volumes / sample.video,
        list(CHANNELS),
        variant.flow,
        mirrored=study.videos[sample.video].mirrored,
    )
    clip = reader.clip(centred(sample.begin, sample.end, variant.size[0]), variant.size)
    found = []
    for stream, channels in CHANNELS.items():
        grid = Slim(channels, differences=stream == "rgb").grid(torch.from_numpy(clip[stream])[None])
        found.append(functional.adaptive_avg_pool3d(grid, CELLS).flatten().numpy())
    return np.concatenate(found)


def simple(study: Study) -> Iterator[Line]:
    """Score the simple classifiers."""
    samples = [one for one in read_samples(study.results / "strokes.tsv") if one.label in study.classes]
    labels = np.array([study.classes.index(one.label) for one in samples])
    parts = []
    for name in study.split_names:
        assigned = read_split(study.results / "splits" / f"{name}.tsv")
        given = np.array([assigned.get(one.sample, "") for one in samples])
        parts.append([np.flatnonzero(given == part) for part in ("train", "validation", "test")])
    n = sum(len(test) for *_, test in parts)
    correct = sum(
        (metrics.majority(labels[train], labels[test]) or 0) * len(test) for train, _, test in parts
    )
    yield Line("most frequent class", [correct / n], n)
    kinds: dict[str, Callable[[Study, Sample], np.ndarray]] = {
        "linear, flow statistics": flow_statistics,
        "linear, pooled features": pooled,
    }
    for name, of in kinds.items():
        features = np.array([of(study, sample) for sample in samples])
        correct, seconds = 0, []
        for train, validation, test in parts:
            begin = time.perf_counter()
            models = [
                make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=5000))
                for strength in STRENGTHS
            ]
            for model in models:
                model.fit(features[train], labels[train])
            best = max(models, key=lambda model: model.score(features[validation], labels[validation]))
            seconds.append(time.perf_counter() - begin)
            correct += int((best.predict(features[test]) == labels[test]).sum())
        yield Line(name, [correct / n], n, median(seconds))


def trained(study: Study, name: str) -> Line:
    """Score a variant: each seed over all folds."""
    accuracies, seconds = [], []
    for seed in study.seeds:
        right: list[bool] = []
        for split in study.split_names:
            path = study.model_folder(name, split, seed) / "predictions.csv"
            right += [bool(one.correct) for one in read_predictions(path, study.classes)]
            seconds.append(wall_time(study.results / f"benchmarks/train/{name}-{split}-{seed}.tsv"))
        accuracies.append(fmean(right))
    known = [one for one in seconds if one is not None]
    return Line(name, accuracies, len(right), median(known) if known else None)


def main(path: str) -> None:
    """Print the table of a study."""
    study = load_study(path)
    print("| model | accuracy | 95 % interval | test samples | seeds | seconds of a training |")
    print("|---|---|---|---|---|---|")
    for line in simple(study):
        print(line)
    for variant in study.variants:
        print(trained(study, variant.name))


if __name__ == "__main__":
    main(sys.argv[1])
