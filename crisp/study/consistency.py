"""Contradictions between the keys of a study."""

from __future__ import annotations

from crisp.core.errors import Fault
from crisp.study.config import Study


def contradictions(study: Study, where: str) -> list[Fault]:
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
