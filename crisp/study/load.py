"""Read a study file: fill in defaults, validate, check for contradictions."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from crisp.core import plain_text, strict_yaml
from crisp.core.errors import CrispError, Fault
from crisp.core.json_schema import VALIDATOR
from crisp.study import super_classes as superclasses
from crisp.study.config import Detection, Study, Training, Variant
from crisp.study.consistency import contradictions
from crisp.study.schema import fill_defaults, parse_numbers, schema, schema_faults


def load_study(path: str | Path) -> Study:
    """Read a study file.

    Raises
    ------
    CrispError
        If it is missing, not YAML, or has repeated or unknown keys or invalid values (all in one list).
    """
    return resolve_study(strict_yaml.read_yaml(path), str(path))


def resolve_study(content: Any, where: str = "study") -> Study:
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
        Listing every unknown key, invalid value and contradiction.
    """
    config = copy.deepcopy(content)
    if isinstance(config, dict):
        fill_defaults(schema(), config)
        config = parse_numbers(schema(), config)
    errors = sorted(VALIDATOR(schema()).iter_errors(config), key=lambda error: list(map(str, error.path)))
    if errors:
        raise CrispError(*(fault for error in errors for fault in schema_faults(where, error)))
    if odd := list(plain_text.faulty(config, "top level")):
        what, remedy = "text with control characters", "correct it"
        raise CrispError(*(Fault(f"{where}, {place}", what, "", repr(text), remedy) for place, text in odd))
    # A variant's own keys override the shared ones; `defaults` itself is not needed afterwards.
    config["variants"] = [{**config["defaults"], **variant} for variant in config["variants"]]
    study = _study(config)
    faults = contradictions(study, where)
    if faults:
        raise CrispError(*faults)
    return study


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
