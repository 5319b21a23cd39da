"""Assign groups of videos to the parts of a study, from the table of videos alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from crisp.core.files import digest
from crisp.study.config import Study
from crisp.study.tables import SPLITS


def chance(seed: int, name: str) -> float:
    """Return a number in [0, 1) that depends only on a seed and a name."""
    return int(digest([seed, name])[:13], 16) / 16**13


def assign_groups(
    study: Study, shares: Mapping[str, float], salt: str = "", some: Collection[str] | None = None
) -> dict[str, str]:
    """Assign groups to parts of given shares, sized by frames, as ``videos.tsv`` lists them.

    A group goes to one of the parts furthest below their share, drawn by its name. Only videos up to the
    group's first one count: a new last row of an old group must not move others.
    Unused videos count too: excluding one must not move the others. Empty parts
    come first, so that three groups are enough for three parts.

    Parameters
    ----------
    study : Study
    shares : mapping
        Share of the frames by part.
    salt : str
        Added to the name of a group, for another drawing.
    some : collection of str, optional
        The groups to assign; all by default.

    Returns
    -------
    dict
        Part by group.
    """
    split: dict[str, str] = {}
    filled = dict.fromkeys(shares, 0.0)
    empty = set(shares)
    views = [(view, row) for row in study.videos.values() for view in row.views]
    for view, row in views:
        group, weight = study.group_of(view), max(1, row.working_frames)
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


def groups_by_fold(study: Study) -> dict[str, str]:
    """Assign every group to the fold that tests it, ``"1"`` to ``"<split.folds>"``."""
    names = [str(fold + 1) for fold in range(study.split_folds)]
    return assign_groups(study, dict.fromkeys(names, 1 / study.split_folds))


def groups_by_split(study: Study) -> dict[str, str]:
    """Assign every group to ``train``, ``validation`` or ``test`` by the study's shares."""
    return assign_groups(study, dict(zip(SPLITS, study.split_shares, strict=True)))


def kept_apart(study: Study) -> dict[str, str]:
    """Assign every group to its set or fold, independent of the labels.

    Drawing within these sets then changes no training sample when a label of a test video changes.
    Empty if samples are split instead of groups (``stratified``, ``given``).
    """
    if study.split_method == "leave_one_group_out":
        return {group: group for group in study.groups}
    if study.split_method != "by_video":
        return {}
    return groups_by_fold(study) if study.split_folds else groups_by_split(study)


def _running(values: list[float]) -> list[float]:
    """Return running sums, the last one slightly raised against rounding."""
    sums = [sum(values[: number + 1]) for number in range(len(values))]
    return [*sums[:-1], sums[-1] * 1.000001]
