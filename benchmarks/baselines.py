"""What a study's test accuracy has to beat: the commonest class, and a linear classifier on flow statistics.

    python benchmarks/baselines.py config/config.yaml

The study must have run. The statistics are those of the ROI stage files, (max |dx|, mean dx, std dx,
max |dy|, mean dy, std dy) of each frame: once their mean, standard deviation and maximum over the
sample, once frame by frame over the T centred frames.
"""

from __future__ import annotations

import sys

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from crisp.clips.augmentation import centred
from crisp.core import stage_files
from crisp.evaluation import metrics
from crisp.study import config, load
from crisp.study.samples import Sample, read_samples
from crisp.study.splits import read_split


def statistics(loaded: config.Study, samples: list[Sample], frames: int) -> dict[str, np.ndarray]:
    """Features of the samples, (n, features) each, by name."""
    variant = loaded.variants[-1]
    features: dict[str, list[np.ndarray]] = {
        "statistics over the sample": [],
        "statistics frame by frame": [],
    }
    for sample in samples:
        with stage_files.open_stage(loaded.stage_file(sample.video, "roi", variant.flow), "roi") as file:
            series = file["flow_stats"][:]
        inside = series[sample.begin : sample.end]
        begin = centred(sample.begin, sample.end, frames).begin
        window = series[np.clip(np.arange(begin, begin + frames), 0, len(series) - 1)]
        features["statistics over the sample"].append(
            np.concatenate([inside.mean(0), inside.std(0), inside.max(0)])
        )
        features["statistics frame by frame"].append(window.ravel())
    return {name: np.array(rows) for name, rows in features.items()}


def main(path: str) -> None:
    """Print the baselines of a study."""
    loaded = load.load_study(path)
    assigned = read_split(loaded.results / "splits/main.tsv")
    samples = read_samples(loaded.results / "strokes.tsv")
    parts = {
        name: [s for s in samples if assigned[s.sample] == name] for name in ("train", "validation", "test")
    }
    labels = {name: np.array([loaded.classes.index(s.label) for s in part]) for name, part in parts.items()}
    features = {name: statistics(loaded, part, loaded.variants[-1].size[0]) for name, part in parts.items()}
    print(f"test samples: {len(parts['test'])}, classes: {len(loaded.classes)}")
    print(f"commonest class: {metrics.majority(labels['train'], labels['test']):.3f}")
    for name in features["train"]:
        models = [
            make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=5000))
            for strength in (0.01, 0.1, 1.0)
        ]
        for model in models:
            model.fit(features["train"][name], labels["train"])
        best = max(models, key=lambda model: model.score(features["validation"][name], labels["validation"]))
        print(f"linear classifier on {name}: {best.score(features['test'][name], labels['test']):.3f}")


if __name__ == "__main__":
    main(sys.argv[1])
