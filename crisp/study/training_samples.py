"""Tables of a split's training samples, which no label of a test video changes.

They are made from the labels and not from ``strokes.tsv``, as Snakemake reruns all rules that depend on a
rewritten table.
"""

from __future__ import annotations

from pathlib import Path

from crisp.study.config import Study
from crisp.study.samples import Labels, Sample, collect_samples, read_samples, write_samples
from crisp.study.splits import assign_split, read_split

TRAINING = ("train", "validation")


def path(study: Study, split: str, part: str) -> Path:
    """Return the path of a split's training or validation samples, in the form of ``strokes.tsv``.

    Parameters
    ----------
    study : Study
    split : str
    part : str
        ``train`` or ``validation``.

    Returns
    -------
    Path
    """
    return study.results / "splits" / split / f"{part}.tsv"


def write_training_samples(
    study: Study, split: str, frames: dict[str, int], label_snapshot: Labels | None = None
) -> None:
    """Write the training and the validation samples of a split.

    Parameters
    ----------
    study : Study
    split : str
        One of the study's `split_names`.
    frames : dict
        Number of working frames of each used video; as decoded for training and validation videos.
    label_snapshot : dict, optional
        Snapshot of strokes to use instead of the annotation files (see `crisp.study.samples.labels`).

    Raises
    ------
    CrispError
        As `crisp.study.samples.collect_samples` and `crisp.study.splits.assign_split`.
    """
    samples = collect_samples(study, frames, label_snapshot)
    assigned = assign_split(study, samples, split)
    keep(study, split, samples, assigned)


def keep(study: Study, split: str, samples: list[Sample], assigned: dict[str, str]) -> None:
    """Write the samples assigned to train and validation.

    Parameters
    ----------
    study : Study
    split : str
        Name of the split.
    samples : list of Sample
    assigned : dict
        Part of each sample, by its id.
    """
    for part in TRAINING:
        write_samples(path(study, split, part), [one for one in samples if assigned.get(one.sample) == part])


def read_training_samples(study: Study, split: str, part: str) -> list[Sample]:
    """Read the samples of a part of a split.

    Parameters
    ----------
    study : Study
    split : str
    part : str
        ``train``, ``validation`` or ``test``.

    Returns
    -------
    list of Sample

    Raises
    ------
    CrispError
        If a table is missing or damaged.
    """
    if part in TRAINING:
        return read_samples(path(study, split, part), "training_samples")
    assigned = read_split(study.split_table(split))
    samples = read_samples(study.results / "strokes.tsv")
    return [sample for sample in samples if assigned.get(sample.sample) == part]
