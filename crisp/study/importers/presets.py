"""Size of an imported study: ``quick`` takes minutes, ``standard`` hours, ``full`` and ``published`` days.

``full`` is the published size with CRISP's defaults, ``published`` also has the published optimisation.

The preset, and the reduction of ``quick``, depend on the cost of the study on this
machine, which the caller provides (`crisp.workflow.importing`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from crisp.core.errors import Fault
from crisp.study import schema, tables
from crisp.study.importers import flow_settings, published
from crisp.study.importers.fitting import Labels
from crisp.study.importers.study_template import MODELS, variants

AUTO = "auto"
AS_RECORDED = ("full", "published")  # presets of the published size, at the frame rate of the videos
PRESETS = ("quick", "standard", *AS_RECORDED)
SMALL = 200  # labelled strokes; fewer are not enough for the published size
BUDGET = 0.5  # maximum hours of a quick study before it is reduced
RATE = 30.0  # frames per second, if no video has a rate
ESTIMATOR = "mediapipe"  # of poses
CLIPS = 2000  # per quick training, in 30 to 100 epochs
# The models for few clips, and their training (docs/networks.md, "Few clips").
SLIM = {"augmentation": False, "flip": False, "dropout": 0.5}
TRAINING_OF_SLIM = {
    "epochs": 30,
    "batch_size": 12,
    "optimiser": "adamw",
    "learning_rate": 0.001,
    "weight_decay": 0.05,
    "schedule": "cosine",
    "label_smoothing": 0.1,
    "mixup": 0.4,
}


class Machine(NamedTuple):
    """The machine that a study would run on; `pose` = the estimator of poses is installed."""

    cores: int
    gpu: bool
    pose: bool = False

    def __str__(self) -> str:
        cores = "1 core" if self.cores == 1 else f"{self.cores} cores"
        return f"{cores}, {'a GPU' if self.gpu else 'no GPU'}"


class Cost(NamedTuple):
    """Work of a study, and its estimated duration on a machine; all in hours."""

    core: float
    gpu: float
    wall: float

    def __str__(self) -> str:
        gpu = f" and {self.gpu:.1f} GPU-hours" if self.gpu >= 0.05 else ""
        return f"about {_duration(self.wall)} ({self.core:,.1f} core-hours{gpu})"


# Cost of a study, by its content, the rows of its videos, its strokes and the machine; None if the data
# allow no split yet.
CostOf = Callable[[dict[str, Any], Sequence[tables.VideoRow], Labels, Machine], Cost | None]


class Choice(NamedTuple):
    """A preset, its reason, the target machine, and the cost function."""

    preset: str
    why: str
    machine: Machine
    cost: CostOf


class Size(NamedTuple):
    """Number of labelled `strokes` and `train` samples, and a short stroke's `length` in working frames."""

    strokes: int
    train: int
    length: int


def choose(wanted: str, strokes: int, machine: Machine, cost: CostOf) -> Choice:
    """Choose the preset for a machine and a number of labelled strokes.

    Parameters
    ----------
    wanted : str
        Preset, or ``auto``.
    strokes : int
        Labelled strokes.
    machine : Machine
    cost : callable
        See `CostOf`.

    Returns
    -------
    Choice
    """
    if wanted != AUTO:
        return Choice(wanted, f"as requested ({machine})", machine, cost)
    if not machine.gpu:
        return Choice("quick", f"as this machine has no GPU ({machine})", machine, cost)
    if strokes < SMALL:
        return Choice("quick", f"as {strokes} labelled strokes are few (fewer than {SMALL})", machine, cost)
    return Choice(
        "standard", f"as this machine has a GPU, and there are {strokes} labelled strokes", machine, cost
    )


def candidates(name: str, data: Size, machine: Machine) -> Iterator[dict[str, Any]]:
    """Yield the keys that a preset sets in a study, largest size first.

    Parameters
    ----------
    name : str
        Preset.
    data : Size
    machine : Machine

    Yields
    ------
    dict
        Keys of a study; for ``full`` only those that short strokes and poses need.
    """
    if name == "published":
        yield published.KEYS
    elif name == "full":
        size = _variant()["size"]
        frames = _frames(data.length, size[0])
        short = {"defaults": {"size": [frames, *size[1:]]}} if frames < size[0] else {}
        yield {**short, **_with_pose({"variants": variants()}, machine)}
    elif name == "standard":
        keys = _keys(
            192, _frames(data.length, 24), "deepflow", MODELS, {"epochs": 100, "patience": 20}, machine.cores
        )
        yield _with_pose(keys, machine)
    else:
        frames = _frames(data.length, 16)
        epochs = min(100, max(30, math.ceil(CLIPS / max(1, data.train))))
        training = {"epochs": epochs, "batch_size": 5, "learning_rate": 0.005}
        for width in (128, 96):
            keys = _keys(width, frames, "deepflow", MODELS, training, machine.cores)
            yield _with_pose(_with_slim(keys, data), machine)
        yield _keys(96, frames, "dis", ("twin",), training, machine.cores)
        yield _keys(96, frames, "dis", ("twin",), training | {"epochs": 10}, machine.cores)


def _frames(length: int, most: int) -> int:
    """Return the frames of a clip: slightly less than a short stroke, in steps of 4."""
    return max(8, min(most, length // 4 * 4))


def _keys(
    width: int, frames: int, flow: str, models: Sequence[str], training: dict[str, Any], cores: int
) -> dict[str, Any]:
    side = width * 3 // 8  # as published: 120 of 320 px
    return {
        "preparation": {"width": width, **({"flow_methods": [flow]} if flow != "deepflow" else {})},
        "defaults": {"size": [frames, side, side], **({"flow": flow} if flow != "deepflow" else {})},
        "variants": variants(models),
        "training": {**training, **({"threads": 1} if cores == 1 else {})},
    }


def _with_slim(keys: dict[str, Any], data: Size) -> dict[str, Any]:
    """Add the models for few clips, if there are few."""
    if data.strokes >= SMALL:
        return keys
    slim = [
        {"name": f"slim-{stream}", "model": "slim", "input": stream, **SLIM, "training": TRAINING_OF_SLIM}
        for stream in ("rgb", "flow")
    ]
    return {**keys, "variants": [*keys["variants"], *slim]}


def _with_pose(keys: dict[str, Any], machine: Machine) -> dict[str, Any]:
    """Add the variants of poses, if they can be estimated: a network and, for few clips, trees."""
    if not machine.pose:
        return keys
    preparation = {**keys.get("preparation", {}), "pose": {"estimator": ESTIMATOR}}
    return {**keys, "preparation": preparation, "variants": [*keys["variants"], *variants(("pose", "trees"))]}


def oversized(choice: Choice, size: Size, where: str) -> list[Fault]:
    """Warn of a requested study that is too large for its data.

    Parameters
    ----------
    choice : Choice
    size : Size
    where : str
        The study file, for messages.

    Returns
    -------
    list of Fault
        One, or none.
    """
    frames = _variant()["size"][0] if choice.preset == "published" else 0
    if choice.preset not in AS_RECORDED or (size.strokes >= SMALL and size.length >= frames):
        return []
    return [
        Fault(
            where,
            "study is larger than its data allow",
            f"{SMALL} labelled strokes or more" + (", most as long as its clips" if frames else ""),
            f"{size.strokes} strokes, one in four shorter than {size.length} frames",
            "import again under another name with --preset quick or standard, which follow the data",
        )
    ]


def affordable(
    choice: Choice,
    content: dict[str, Any],
    size: Size,
    rows: Sequence[tables.VideoRow],
    label_snapshot: Labels,
) -> tuple[dict[str, Any], Cost | None]:
    """Return the first candidate of a preset within the budget, or the last, and its cost.

    Parameters
    ----------
    choice : Choice
        The preset, the machine and its costs.
    content : dict
        Content of the study, to which a candidate's keys are added.
    size : Size
        Size of the data.
    rows : sequence of VideoRow
        Rows of ``videos.tsv``.
    label_snapshot : mapping
        Usable strokes by path.

    Returns
    -------
    keys : dict
    cost : Cost or None
        None if the data allow no split yet.
    """
    keys: dict[str, Any] = {}
    found = None
    for keys in candidates(choice.preset, size, choice.machine):
        keys = flow_settings.follow(keys, rows, choice.preset)
        found = choice.cost({**content, **keys}, rows, label_snapshot, choice.machine)
        if choice.preset != "quick" or found is None or found.wall <= BUDGET:
            break
    return keys, found


def marks(content: dict[str, Any], name: str) -> dict[str, str]:
    """Return a comment for each unusual key in the study file: the published value, or the default."""
    found = {}
    for part in ("preparation", "defaults", "training"):
        usual = _flat(_variant() if part == "defaults" else schema.defaults(part))
        stated = usual | _flat(published.KEYS[part])
        for key, value in _flat(content.get(part, {})).items():
            if value != usual[key]:
                other = ("default", usual) if name == "published" else ("published", stated)
                found[f"{part}.{key}"] = f"preset {name}; {other[0]}: {json.dumps(other[1][key])}"
    if len(content["variants"]) < len(MODELS):
        found["variants"] = f"preset {name}; published: rgb, flow and twin"
    for part in ("negatives", "split"):
        usual = schema.defaults(part)
        for key, value in content[part].items():
            if value != usual[key]:
                found[f"{part}.{key}"] = f"for these data; default: {json.dumps(usual[key])}"
    return found


def _flat(keys: dict[str, Any], place: str = "") -> dict[str, Any]:
    """Return the keys of sections within sections by their dotted names."""
    found: dict[str, Any] = {}
    for key, value in keys.items():
        inner = isinstance(value, dict) and value
        found |= _flat(value, f"{place}{key}.") if inner else {place + key: value}
    return found


def _variant() -> dict[str, Any]:
    keys = schema.schema()["$defs"]["variant"]["properties"]
    return {key: rule["default"] for key, rule in keys.items() if "default" in rule}


def text(keys: dict[str, Any]) -> str:
    """Describe the size of a preset's study on one line."""
    width = (schema.defaults("preparation") | keys.get("preparation", {}))["width"]
    epochs = (schema.defaults("training") | keys.get("training", {}))["epochs"]
    clip = "x".join(map(str, (_variant() | keys.get("defaults", {}))["size"]))
    models = ", ".join(one["name"] for one in keys.get("variants", [])) or ", ".join(MODELS)
    return f"{models} for {epochs} epochs, clips of {clip} (frames, height, width), videos {width} px wide"


def _duration(hours: float) -> str:
    if hours < 1.5:
        minutes = max(1, math.ceil(hours * 60))
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{hours:,.0f} hours" if hours < 48 else f"{hours / 24:,.0f} days"
