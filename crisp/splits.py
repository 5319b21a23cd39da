"""Which samples train, validate and test: by video, stratified by class, or as given.

Assignments are made so that adding a video at the end of ``videos.tsv``, leaving one out or
fixing a label moves no other video (by_video) and as few other samples as possible (stratified).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

from crisp.annotations import is_unknown
from crisp.errors import CrispError, Fault, fail
from crisp.files import digest, replacing
from crisp.strokes import Sample
from crisp.study import Study
from crisp.tables import SPLITS


def assign(study: Study, samples: list[Sample]) -> dict[str, str]:
    """Split of every sample: sample id to ``train``, ``validation`` or ``test``.

    Raises
    ------
    CrispError
        If a split is left without a stroke, a class has no training sample, an unlabelled stroke
        is in train or validation, or a split is to be given but is not.
    """
    if study.split_method == "given":
        split = {sample.sample: sample.given for sample in samples}
    elif study.split_method == "stratified":
        split = _stratified(study, samples)
    else:
        groups = _by_group(study)
        split = {sample.sample: groups[group_of(study, sample.video)] for sample in samples}
    if study.split_method != "given":
        # Only labelled strokes can train; an unlabelled one is predicted and exported.
        split |= {sample.sample: "test" for sample in samples if is_unknown(sample.label)}
    faults = _faults(study, samples, split)
    if faults:
        raise CrispError(*faults)
    return split


def group_of(study: Study, video: str) -> str:
    """The group of a video: its column `group`, or the video itself."""
    return study.videos[video].group or f"video:{video}"


def chance(seed: int, name: str) -> float:
    """A number in [0, 1) that depends on nothing but a seed and a name."""
    return int(digest([seed, name])[:13], 16) / 16**13


def _by_group(study: Study) -> dict[str, str]:
    """Groups to splits, in the order of ``videos.tsv``, sized by frames.

    A group goes to one of the splits that lack most of their share so far, drawn by its name. What
    follows its first video plays no part: a new last row of an old group must not move others.
    Left-out videos are counted too: leaving one out must not move the others. While a split is
    empty it comes first, so that three groups are enough for three splits.
    """
    split: dict[str, str] = {}
    filled = dict.fromkeys(SPLITS, 0.0)
    empty = set(SPLITS)
    for row in study.videos.values():
        group, weight = group_of(study, row.video), max(1, row.working_frames)
        if group in split:
            filled[split[group]] += weight
            continue
        total = sum(filled.values()) + weight
        lack = {
            name: share * total - filled[name] for name, share in zip(SPLITS, study.split_shares, strict=True)
        }
        open_to = [name for name in SPLITS if name in empty] or [
            name for name in SPLITS if lack[name] >= 0.5 * max(lack.values())
        ]
        weighed = [max(lack[name], 1e-9) for name in open_to]
        point = chance(study.split_seed, group) * sum(weighed)
        name = next(name for name, reach in zip(open_to, _running(weighed), strict=True) if point < reach)
        split[group] = name
        filled[name] += weight
        empty.discard(name)
    return split


def _running(values: list[float]) -> list[float]:
    """Running sums, the last one a little raised against rounding."""
    sums = [sum(values[: number + 1]) for number in range(len(values))]
    return [*sums[:-1], sums[-1] * 1.000001]


def _stratified(study: Study, samples: list[Sample]) -> dict[str, str]:
    """Per class, samples that share frames together: the seeded order cut at the shares."""
    clusters: dict[str, list[list[Sample]]] = defaultdict(list)
    for cluster in overlapping(samples):
        clusters[cluster[0].label].append(cluster)
    split: dict[str, str] = {}
    for members in clusters.values():
        members.sort(key=lambda cluster: chance(study.split_seed, cluster[0].sample))
        total, done = sum(map(len, members)), 0
        for cluster in members:
            place = (done + len(cluster) / 2) / total
            name = SPLITS[
                sum(place >= bound for bound in (study.split_shares[0], sum(study.split_shares[:2])))
            ]
            split |= {sample.sample: name for sample in cluster}
            done += len(cluster)
    return split


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


def _faults(study: Study, samples: list[Sample], split: dict[str, str]) -> list[Fault]:
    where = f"study {study.name}, split {study.split_method}"
    faults = []
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
    counts = {name: [s.label for s in samples if split[s.sample] == name] for name in SPLITS}
    for name, labels in counts.items():
        if not labels:
            faults.append(
                Fault(
                    where,
                    f"the {name} split is empty",
                    "at least one sample",
                    "none",
                    "add videos, change split.shares or split.seed, or give the split in annotations.tsv",
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
    try:
        with open(path, encoding="utf-8", newline="") as file:
            split = {row["sample"]: row["split"] for row in csv.DictReader(file, delimiter="\t")}
        if not split or not set(split.values()) <= set(SPLITS):
            raise ValueError(f"{sorted(map(str, set(split.values())))}")
        return split
    except FileNotFoundError:
        raise fail(path, "split is missing", remedy="run snakemake: the split rule makes it") from None
    except (KeyError, ValueError) as error:
        raise fail(
            path,
            "damaged split table",
            f"columns sample and split, which is one of {', '.join(SPLITS)}",
            error,
            "delete it and run snakemake",
        ) from None


def split_digest(study: Study) -> str:
    """One string that changes when anything but the samples would change a split."""
    groups = [[row.video, row.group, row.working_frames, row.use] for row in study.videos.values()]
    return digest([study.split_method, study.split_seed, study.split_shares, study.classes, groups])
