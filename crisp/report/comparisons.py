"""Pairwise comparison of variants on the same test samples.

Two accuracies with overlapping intervals may still differ clearly: both models saw the same samples, and
only samples that one model alone gets right matter.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from crisp.core.csv_table import write_table
from crisp.core.errors import fail
from crisp.core.html_table import write_page
from crisp.core.limits import LARGEST_TEXT
from crisp.core.unreadable import reading
from crisp.core.words import counted
from crisp.report.summary import Run, SummaryRow

RESAMPLES = 9999
EVERY_SEED = "all"


class Comparison(NamedTuple):
    """A row of ``comparisons.tsv``: `first` against `second` on `n` samples.

    `seed` is a seed, or ``all`` for the mean over the seeds. `difference` is the accuracy of the first
    minus that of the second, with its 95 % interval from `low` to `high`; `first_only` and `second_only`
    count the samples that only one of them gets right, and `p` is their McNemar test. There is no test over
    several seeds, as a sample counts once, not once per seed. `remark` names a variant that never
    learned: its difference has no interval or p, as its trainings failed.
    """

    first: str
    second: str
    seed: str
    n: int
    difference: float | None
    low: float | None
    high: float | None
    first_only: int | None = None
    second_only: int | None = None
    p: float | None = None
    remark: str = ""


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the two-sided exact p-value of McNemar's test.

    Under the null hypothesis, each sample that only one model gets right is equally likely for either
    (Q. McNemar, "Note on the sampling error of the difference between correlated
    proportions", 1947; the binomial distribution itself instead of its chi-square approximation).
    """
    from scipy.stats import binomtest

    return float(binomtest(first_only, first_only + second_only).pvalue) if first_only + second_only else 1.0


def bootstrap_interval(differences: ArrayLike, seed: int = 0) -> list[float] | None:
    """Return the 95 % interval ``[low, high]`` of a mean difference by bootstrap; None without samples.

    Parameters
    ----------
    differences : array_like
        (n,) per sample, in [-1, 1]: how often the first model is right minus how often the second is.
    seed : int
        Seed of the resampling.

    Returns
    -------
    list or None
        The 2.5th and 97.5th percentile of the means of `RESAMPLES` draws of n samples with replacement
        (B. Efron, "Bootstrap methods: another look at the jackknife", 1979).
    """
    from scipy.stats import bootstrap

    values = np.asarray(differences, dtype=np.float64)
    if not values.size or np.ptp(values) == 0:
        return [float(values[0])] * 2 if values.size else None
    found = bootstrap(
        (values,),
        np.mean,
        n_resamples=RESAMPLES,
        batch=100,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return [float(found.confidence_interval.low), float(found.confidence_interval.high)]


def compare_variants(runs: Iterable[Run], rows: Iterable[SummaryRow]) -> list[Comparison]:
    """Compare every two variants: one row per seed and, for several seeds, one for their mean.

    The test samples of all splits of a seed are pooled: in a cross-validation each
    sample is tested once. So a difference equals that of the accuracies in the summary.

    Parameters
    ----------
    runs : iterable of Run
        With a ``predictions.csv`` in each folder.
    rows : iterable of SummaryRow
        Their summary (`crisp.report.summary.collect_rows`), which marks those that never learned.

    Returns
    -------
    list of Comparison

    Raises
    ------
    CrispError
        If a ``predictions.csv`` is missing or damaged, or two variants were not tested on the same samples.
    """
    tested: dict[str, dict[int, dict[tuple[str, str], int]]] = {}
    for run in runs:
        of_seed = tested.setdefault(run.variant, {}).setdefault(run.seed, {})
        of_seed |= {(run.split, sample): right for sample, right in read_correct(run.folder).items()}
    learned = {(row.variant, row.seed, row.split): row.learned for row in rows}
    found = []
    for first, second in combinations(tested, 2):
        pairs = {
            seed: _differences(
                f"{first} and {second}, seed {seed}", tested[first][seed], tested[second][seed]
            )
            for seed in tested[first]
            if seed in tested[second]
        }
        of_pair = [_of_seed(first, second, seed, differences) for seed, differences in pairs.items()]
        found += [_remarked(row, learned, [seed]) for row, seed in zip(of_pair, pairs, strict=True)]
        if len(pairs) > 1:
            means = np.mean(list(pairs.values()), axis=0)
            mean = Comparison(first, second, EVERY_SEED, len(means), *_mean(means))
            found.append(_remarked(mean, learned, list(pairs)))
    return found


def _remarked(
    row: Comparison, learned: Mapping[tuple[str, int, str], bool], seeds: Collection[int]
) -> Comparison:
    """Add a remark for trainings that never learned, and remove their significance."""
    remarks = []
    for name in (row.first, row.second):
        trainings = [of for (variant, seed, _), of in learned.items() if variant == name and seed in seeds]
        if failed := trainings.count(False):
            some = "" if failed == len(trainings) else f" ({failed} of {len(trainings)} trainings)"
            remarks.append(f"{name} never learned{some}")
    return row._replace(low=None, high=None, p=None, remark="; ".join(remarks)) if remarks else row


def _differences(
    where: str, first: Mapping[tuple[str, str], int], second: Mapping[tuple[str, str], int]
) -> list[int]:
    if first.keys() != second.keys():
        raise fail(
            where,
            "not tested on the same samples",
            counted(len(first), "sample"),
            f"{len(second)}, of which {len(first.keys() & second.keys())} are the same",
            "run snakemake: it repeats outdated evaluations",
        )
    return [first[sample] - second[sample] for sample in first]


def _of_seed(first: str, second: str, seed: int, differences: Sequence[int]) -> Comparison:
    only = differences.count(1), differences.count(-1)
    return Comparison(first, second, str(seed), len(differences), *_mean(differences), *only, mcnemar(*only))


def _mean(differences: ArrayLike) -> tuple[float | None, float | None, float | None]:
    """Return the mean difference and its interval."""
    values = np.asarray(differences, dtype=np.float64)
    bounds = bootstrap_interval(values)
    return (float(values.mean()), bounds[0], bounds[1]) if bounds else (None, None, None)


def read_correct(folder: Path) -> dict[str, int]:
    """Return which labelled samples of a ``predictions.csv`` are right, 1 or 0 by sample.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    path = folder / "predictions.csv"
    with (
        reading(path, "table of predictions", "columns sample and correct", "evaluate", largest=LARGEST_TEXT),
        path.open(encoding="utf-8", newline="") as file,
    ):
        reader = csv.DictReader(file)
        if missing := {"sample", "correct"}.difference(reader.fieldnames or ()):
            raise ValueError(f"no column {', '.join(sorted(missing))}")
        return {row["sample"]: int(row["correct"]) for row in reader if row["correct"] != ""}


def write_comparisons(path: str | Path, rows: Iterable[Comparison]) -> None:
    """Write ``comparisons.tsv``."""
    write_table(path, Comparison._fields, rows)


def write_comparisons_page(path: str | Path, rows: Iterable[Comparison]) -> None:
    """Write the comparisons as a self-contained HTML page, remarks below their rows."""
    rows = list(rows)
    headings = [
        "First",
        "Second",
        "Seed",
        "Samples",
        "Difference",
        "95 % interval",
        "Only first",
        "Only second",
        "p",
    ]
    body = [
        [
            row.first,
            row.second,
            row.seed,
            str(row.n),
            _points(row.difference),
            "–" if row.low is None else f"{_points(row.low)} to {_points(row.high)}",
            *("–" if count is None else str(count) for count in (row.first_only, row.second_only)),
            "–" if row.p is None else f"{row.p:.3f}" if row.p >= 0.0005 else "< 0.001",
        ]
        for row in rows
    ]
    note = (
        "Accuracy of the first minus that of the second in points, on the same test samples, with its 95 % "
        "interval (paired bootstrap of the samples). Only first, only second: samples that one of them alone "
        "gets right; p: exact McNemar test, not corrected for the number of comparisons. Seed all: mean over "
        "the seeds. In a cross-validation the samples of all folds are pooled, as in the summary. A "
        "difference to a variant that never learned has neither interval nor p: it compares a training that "
        "failed, not a model."
    )
    remarks = [row.remark for row in rows]
    write_page(path, "Differences between the variants", note, headings, body, remarks)


def _points(difference: float | None) -> str:
    return "–" if difference is None else f"{100 * difference:+.1f}"
