"""Check classes and variants for faults that would stop a training hours later."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from crisp.core.errors import Fault
from crisp.study.annotations import is_unknown
from crisp.study.config import Study
from crisp.study.variants import Variant

PCAFLOW_WIDTH = 72  # px, the minimum for this method


def check_models(study: Study, study_file: str | Path) -> list[Fault]:
    """Return the known faults that would stop a training of the study.

    Parameters
    ----------
    study : Study
    study_file : path-like
        Named if the fault is in the study.

    Returns
    -------
    list of Fault
    """
    faults = [fault for label in study.classes for fault in _class(study_file, label)]
    if "pcaflow" in study.flow_methods and study.width < PCAFLOW_WIDTH:
        faults.append(
            Fault(
                f"{study_file}, preparation.width",
                "too narrow for the flow method pcaflow",
                f"{PCAFLOW_WIDTH} px or more",
                str(study.width),
                "raise it, or choose another of preparation.flow_methods",
            )
        )
    if study.training.tensorboard and not importlib.util.find_spec("tensorboard"):
        faults.append(
            Fault(
                f"{study_file}, training.tensorboard",
                "TensorBoard is not installed",
                "the package tensorboard",
                "none",
                "pip install 'crisp-sport[tensorboard]', or set training.tensorboard: false",
            )
        )
    single = [
        variant.name
        for variant in study.variants
        if variant.normalises_batches and study.training_of(variant).batch_size < 2
    ]
    if single:
        faults.append(
            Fault(
                f"{study_file}, training.batch_size",
                "attention and batch normalisation cannot learn from batches of one clip: they need "
                "a variance",
                "2 or more",
                "1",
                f"raise it, or set attention: false or another model in {', '.join(single)}",
            )
        )
    for variant in study.variants:
        faults += _origin(study, variant)
    return faults


def _class(study_file: str | Path, label: str) -> list[Fault]:
    where = f"{study_file}, classes"
    if is_unknown(label):
        what = f"class {label!r} has the name that annotations give to unlabelled strokes"
        return [Fault(where, what, "a name for a class", repr(label), "rename or remove it")]
    plain = " ".join(label.split())
    if label != plain:
        what = "white space in the name of a class: no annotation can match it"
        return [Fault(where, what, repr(plain), repr(label), "correct the name")]
    return []


def _before(study: Study, variant: Variant) -> list[str]:
    """Return the variants of the study that must be trained before a variant, last ones first."""
    folders = {
        study.model_folder(other.name, split, seed) / "model.pt": other
        for other in study.variants
        for split in study.split_names
        for seed in study.seeds
    }
    found: list[str] = []
    while (origin := folders.get(Path(variant.init_from))) and origin.name not in found:
        found.append(origin.name)
        variant = origin
    return found


def _origin(study: Study, variant: Variant) -> list[Fault]:
    """Return whether a variant would start from a model that depends on its own training."""
    if not variant.init_from:
        return []
    before = _before(study, variant)
    if variant.name in before:
        return [
            Fault(
                f"study {study.name}, variant {variant.name}",
                "would start from a model that is initialised from its own",
                "an existing model.pt, or another variant's",
                " from ".join([variant.name, *before]),
                "correct init_from",
            )
        ]
    return []


def started_from_files(study: Study) -> list[Variant]:
    """List the variants that start from a model file, existing or missing; not those of the run itself."""
    return [
        variant
        for variant in study.variants
        if variant.init_from
        and variant.name not in (before := _before(study, variant))
        and (Path(variant.init_from).exists() or not before)
    ]
