"""A tiny study of one video that is ready to be trained, from stage files written at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from crisp.clips import normalisation
from crisp.study import load, splits, tables, training_samples
from crisp.study.config import Study
from crisp.study.samples import Sample, read_samples, write_samples
from crisp.study.tables import VideoRow
from tests import stagefiles

FRAMES = 90
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv", "poses": "poses"},
    "preparation": {"flow_methods": [stagefiles.METHOD]},
    "classes": ["Hit", "Push", "Negative"],
    "negatives": {"share": 0},
    "defaults": {"model": "flow", "size": [8, 8, 8], "flow": stagefiles.METHOD},
    "variants": [
        {"name": "flow"},
        {"name": "rgb", "model": "rgb"},
        {"name": "twin", "model": "twin"},
        {"name": "twin-attention", "model": "twin", "attention": True},
        {"name": "plain", "double_softmax": True},
        {"name": "pose", "model": "pose"},
        {"name": "three-stream", "model": "three-stream"},
        {"name": "rgb-pose", "model": "rgb-pose", "pose_attention": True, "head": "pooled"},
        {"name": "i3d", "model": "i3d", "input": "rgb-flow"},
        {"name": "r3d", "model": "r3d_18", "network_size": [4, 16, 16]},
    ],
    "training": {"epochs": 4, "batch_size": 4, "threads": 1, "learning_rate": 0.02},
}
PARTS = {"train": 10, "validation": 5, "test": 3}


def sample(index: int, length: int = 12) -> Sample:
    label = CONTENT["classes"][index % 3]
    return Sample("v", 4 * index, 4 * index + length, label, "stroke", f"v:{index}")


def configured(**changes: Any) -> Study:
    """The study with these keys of `training`."""
    return load.resolve_study({**CONTENT, "training": {**CONTENT["training"], **changes}})


def build() -> Study:
    """Write tables, stage files, split and normalisation into the working folder."""
    made = configured()
    prepare(made)
    parts = [part for part, count in PARTS.items() for _ in range(count)]
    samples = [sample(index) for index in range(len(parts))]
    tables.write_videos("videos.tsv", [VideoRow("v", "v.mp4", frames=FRAMES, fps=120)])
    write_samples(made.results / "strokes.tsv", samples)
    write_split(made, dict(zip([one.sample for one in samples], parts, strict=True)))
    write_scale(made, 4.0)
    return made


def prepare(made: Study, seed: int = 0) -> None:
    """Write the stage files of the video: noise, with a crop that wanders."""
    random = np.random.default_rng(seed)
    stagefiles.write(
        made.volumes / "v",
        random.integers(0, 256, (FRAMES, 12, 12, 3), dtype=np.uint8),
        random.normal(0, 3, (FRAMES, 12, 12, 2)),
        roi=random.uniform(3, 9, (FRAMES, 2)),
        pose=random.uniform((3, 3, 0), (9, 9, 1), (FRAMES, 14, 3)),
        fps=120,
    )


def write_split(made: Study, split: dict[str, str]) -> None:
    splits.write_split(made.results / "splits/main.tsv", split)
    training_samples.keep(made, "main", read_samples(made.results / "strokes.tsv"), split)


def write_scale(made: Study, divisor: float) -> None:
    path = made.normalisation_file(made.variant("flow"), "main")
    normalisation.write_json(path, normalisation.to_json(normalisation.Normalisation("normal", divisor, 4.0)))
