"""Summary of a study: one row a run and decision rule, and its mean and spread over the seeds."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from statistics import fmean, stdev
from types import MappingProxyType
from typing import Any, NamedTuple

from crisp.decisions import RULES
from crisp.errors import fail
from crisp.files import read_json, replacing

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


class Average(NamedTuple):
    """The runs of a variant on one split, by the configured rule; spreads are over seeds (ddof 1).

    `super_classes` holds mean and spread of the accuracy by each set of super-classes.
    """

    variant: str
    split: str
    decision: str
    seeds: int
    n: int
    accuracy: float | None
    accuracy_spread: float | None
    mean_class_recall: float | None
    recall_spread: float | None
    majority: float | None
    parameters: int | None
    remarks: tuple[str, ...]
    super_classes: Mapping[str, tuple[float | None, float | None]]


def collect(runs: Iterable[Run]) -> list[Row]:
    """Read the figures of all runs: four rows each, one a decision rule, in the order given.

    Raises
    ------
    CrispError
        If a ``metrics.json`` or ``history.csv`` is missing or damaged.
    """
    return [row for run in runs for row in _rows(run)]


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


def averages(rows: Iterable[Row]) -> list[Average]:
    """Mean and spread over the seeds of each variant and split, by the configured rule, in order."""
    chosen = [row for row in rows if row.configured]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in chosen:
        groups.setdefault((row.variant, row.split), []).append(row)
    return [_average(group) for group in groups.values()]


def _average(rows: Sequence[Row]) -> Average:
    accuracy, accuracy_spread = mean_spread([row.accuracy for row in rows])
    recall, recall_spread = mean_spread([row.mean_class_recall for row in rows])
    first = rows[0]
    return Average(
        variant=first.variant,
        split=first.split,
        decision=first.decision,
        seeds=len(rows),
        n=first.n,
        accuracy=accuracy,
        accuracy_spread=accuracy_spread,
        mean_class_recall=recall,
        recall_spread=recall_spread,
        majority=first.majority,
        parameters=first.parameters,
        remarks=_remarks(rows),
        super_classes={
            name: mean_spread([row.super_classes[name] for row in rows]) for name in first.super_classes
        },
    )


def mean_spread(values: Iterable[float | None]) -> tuple[float | None, float | None]:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None, stdev(known) if len(known) > 1 else None


def _remarks(rows: Sequence[Row]) -> tuple[str, ...]:
    """What a reader has to know before believing the figures, in words."""
    remarks = []
    unlearned = [row.seed for row in rows if not row.learned]
    if unlearned:
        remarks.append(f"never learned: training loss stayed at chance ({_seeds(unlearned, rows)})")
    beaten = [row.seed for row in rows if _within_baseline(row)]
    if beaten:
        remarks.append(f"not clearly above the majority baseline ({_seeds(beaten, rows)})")
    if not rows[0].n:
        remarks.append("no labelled strokes to score")
    return tuple(remarks)


def _within_baseline(row: Row) -> bool:
    """Whether the 95 % interval of the accuracy does not clear the majority baseline."""
    return row.low is not None and row.majority is not None and row.low <= row.majority


def _seeds(some: Sequence[int], rows: Sequence[Row]) -> str:
    if len(some) == len(rows):
        return "every seed" if len(rows) > 1 else f"seed {some[0]}"
    return f"seed{'s' if len(some) > 1 else ''} {', '.join(map(str, some))}"


def write(path: str | Path, rows: Iterable[Row]) -> None:
    """Write ``summary.tsv``: shares with six decimals, yes or no, an empty cell for None.

    The accuracy by each set of super-classes is a last column ``accuracy:<set>``.
    """
    rows = list(rows)
    names = list(rows[0].super_classes) if rows else []
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([*Row._fields[:-1], *(f"accuracy:{name}" for name in names)])
        writer.writerows(
            [cell(value) for value in (*row[:-1], *(row.super_classes[name] for name in names))]
            for row in rows
        )


def cell(value: Any) -> str:
    """A value as the tables of results spell it."""
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
    return [*HEADINGS, *(f"By {name}" for name in (found[0].super_classes if found else ()))]


def _cells(average: Average) -> list[str]:
    """The cells under `_headings`."""
    return [
        average.variant,
        average.split,
        average.decision,
        str(average.seeds),
        str(average.n),
        percent(average.accuracy, average.accuracy_spread),
        percent(average.mean_class_recall, average.recall_spread),
        percent(average.majority),
        "–" if average.parameters is None else f"{average.parameters:,}",
        *(percent(*figures) for figures in average.super_classes.values()),
    ]


def percent(value: float | None, spread: float | None = None) -> str:
    if value is None:
        return "–"
    return f"{100 * value:.1f}" if spread is None else f"{100 * value:.1f} ± {100 * spread:.1f}"


def summary_table(path: str | Path, rows: Iterable[Row]) -> None:
    """Write the averages as a page of HTML that needs no other file, remarks in the last column."""
    found = averages(rows)
    body = [[*_cells(average), "; ".join(average.remarks)] for average in found]
    note = (
        "Accuracies and recalls in %, mean ± standard deviation over the seeds, by the decision rule of the "
        "study. Majority: always predicting the commonest training class. By …: accuracy by super-class."
    )
    write_page(path, "Accuracy of the variants", note, [*_headings(found), "Remarks"], body)


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
        f"{percent(every['accuracy'])}{f' by {of}' if of else ''} ({_between(every['interval'])})"
        for of, every in sets.items()
    )
    note = (
        f"Decision rule {metrics['decision']}; {metrics['n']} labelled strokes. Figures in %; "
        "– where one is not defined: no stroke of the class, or none predicted. "
        f"Accuracy, with its 95 % interval: {accuracies}."
    )
    write_page(path, title, note, ["Class", "Samples", "Precision", "Recall", "F1"], body)


def _between(interval: Sequence[float] | None) -> str:
    return "–" if interval is None else " to ".join(map(percent, interval))


def write_page(
    path: str | Path, title: str, note: str, headings: Sequence[str], body: Iterable[Sequence[str]]
) -> None:
    """Write one table as a page of HTML that needs no other file."""
    table = [_line(headings, headings, "th"), *(_line(headings, cells, "td") for cells in body)]
    page = PAGE.format(title=escape(title), note=escape(note), table="\n".join(table))
    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _line(headings: Sequence[str], cells: Sequence[str], tag: str) -> str:
    """A row of an HTML table; numbers are set to the right."""
    columns = zip(headings, cells, strict=True)
    return f"<tr>{''.join(f'<{tag}{_left(name)}>{escape(cell)}</{tag}>' for name, cell in columns)}</tr>"


def _left(heading: str) -> str:
    return ' class="left"' if heading in LEFT else ""
