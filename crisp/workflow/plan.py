"""Estimate the cost of a study from its tables: jobs, core-hours, GPU-hours and disk.

The constants are upper ends of measured ranges; ``docs/plan.md`` gives their sources.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from crisp.clips import windows
from crisp.core.errors import CrispError, Fault
from crisp.core.views import video_of
from crisp.core.words import counted
from crisp.study import training_samples
from crisp.study.config import Study
from crisp.study.samples import Labels, Sample
from crisp.study.variants import Variant
from crisp.workflow.split_samples import SplitSamples

WIDTH, HEIGHT = 320, 180  # px; the constants below are for frames of this size
DECODING = 0.015  # core-seconds per video frame of 1920x1080 H.264, scaled down and written
FLOW = {
    "deepflow": 0.16,
    "dis": 0.012,
    "disfine": 0.036,
    "farneback": 0.046,
    "tvl1": 1.4,
    "pcaflow": 0.065,
}  # core-seconds per pair
OPENCV = 0.31  # core-seconds per pair, by DeepFlow with backend `opencv`
GPU_FLOW = 1 / 400  # GPU-seconds per pair of frames, by DeepFlow on a GPU; assumed, not measured
GPU_HOST = 0.007  # core-seconds per pair: frames read, flow quantised and written
ROI = 0.006  # core-seconds per frame
POSE = {"": 0.002, "mediapipe": 0.1}  # core-seconds per frame, read from files or estimated
BYTES = {"frames": 92e3, "flow": 70e3, "roi": 2e3, "pose": 170}  # a frame
START = 5.0  # core-seconds per job, before any work
CLIP = (100, 120, 120)  # frames, height, width; the next two are for a Twin clip of this size
STEP, FORWARD = 4.8, 1.6  # core-seconds per clip in training, and forward only
GPU_CORES = 100  # cores equivalent to one GPU; assumed, not measured
WEIGHT, COPIES = 4, 3  # bytes per weight; copies in the resume state (two of `last`, one of `best`)


@dataclass(frozen=True)
class CostRow:
    """Cost of a rule's jobs; `of` is a flow method or a variant, `gigabytes` the size of their outputs."""

    rule: str
    of: str = ""
    jobs: int = 0
    core_hours: float = 0.0
    gpu_hours: float = 0.0
    gigabytes: float = 0.0


@dataclass(frozen=True)
class Plan:
    """Cost of a study by rule, and totals that belong to no rule.

    `core_hours_without_gpu` covers training, evaluation and detection on a machine without GPU,
    `gigabytes_of_states` the resume states of all trainings at once.
    """

    rows: list[CostRow]
    core_hours_without_gpu: float
    gigabytes_of_states: float

    def total(self, name: str) -> float:
        """Return the sum of a column."""
        return sum(getattr(row, name) for row in self.rows)


def plan_study(study: Study, everything: bool = False, label_snapshot: Labels | None = None) -> Plan:
    """Estimate the cost of a study's jobs, by default only those with missing outputs.

    Parameters
    ----------
    study : Study
    everything : bool
        Include finished jobs.
    label_snapshot : mapping, optional
        Snapshot of strokes to use instead of the annotation files (see
        `crisp.study.samples.collect_samples`).

    Returns
    -------
    Plan

    Raises
    ------
    CrispError
        If a table or an annotation file is invalid, or a video has not been scanned.
    """
    unscanned = [row.video for row in study.used.values() if not row.frames]
    if unscanned:
        raise CrispError(
            *(
                Fault(
                    f"{study.videos_table}, video {video}", "video has not been scanned", remedy="crisp scan"
                )
                for video in unscanned
            )
        )
    left = _Left(study, everything, label_snapshot)
    prepared = _preparation(study, left)
    labels = [
        CostRow("strokes", jobs=left.strokes),
        CostRow("split", jobs=sum(left.splits.values())),
        CostRow("training_samples", jobs=sum(left.training.values())),
    ]
    fitted = {(variant.flow, variant.norm_method) for variant in study.variants if "flow" in variant.streams}
    normalised = sum(left.normalisation(split, *each) for split in left.splits for each in sorted(fitted))
    trained, cores, states = _models(study, left, _weights(study))
    summary = left.file(study.results / "summary.tsv") or any(row.jobs for row in trained)
    if study.detection_rows:
        summary = summary or left.file(study.results / "detection.tsv")
    roi = left.videos["roi", study.flow_methods[0]]
    pictures = sum(video in roi or left.file(study.quality_picture(video)) for video in study.pictured)
    compared = study.several_annotators and left.file(study.results / "agreement.json")
    reported = [
        CostRow("agreement", jobs=compared),
        CostRow("quality", jobs=pictures, core_hours=START * pictures / 3600),
        CostRow("summary", jobs=summary),
    ]
    rows = [*prepared, *labels, CostRow("normalisation", jobs=normalised), *trained, *reported]
    return Plan([row for row in rows if row.jobs], cores, states)


def seconds(study: Study, gpu: bool, cores: int) -> dict[str, float]:
    """Estimate the average duration of the jobs of each rule, without building a model.

    Parameters
    ----------
    study : Study
    gpu : bool
        Whether models run on a GPU.
    cores : int
        Cores that models use without a GPU.

    Returns
    -------
    dict of str to float
        Seconds per job, by rule; at least `START`.

    Raises
    ------
    CrispError
        If a table or an annotation file is invalid.
    """
    left = _Left(study, everything=True)
    models = 3600 if gpu else 3600 * GPU_CORES / cores  # duration of one GPU-hour
    costs: dict[str, float] = defaultdict(float)
    jobs: Counter[str] = Counter()
    for row in [*_preparation(study, left), *_models(study, left, {})[0]]:
        costs[row.rule] += row.core_hours * 3600 + row.gpu_hours * (3600 if row.core_hours else models)
        jobs[row.rule] += row.jobs
    return {rule: max(START, cost / jobs[rule]) for rule, cost in costs.items() if jobs[rule]}


class _Left:
    """Missing outputs, and all outputs that depend on them."""

    def __init__(self, study: Study, everything: bool, label_snapshot: Labels | None = None) -> None:
        self.study, self.everything = study, everything
        self.videos = {("frames", ""): self._videos("frames", "", set())}  # views from the stage roi on
        for method in study.flow_methods:
            before = self.videos["frames", ""]
            for stage in ("flow", "roi"):
                before = self.videos[stage, method] = self._videos(stage, method, before)
        if study.takes_pose:
            before = self.videos["roi", study.flow_methods[0]]
            self.videos["pose", ""] = self._videos("pose", "", before)
        frames = self.videos["frames", ""]
        self.strokes = bool(frames) or self.file(study.results / "strokes.tsv")
        self.samples = SplitSamples(study, label_snapshot)
        self.splits, self.training = {}, {}
        for split in study.split_names:
            self.splits[split] = self.strokes or self.file(study.split_table(split))
            tables = [training_samples.path(study, split, part) for part in training_samples.TRAINING]
            self.training[split] = not frames.isdisjoint(map(video_of, self._trained_on(split))) or any(
                map(self.file, tables)
            )

    def _videos(self, stage: str, method: str, before: set[str]) -> set[str]:
        study = self.study
        wanted = study.used if stage in ("frames", "flow") else study.views
        return {
            name
            for name in wanted
            if not before.isdisjoint((name, video_of(name)))
            or self.file(study.stage_file(name, stage, method))
        }

    def file(self, path: Path) -> bool:
        return self.everything or not path.exists()

    def normalisation(self, split: str, method: str, kind: str) -> bool:
        path = self.study.results / "normalisation" / f"{split}-{method}-{kind}.json"
        roi = self.videos["roi", method]
        return self.training[split] or not roi.isdisjoint(self._trained_on(split)) or self.file(path)

    def train(self, variant: Variant, split: str, seed: int) -> bool:
        path = self.study.model_folder(variant.name, split, seed) / "model.pt"
        fed = self.features(variant) if variant.frozen else self._streams(variant, self._trained_on(split))
        return self.training[split] or fed or self.file(path)

    def features(self, variant: Variant) -> bool:
        views = self.samples.trained_on
        return self._streams(variant, views) or self.file(self.study.features_record(variant))

    def evaluate(self, variant: Variant, split: str, seed: int) -> bool:
        views = self.samples.views(split, "test")
        return self._predict(variant, split, seed, "metrics.json", views)

    def detect(self, variant: Variant, split: str, seed: int) -> bool:
        views = self.study.detection_views
        return bool(views) and self._predict(variant, split, seed, "detection.json", views)

    def _predict(self, variant: Variant, split: str, seed: int, name: str, views: list[str]) -> bool:
        path = self.study.model_folder(variant.name, split, seed) / name
        trained = self.train(variant, split, seed)
        return trained or self.splits[split] or self._streams(variant, views) or self.file(path)

    def _streams(self, variant: Variant, views: Iterable[str]) -> bool:
        """Return whether a stage file that a variant needs is still missing for some views."""
        pose = self.videos["pose", ""] if "pose" in variant.streams else set()
        return not (self.videos["roi", variant.flow] | pose).isdisjoint(views)

    def _trained_on(self, split: str) -> list[str]:
        return self.samples.views(split, *training_samples.TRAINING)


def _preparation(study: Study, left: _Left) -> list[CostRow]:
    height = study.width * HEIGHT / WIDTH  # videos.tsv has no image size
    pixels = study.width * height / (WIDTH * HEIGHT)

    def row(stage: str, method: str, seconds: float) -> CostRow:
        videos = [study.video(name) for name in left.videos[stage, method]]
        frames = sum(video.working_frames for video in videos)
        if stage == "flow" and method == "deepflow" and study.flow_backend == "opencv":
            seconds = OPENCV
        cost, gpu = frames * seconds * pixels, 0.0
        if stage == "flow" and method == "deepflow" and study.flow_backend == "gpu":
            cost, gpu = frames * GPU_HOST * pixels, frames * GPU_FLOW * pixels / 3600
        if stage == "frames":  # every frame is decoded, whatever is kept of it
            cost = seconds * sum(video.frames for video in videos)
        parts = [study.flow_parts(video.video, method) if stage == "flow" else 1 for video in videos]
        jobs = sum(count + 1 if count > 1 else 1 for count in parts)  # one more joins the parts
        hours = (cost + START * jobs) / 3600
        return CostRow(stage, method, jobs, hours, gpu, frames * BYTES[stage] * pixels / 1e9)

    methods = study.flow_methods
    generated = {video for video in study.used if study.generate and left.file(study.source(video))}
    return [
        CostRow("demo", jobs=len(generated)),
        row("frames", "", DECODING),
        *(row("flow", method, FLOW[method]) for method in methods),
        *(row("roi", method, ROI) for method in methods),
        *([row("pose", "", POSE[study.pose_estimator])] if study.takes_pose else []),
    ]


def _weights(study: Study) -> dict[str, int]:
    """Return the number of weights of each variant's model."""
    from crisp import models

    return {row["variant"]: row["parameters"] for row in models.model_table(study)}


def _models(study: Study, left: _Left, weights: Mapping[str, int]) -> tuple[list[CostRow], float, float]:
    """Return rows for all model jobs, their core-hours without a GPU, and gigabytes of resume states."""
    parts = {name: left.samples.parts(name) for name in study.split_names}
    rows, cores, states = [], 0.0, 0.0
    for variant in study.variants:
        size = _relative_size(variant)
        trainings = evaluations = 0
        training = evaluation = 0.0
        for name, of in parts.items():
            trained = sum(left.train(variant, name, seed) for seed in study.seeds)
            tested = sum(left.evaluate(variant, name, seed) for seed in study.seeds)
            clips = len(of["train"]) * STEP + len(of["validation"]) * FORWARD
            training += trained * study.training_of(variant).epochs * size * clips / 3600
            evaluation += tested * size * FORWARD * _windows(of["test"], variant.size[0]) / 3600
            trainings, evaluations = trainings + trained, evaluations + tested
        if variant.frozen:
            featured, training = left.features(variant), 0.0  # a last layer takes seconds
            frames = sum(study.video(view).working_frames for view in left.samples.trained_on)
            computing = featured * size * FORWARD * frames / windows.stride(variant.size[0]) / 3600
            rows.append(CostRow("features", variant.name, featured, 0.0, computing / GPU_CORES))
            cores += computing
        model = weights.get(variant.name, 0) * WEIGHT / 1e9
        rows.append(CostRow("train", variant.name, trainings, 0.0, training / GPU_CORES, trainings * model))
        rows.append(CostRow("evaluate", variant.name, evaluations, 0.0, evaluation / GPU_CORES))
        detections = _detections(study, left, variant)
        detection = detections * size * FORWARD * _strides(study) / 3600
        rows.append(CostRow("detect", variant.name, detections, 0.0, detection / GPU_CORES))
        cores += training + evaluation + detection
        states += trainings * model * COPIES
    return rows, cores, states


def _detections(study: Study, left: _Left, variant: Variant) -> int:
    """Return the number of a variant's models that still have to process the untrimmed videos."""
    return sum(left.detect(variant, split, seed) for split in study.split_names for seed in study.seeds)


def _strides(study: Study) -> float:
    """Return the number of windows that detection slides over the untrimmed videos."""
    return sum(
        video.working_frames / max(1, math.floor(study.detection.stride * video.working_fps + 0.5))
        for video in map(study.video, study.detection_views)
    )


def _relative_size(variant: Variant) -> float:
    """Return the work of a variant's clip relative to the constants' Twin clip: 0 for poses and Slim."""
    if variant.model == "slim":
        return 0.0
    voxels = variant.size[0] * variant.size[1] * variant.size[2]
    videos = len([stream for stream in variant.streams if stream != "pose"])
    return videos / 2 * voxels / (CLIP[0] * CLIP[1] * CLIP[2])


def _windows(samples: Iterable[Sample], frames: int) -> int:
    """Return the number of windows of `frames` frames that evaluation slides over samples (stride 1)."""
    return sum(max(1, sample.end - sample.begin - frames + 1) for sample in samples)


def plan_text(study: Study, found: Plan) -> str:
    """Format the plan as a table."""
    seconds = sum(row.frames / row.fps for row in study.used.values() if row.fps)
    frames = sum(row.working_frames for row in study.used.values())
    lines = [
        f"{study.name}: {counted(len(study.used), 'video')}, {seconds / 3600:,.1f} hours, "
        f"{counted(frames, 'frame')} of {study.width} px width (16:9)",
        f"{'rule':<26}{'jobs':>8}{'core-hours':>13}{'GPU-hours':>12}{'disk, GB':>12}",
    ]
    columns = ("jobs", "core_hours", "gpu_hours", "gigabytes")
    sums = [("total", [found.total(name) for name in columns])]
    each = [(f"{row.rule} {row.of}", [getattr(row, name) for name in columns]) for row in found.rows]
    for name, (jobs, *costs) in each + sums:
        cells = "".join(f"{cost:{width},.1f}" for cost, width in zip(costs, (13, 12, 12), strict=True))
        lines.append(f"{name:<26}{jobs:>8,}{cells}")
    if found.core_hours_without_gpu:
        lines += [
            f"Without a GPU, running models takes {found.core_hours_without_gpu:,.1f} core-hours.",
            f"Running trainings need up to {found.gigabytes_of_states:,.1f} GB more, until they end.",
        ]
    lines.append("Conservative estimates, for videos of 1920x1080; docs/plan.md explains them.")
    return "\n".join(lines)
