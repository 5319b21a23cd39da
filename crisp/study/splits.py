"""Assign samples to train, validation and test: by video, stratified or as given; once or in folds.

Adding a video at the end of ``videos.tsv``, excluding one or
correcting a label moves no other video (by_video) and as few other samples as possible (stratified).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from crisp.core.csv_table import read_table
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.files import digest, replacing
from crisp.core.unreadable import explained
from crisp.study.annotations import is_unknown
from crisp.study.config import Study
from crisp.study.groups import assign_groups, chance, groups_by_fold, groups_by_split
from crisp.study.samples import Sample
from crisp.study.tables import SPLITS


class Lacking(NamedTuple):
    """Deficits of a split: sets without samples, and classes without training samples."""

    parts: tuple[str, ...]
    classes: tuple[str, ...]


def assign_split(study: Study, samples: list[Sample], name: str = "main") -> dict[str, str]:
    """Assign the samples of a split.

    Parameters
    ----------
    study : Study
    samples : list of Sample
    name : str
        One of the study's `split_names`. In a fold, unlabelled samples that it does not test are absent.

    Returns
    -------
    dict
        ``train``, ``validation`` or ``test`` by sample id.

    Raises
    ------
    CrispError
        If the study has no such split, a set has no samples, a class has no training sample, an
        unlabelled stroke is in train or validation, or a split is to be given but is missing.
    """
    if name not in study.split_names:
        raise fail(f"study {study.name}", f"no split {name!r}", ", ".join(study.split_names), name)
    split = assigned(study, samples, name)
    where = f"study {study.name}, split {study.split_method}"
    faults = _faults(study, samples, split, where)
    faults += shortages(study, where, {name: lacking(study, samples, split)})
    if faults:
        raise CrispError(*faults)
    return split


def assigned(study: Study, samples: list[Sample], name: str) -> dict[str, str]:
    """Return the split of the samples as `assign_split` makes it, without checks.

    Parameters
    ----------
    study : Study
    samples : list of Sample
    name : str
        One of the study's `split_names`.

    Returns
    -------
    dict
        Part by sample id.
    """
    unlabelled = {sample.sample for sample in samples if is_unknown(sample.label)}
    if name != "main":
        split = _fold(study, samples, int(name.removeprefix("fold-")))
        split = {one: part for one, part in split.items() if part == "test" or one not in unlabelled}
    elif study.split_method == "given":
        split = {sample.sample: sample.given for sample in samples}
    else:
        if study.split_method == "stratified":
            shares = dict(zip(SPLITS, study.split_shares, strict=True))
            split = _stratified(study, samples, shares)
        else:
            groups = groups_by_split(study)
            split = {sample.sample: groups[study.group_of(sample.video)] for sample in samples}
        # Only labelled strokes can be trained on; unlabelled ones are predicted and exported.
        split |= dict.fromkeys(unlabelled, "test")
    return split


def lacking(study: Study, samples: list[Sample], split: Mapping[str, str]) -> Lacking:
    """Return the deficits of a split of the samples.

    Parameters
    ----------
    study : Study
    samples : list of Sample
    split : mapping
        Part by sample id.

    Returns
    -------
    Lacking
    """
    parts = set(split.values())
    trained = {sample.label for sample in samples if split.get(sample.sample) == "train"}
    return Lacking(
        tuple(part for part in SPLITS if part not in parts),
        tuple(label for label in study.classes if label not in trained),
    )


def shortages(study: Study, where: str, found: Mapping[str, Lacking]) -> list[Fault]:
    """Return a fault for each set and each class that is missing in one or more splits.

    Parameters
    ----------
    study : Study
    where : str
        The place, for messages.
    found : dict of str to Lacking
        By the name of the split.

    Returns
    -------
    list of Fault
    """
    parts: dict[str, list[str]] = {}
    classes: dict[str, list[str]] = {}
    for name, lacks in found.items():
        for part in lacks.parts:
            parts.setdefault(part, []).append(name)
        for label in lacks.classes:
            classes.setdefault(label, []).append(name)
    faults = [
        Fault(
            where,
            f"the {part} split is empty{_in_folds(names)}",
            "at least one sample",
            _untested(study, names) if part == "test" else "none",
            _remedy_of_a_part(study),
        )
        for part, names in parts.items()
    ]
    # For an empty training set every class would be reported again.
    faults += [
        Fault(
            where,
            f"class {label!r} has no training sample{_in_folds(names)}",
            "at least one",
            "none",
            _remedy_of_a_class(study, label),
        )
        for label, names in classes.items()
        if not set(names) <= set(parts.get("train", ()))
    ]
    return faults


def _in_folds(names: list[str]) -> str:
    return "" if names == ["main"] else f" in {', '.join(names)}"


def _untested(study: Study, names: list[str]) -> str:
    """Describe an empty test set; with leave-one-group-out, list the groups."""
    if study.split_method != "leave_one_group_out":
        return "none"
    groups = (study.groups[int(name.removeprefix("fold-")) - 1] for name in names)
    return "none of " + ", ".join(group.removeprefix("video:") for group in groups)


def _remedy_of_a_part(study: Study) -> str:
    if study.split_method == "given":
        return f"move rows to it in the column split of {study.annotations_table}, or annotate some"
    if study.split_method == "stratified":
        return "annotate more, or change split.shares" + (" or split.folds" if study.split_folds else "")
    if study.split_method == "leave_one_group_out":
        return f"annotate some, or set use=no in {study.videos_table} for the videos of that group"
    change = (
        "have fewer split.folds, change split.seed"
        if study.split_folds
        else "change split.shares or split.seed"
    )
    return f"{change}, choose split.method stratified, or add videos or groups to {study.videos_table}"


def _remedy_of_a_class(study: Study, label: str) -> str:
    ways = {
        "given": f"move rows to train in the column split of {study.annotations_table}",
        "stratified": "let more train by split.shares",
        "by_video": "change split.seed, let more train by split.shares, or choose split.method stratified",
        "leave_one_group_out": "choose split.method stratified with split.folds",
    }
    if label == study.negative_class and study.negative_share:
        return f"raise negatives.share, shorten negatives.seconds, or {ways[study.split_method]}"
    return f"annotate more, remove it from classes, or {ways[study.split_method]}"


def _fold(study: Study, samples: list[Sample], number: int) -> dict[str, str]:
    """Split a fold: test its part, divide the rest into training and validation by their shares.

    The validation samples are drawn for each fold separately.
    """
    train, validation, _ = study.split_shares
    shares = {"train": train / (train + validation), "validation": validation / (train + validation)}
    salt = f"fold-{number} "
    if study.split_method == "stratified":
        folds = _stratified_folds(study, samples)
        rest = [sample for sample in samples if folds[sample.sample] != number]
        return dict.fromkeys(folds, "test") | _stratified(study, rest, shares, salt)
    if study.split_method == "leave_one_group_out":
        tested = {study.groups[number - 1]}
    else:
        tested = {group for group, fold in groups_by_fold(study).items() if fold == str(number)}
    # Groups without samples could leave the validation set empty if there are few groups.
    sampled = {study.group_of(sample.video) for sample in samples if not is_unknown(sample.label)}
    parts = assign_groups(study, shares, salt, sampled - tested)
    split = {sample.sample: study.group_of(sample.video) for sample in samples}
    return {
        sample: "test" if group in tested else parts[group]
        for sample, group in split.items()
        if group in tested or group in parts
    }


def _stratified(
    study: Study, samples: list[Sample], shares: Mapping[str, float], salt: str = ""
) -> dict[str, str]:
    """Cut the seeded order at the shares, per class; samples that share frames stay together."""
    names, (*bounds, _) = list(shares), accumulate(shares.values())
    split: dict[str, str] = {}
    for _, members in _seeded(study, samples, salt):
        for place, cluster in members:
            name = names[sum(place >= bound for bound in bounds)]
            split |= {sample.sample: name for sample in cluster}
    return split


def _stratified_folds(study: Study, samples: list[Sample]) -> dict[str, int]:
    """Return the fold of each sample, from 1: per class, the seeded order cut into equal parts.

    The first fold of a class is drawn by its name: otherwise the few samples of all rare classes
    would be in the same folds.
    """
    k = study.split_folds
    folds: dict[str, int] = {}
    for label, members in _seeded(study, samples):
        first = int(k * chance(study.split_seed, label))
        for place, cluster in members:
            folds |= {sample.sample: (first + int(place * k)) % k + 1 for sample in cluster}
    return folds


def _seeded(
    study: Study, samples: list[Sample], salt: str = ""
) -> Iterator[tuple[str, list[tuple[float, list[Sample]]]]]:
    """Yield for each class its clusters in the seeded order, each with its centre position in (0, 1)."""
    clusters: dict[str, list[list[Sample]]] = defaultdict(list)
    for cluster in overlapping(samples):
        clusters[cluster[0].label].append(cluster)
    for label, members in clusters.items():
        members.sort(key=lambda cluster: chance(study.split_seed, salt + cluster[0].sample))
        ends = list(accumulate(map(len, members)))
        middles = [(end - len(cluster) / 2) / ends[-1] for end, cluster in zip(ends, members, strict=True)]
        yield label, list(zip(middles, members, strict=True))


def overlapping(samples: list[Sample]) -> list[list[Sample]]:
    """Group samples so that any two that share frames of a video are together."""
    clusters: list[list[Sample]] = []
    reached = 0
    for sample in sorted(samples, key=lambda sample: (sample.video, sample.begin)):
        if clusters and clusters[-1][0].video == sample.video and sample.begin < reached:
            clusters[-1].append(sample)
            reached = max(reached, sample.end)
        else:
            clusters.append([sample])
            reached = sample.end
    return clusters


def _faults(study: Study, samples: list[Sample], split: dict[str, str], where: str) -> list[Fault]:
    """Report strokes without a given set, and unlabelled ones outside of test."""
    faults = []
    for sample in samples:
        part = split.get(sample.sample, "test")
        if part not in SPLITS:
            faults.append(
                Fault(
                    f"{study.annotations_table}, video {sample.video}",
                    "no split is given",
                    ", ".join(SPLITS),
                    "nothing",
                    "fill in the column split, or choose another split.method",
                )
            )
        if is_unknown(sample.label) and part != "test":
            faults.append(
                Fault(
                    f"{where}, sample {sample.sample}",
                    "unlabelled stroke outside the test split",
                    "a class",
                    sample.label,
                    "label it, or move it to test",
                )
            )
    return list(dict.fromkeys(faults))


def write_split(path: str | Path, split: dict[str, str]) -> None:
    """Write a split as a table `sample split`."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("sample", "split"))
        writer.writerows(split.items())


def read_split(path: str | Path) -> dict[str, str]:
    """Read a split table.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    split = dict(read_table(path, "split table", ("sample", "split"), _assignment, "split"))
    if not split:
        raise explained(path, ValueError("no samples"), "split table", rule="split")
    return split


def _assignment(cells: dict[str, str]) -> tuple[str, str]:
    if cells["split"] not in SPLITS:
        raise ValueError(f"split {cells['split']!r} is not one of {', '.join(SPLITS)}")
    return cells["sample"], cells["split"]


def split_digest(study: Study) -> str:
    """Return a digest of all inputs of a split except the samples."""
    groups = [
        [view, row.group_of(view), row.working_frames, row.use]
        for row in study.videos.values()
        for view in row.views
    ]
    how = [study.split_method, study.split_folds, study.split_seed, study.split_shares]
    return digest([*how, study.classes, groups])
