"""Summary of a study: one row a run and decision rule, mean and spread over seeds and folds."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from crisp.decisions import RULES
from crisp.errors import fail
from crisp.files import read_json, replacing
from crisp.metrics import interval

# A run that covered less of the way from chance to the least possible loss has learned nothing.
LEARNED_SHARE = 0.1

HISTORY = ("epoch", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "best")
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
LEFT = {
    "Variant",
    "Split",
    "Decision",
    "Remarks",
    "Class",
    "First",
    "Second",
    "Method",
    "Backend",
    "Versions",
    "Video",
    "Time",
    "Annotated",
    "Predicted",
    "Likely error",
    "Rule",
    "Longest job",
    "Part",
    "Key",
    "Value",
}  # headings of words, not of numbers

PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; margin: 2em; }}
h1 {{ font-size: 1.25em; margin: 0 0 .3em; }}
p {{ color: #555; max-width: 60em; margin: 0 0 1.2em; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .35em .9em; text-align: right; border-bottom: 1px solid #e2e2e2; }}
th {{ border-bottom: 2px solid #888; }}
.left {{ text-align: left; }}
</style>
<h1>{title}</h1>
<p>{note}</p>
<table>
{table}
</table>
</html>
"""


class Run(NamedTuple):
    """A trained model; `folder` holds its ``metrics.json`` and ``history.csv``."""

    variant: str
    split: str
    seed: int
    folder: Path
    double_softmax: bool = False


class Row(NamedTuple):
    """A row of ``summary.tsv``: a run judged by one decision rule. None: not defined, or not known.

    `configured` marks the rule the study asks for; `low` and `high` bound the 95 % interval of the
    accuracy; `majority` is the accuracy of always predicting the commonest training class; `learned` is
    False for a training that `never_learned`; `super_classes` holds the accuracy by each set of them.
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


class Mean(NamedTuple):
    """Mean of a figure over runs, and the standard deviations (ddof 1) over seeds and folds.

    `seeds` is that of the means of each seed over the folds, `folds` that of the means of each fold over
    the seeds; None where there is only one.
    """

    value: float | None
    seeds: float | None = None
    folds: float | None = None

    def __str__(self) -> str:
        """In per cent."""
        text = percent(self.value)
        text += "" if self.seeds is None else f" ± {100 * self.seeds:.1f}"
        return text + ("" if self.folds is None else f" (folds ± {100 * self.folds:.1f})")


class Average(NamedTuple):
    """The runs of a variant, by the configured rule; those of all folds of a cross-validation together.

    `split` is its name, or how many folds; `n` counts the samples of all folds, `seeds` the seeds;
    `super_classes` holds the accuracy by each set of super-classes, `rules` that by each decision rule.
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


def collect(runs: Iterable[Run]) -> list[Row]:
    """Read the figures of all runs: four rows each, one a decision rule, in the order given.

    Raises
    ------
    CrispError
        If a ``metrics.json`` or ``history.csv`` is missing, damaged or of another version.
    """
    rows = []
    for run in runs:
        try:
            rows += _rows(run)
        except KeyError as error:
            path = run.folder / "metrics.json"
            raise fail(path, "metrics of another version", f"key {error}", remedy="run snakemake") from None
    return rows


def _rows(run: Run) -> list[Row]:
    metrics = read_json(run.folder / "metrics.json")
    history = read_history(run.folder / "history.csv")
    best = [int(epoch["epoch"]) for epoch in history if epoch["best"] == 1]
    learned = not never_learned(history, len(metrics["classes"]), run.double_softmax)
    rows = []
    for rule in RULES:
        figures = metrics["decisions"][rule]
        low, high = figures["interval"] or (None, None)
        rows.append(
            Row(
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
            )
        )
    return rows


def read_history(path: str | Path) -> list[dict[str, float]]:
    """Read a ``history.csv``: a dict an epoch, with `HISTORY` and what more it has; an empty cell is NaN.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, restval="missing cell")
            if missing := set(HISTORY).difference(reader.fieldnames or ()):
                raise ValueError(f"no column {', '.join(sorted(missing))}")
            return [{name: float(cell or "nan") for name, cell in row.items()} for row in reader]
    except FileNotFoundError:
        raise fail(path, "training history is missing", remedy="run snakemake to train the model") from None
    except (TypeError, ValueError) as error:
        raise fail(
            path, "damaged training history", found=error, remedy="delete it and train again"
        ) from None


def never_learned(
    history: Iterable[Mapping[str, float]], n_classes: int, double_softmax: bool = False
) -> bool:
    """Whether a training never got away from guessing.

    Guessing all N classes alike costs log N, with a softmax before the cross-entropy too. The least
    possible loss is 0; with that softmax it is log(e + N - 1) - 1, that of scores (1, 0, …, 0), 2.123 at
    N = 21. A training has learned if, in some epoch, its training loss covered a tenth of the way from
    the one to the other. Knowing only how common the classes are can be enough for that, so the
    accuracy has to be compared with the majority baseline as well.

    Parameters
    ----------
    history : iterable of mappings
        The epochs, with `train_loss` (mean over samples, nats); NaN counts as not learned.
    n_classes : int
        N.
    double_softmax : bool
        Whether the model was trained with `double_softmax`.
    """
    chance = math.log(n_classes)
    floor = math.log(math.e + n_classes - 1) - 1 if double_softmax else 0.0
    limit = chance - LEARNED_SHARE * (chance - floor)
    # A comparison with NaN is False: a diverged epoch never counts.
    return not any(epoch["train_loss"] <= limit for epoch in history)


def by_variant(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """The rows of the configured rule by variant and split, all folds as one split, in order."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.configured:
            split = "folds" if row.split.startswith("fold-") else row.split
            groups.setdefault((row.variant, split), []).append(row)
    return groups


def averages(rows: Iterable[Row]) -> list[Average]:
    """Mean and spread over seeds and folds of each variant, by the configured rule, in order."""
    rows = list(rows)
    by_rule = {
        rule: by_variant(row._replace(configured=True) for row in rows if row.decision == rule)
        for rule in RULES
    }
    return [
        _average(group, {rule: groups[key] for rule, groups in by_rule.items() if key in groups})
        for key, group in by_variant(rows).items()
    ]


def _average(rows: Sequence[Row], by_rule: Mapping[str, Sequence[Row]]) -> Average:
    first = rows[0]
    folds = list(dict.fromkeys(row.split for row in rows))
    return Average(
        variant=first.variant,
        split=first.split if len(folds) == 1 else f"{len(folds)} folds",
        decision=first.decision,
        seeds=len({row.seed for row in rows}),
        n=sum(row.n for row in rows if row.seed == first.seed),
        accuracy=_mean(rows, lambda row: row.accuracy),
        mean_class_recall=_mean(rows, lambda row: row.mean_class_recall),
        majority=_mean(rows, lambda row: row.majority).value,
        parameters=first.parameters,
        remarks=_remarks(rows),
        super_classes={name: _mean(rows, _by(name)) for name in first.super_classes},
        rules={rule: _mean(group, lambda row: row.accuracy) for rule, group in by_rule.items()},
    )


def _by(name: str) -> Callable[[Row], float | None]:
    return lambda row: row.super_classes[name]


def _mean(rows: Sequence[Row], figure: Callable[[Row], float | None]) -> Mean:
    known = [(row, value) for row in rows if (value := figure(row)) is not None]
    if not known:
        return Mean(None)
    return Mean(
        fmean(value for _, value in known),
        _spread((row.seed, value) for row, value in known),
        _spread((row.split, value) for row, value in known),
    )


def _spread(values: Iterable[tuple[Hashable, float]]) -> float | None:
    """Standard deviation of the means of what belongs together."""
    groups: dict[Hashable, list[float]] = {}
    for key, value in values:
        groups.setdefault(key, []).append(value)
    return stdev(map(fmean, groups.values())) if len(groups) > 1 else None


def _remarks(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a reader has to know before believing the figures, in words."""
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


def _within_baseline(rows: Iterable[Row]) -> bool:
    """Whether the 95 % interval of the accuracy over all folds does not clear the majority baseline."""
    known = [(row.n, row.accuracy, row.majority) for row in rows]
    counts = [(n, n * share, n * most) for n, share, most in known if share is not None and most is not None]
    n, correct, majority = np.sum(counts, axis=0) if counts else (0, 0, 0)
    bounds = interval(round(correct), int(n))
    return bounds is not None and bounds[0] <= majority / n


def _seeds(some: Collection[int], seeds: Collection[int]) -> str:
    if len(some) == len(seeds):
        return "every seed" if len(seeds) > 1 else f"seed {next(iter(some))}"
    return f"seed{'s' if len(some) > 1 else ''} {', '.join(map(str, some))}"


def write(path: str | Path, rows: Iterable[Row]) -> None:
    """Write ``summary.tsv``: shares with six decimals, yes or no, an empty cell for None.

    The accuracy by each set of super-classes is a last column ``accuracy:<set>``.
    """
    rows = list(rows)
    names = list(rows[0].super_classes) if rows else []
    columns = [*Row._fields[:-1], *(f"accuracy:{name}" for name in names)]
    write_table(path, columns, ((*row[:-1], *(row.super_classes[name] for name in names)) for row in rows))


def write_table(path: str | Path, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a table of results: shares with six decimals, yes or no, an empty cell for None."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(map(_cell, row) for row in rows)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.6f}" if isinstance(value, float) else str(value)


def text(rows: Iterable[Row]) -> str:
    """The averages as a table for the terminal, remarks below it."""
    found = averages(rows)
    headings = _headings(found)
    table = [headings, *(_cells(average) for average in found)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for cells in table:
        padded = [
            cell.ljust(width) if name in LEFT else cell.rjust(width)
            for name, cell, width in zip(headings, cells, widths, strict=True)
        ]
        lines.append("  ".join(padded).rstrip())
    lines += [
        f"{average.variant}, {average.split}: {remark}" for average in found for remark in average.remarks
    ]
    return "\n".join(lines)


def _headings(found: Sequence[Average]) -> list[str]:
    """`HEADINGS`, and the sets of super-classes."""
    return [*HEADINGS, *(f"Super-class {name}" for name in (found[0].super_classes if found else ()))]


def _cells(average: Average) -> list[str]:
    """The cells under `_headings`."""
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


def percent(value: float | None, spread: float | None = None) -> str:
    """A share in per cent, with its spread if there is one; a dash for None."""
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if spread is None else f"{100 * value:.1f} ± {100 * spread:.1f}"


def mean_spread(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    """Mean and standard deviation (ddof 1) of the values that are known."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None, stdev(known) if len(known) > 1 else None


def summary_table(path: str | Path, rows: Iterable[Row]) -> None:
    """Write the averages as a page of HTML that needs no other file, remarks in the last column."""
    found = averages(rows)
    body = [
        [
            *_cells(average),
            *(str(average.rules.get(rule, "–")) for rule in RULES),
            "; ".join(average.remarks),
        ]
        for average in found
    ]
    note = (
        "Accuracies and recalls in %, mean ± standard deviation over the seeds (and of the means of the "
        "folds), by the decision rule of the study. Majority: always predicting the commonest training "
        "class. Super-class …: accuracy by super-class; those of TTStroke-21 are hand (forehand or "
        "backhand) and type (serve, offensive or defensive). Last the accuracy by each of the four decision "
        "rules."
    )
    write_page(path, "Accuracy of the variants", note, [*_headings(found), *RULES, "Remarks"], body)


def per_class_table(path: str | Path, metrics: Mapping[str, Any], title: str = "Figures per class") -> None:
    """Write the figures per class and super-class of a ``metrics.json`` as a page of HTML by itself."""
    sets = {"": metrics, **metrics["super_classes"]}
    body = [
        [
            f"{of}: {name}" if of else name,
            str(figures["support"]),
            *(percent(figures[key]) for key in ("precision", "recall", "f1")),
        ]
        for of, every in sets.items()
        for name, figures in every["per_class"].items()
    ]
    accuracies = ", ".join(
        f"{percent(every['accuracy'])}{f' by super-class {of}' if of else ''} ({_between(every['interval'])})"
        for of, every in sets.items()
    )
    note = (
        f"Decision rule {metrics['decision']}; {metrics['n']} labelled strokes. Figures in %; "
        "– where one is not defined: no stroke of the class, or none predicted. "
        f"Accuracy, with its 95 % interval: {accuracies}. "
        f"Mean class recall {percent(metrics['mean_class_recall'])}. Class among the best "
        f"{', '.join(f'{k}: {percent(share)}' for k, share in metrics['top_k'].items())}."
    )
    write_page(path, title, note, ["Class", "Samples", "Precision", "Recall", "F1"], body)


def _between(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else " to ".join(map(percent, interval))


class Link(NamedTuple):
    """A cell of a table that leads to another page."""

    text: str
    target: str


def write_page(
    path: str | Path, title: str, note: str, headings: Sequence[str], body: Iterable[Sequence[str | Link]]
) -> None:
    """Write one table as a page of HTML that needs no other file, but those it links to."""
    table = [_line(headings, headings, "th"), *(_line(headings, cells, "td") for cells in body)]
    page = PAGE.format(title=escape(title), note=escape(note), table="\n".join(table))
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _line(headings: Sequence[str], cells: Sequence[str | Link], tag: str) -> str:
    """A row of an HTML table; numbers are set to the right."""
    columns = zip(headings, cells, strict=True)
    return f"<tr>{''.join(f'<{tag}{_left(name)}>{_html(cell)}</{tag}>' for name, cell in columns)}</tr>"


def _html(cell: str | Link) -> str:
    if isinstance(cell, Link):
        return f'<a href="{escape(cell.target)}" target="_blank">{escape(cell.text)}</a>'
    return escape(cell)


def _left(heading: str) -> str:
    return ' class="left"' if heading in LEFT else ""
