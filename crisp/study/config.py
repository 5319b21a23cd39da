"""A study: one YAML file that says what is prepared, split, trained and decided.

Defaults come from ``schemas/study.schema.yaml`` alone; ``config/README.md`` explains every key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from crisp.core.errors import fail
from crisp.core.files import parts_record
from crisp.study import super_classes as superclasses
from crisp.study import tables
from crisp.study.schema import schema

STREAMS = {
    "rgb": ("rgb",),
    "flow": ("flow",),
    "twin": ("rgb", "flow"),
    "pose": ("pose",),
    "three-stream": ("rgb", "flow", "pose"),
}


@dataclass(frozen=True)
class Variant:
    """A model and how its clips are made. `size` is (frames, height, width)."""

    name: str
    model: str
    size: tuple[int, int, int]
    flow: str
    norm_method: str
    augmentation: bool
    flip: bool
    spread: float
    attention: bool
    init: str
    init_from: str
    double_softmax: bool
    pose_norm: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Variant:
        """A variant from its keys in a study file; what is left out has the schema's default."""
        keys = schema()["$defs"]["variant"]["properties"]
        defaults = {key: rule["default"] for key, rule in keys.items() if "default" in rule}
        merged = {**defaults, **config}
        return cls(**{**merged, "size": tuple(merged["size"])})

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams the model takes: some of ``rgb``, ``flow`` and ``pose``."""
        return STREAMS[self.model]


# The keys that tell two variants apart besides their flow and its normalisation, and their model.
FLOWLESS = [key.name for key in fields(Variant) if key.name not in ("name", "model", "flow", "norm_method")]


@dataclass(frozen=True)
class Training:
    """The optimisation: SGD with Nesterov momentum."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    patience: int
    early_stop: int
    momentum: float
    weight_decay: float
    gradient_clip: float
    balance: str
    accumulate: int
    precision: str
    compile: bool
    threads: int
    workers: int
    gpus: int
    cache_gb: float
    tensorboard: bool


# Keys of `training` that change no result: the same clips, however they come, and the same steps.
NO_RESULT = ("workers", "gpus", "cache_gb", "tensorboard")


@dataclass(frozen=True)
class Detection:
    """How strokes are found in untrimmed videos; all in seconds.

    `stride` from a window to the next, `smoothing` of the rules ``vote`` and ``mean``, `gaussian` of
    the rule of that name, `shortest` stroke.
    """

    stride: float
    smoothing: float
    gaussian: float
    shortest: float


@dataclass(frozen=True)
class Study:
    """A study with every default filled in; see ``config/README.md`` for the keys."""

    name: str
    dataset: str
    data: Path
    videos_table: Path
    annotations_table: Path
    generate: str
    poses: str
    width: int
    upscale: bool
    flow_methods: tuple[str, ...]
    flow_backend: str
    scatter_seconds: float
    roi_alpha: float
    roi_threshold: float
    roi_power: float
    pose_estimator: str
    pose_width: float
    pose_joints: dict[str, str]
    classes: tuple[str, ...]
    super_classes: superclasses.SuperClasses
    negative_class: str
    negative_share: float
    negative_seconds: float
    split_method: str
    split_folds: int
    split_seed: int
    split_shares: tuple[float, float, float]
    variants: tuple[Variant, ...]
    seeds: tuple[int, ...]
    training: Training
    decision: str
    detection: Detection
    report_videos: int
    config: dict[str, Any]

    @cached_property
    def volumes(self) -> Path:
        """Folder of the data set's volumes."""
        return Path("results/volumes") / self.dataset

    @cached_property
    def results(self) -> Path:
        """Folder of the study's results."""
        return Path("results/studies") / self.name

    @cached_property
    def videos(self) -> dict[str, tables.Video]:
        """Every row of the video table by id, left-out ones included."""
        return {row.video: row for row in tables.read_videos(self.videos_table)}

    @cached_property
    def used(self) -> dict[str, tables.Video]:
        """The videos in use, by id."""
        return {video: row for video, row in self.videos.items() if row.use}

    @cached_property
    def annotations(self) -> list[tables.Annotation]:
        """The annotation rows of the videos in use."""
        return [row for row in tables.read_annotations(self.annotations_table) if row.video in self.used]

    @cached_property
    def detection_rows(self) -> list[tables.Annotation]:
        """The annotation rows of the videos in which strokes are to be found.

        None where the study has no negative class: every frame would then be in a stroke.
        """
        if self.negative_class not in self.classes:
            return []
        return [row for row in self.annotations if row.task == "detection" and row.split == "test"]

    @cached_property
    def pictured(self) -> tuple[str, ...]:
        """The videos with a quality picture in the report: as a table grows, always the same."""
        return tuple(self.used)[: self.report_videos]

    @cached_property
    def split_names(self) -> tuple[str, ...]:
        """Names of the splits: ``main``, or ``fold-1``, ``fold-2``, … of a cross-validation.

        Leaving one group out, a fold has the number of its group in ``videos.tsv``, whatever is left out
        of use, so that no fold is ever another group's.
        """
        if self.split_method == "leave_one_group_out":
            annotated = {row.video for row in self.annotations if row.task == "classification"}
            tested = {self.group_of(video) for video in annotated}
            return tuple(f"fold-{number}" for number, group in enumerate(self.groups, 1) if group in tested)
        return tuple(f"fold-{number}" for number in range(1, self.split_folds + 1)) or ("main",)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of all videos, left-out ones too, in the order of the table."""
        return tuple(dict.fromkeys(map(self.group_of, self.videos)))

    def group_of(self, video: str) -> str:
        """The group of a video: its column `group`, or the video itself."""
        return self.videos[video].group or f"video:{video}"

    def video(self, name: str) -> tables.Video:
        """The row of a video.

        Raises
        ------
        CrispError
            If the table has no such video.
        """
        if name not in self.videos:
            raise fail(
                self.videos_table,
                f"no video {name!r}",
                "an id of the column video",
                name,
                "check the spelling",
            )
        return self.videos[name]

    def split(self, name: str) -> str:
        """The name of a split.

        Raises
        ------
        CrispError
            If the study has no such split. One that was written is believed: labels may have changed since.
        """
        if not (self.results / "splits" / f"{name}.tsv").exists() and name not in self.split_names:
            what = f"no split {name!r}"
            raise fail(f"study {self.name}", what, ", ".join(self.split_names), name, "check the spelling")
        return name

    def source(self, video: str) -> Path:
        """Path of a raw video."""
        return self.data / self.videos[video].path

    @cached_property
    def takes_pose(self) -> bool:
        """Whether any variant takes poses, so that they are prepared."""
        return any("pose" in variant.streams for variant in self.variants)

    @property
    def crop_sizes(self) -> tuple[tuple[int, int], ...]:
        """The (height, width) of the crops around the ROI that the variants see, each once."""
        return tuple(dict.fromkeys((variant.size[1], variant.size[2]) for variant in self.variants))

    @property
    def flow_groups(self) -> dict[str, list[Variant]]:
        """Variants that differ in flow method and normalisation alone, by what tells their group from others.

        Only groups of two or more: what a study of the flow compares.
        """
        groups: dict[Variant, list[Variant]] = {}
        for variant in self.variants:
            if "flow" in variant.streams:
                groups.setdefault(replace(variant, name="", flow="", norm_method=""), []).append(variant)
        several = {shared: group for shared, group in groups.items() if len(group) > 1}
        keys = [key for key in FLOWLESS if len({getattr(shared, key) for shared in several}) > 1]
        return {
            ", ".join([shared.model, *(f"{key} {getattr(shared, key)}" for key in keys)]): group
            for shared, group in several.items()
        }

    def annotation_file(self, row: tables.Annotation) -> Path:
        """Path of an annotation file: beside the table, or else in the data folder."""
        beside = self.annotations_table.parent / row.path
        return (
            beside if beside.exists() else self.data / row.path if (self.data / row.path).exists() else beside
        )

    def stage_file(self, video: str, stage: str, method: str = "") -> Path:
        """Path of a stage file (``frames``, ``pose``, or ``flow`` and ``roi`` with their method)."""
        return self.volumes / video / (f"{stage}/{method}.h5" if method else f"{stage}.h5")

    def quality_picture(self, video: str) -> Path:
        """Path of the picture that shows how a video was prepared and annotated."""
        return self.results / "videos" / f"{video}.png"

    def flow_parts(self, video: str, method: str) -> int:
        """In how many parts the flow of a video is computed, each a job of its own.

        What is finished keeps its number, so that another `scatter_seconds` recomputes nothing.
        """
        path = self.stage_file(video, "flow", method)
        if path.exists():
            gathered = parts_record(path)
            return int(gathered.read_text()) if gathered.exists() else 1
        row = self.videos[video]
        if not self.scatter_seconds or not row.fps:
            return 1
        parts = row.frames / row.fps / self.scatter_seconds
        return max(1, math.ceil(min(parts, row.working_frames)))

    def variant_files(self, variant: Variant, video: str) -> dict[str, Path]:
        """The stage files of a video that a variant's streams need, by stage."""
        files = {"roi": self.stage_file(video, "roi", variant.flow)}
        if "rgb" in variant.streams:
            files["frames"] = self.stage_file(video, "frames")
        if "flow" in variant.streams:
            files["flow"] = self.stage_file(video, "flow", variant.flow)
        if "pose" in variant.streams:
            files["pose"] = self.stage_file(video, "pose")
        return files

    def model_folder(self, variant: str, split: str, seed: int) -> Path:
        """Folder of a trained model and its evaluation."""
        return self.results / "models" / variant / split / f"seed-{seed}"

    def normalisation_file(self, variant: Variant, split: str) -> Path:
        """Path of the normalisation that a flow variant uses."""
        return self.results / "normalisation" / f"{split}-{variant.flow}-{variant.norm_method}.json"

    def variant(self, name: str) -> Variant:
        """The variant of that name.

        Raises
        ------
        CrispError
            If the study has no such variant.
        """
        for variant in self.variants:
            if variant.name == name:
                return variant
        names = ", ".join(variant.name for variant in self.variants)
        raise fail(f"study {self.name}", f"no variant {name!r}", names, name, "choose one of them")


def parameters(study: Study) -> dict[str, Any]:
    """What the volumes of the data set depend on, besides the videos (flow methods only add files).

    What poses depend on is there for studies that take them: others share the rest of the volumes.
    """
    poses = {
        "estimator": study.pose_estimator,
        "width": study.pose_width,
        "joints": study.pose_joints,
        "roi": study.flow_methods[0],
    }
    return {
        **({"pose": poses} if study.takes_pose else {}),
        "width": study.width,
        "upscale": study.upscale,
        "roi_alpha": study.roi_alpha,
        "roi_threshold": study.roi_threshold,
        "roi_power": study.roi_power,
        "frame_step": {video: row.frame_step for video, row in study.used.items() if row.frame_step != 1},
    }
