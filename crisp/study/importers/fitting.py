"""Find negatives that fit into the gaps, and a split without empty parts.

Candidates are tried in order, usual values first, with the code of the jobs ``strokes`` and ``split``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from crisp.core.errors import CrispError, Fault
from crisp.study import load, schema
from crisp.study.annotations import Stroke
from crisp.study.config import Study
from crisp.study.samples import collect_samples
from crisp.study.splits import assign_split

NEGATIVE = "Negative"  # TTStroke-21's name for "no stroke"
SECONDS = (1.25, 1.0, 0.75, 0.5, 0.4, 0.3, 0.2)  # lengths of negatives, if the usual one is too long
SHARES = (
    [0.6, 0.2, 0.2],
    [0.5, 0.25, 0.25],
    [0.4, 0.3, 0.3],
)  # for few samples, if the usual ones leave a part empty
SEEDS = range(1, 10)
ENOUGH = 3  # negatives; fewer cannot be in three parts

Labels = Mapping[str, Sequence[Stroke]]  # strokes by their file's path in ``annotations.tsv``


class Fitted(NamedTuple):
    """Fitted `classes`, `negatives` and `split` of a study.

    `train` is the number of training samples, `remarks` explain unusual values, `faults` list remaining
    faults if nothing fits.
    """

    keys: dict[str, Any]
    train: int
    remarks: list[str]
    faults: list[Fault]


def usable(labels: Labels, frames: Mapping[str, int]) -> dict[str, list[Stroke]]:
    """Return the strokes that a study can use: inside their video, each interval once.

    Parameters
    ----------
    labels : mapping
        Strokes by path.
    frames : mapping
        Frame count of each path's video.

    Returns
    -------
    dict
        Strokes by path.
    """
    usable = {}
    for path, found in labels.items():
        inside = [stroke for stroke in found if stroke.end <= frames[path]]
        usable[path] = list({stroke[:2]: stroke for stroke in inside}.values())
    return usable


def fit(content: dict[str, Any], label_snapshot: Labels, trimmed: bool, share: float) -> Fitted:
    """Fit the negatives and the split of a study to its data.

    Parameters
    ----------
    content : dict
        A study file with written tables; `classes` as annotated, `split` from the layout.
    label_snapshot : mapping
        Usable strokes by path.
    trimmed : bool
        Whether every video is one stroke from end to end.
    share : float
        Share of negatives among all samples.

    Returns
    -------
    Fitted
    """
    annotated = content["classes"]
    options = [] if trimmed else list(islice(_negatives(content, label_snapshot, share), 3))
    options.append({"class": NEGATIVE if NEGATIVE in annotated else "", "share": 0})
    first: CrispError | None = None
    for negatives in options:
        classes = _classes(annotated, negatives)
        if len(classes) < 2:
            continue
        made = load.resolve_study({**content, "classes": classes, "negatives": negatives})
        for split, why in _splits(content["split"]["method"]):
            keys = {"classes": classes, "negatives": negatives, "split": split}
            try:
                train = _train(_split_so(made, split), label_snapshot)
            except CrispError as error:
                first = first or error
                continue
            remarks = [] if trimmed else _remarks(negatives, annotated)
            return Fitted(keys, train, [*remarks, *([why] if why else [])], [])
    classes = _classes(annotated, options[0])
    keys = {"classes": classes, "negatives": options[0], "split": content["split"]}
    return Fitted(keys, 0, [], list(first.faults) if first else [])


def _remarks(negatives: dict[str, Any], annotated: list[str]) -> list[str]:
    """Return remarks on unusual negatives."""
    if "seconds" in negatives:
        return [f"negatives of {negatives['seconds']:g} s, as the gaps between strokes are short"]
    if not negatives["share"] and NEGATIVE not in annotated:
        return ["no class Negative, as no gap between training strokes is long enough to cut samples from"]
    return []


def _classes(annotated: list[str], negatives: dict[str, Any]) -> list[str]:
    """Return the classes of a study: the annotated ones, and the negative class."""
    return [NEGATIVE, *annotated] if negatives["share"] and NEGATIVE not in annotated else annotated


def _split_so(made: Study, split: dict[str, Any]) -> Study:
    """Return the study with another split, as resolving its content again is slow."""
    usual = schema.defaults("split") | split
    return replace(
        made,
        split_method=usual["method"],
        split_seed=usual["seed"],
        split_shares=tuple(usual["shares"]),
    )


def _train(made: Study, label_snapshot: Labels) -> int:
    """Return the number of training samples, in the split with the fewest.

    Raises
    ------
    CrispError
        If a part of a split would be empty, or a class would have no training sample.
    """
    samples = collect_samples(made, _frames(made), label_snapshot)
    parts = [assign_split(made, samples, name) for name in made.split_names]
    return min(sum(part == "train" for part in split.values()) for split in parts)


def _frames(made: Study) -> dict[str, int]:
    return {view: row.working_frames for view, row in made.views.items()}


def _negatives(content: dict[str, Any], label_snapshot: Labels, share: float) -> Iterator[dict[str, Any]]:
    """Yield settings for negatives that the gaps can hold: longest with enough negatives, then fewer."""
    classes = list(dict.fromkeys([NEGATIVE, *content["classes"]]))
    few = []
    for seconds in (0.0, *SECONDS):
        negatives = {"share": share, **({"seconds": seconds} if seconds else {})}
        trial = {**content, "negatives": {**negatives, "share": 0.99}, "classes": _two(classes)}
        made = load.resolve_study({**trial, "split": {"method": "stratified"}})
        samples = collect_samples(made, _frames(made), label_snapshot)
        cut = sum(sample.kind == "negative" for sample in samples)
        wanted = share / (1 - share) * (len(samples) - cut)
        if cut >= max(ENOUGH, wanted):
            yield negatives
        elif cut:
            few.append((cut, negatives))
    yield from (negatives for _, negatives in sorted(few, key=lambda pair: -pair[0]))


def _two(classes: list[str]) -> list[str]:
    return classes if len(classes) > 1 else [*classes, "Stroke"]


def _splits(method: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield splits to try, each with its remarks."""
    yield {"method": method}, ""
    if method == "given":
        return
    few = "so that no part of few samples is empty"
    for shares in SHARES:
        yield {"method": method, "shares": shares}, f"split.shares {shares}, {few}"
    if method != "by_video":
        return
    for shares in ([0.7, 0.2, 0.1], *SHARES):
        for seed in SEEDS:
            split = {"method": method, "seed": seed, "shares": shares}
            yield split, f"split.seed {seed}, so that every class has training samples"
    why = (
        "whole videos or groups cannot be shared out, so strokes of one video or group train and test: "
        "figures will be too good"
    )
    for shares in ([0.7, 0.2, 0.1], *SHARES):
        yield {"method": "stratified", "shares": shares}, f"split.method stratified: {why}"
