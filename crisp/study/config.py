"""A study: one YAML file with settings for preparation, splits, training and decisions.

Defaults come from ``schemas/study.schema.yaml`` alone; ``config/README.md`` explains every key.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property, reduce
from operator import getitem
from pathlib import Path
from typing import Any

from crisp.core.errors import fail
from crisp.core.files import parts_record
from crisp.core.unicode_forms import existing
from crisp.core.views import WHOLE, Box, region_of, video_of
from crisp.study import tables
from crisp.study.annotations import Stroke
from crisp.study.annotators import ADJUDICATED, Merging, by_video, label_rows
from crisp.study.schema import defaults
from crisp.study.super_classes import SuperClasses, of_ttstroke21
from crisp.study.variants import FORMER, NO_RESULT, OTHER_KEYS, Detection, Fusion, Training, Variant

OF_REGIONS = ("roi", "pose", "features")  # stages with a file for each region of a video


def _key(place: str, convert: Callable[[Any], Any] = lambda value: value) -> dict[str, Any]:
    """Return the metadata of a field that has the value of a key of the study file, dotted if nested."""
    return {"place": place, "convert": convert}


@dataclass(frozen=True)
class Study:
    """A study with every default filled in.

    Each field names its key in the study file; `schemas/study.schema.yaml` describes the keys.
    """

    name: str = field(metadata=_key("study"))
    dataset: str = field(metadata=_key("dataset.name"))
    videos_table: Path = field(metadata=_key("dataset.videos", existing))
    annotations_table: Path = field(metadata=_key("dataset.annotations", existing))
    generate: str = field(metadata=_key("dataset.generate"))
    poses: str = field(metadata=_key("dataset.poses", lambda given: given and str(existing(given))))
    width: int = field(metadata=_key("preparation.width"))
    upscale: bool = field(metadata=_key("preparation.upscale"))
    flow_methods: tuple[str, ...] = field(metadata=_key("preparation.flow_methods", tuple))
    flow_backend: str = field(metadata=_key("preparation.flow_backend"))
    stabilise: str = field(metadata=_key("preparation.stabilise"))
    scatter_seconds: float = field(metadata=_key("preparation.scatter_seconds", float))
    roi_alpha: float = field(metadata=_key("preparation.roi.alpha", float))
    roi_threshold: float = field(metadata=_key("preparation.roi.threshold", float))
    roi_power: float = field(metadata=_key("preparation.roi.power", float))
    pose_estimator: str = field(metadata=_key("preparation.pose.estimator"))
    pose_width: float = field(metadata=_key("preparation.pose.width", float))
    pose_joints: dict[str, str] = field(metadata=_key("preparation.pose.joints"))
    merging: Merging = field(metadata=_key("annotators", Merging.from_config))
    task: str = field(metadata=_key("task"))
    classes: tuple[str, ...] = field(metadata=_key("classes", tuple))
    negative_class: str = field(metadata=_key("negatives.class"))
    negative_share: float = field(metadata=_key("negatives.share", float))
    negative_seconds: float = field(metadata=_key("negatives.seconds", float))
    split_method: str = field(metadata=_key("split.method"))
    split_folds: int = field(metadata=_key("split.folds"))
    split_seed: int = field(metadata=_key("split.seed"))
    split_shares: tuple[float, float, float] = field(metadata=_key("split.shares", tuple))
    variants: tuple[Variant, ...] = field(
        metadata=_key("variants", lambda given: tuple(map(Variant.from_config, given)))
    )
    fusions: tuple[Fusion, ...] = field(
        metadata=_key("fusions", lambda given: tuple(map(Fusion.from_config, given)))
    )
    seeds: tuple[int, ...] = field(metadata=_key("seeds", tuple))
    training: Training = field(metadata=_key("training", lambda given: Training(**given)))
    decision: str = field(metadata=_key("decision"))
    detection: Detection = field(metadata=_key("detection", Detection.from_config))
    report_videos: int = field(metadata=_key("report.videos"))
    config: dict[str, Any]

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Study:
        """Create a study from the validated content of its file, with every default filled in."""
        keys = {key.name: key.metadata for key in fields(cls) if key.metadata}
        found = {name: reduce(getitem, key["place"].split("."), config) for name, key in keys.items()}
        return cls(**{name: keys[name]["convert"](value) for name, value in found.items()}, config=config)

    @cached_property
    def data(self) -> Path:
        """Return the folder of the raw videos."""
        return existing(self.config["dataset"]["data"] or Path("data") / self.dataset)

    @cached_property
    def super_classes(self) -> SuperClasses:
        """Return the sets of super-classes: those of the file, or else TTStroke-21's."""
        return self.config["super_classes"] or of_ttstroke21(self.classes)

    @cached_property
    def volumes(self) -> Path:
        """Return the folder of the data set's volumes."""
        return Path("results/volumes") / self.dataset

    @cached_property
    def results(self) -> Path:
        """Return the folder of the study's results."""
        return Path("results/studies") / self.name

    @cached_property
    def videos(self) -> dict[str, tables.VideoRow]:
        """Return every row of the video table by id, including unused ones."""
        return {row.video: row for row in tables.read_videos(self.videos_table)}

    @cached_property
    def used(self) -> dict[str, tables.VideoRow]:
        """Return the videos in use, by id."""
        return {video: row for video, row in self.videos.items() if row.use}

    @cached_property
    def views(self) -> dict[str, tables.VideoRow]:
        """Return what samples are cut from, with its video: the videos in use, or each of their regions."""
        return {view: row for row in self.used.values() for view in row.views}

    @cached_property
    def annotator_rows(self) -> list[tables.Annotation]:
        """Return the rows of ``annotations.tsv`` of the videos in use, those of every annotator."""
        return [row for row in tables.read_annotations(self.annotations_table) if row.video in self.used]

    @cached_property
    def annotations(self) -> list[tables.Annotation]:
        """Return the annotation rows of the videos in use, merged where a video has several annotators.

        Raises
        ------
        CrispError
            If they cannot be merged (`crisp.study.annotators.label_rows`).
        """
        return label_rows(self.annotator_rows, self.merging, str(self.annotations_table))

    @cached_property
    def several_annotators(self) -> bool:
        """Return whether a video has strokes of several annotators for the task."""
        groups = by_video(row for row in self.annotator_rows if row.task == self.task)
        return any(len(of.keys() - {ADJUDICATED}) > 1 for of in groups.values())

    @cached_property
    def detection_rows(self) -> list[tables.Annotation]:
        """Return the annotation rows of the videos for detection.

        None if the study has no negative class: every frame would then be in a stroke.
        """
        if self.negative_class not in self.classes:
            return []
        return [row for row in self.annotations if row.task == "detection" and row.split == "test"]

    @property
    def detection_views(self) -> list[str]:
        """Return the views for detection: those of `detection_rows`."""
        return list(
            dict.fromkeys(view for row in self.detection_rows for view in self.videos[row.video].views)
        )

    def class_of(self, stroke: Stroke) -> str:
        """Return the class of an annotated stroke; in the detection task, all but negatives have the same."""
        if self.task == "classification" or stroke.label == self.negative_class:
            return stroke.label
        return next(name for name in self.classes if name != self.negative_class)

    def is_unannotated(self, row: tables.Annotation) -> bool:
        """Return whether an annotation file without strokes says that nothing is known of its video.

        In the campaign's detection task those of the test videos do; elsewhere, that nothing happens.
        """
        return self.task == row.task == "detection" and (self.split_method, row.split) == ("given", "test")

    @cached_property
    def pictured(self) -> tuple[str, ...]:
        """Return the views with a quality figure in the report; stable when the table grows."""
        return tuple(self.views)[: self.report_videos]

    @cached_property
    def split_names(self) -> tuple[str, ...]:
        """Return the names of the splits: ``main``, or ``fold-1``, ``fold-2``, … of a cross-validation.

        With leave-one-group-out, a fold has the number of its group in ``videos.tsv``, whatever videos are
        unused, so that a fold never changes its group.
        """
        if self.split_method == "leave_one_group_out":
            annotated = {row.video for row in self.annotations if row.task == self.task}
            tested = {self.group_of(view) for view, row in self.views.items() if row.video in annotated}
            return tuple(f"fold-{number}" for number, group in enumerate(self.groups, 1) if group in tested)
        return tuple(f"fold-{number}" for number in range(1, self.split_folds + 1)) or ("main",)

    @property
    def groups(self) -> tuple[str, ...]:
        """Return the groups of all views, including those of unused videos, in table order."""
        return tuple(dict.fromkeys(self.group_of(view) for row in self.videos.values() for view in row.views))

    def group_of(self, view: str) -> str:
        """Return the group of a view: as in the column `group`, or its video."""
        row = self.videos[video_of(view)]
        return row.group_of(view) or f"video:{row.video}"

    def video(self, name: str) -> tables.VideoRow:
        """Return the row of a video, or of a view's video.

        Raises
        ------
        CrispError
            If the table has no such video.
        """
        if video_of(name) not in self.videos:
            raise fail(
                self.videos_table,
                f"no video {name!r}",
                "an id of the column video",
                name,
                "check the spelling",
            )
        return self.videos[video_of(name)]

    def region(self, view: str) -> Box:
        """Return the box of a view: the whole picture, or its region.

        Raises
        ------
        CrispError
            If its video is not in the table, or has no such region.
        """
        row, name = self.video(view), region_of(view)
        if not name:
            return WHOLE
        if name not in row.boxes:
            expected = f"one of {', '.join(row.boxes)}" if row.boxes else "no name, for the whole picture"
            where = f"{self.videos_table}, video {row.video}"
            raise fail(where, f"no region {name!r}", expected, name, "check the spelling")
        return row.boxes[name]

    def is_mirrored(self, view: str) -> bool:
        """Return whether clips of a view are mirrored, so that players face right in all of them."""
        return self.video(view).is_mirrored(view)

    def split(self, name: str) -> str:
        """Return the name of a split.

        Raises
        ------
        CrispError
            If the study has no such split. An existing split file is trusted: labels may have changed since.
        """
        if not self.split_table(name).exists() and name not in self.split_names:
            what = f"no split {name!r}"
            raise fail(f"study {self.name}", what, ", ".join(self.split_names), name, "check the spelling")
        return name

    def split_table(self, name: str) -> Path:
        """Return the path of the table of a split, which assigns its samples."""
        return self.results / "splits" / f"{name}.tsv"

    def source(self, video: str) -> Path:
        """Return the path of a raw video, given its id or a view of it."""
        return existing(self.data / self.video(video).path)

    @cached_property
    def takes_pose(self) -> bool:
        """Return whether any variant uses poses, so that they are prepared."""
        return any("pose" in variant.streams for variant in self.variants)

    @property
    def crop_sizes(self) -> tuple[tuple[int, int], ...]:
        """Return the distinct (height, width) of the variants' crops around the ROI."""
        return tuple(dict.fromkeys((variant.size[1], variant.size[2]) for variant in self.variants))

    @property
    def flow_groups(self) -> dict[str, list[Variant]]:
        """Group variants that differ only in flow method and normalisation, by their other keys.

        Only groups of two or more: the comparisons of a flow study.
        """
        groups: dict[Variant, list[Variant]] = {}
        for variant in self.variants:
            if "flow" in variant.streams:
                groups.setdefault(replace(variant, name="", flow="", norm_method=""), []).append(variant)
        several = {shared: group for shared, group in groups.items() if len(group) > 1}
        keys = [key for key in OTHER_KEYS if len({repr(getattr(shared, key)) for shared in several}) > 1]
        return {
            ", ".join([shared.model, *(f"{key} {getattr(shared, key)}" for key in keys)]): group
            for shared, group in several.items()
        }

    def annotation_file(self, row: tables.Annotation) -> Path:
        """Return the path of an annotation file: beside the table, or else in the data folder.

        That of a row with sources need not exist: it is where adjudicated strokes belong.
        """
        beside = existing(self.annotations_table.parent / row.path)
        if beside.exists():
            return beside
        inside = existing(self.data / row.path)
        return inside if inside.exists() else beside

    def stage_file(self, view: str, stage: str, method: str = "") -> Path:
        """Return the path of a stage file: of the view for ROI and poses, of its video for frames and flow.

        Parameters
        ----------
        view : str
            A video, or one of its regions.
        stage : str
            ``frames``, ``pose``, ``flow``, ``roi`` or ``features``.
        method : str
            Flow method, for flow and ROI; `backbone` of a variant, for features.

        Returns
        -------
        Path
        """
        region = view.removeprefix(video_of(view)) if stage in OF_REGIONS else ""
        name = f"{stage}/{method}" if method else stage
        return self.volumes / video_of(view) / f"{name}{region}.h5"

    def quality_picture(self, view: str) -> Path:
        """Return the path of a view's quality-control figure."""
        return self.results / "videos" / f"{view}.png"

    def flow_parts(self, video: str, method: str) -> int:
        """Return the number of parts of a video's flow, each computed by its own job.

        Finished files keep their number, so that another `scatter_seconds` recomputes nothing.
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

    def variant_files(self, variant: Variant, view: str) -> dict[str, Path]:
        """Return the stage files of a view that a variant's streams need, by stage."""
        files = {"roi": self.stage_file(view, "roi", variant.flow)}
        if "rgb" in variant.streams:
            files["frames"] = self.stage_file(view, "frames")
        if "flow" in variant.streams:
            files["flow"] = self.stage_file(view, "flow", variant.flow)
        if "pose" in variant.streams:
            files["pose"] = self.stage_file(view, "pose")
        return files

    def model_folder(self, variant: str, split: str, seed: int) -> Path:
        """Return the folder of a trained model and its evaluation.

        Parameters
        ----------
        variant, split : str
        seed : int
            Training seed.

        Returns
        -------
        Path
        """
        return self.results / "models" / variant / split / f"seed-{seed}"

    def fusion(self, name: str) -> Fusion:
        """Return the fusion of that name.

        Raises
        ------
        CrispError
            If the study has no such fusion.
        """
        for fusion in self.fusions:
            if fusion.name == name:
                return fusion
        names = ", ".join(fusion.name for fusion in self.fusions) or "none: add the key fusions"
        raise fail(f"study {self.name}", f"no fusion {name!r}", names, name, "choose one of them")

    def fusion_folder(self, fusion: str, split: str, seed: int) -> Path:
        """Return the folder of the evaluation of a fusion.

        Parameters
        ----------
        fusion, split : str
        seed : int
            Training seed of its variants.

        Returns
        -------
        Path
        """
        return self.results / "fusions" / fusion / split / f"seed-{seed}"

    def features_record(self, variant: Variant) -> Path:
        """Return the path of the record of a frozen variant's features, which are in the volumes."""
        return self.results / "features" / f"{variant.name}.json"

    def normalisation_file(self, variant: Variant, split: str) -> Path:
        """Return the path of the normalisation that a flow variant uses."""
        return self.results / "normalisation" / f"{split}-{variant.flow}-{variant.norm_method}.json"

    def variant(self, name: str) -> Variant:
        """Return the variant of that name.

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

    def training_of(self, variant: Variant) -> Training:
        """Return the optimisation of a variant: the study's, with the variant's own keys."""
        return replace(self.training, **variant.training)

    def train_settings(self, variant: Variant) -> list[dict[str, Any]]:
        """Return the keys of a variant and of its optimisation that affect its result.

        The super-classes are among them if they are part of the loss. Keys with their default are left out:
        those that a version adds rerun nothing. A default that has changed is left out where it
        changes no result, and its former value everywhere.
        """
        own = {key: value for key, value in variant.plain().items() if key != "training"}
        if "pose" not in variant.streams and own["pose_norm"] == defaults("defaults")["pose_norm"]:
            own |= FORMER
        settings = self.training_of(variant)
        training = {key: value for key, value in asdict(settings).items() if key not in NO_RESULT}
        if settings.super_class_loss:
            training["super_classes"] = self.super_classes
        return [changed_keys(own, "defaults"), changed_keys(training, "training")]


def changed_keys(keys: Mapping[str, Any], section: str) -> dict[str, Any]:
    """Return the keys of a section of the study file that differ from its defaults."""
    usual = defaults(section) | (FORMER if section == "defaults" else {})
    return {key: value for key, value in keys.items() if key not in usual or value != usual[key]}


def parameters(study: Study) -> dict[str, Any]:
    """Return the inputs of the data set's volumes, besides the videos (flow methods only add files).

    Inputs of poses are included only for studies with poses; others share the rest of the volumes.
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
        **({"stabilise": study.stabilise} if study.stabilise != "never" else {}),
        "frame_step": {video: row.frame_step for video, row in study.used.items() if row.frame_step != 1},
    }
