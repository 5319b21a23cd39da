"""Summary of a study: one row per run and decision rule, mean and spread over seeds and folds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from crisp.core import json_file, json_schema
from crisp.core.csv_table import write_table
from crisp.core.html_table import Table, text_lines, write_tables
from crisp.core.unreadable import remade
from crisp.core.words import percent
from crisp.evaluation.baselines import Baseline
from crisp.evaluation.decisions import RULES
from crisp.evaluation.metrics import interval
from crisp.training.history import never_learned, read_history

HEADINGS = (
    "Variant",
    "Split",
    "Decision",
    "Seeds",
    "Samples",
    "Accuracy",
    "Mean class recall",
    "Majority",
    "Parameters",
)

JOINT = {  # keys of `crisp.evaluation.joint_accuracy`
    "with_negative": "All classes",
    "without_negative": "Strokes among stroke classes",
    "stroke_or_negative": "Stroke or negative",
}


class Run(NamedTuple):
    """A trained model; `folder` holds its ``metrics.json`` and ``history.csv``, which a fusion lacks."""

    variant: str
    split: str
    seed: int
    folder: Path
    double_softmax: bool = False
    fusion: bool = False


class SummaryRow(NamedTuple):
    """A row of ``summary.tsv``: a run evaluated with one decision rule. None: not defined, or not known.

    `configured` marks the study's rule; `low` and `high` bound the 95 % interval of the
    accuracy; `majority` is the accuracy of always predicting the most frequent training class; `learned` is
    False for a training that `never_learned`; `super_classes` holds the accuracy by each set of them,
    `by_class` the numbers of correct and of all samples per class, `joint` those of each accuracy of
    `crisp.evaluation.joint_accuracy`, with a negative class.
    """

    variant: str
    split: str
    seed: int
    decision: str
    configured: bool
    accuracy: float | None
    mean_class_recall: float | None
    n: int
    low: float | None
    high: float | None
    majority: float | None
    epochs: int
    best_epoch: int | None
    parameters: int | None
    learned: bool
    super_classes: Mapping[str, float | None] = MappingProxyType({})
    by_class: Mapping[str, tuple[int, int]] = MappingProxyType({})
    joint: Mapping[str, tuple[int, int]] = MappingProxyType({})


class Mean(NamedTuple):
    """Mean of a metric over the seeds, and the standard deviations (ddof 1) over seeds and folds.

    The value of a seed covers the pooled samples of all folds, as if predicted by one model;
    `seeds` is the deviation of these values, `folds` that of the fold means over the seeds; None
    if there is only one.
    """

    value: float | None
    seeds: float | None = None
    folds: float | None = None

    def __str__(self) -> str:
        """Format in per cent."""
        text = percent(self.value)
        text += "" if self.seeds is None else f" ± {100 * self.seeds:.1f}"
        return text + ("" if self.folds is None else f" (folds ± {100 * self.folds:.1f})")


class Average(NamedTuple):
    """The runs of a variant with the configured rule; all folds of a cross-validation together.

    `split` is its name, or the number of folds; `n` counts the samples of all folds, `seeds` the seeds;
    `super_classes` holds the accuracy by each set of super-classes, `rules` that by each decision rule,
    `joint` those with and without the negative class.
    """

    variant: str
    split: str
    decision: str
    seeds: int
    n: int
    accuracy: Mean
    mean_class_recall: Mean
    majority: float | None
    parameters: int | None
    remarks: tuple[str, ...]
    super_classes: Mapping[str, Mean]
    rules: Mapping[str, Mean]
    joint: Mapping[str, Mean]


def collect_rows(runs: Iterable[Run]) -> list[SummaryRow]:
    """Read the metrics of all runs: four rows each, one per decision rule, in the order given.

    Raises
    ------
    CrispError
        If a ``metrics.json`` or ``history.csv`` is missing, damaged or of another version.
    """
    return [row for run in runs for row in _rows(run)]


def _metrics(path: Path) -> dict[str, Any]:
    remedy = remade(path, "evaluate", "crisp evaluate makes one")
    metrics = json_file.read(path, json_schema.schema("metrics"), "file of metrics", remedy)
    size = len(metrics["classes"])
    json_file.refuse(
        path,
        (
            (f"$.decisions.{rule}.confusion", f"not a row and a column for each of {size} classes")
            for rule, figures in metrics["decisions"].items()
            if [len(row) for row in figures["confusion"]] != [size] * size
        ),
        remedy,
    )
    return metrics


def _rows(run: Run) -> list[SummaryRow]:
    metrics = _metrics(run.folder / "metrics.json")
    history = [] if run.fusion else read_history(run.folder / "history.csv")
    best = [int(epoch["epoch"]) for epoch in history if epoch["best"] == 1]
    learned = run.fusion or not never_learned(history, len(metrics["classes"]), run.double_softmax)
    rows = []
    for rule in RULES:
        figures = metrics["decisions"][rule]
        low, high = figures["interval"] or (None, None)
        rows.append(
            SummaryRow(
                variant=run.variant,
                split=run.split,
                seed=run.seed,
                decision=rule,
                configured=rule == metrics["decision"],
                accuracy=figures["accuracy"],
                mean_class_recall=figures["mean_class_recall"],
                n=figures["n"],
                low=low,
                high=high,
                majority=metrics["majority"],
                epochs=len(history),
                best_epoch=best[-1] if best else None,
                parameters=metrics.get("parameters"),
                learned=learned,
                super_classes={name: of["accuracy"] for name, of in figures["super_classes"].items()},
                by_class={
                    name: (counts[index], sum(counts))
                    for index, (name, counts) in enumerate(
                        zip(metrics["classes"], figures["confusion"], strict=True)
                    )
                },
                joint={
                    name: (round((of["accuracy"] or 0) * of["n"]), of["n"])
                    for name, of in figures.get("joint_accuracy", {}).items()
                },
            )
        )
    return rows


def by_variant(rows: Iterable[SummaryRow]) -> dict[tuple[str, str], list[SummaryRow]]:
    """Group the rows of the configured rule by variant and split, all folds as one split, in order."""
    groups: dict[tuple[str, str], list[SummaryRow]] = {}
    for row in rows:
        if row.configured:
            split = "folds" if row.split.startswith("fold-") else row.split
            groups.setdefault((row.variant, split), []).append(row)
    return groups


def averages(rows: Iterable[SummaryRow]) -> list[Average]:
    """Return mean and spread over seeds and folds of each variant, with the configured rule, in order."""
    rows = list(rows)
    by_rule = {
        rule: by_variant(row._replace(configured=True) for row in rows if row.decision == rule)
        for rule in RULES
    }
    return [
        _average(group, {rule: groups[key] for rule, groups in by_rule.items() if key in groups})
        for key, group in by_variant(rows).items()
    ]


def _average(rows: Sequence[SummaryRow], by_rule: Mapping[str, Sequence[SummaryRow]]) -> Average:
    first = rows[0]
    folds = list(dict.fromkeys(row.split for row in rows))
    return Average(
        variant=first.variant,
        split=first.split if len(folds) == 1 else f"{len(folds)} folds",
        decision=first.decision,
        seeds=len({row.seed for row in rows}),
        n=sum(row.n for row in rows if row.seed == first.seed),
        accuracy=_mean(rows, _accuracy),
        mean_class_recall=_mean(rows, _recall),
        majority=_mean(rows, lambda some: _share(some, lambda row: row.majority)).value,
        parameters=first.parameters,
        remarks=_remarks(rows),
        super_classes={name: _mean(rows, _by(name)) for name in first.super_classes},
        rules={rule: _mean(group, _accuracy) for rule, group in by_rule.items()},
        joint={name: _mean(rows, _joint(name)) for name in first.joint},
    )


Figure = Callable[[Sequence[SummaryRow]], float | None]


def _share(rows: Sequence[SummaryRow], figure: Callable[[SummaryRow], float | None]) -> float | None:
    """Return a share of the samples of all rows together."""
    known = [(row.n, value) for row in rows if (value := figure(row)) is not None]
    total = sum(n for n, _ in known)
    return sum(n * value for n, value in known) / total if total else None


def _accuracy(rows: Sequence[SummaryRow]) -> float | None:
    return _share(rows, lambda row: row.accuracy)


def _by(name: str) -> Figure:
    return lambda rows: _share(rows, lambda row: row.super_classes[name])


def _joint(name: str) -> Figure:
    def figure(rows: Sequence[SummaryRow]) -> float | None:
        right, total = np.sum([row.joint[name] for row in rows], axis=0)
        return right / total if total else None

    return figure


def _recall(rows: Sequence[SummaryRow]) -> float | None:
    """Return the mean recall, over the samples of all rows together, of the classes that occur."""
    counts = [np.array([row.by_class[name] for row in rows]).sum(axis=0) for name in rows[0].by_class]
    recalls = [right / total for right, total in counts if total]
    return fmean(recalls) if recalls else None


def _mean(rows: Sequence[SummaryRow], figure: Figure) -> Mean:
    """Return the mean of a metric over the seeds; see `Mean`."""
    of_seeds = [value for some in _grouped(rows, lambda row: row.seed) if (value := figure(some)) is not None]
    of_folds = [
        fmean(values)
        for some in _grouped(rows, lambda row: row.split)
        if (values := [value for row in some if (value := figure([row])) is not None])
    ]
    return Mean(fmean(of_seeds) if of_seeds else None, _spread(of_seeds), _spread(of_folds))


def _grouped(rows: Iterable[SummaryRow], key: Callable[[SummaryRow], Hashable]) -> list[list[SummaryRow]]:
    groups: dict[Hashable, list[SummaryRow]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return list(groups.values())


def _spread(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _remarks(rows: Sequence[SummaryRow]) -> tuple[str, ...]:
    """List warnings about the reliability of the metrics."""
    remarks = []
    seeds = {row.seed: [one for one in rows if one.seed == row.seed] for row in rows}
    unlearned = {row.seed: None for row in rows if not row.learned}
    if unlearned:
        remarks.append(f"never learned: training loss stayed at chance ({_seeds(unlearned, seeds)})")
    beaten = {seed: None for seed, folds in seeds.items() if _within_baseline(folds)}
    if beaten:
        remarks.append(f"not clearly above the majority baseline ({_seeds(beaten, seeds)})")
    if not any(row.n for row in rows):
        remarks.append("no labelled strokes to score")
    return tuple(remarks)


def _within_baseline(rows: Iterable[SummaryRow]) -> bool:
    """Return whether the 95 % interval of the accuracy over all folds is not above the majority baseline."""
    known = [(row.n, row.accuracy, row.majority) for row in rows]
    counts = [(n, n * share, n * most) for n, share, most in known if share is not None and most is not None]
    n, correct, majority = np.sum(counts, axis=0) if counts else (0, 0, 0)
    bounds = interval(round(correct), int(n))
    return bounds is not None and bounds[0] <= majority / n


def _seeds(some: Collection[int], seeds: Collection[int]) -> str:
    if len(some) == len(seeds):
        return "every seed" if len(seeds) > 1 else f"seed {next(iter(some))}"
    return f"seed{'s' if len(some) > 1 else ''} {', '.join(map(str, some))}"


def write_summary(path: str | Path, rows: Iterable[SummaryRow]) -> None:
    """Write ``summary.tsv``: shares with six decimals, yes or no, an empty cell for None.

    The accuracy by each set of super-classes is a last column ``accuracy:<set>``.
    """
    rows = list(rows)
    names = list(rows[0].super_classes) if rows else []
    plain = SummaryRow._fields.index("super_classes")
    columns = [*SummaryRow._fields[:plain], *(f"accuracy:{name}" for name in names)]
    write_table(path, columns, ((*row[:plain], *(row.super_classes[name] for name in names)) for row in rows))


def summary_text(rows: Iterable[SummaryRow], simple: Sequence[Baseline] = ()) -> str:
    """Format the averages as a table for the terminal, remarks and simple baselines below it."""
    found = averages(rows)
    headings = _headings(found)
    lines = text_lines(headings, [_cells(average) for average in found])
    lines += [
        f"{average.variant}, {average.split}: {remark}" for average in found for remark in average.remarks
    ]
    known = [f"{one.name} {percent(one.accuracy)}" for one in simple if one.n]
    return "\n".join([*lines, *([f"baselines: {', '.join(known)}"] if known else [])])


def _headings(found: Sequence[Average]) -> list[str]:
    """Return `HEADINGS`, and the sets of super-classes."""
    return [*HEADINGS, *(f"Super-class {name}" for name in (found[0].super_classes if found else ()))]


def _cells(average: Average) -> list[str]:
    """Return the cells under `_headings`."""
    return [
        average.variant,
        average.split,
        average.decision,
        str(average.seeds),
        str(average.n),
        str(average.accuracy),
        str(average.mean_class_recall),
        percent(average.majority),
        "–" if average.parameters is None else f"{average.parameters:,}",
        *map(str, average.super_classes.values()),
    ]


def mean_spread(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """Return mean and standard deviation (ddof 1) of the known values."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None, stdev(known) if len(known) > 1 else None


def write_summary_page(path: str | Path, rows: Iterable[SummaryRow], simple: Sequence[Baseline] = ()) -> None:
    """Write the averages as a self-contained HTML page, remarks below their variants.

    Parameters
    ----------
    path : path-like
    rows : iterable of SummaryRow
    simple : sequence of Baseline
        Simple baselines, for a table of their own.
    """
    found = averages(rows)
    plain = len(HEADINGS)
    headings, cells = _headings(found), [_cells(average) for average in found]
    named = [line[:2] for line in cells]
    tables = [
        Table(HEADINGS, [line[:plain] for line in cells], ["; ".join(average.remarks) for average in found])
    ]
    if len(headings) > plain:
        rest = [[*names, *line[plain:]] for names, line in zip(named, cells, strict=True)]
        tables.append(Table([*HEADINGS[:2], *headings[plain:]], rest, caption="Accuracy by super-class"))
    if simple:
        tables.append(_baselines(simple))
    by_rule = [
        [*names, *(str(average.rules.get(rule, "–")) for rule in RULES)]
        for names, average in zip(named, found, strict=True)
    ]
    tables.append(Table([*HEADINGS[:2], *RULES], by_rule, caption="Accuracy by each decision rule"))
    joint = [
        [*names, *(str(average.joint[name]) for name in JOINT)]
        for names, average in zip(named, found, strict=True)
        if average.joint
    ]
    if joint:
        caption = "Accuracy with and without the negative class"
        tables.append(Table([*HEADINGS[:2], *JOINT.values()], joint, caption=caption))
    note = (
        "Accuracies and recalls in %, by the decision rule of the study: mean ± standard deviation over "
        "the seeds. In a cross-validation the figure of a seed is that of the test samples of all folds "
        "together, as in the differences between the variants; (folds ± …) is the standard deviation between "
        "the folds. Majority: always predicting the most frequent training class. The simple baselines "
        "are fitted on the same training samples; a network should be clearly above them. Super-classes of "
        "TTStroke-21 are hand (forehand or backhand) and type (serve, offensive or defensive)."
    )
    write_tables(path, "Accuracy of the variants", note, tables)


def _baselines(simple: Sequence[Baseline]) -> Table:
    rows = []
    for one in simple:
        low, high = interval(one.correct, one.n) or (None, None)
        rows.append([one.name, str(one.n), percent(one.accuracy), percent(low), percent(high)])
    headings = ["Baseline", "Samples", "Accuracy", "Low", "High"]
    caption = "Simple baselines, with 95 % intervals (Wilson)"
    return Table(headings, rows, [one.remark for one in simple], caption)
