"""The parts of a study that describe its models: variants, their training and the detection of strokes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from crisp.core.files import digest
from crisp.study.networks import INPUTS, NETWORKS
from crisp.study.schema import defaults

STREAMS = {
    "rgb": ("rgb",),
    "flow": ("flow",),
    "twin": ("rgb", "flow"),
    "pose": ("pose",),
    "trees": ("pose",),
    "rgb-pose": ("rgb", "pose"),
    "flow-pose": ("flow", "pose"),
    "three-stream": ("rgb", "flow", "pose"),
}


# What a missing key means in finished studies and model files of versions with other defaults.
FORMER = {"pose_norm": "crop"}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def _thawed(value: Any) -> Any:
    return list(map(_thawed, value)) if isinstance(value, tuple) else value


@dataclass(frozen=True)
class Variant:
    """A model and its clip settings. `size` is (frames, height, width)."""

    name: str
    model: str
    input: str
    network_size: tuple[int, int, int]
    weights: str
    frozen: bool
    size: tuple[int, int, int]
    flow: str
    norm_method: str
    augmentation: bool
    flip: bool
    spread: float
    attention: bool
    pose_attention: bool
    attention_blocks: int
    filters: tuple[int, ...]
    pooling: tuple[int | tuple[int, int, int], ...]
    features: int
    head: str
    init: str
    init_from: str
    double_softmax: bool
    pose_norm: str
    dropout: float
    training: dict[str, Any] = field(hash=False)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Variant:
        """Create a variant from its keys in a study file; missing keys have the schema's default."""
        merged = {**defaults("defaults"), **config}
        return cls(**{key: _frozen(value) for key, value in merged.items()})

    def plain(self) -> dict[str, Any]:
        """Return the keys as a study file has them, with lists."""
        return {field.name: _thawed(getattr(self, field.name)) for field in fields(self)}

    @property
    def attentive(self) -> bool:
        """Return whether any trunk has attention."""
        return self.attention or self.pose_attention

    @property
    def normalises_batches(self) -> bool:
        """Return whether any layer learns by a batch normalisation, whose batches need a variance."""
        return self.attentive or (
            self.model in NETWORKS and NETWORKS[self.model].batch_norm and not self.frozen
        )

    @property
    def backbone(self) -> str:
        """Return the name of the stage files with the features of a frozen network; each has its own."""
        keys = [self.weights, self.size, self.network_size, self.flow]
        return f"{self.model}-{digest(keys)[:8]}"

    @property
    def pools(self) -> list[tuple[int, int, int]]:
        """Return the pooling of each block of a trunk, (frames, height, width)."""
        given = self.pooling * len(self.filters) if len(self.pooling) == 1 else self.pooling
        return [(pool, pool, pool) if isinstance(pool, int) else pool for pool in given]

    @property
    def streams(self) -> tuple[str, ...]:
        """Return the streams of the model: some of ``rgb``, ``flow`` and ``pose``."""
        return STREAMS[self.model] if self.model in STREAMS else INPUTS[self.input or "rgb"]


@dataclass(frozen=True)
class Fusion:
    """A late fusion of the variants `of`; `weights` are ``equal`` or fitted on ``validation`` samples."""

    name: str
    of: tuple[str, ...]
    weights: str = "equal"

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Fusion:
        """Create a fusion from its keys in a study file."""
        return cls(**{key: _frozen(value) for key, value in config.items()})


# Keys that distinguish two variants, besides model, flow method and normalisation.
OTHER_KEYS = [key.name for key in fields(Variant) if key.name not in ("name", "model", "flow", "norm_method")]


@dataclass(frozen=True)
class Training:
    """The optimisation, and how its steps are computed."""

    epochs: int
    batch_size: int
    learning_rate: float
    schedule: str
    patience: int
    early_stop: int
    optimiser: str
    momentum: float
    nesterov: bool
    weight_decay: float
    label_smoothing: float
    mixup: float
    super_class_loss: float
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


# Keys of `training` that change no result: only how clips are loaded and steps are computed.
NO_RESULT = ("workers", "gpus", "cache_gb", "tensorboard")
# Those that no variant can change: all jobs of a rule take the same of a machine.
SHARED = (*NO_RESULT, "threads")


@dataclass(frozen=True)
class Detection:
    """Settings for finding strokes in untrimmed videos, in seconds.

    `stride` is the window stride, `smoothing` is for the rules ``vote`` and ``mean``, `gaussian` for
    the rule of that name, `shortest` is the minimum stroke length. `candidates` are ``runs`` of frames or
    ``blocks`` of `block` s; `against` is what the negative class is compared with, the ``best`` stroke class
    or the ``sum`` of all.
    """

    stride: float
    smoothing: float
    gaussian: float
    shortest: float
    candidates: str
    block: float
    against: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Detection:
        """Create the settings from their keys in a study file."""
        numbers = {key: float(value) for key, value in config.items() if not isinstance(value, str)}
        return cls(**{**config, **numbers})
