"""Contradictions between the keys of a study, one function per rule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import chain

from crisp.core.errors import Fault
from crisp.study.config import Study
from crisp.study.networks import NETWORKS, TORCHVISION
from crisp.study.variants import SHARED, STREAMS, Training, Variant


def contradictions(study: Study, where: str) -> list[Fault]:
    """Return the faults of all rules.

    Those of variants have `where` and the variant as place, the others `where` and the key.
    """
    of_variants = (
        fault
        for number, variant in enumerate(study.variants)
        for rule in VARIANT_RULES
        for fault in rule(study, variant, f"{where}, variants.{number} ({variant.name})")
    )
    return [*of_variants, *chain.from_iterable(rule(study, where) for rule in STUDY_RULES)]


def _taken_names(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    same = [other for other in study.variants if other.name.lower() == variant.name.lower()]
    if same[0] is not variant:
        yield Fault(place, "variant name is taken (ignoring case)", remedy="rename it")


def _unprepared_flow(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    if variant.flow not in study.flow_methods:
        yield Fault(
            place,
            f"flow method {variant.flow!r} is not prepared",
            f"one of preparation.flow_methods: {', '.join(study.flow_methods)}",
            variant.flow,
            f"add {variant.flow} to preparation.flow_methods",
        )


def _missing_poses(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    if "pose" in variant.streams and not (study.poses or study.pose_estimator):
        yield Fault(
            place,
            f"model {variant.model} takes poses, and the data set has none",
            "a folder of pose files in dataset.poses, or preparation.pose.estimator",
            "nothing",
            "set one of them, or remove the variant",
        )


def _attention_without_stream(study: Study, variant: Variant, place: str) -> Iterator[Fault]:  # noqa: ARG001
    if variant.attention and variant.model == "pose":
        remedy = "set attention: false, and pose_attention: true for attention along time"
        yield Fault(place, "attention is for video, and model pose takes none", remedy=remedy)
    if variant.pose_attention and "pose" not in variant.streams:
        what = f"pose_attention is for poses, and model {variant.model} takes none"
        yield Fault(place, what, remedy="set pose_attention: false")


def _blocks(study: Study, variant: Variant, place: str) -> Iterator[Fault]:  # noqa: ARG001
    if len(variant.pooling) not in (1, len(variant.filters)):
        yield Fault(
            f"{place}, pooling",
            "not a pooling for each block",
            f"1 or {len(variant.filters)} items, as filters",
            str(len(variant.pooling)),
            "correct pooling or filters",
        )


def _networks(study: Study, variant: Variant, place: str) -> Iterator[Fault]:  # noqa: ARG001
    """Check the keys of I3D and of torchvision's networks."""
    used = {"input": variant.input, "network_size": variant.network_size, "weights": variant.weights}
    for key, value in used.items():
        names = TORCHVISION if key == "weights" else NETWORKS
        if value and variant.model not in names:
            yield Fault(
                f"{place}, {key}",
                f"model {variant.model} has no {key}",
                f"one of the models {', '.join(names)}",
                variant.model,
                f"remove {key}, or choose another model",
            )
    if variant.model not in NETWORKS:
        return
    if variant.attentive or variant.head != "flatten":
        what = f"attention and head are for CRISP's own trunks, and model {variant.model} has none"
        yield Fault(place, what, remedy="remove these keys from the variant")
    if variant.weights and variant.init_from:
        yield Fault(place, "both weights and init_from give the initial weights", remedy="remove one of them")
    if len(variant.network_size) not in (0, 3):
        found = str(list(variant.network_size))
        yield Fault(f"{place}, network_size", "bad size", "[frames, height, width]", found, "correct it")
        return
    size, facts = variant.network_size or variant.size, NETWORKS[variant.model]
    least = facts.only or facts.least
    if any(length < by for length, by in zip(size, least, strict=True)) or (facts.only and size != least):
        yield Fault(
            f"{place}, {'network_size' if variant.network_size else 'size'}",
            f"{variant.model} does not take clips of this size",
            f"{list(least)}" + ("" if facts.only else " or more"),
            str(list(size)),
            f"set network_size: {list(least)}, to which clips are resampled",
        )


def _trees(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    if variant.model != "trees":
        return
    if variant.pose_attention or variant.init_from:
        key = "pose_attention" if variant.pose_attention else "init_from"
        what = "trees are grown from nothing, without attention or initial weights"
        yield Fault(f"{place}, {key}", what, remedy=f"remove {key} from the variant")
    gpus = study.training_of(variant).gpus
    if gpus > 1:
        what, remedy = "trees are grown in one process", "train them in a study with training.gpus: 1"
        yield Fault(f"{place}, training.gpus", what, "1", str(gpus), remedy)


def _frozen(study: Study, variant: Variant, place: str) -> Iterator[Fault]:  # noqa: ARG001
    if variant.frozen and not variant.weights:
        yield Fault(
            f"{place}, frozen",
            "a frozen network needs pre-trained weights",
            "weights, of a network of torchvision",
            "none",
            "add weights, or remove frozen",
        )
    if variant.frozen and "flow" in variant.streams:
        yield Fault(
            f"{place}, frozen",
            "a frozen network takes RGB alone, of which its weights are",
            "input: rgb",
            variant.input or variant.model,
            "set input: rgb, or remove frozen, so that the weights are trained further",
        )


def _fitted(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    linear = variant.model == "slim" and len(variant.streams) == 1
    if study.training_of(variant).optimiser == "lbfgs" and not linear:
        yield Fault(
            f"{place}, training.optimiser",
            "lbfgs fits a linear classifier of one stream",
            "model slim, with input rgb or flow",
            " ".join(filter(None, (variant.model, variant.input))),
            "set optimiser: sgd or adamw for this variant",
        )


def _too_small(study: Study, variant: Variant, place: str) -> Iterator[Fault]:  # noqa: ARG001
    if variant.model not in STREAMS or variant.model == "trees" or len(variant.pools) != len(variant.filters):
        return
    least = [math.prod(by) for by in zip(*variant.pools, strict=True)]
    used = 3 if set(variant.streams) - {"pose"} else 1
    if any(length < by for length, by in zip(variant.size[:used], least, strict=False)):
        yield Fault(
            f"{place}, size",
            "clip is too small for the poolings of the model",
            f"at least {least[:used]}",
            str(list(variant.size[:used])),
            "raise size, or lower pooling or the number of filters",
        )


def _shared_training(study: Study, variant: Variant, place: str) -> Iterator[Fault]:  # noqa: ARG001
    for key in sorted(set(variant.training) & set(SHARED)):
        yield Fault(
            f"{place}, training.{key}",
            "key is the same for all variants",
            ", ".join(key.name for key in fields(Training) if key.name not in SHARED),
            key,
            f"put it into the study's section training, or set {key} nowhere",
        )


def _nesterov_without_momentum(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    settings = study.training_of(variant)
    if settings.optimiser == "sgd" and settings.nesterov and not settings.momentum:
        yield Fault(
            f"{place}, training.nesterov",
            "Nesterov's form of no momentum",
            "training.momentum above 0",
            str(settings.momentum),
            "raise the momentum, or set training.nesterov: false",
        )


def _loss_without_super_classes(study: Study, variant: Variant, place: str) -> Iterator[Fault]:
    if study.training_of(variant).super_class_loss and not study.super_classes:
        yield Fault(
            f"{place}, training.super_class_loss",
            "loss of super-classes, and the study has none",
            "a set of super-classes in the key super_classes",
            "none",
            "add super_classes, or set training.super_class_loss to 0",
        )


def _super_classes(study: Study, where: str) -> Iterator[Fault]:
    for name, members in study.super_classes.items():
        missing, unknown = set(study.classes) - set(members), set(members) - set(study.classes)
        if missing or unknown:
            parts = (("missing", missing), ("no class", unknown))
            yield Fault(
                f"{where}, super_classes.{name}",
                "not a super-class for each class of the study",
                ", ".join(study.classes),
                "; ".join(f"{word} {', '.join(sorted(some))}" for word, some in parts if some),
                "give each class one super-class, a class of its own if it has none",
            )


def _poses_twice(study: Study, where: str) -> Iterator[Fault]:
    if study.poses and study.pose_estimator:
        yield Fault(
            f"{where}, preparation.pose.estimator",
            "poses are both read from files and estimated",
            "dataset.poses or an estimator",
            study.pose_estimator,
            "leave one of them empty",
        )


def _unknown_negatives(study: Study, where: str) -> Iterator[Fault]:
    if study.negative_share and study.negative_class not in study.classes:
        yield Fault(
            f"{where}, negatives.class",
            "class of the negatives is not a class of the study",
            ", ".join(study.classes),
            repr(study.negative_class),
            "add it to classes, or set negatives.share to 0",
        )


def _classes_of_detection(study: Study, where: str) -> Iterator[Fault]:
    if study.task == "detection" and (len(study.classes) != 2 or study.negative_class not in study.classes):
        yield Fault(
            f"{where}, classes",
            "the detection task tells strokes from everything else",
            "two classes, one of them negatives.class",
            ", ".join(study.classes),
            "classes [Negative, Stroke], or task: classification",
        )


def _folds_of_method(study: Study, where: str) -> Iterator[Fault]:
    if study.split_folds and study.split_method not in ("by_video", "stratified"):
        yield Fault(
            f"{where}, split.folds",
            f"folds cannot be combined with the method {study.split_method}",
            "by_video or stratified",
            str(study.split_folds),
            "choose another split.method, or set split.folds to 0",
        )


def _single_fold(study: Study, where: str) -> Iterator[Fault]:
    if study.split_folds == 1:
        yield Fault(f"{where}, split.folds", "one fold is no cross-validation", "0, or 2 and more", "1")


def _shares(study: Study, where: str) -> Iterator[Fault]:
    total = sum(study.split_shares)
    if abs(total - 1) > 1e-6:
        yield Fault(f"{where}, split.shares", "shares do not add up", "1", str(total), "correct them")


def _fusions(study: Study, where: str) -> Iterator[Fault]:
    known = [variant.name for variant in study.variants]
    taken = [name.lower() for name in known]
    for number, fusion in enumerate(study.fusions):
        place = f"{where}, fusions.{number} ({fusion.name})"
        if fusion.name.lower() in taken:
            yield Fault(place, "name is that of a variant or of another fusion", remedy="rename it")
        taken.append(fusion.name.lower())
        for name in fusion.of:
            if name not in known:
                remedy = "correct the name, or remove it from the fusion"
                yield Fault(f"{place}, of", f"no variant {name!r}", ", ".join(known), name, remedy)


VARIANT_RULES: tuple[Callable[[Study, Variant, str], Iterator[Fault]], ...] = (
    _taken_names,
    _unprepared_flow,
    _missing_poses,
    _attention_without_stream,
    _blocks,
    _trees,
    _fitted,
    _too_small,
    _networks,
    _frozen,
    _shared_training,
    _nesterov_without_momentum,
    _loss_without_super_classes,
)
STUDY_RULES: tuple[Callable[[Study, str], Iterator[Fault]], ...] = (
    _super_classes,
    _poses_twice,
    _unknown_negatives,
    _classes_of_detection,
    _folds_of_method,
    _single_fold,
    _shares,
    _fusions,
)
