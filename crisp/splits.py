"""Which samples train, validate and test: by video, stratified by class, or as given; once or in folds.

Assignments are made so that adding a video at the end of ``videos.tsv``, leaving one out or
fixing a label moves no other video (by_video) and as few other samples as possible (stratified).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from itertools import accumulate
from pathlib import Path

from crisp.annotations import is_unknown
from crisp.errors import CrispError, Fault, fail
from crisp.files import digest, replacing
from crisp.strokes import Sample
from crisp.study import Study
from crisp.tables import SPLITS
from crisp.unreadable import reading


def assign(study: Study, samples: list[Sample], name: str = "main") -> dict[str, str]:
    """A split of the samples: sample id to ``train``, ``validation`` or ``test``.

    Parameters
    ----------
    study : Study
    samples : list of Sample
    name : str
        One of the study's `split_names`. In a fold unlabelled samples that it does not test are absent.

    Raises
    ------
    CrispError
        If the study has no such split, a set is left without a sample, a class has no training sample, an
        unlabelled stroke is in train or validation, or a split is to be given but is not.
    """
    if name not in study.split_names:
        raise fail(f"study {study.name}", f"no split {name!r}", ", ".join(study.split_names), name)
    unlabelled = {sample.sample for sample in samples if is_unknown(sample.label)}
    if name != "main":
        split = _fold(study, samples, int(name.removeprefix("fold-")))
        split = {one: part for one, part in split.items() if part == "test" or one not in unlabelled}
    elif study.split_method == "given":
        split = {sample.sample: sample.given for sample in samples}
    else:
        shares = dict(zip(SPLITS, study.split_shares, strict=True))
        if study.split_method == "stratified":
            split = _stratified(study, samples, shares)
        else:
            groups = _by_group(study, shares)
            split = {sample.sample: groups[study.group_of(sample.video)] for sample in samples}
        # Only labelled strokes can train; an unlabelled one is predicted and exported.
        split |= dict.fromkeys(unlabelled, "test")
    faults = _faults(study, samples, split, name)
    if faults:
        raise CrispError(*faults)
    return split


def chance(seed: int, name: str) -> float:
    """A number in [0, 1) that depends on nothing but a seed and a name."""
    return int(digest([seed, name])[:13], 16) / 16**13


def _fold(study: Study, samples: list[Sample], number: int) -> dict[str, str]:
    """The split of a fold: its part is tested, the rest trains and validates by their shares.

    Which of the rest validates is drawn for each fold anew.
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
        names = [str(fold + 1) for fold in range(study.split_folds)]
        groups = _by_group(study, dict.fromkeys(names, 1 / study.split_folds))
        tested = {group for group, fold in groups.items() if fold == str(number)}
    # Groups without a sample would leave the validation empty where there are few.
    sampled = {study.group_of(sample.video) for sample in samples if not is_unknown(sample.label)}
    parts = _by_group(study, shares, salt, sampled - tested)
    split = {sample.sample: study.group_of(sample.video) for sample in samples}
    return {
        sample: "test" if group in tested else parts[group]
        for sample, group in split.items()
        if group in tested or group in parts
    }


def _by_group(
    study: Study, shares: Mapping[str, float], salt: str = "", some: Collection[str] | None = None
) -> dict[str, str]:
    """Groups (or `some`) to the parts of these shares, in the order of ``videos.tsv``, sized by frames.

    A group goes to one of the parts that lack most of their share so far, drawn by its name. What
    follows its first video plays no role: a new last row of an old group must not move others.
    Left-out videos are counted too: leaving one out must not move the others. While a part is
    empty it comes first, so that three groups are enough for three parts.
    """
    split: dict[str, str] = {}
    filled = dict.fromkeys(shares, 0.0)
    empty = set(shares)
    for row in study.videos.values():
        group, weight = study.group_of(row.video), max(1, row.working_frames)
        if some is not None and group not in some:
            continue
        if group in split:
            filled[split[group]] += weight
            continue
        total = sum(filled.values()) + weight
        lack = {name: share * total - filled[name] for name, share in shares.items()}
        open_to = [name for name in shares if name in empty] or [
            name for name in shares if lack[name] >= 0.5 * max(lack.values())
        ]
        weighed = [max(lack[name], 1e-9) for name in open_to]
        point = chance(study.split_seed, salt + group) * sum(weighed)
        name = next(name for name, reach in zip(open_to, _running(weighed), strict=True) if point < reach)
        split[group] = name
        filled[name] += weight
        empty.discard(name)
    return split


def _running(values: list[float]) -> list[float]:
    """Running sums, the last one a little raised against rounding."""
    sums = [sum(values[: number + 1]) for number in range(len(values))]
    return [*sums[:-1], sums[-1] * 1.000001]


def _stratified(
    study: Study, samples: list[Sample], shares: Mapping[str, float], salt: str = ""
) -> dict[str, str]:
    """Per class, samples that share frames together: the seeded order cut at the shares."""
    names, (*bounds, _) = list(shares), accumulate(shares.values())
    split: dict[str, str] = {}
    for _, members in _seeded(study, samples, salt):
        for place, cluster in members:
            name = names[sum(place >= bound for bound in bounds)]
            split |= {sample.sample: name for sample in cluster}
    return split


def _stratified_folds(study: Study, samples: list[Sample]) -> dict[str, int]:
    """Fold of each sample, from 1: per class, the seeded order cut into equal parts.

    The parts of a class begin at a fold drawn by its name: else the few samples of each rare class would
    all meet in the same folds.
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
    """For each class its clusters in the seeded order, each with the place in (0, 1) of its middle."""
    clusters: dict[str, list[list[Sample]]] = defaultdict(list)
    for cluster in overlapping(samples):
        clusters[cluster[0].label].append(cluster)
    for label, members in clusters.items():
        members.sort(key=lambda cluster: chance(study.split_seed, salt + cluster[0].sample))
        ends = list(accumulate(map(len, members)))
        middles = [(end - len(cluster) / 2) / ends[-1] for end, cluster in zip(ends, members, strict=True)]
        yield label, list(zip(middles, members, strict=True))


def overlapping(samples: list[Sample]) -> list[list[Sample]]:
    """Samples grouped so that any two that share frames of a video are together."""
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


def _faults(study: Study, samples: list[Sample], split: dict[str, str], name: str) -> list[Fault]:
    where = f"study {study.name}, split {study.split_method}" + (f", {name}" if name != "main" else "")
    faults = []
    samples = [sample for sample in samples if sample.sample in split]
    for sample in samples:
        if split[sample.sample] not in SPLITS:
            faults.append(
                Fault(
                    f"{study.annotations_table}, video {sample.video}",
                    "no split is given",
                    ", ".join(SPLITS),
                    "nothing",
                    "fill in the column split, or choose another split.method",
                )
            )
        if is_unknown(sample.label) and split[sample.sample] != "test":
            faults.append(
                Fault(
                    f"{where}, sample {sample.sample}",
                    "unlabelled stroke outside the test split",
                    "a class",
                    sample.label,
                    "label it, or move it to test",
                )
            )
    counts = {part: [s.label for s in samples if split[s.sample] == part] for part in SPLITS}
    for part, labels in counts.items():
        if not labels:
            faults.append(
                Fault(
                    where,
                    f"the {part} split is empty",
                    "at least one sample",
                    "none",
                    "add videos, change split.shares or split.seed, have fewer split.folds, or give the "
                    "split in annotations.tsv",
                )
            )
    for label in study.classes:
        if label not in counts["train"]:
            faults.append(
                Fault(
                    where,
                    f"class {label!r} has no training sample",
                    "at least one",
                    "none",
                    "annotate some, remove it from classes, or change the split",
                )
            )
    return list(dict.fromkeys(faults))


def write(path: str | Path, split: dict[str, str]) -> None:
    """Write a split as a table `sample split`."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(("sample", "split"))
        writer.writerows(split.items())


def read(path: str | Path) -> dict[str, str]:
    """Read a split table.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    expected = f"columns sample and split, which is one of {', '.join(SPLITS)}"
    with reading(path, "split table", expected, "split"):
        with open(path, encoding="utf-8", newline="") as file:
            split = {row["sample"]: row["split"] for row in csv.DictReader(file, delimiter="\t")}
        if not split or not set(split.values()) <= set(SPLITS):
            raise ValueError(f"{sorted(map(str, set(split.values())))}")
        return split


def split_digest(study: Study) -> str:
    """One string that changes when anything but the samples would change a split."""
    groups = [[row.video, row.group, row.working_frames, row.use] for row in study.videos.values()]
    how = [study.split_method, study.split_folds, study.split_seed, study.split_shares]
    return digest([*how, study.classes, groups])
