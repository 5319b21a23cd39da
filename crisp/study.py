"""A study: one YAML file that says what is prepared, split, trained and decided.

Defaults come from ``schemas/study.schema.yaml`` alone; ``config/README.md`` explains every key.
"""

from __future__ import annotations

import copy
import difflib
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from crisp import plain_text, strict_yaml, superclasses, tables
from crisp.errors import CrispError, Fault, fail

# Numbers that arrive as texts: PyYAML follows YAML 1.1 and takes 1e-3 for one, and Snakemake's
# --config takes all members of a list for texts.
NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
LARGEST = sys.float_info.max
STREAMS = {
    "rgb": ("rgb",),
    "flow": ("flow",),
    "twin": ("rgb", "flow"),
    "pose": ("pose",),
    "three-stream": ("rgb", "flow", "pose"),
}


def _is_finite(_: object, value: object) -> bool:
    """Whether a value is a number that a float can hold; NaN and infinity would pass the schema's bounds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def _is_whole(checker: object, value: Any) -> bool:
    """Whether a value is a whole number; bounds hold for what is a number alone."""
    return _is_finite(checker, value) and float(value).is_integer()


VALIDATOR = extend(
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_finite, "integer": _is_whole}
    ),
)


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


def parts_record(flow: str | Path) -> Path:
    """Path of the number of parts that a flow stage file was gathered from; absent for a whole one."""
    return Path(flow).with_suffix(".parts")


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of a study."""
    path = Path(__file__).parent / "schemas" / "study.schema.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def defaults(key: str) -> dict[str, Any]:
    """The schema's defaults of an object of the study, those inside it included."""
    config: dict[str, Any] = {key: {}}
    _fill(schema(), config)
    return config[key]


def load(path: str | Path) -> Study:
    """Read a study file.

    Raises
    ------
    CrispError
        If it is missing, not YAML, or has repeated or unknown keys or bad values (all in one list).
    """
    return resolve(strict_yaml.read(path), str(path))


def resolve(content: Any, where: str = "study") -> Study:
    """Fill in the defaults of a study's content and check it.

    Parameters
    ----------
    content : dict
        As read from YAML; not changed.
    where : str
        Name of the file, for messages.

    Raises
    ------
    CrispError
        Listing every unknown key, bad value and contradiction.
    """
    config = copy.deepcopy(content)
    if isinstance(config, dict):
        _fill(schema(), config)
        config = _numbers(schema(), config)
    errors = sorted(VALIDATOR(schema()).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise CrispError(*(fault for error in errors for fault in _faults(where, error)))
    if odd := list(plain_text.faulty(config, "top level")):
        what, remedy = "text with control characters", "correct it"
        raise CrispError(*(Fault(f"{where}, {place}", what, "", repr(text), remedy) for place, text in odd))
    # A variant is its own keys over the shared ones; `defaults` itself then has nothing left to say.
    config["variants"] = [{**config["defaults"], **variant} for variant in config["variants"]]
    study = _study(config)
    faults = _contradictions(study, where)
    if faults:
        raise CrispError(*faults)
    return study


def _fill(part: dict[str, Any], config: dict[str, Any]) -> None:
    """Set the defaults of a schema's properties, nested objects included, lists not."""
    for key, rule in part.get("properties", {}).items():
        rule = _followed(rule)
        if "default" in rule:
            config.setdefault(key, copy.deepcopy(rule["default"]))
        if isinstance(config.get(key), dict):
            _fill(rule, config[key])


def _followed(rule: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema with what it refers to."""
    if "$ref" not in rule:
        return rule
    return {**schema()["$defs"][rule["$ref"].rsplit("/", 1)[1]], **rule}


def _numbers(part: dict[str, Any], value: Any) -> Any:
    """`value` with numbers as the schema means them: ``1e-3`` as 0.001, a whole ``10.0`` as 10."""
    rule = _followed(part)
    if isinstance(value, dict):
        properties = rule.get("properties", {})
        return {key: _numbers(properties.get(key, {}), item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(rule.get("items", {}), item) for item in value]
    if rule.get("type") in ("number", "integer") and isinstance(value, str) and NUMBER.fullmatch(value):
        value = float(value)
    if rule.get("type") == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _faults(where: str, error: Any) -> list[Fault]:
    place = ".".join(str(part) for part in error.path) or "top level"
    if error.validator == "additionalProperties" and "properties" in error.schema:
        known = list(error.schema["properties"])
        return [
            Fault(f"{where}, {place}", "unknown key", ", ".join(known), key, _meant(key, known))
            for key in sorted(map(str, set(error.instance) - set(known)))
        ]
    if error.validator == "required":
        return [Fault(f"{where}, {place}", error.message, remedy="add it; see config/README.md")]
    expected, remedy = f"{error.validator} {error.validator_value}", "see config/README.md"
    if error.validator == "enum":
        choices = list(map(str, error.validator_value))
        expected, remedy = ", ".join(choice or "''" for choice in choices), _meant(error.instance, choices)
    if error.validator == "pattern":
        expected = error.schema.get("$comment", expected)
    return [Fault(f"{where}, {place}", "bad value", expected, repr(error.instance)[:200], remedy)]


def _meant(given: object, known: Sequence[str]) -> str:
    """The remedy for a word that is none of those known: the likely one, or where it is a key."""
    lower = {word.lower(): word for word in known}
    if close := difflib.get_close_matches(str(given).lower(), lower, n=1):
        return f"correct the spelling: {lower[close[0]]}?"
    if homes := [home for home in _homes(schema(), str(given)) if home]:
        return f"put it where it belongs: {' or '.join(homes)}"
    return "correct the spelling; see config/README.md"


def _homes(part: dict[str, Any], key: str, place: str = "") -> Iterator[str]:
    """The places of the schema, as dotted keys, that have a key."""
    for name, rule in part.get("properties", {}).items():
        if name == key:
            yield f"{place}{name}"
        inner = _followed(rule)
        yield from _homes(_followed(inner.get("items", inner)), key, f"{place}{name}.")


def _study(config: dict[str, Any]) -> Study:
    dataset, preparation = config["dataset"], config["preparation"]
    negatives, split = config["negatives"], config["split"]
    return Study(
        name=config["study"],
        dataset=dataset["name"],
        data=Path(dataset["data"] or Path("data") / dataset["name"]),
        videos_table=Path(dataset["videos"]),
        annotations_table=Path(dataset["annotations"]),
        generate=dataset["generate"],
        poses=dataset["poses"],
        width=preparation["width"],
        upscale=preparation["upscale"],
        flow_methods=tuple(preparation["flow_methods"]),
        flow_backend=preparation["flow_backend"],
        scatter_seconds=float(preparation["scatter_seconds"]),
        roi_alpha=float(preparation["roi"]["alpha"]),
        roi_threshold=float(preparation["roi"]["threshold"]),
        roi_power=float(preparation["roi"]["power"]),
        pose_estimator=preparation["pose"]["estimator"],
        pose_width=float(preparation["pose"]["width"]),
        pose_joints=preparation["pose"]["joints"],
        classes=tuple(config["classes"]),
        super_classes=config["super_classes"] or superclasses.of_ttstroke21(config["classes"]),
        negative_class=negatives["class"],
        negative_share=float(negatives["share"]),
        negative_seconds=float(negatives["seconds"]),
        split_method=split["method"],
        split_folds=split["folds"],
        split_seed=split["seed"],
        split_shares=tuple(split["shares"]),
        variants=tuple(map(Variant.from_config, config["variants"])),
        seeds=tuple(config["seeds"]),
        training=Training(**config["training"]),
        decision=config["decision"],
        detection=Detection(**{key: float(value) for key, value in config["detection"].items()}),
        report_videos=config["report"]["videos"],
        config=config,
    )


def _contradictions(study: Study, where: str) -> list[Fault]:
    faults = []
    names = [variant.name.lower() for variant in study.variants]
    for number, variant in enumerate(study.variants):
        place = f"{where}, variants.{number} ({variant.name})"
        if names.index(variant.name.lower()) != number:
            faults.append(Fault(place, "variant name is taken (ignoring case)", remedy="rename it"))
        if variant.flow not in study.flow_methods:
            faults.append(
                Fault(
                    place,
                    f"flow method {variant.flow!r} is not prepared",
                    f"one of preparation.flow_methods: {', '.join(study.flow_methods)}",
                    variant.flow,
                    f"add {variant.flow} to preparation.flow_methods",
                )
            )
        if "pose" in variant.streams and not (study.poses or study.pose_estimator):
            faults.append(
                Fault(
                    place,
                    f"model {variant.model} takes poses, and the data set has none",
                    "a folder of pose files in dataset.poses, or preparation.pose.estimator",
                    "nothing",
                    "set one of them, or take the variant out",
                )
            )
        if variant.attention and variant.model == "pose":
            faults.append(
                Fault(
                    place, "attention is for video, and model pose takes none", remedy="set attention: false"
                )
            )
    for name, members in study.super_classes.items():
        if set(members) != set(study.classes):
            missing, unknown = set(study.classes) - set(members), set(members) - set(study.classes)
            faults.append(
                Fault(
                    f"{where}, super_classes.{name}",
                    "not a super-class for each class of the study",
                    ", ".join(study.classes),
                    "; ".join(
                        f"{word} {', '.join(sorted(some))}"
                        for word, some in (("missing", missing), ("no class", unknown))
                        if some
                    ),
                    "give each class one super-class, a class of its own if it has none",
                )
            )
    if study.poses and study.pose_estimator:
        faults.append(
            Fault(
                f"{where}, preparation.pose.estimator",
                "poses are read from files and estimated, too",
                "dataset.poses or an estimator",
                study.pose_estimator,
                "leave one of them empty",
            )
        )
    if study.negative_share and study.negative_class not in study.classes:
        faults.append(
            Fault(
                f"{where}, negatives.class",
                "class of the negatives is not a class of the study",
                ", ".join(study.classes),
                repr(study.negative_class),
                "add it to classes, or set negatives.share to 0",
            )
        )
    if study.split_folds and study.split_method not in ("by_video", "stratified"):
        faults.append(
            Fault(
                f"{where}, split.folds",
                f"folds do not go with the method {study.split_method}",
                "by_video or stratified",
                str(study.split_folds),
                "choose another split.method, or set split.folds to 0",
            )
        )
    if study.split_folds == 1:
        faults.append(
            Fault(f"{where}, split.folds", "one fold is no cross-validation", "0, or 2 and more", "1")
        )
    if abs(sum(study.split_shares) - 1) > 1e-6:
        faults.append(
            Fault(
                f"{where}, split.shares",
                "shares do not add up",
                "1",
                str(sum(study.split_shares)),
                "correct them",
            )
        )
    return faults


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
