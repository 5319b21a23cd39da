"""Plot the accuracy of all variants of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from crisp.core.plotting import (
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    annotate,
    heading,
    legend,
    line_height,
    picture,
    wrapped,
)
from crisp.report.summary import SummaryRow, averages, by_variant
from crisp.study.variants import Variant


def plot_summary(
    path: str | Path, rows: Sequence[SummaryRow], title: str = "Accuracy of the variants"
) -> None:
    """Plot the accuracy of every variant with the configured decision rule.

    A dot is a run (a seed, or a seed of a fold), its line the 95 % interval, the vertical bar the mean, also
    printed on the right; the dashed line is the majority baseline.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    rows : sequence of SummaryRow
        The summary (`crisp.report.summary.collect_rows`).
    title : str, optional
        Title of the plot.
    """
    groups = by_variant(rows)
    means = [average.accuracy.value for average in averages(rows)]
    splits = {split for _, split in groups}
    rules = {row.decision for group in groups.values() for row in group}
    names = [variant if len(splits) == 1 else f"{variant}, {split}" for variant, split in groups]
    with picture(path, 7.6, 1.5 + line_height(names, 0.5) * max(len(groups), 1)) as figure:
        axes = figure.add_subplot()
        for place, (group, mean) in enumerate(zip(groups.values(), means, strict=True)):
            _dots(axes, place, group, mean)
        axes.set_yticks(range(len(groups)), wrapped(names))
        axes.set_ylim(len(groups) - 0.4, -0.6)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        axes.grid(axis="y", visible=False)
        axes.tick_params(axis="y", length=0)
        axes.set_title(title)
        if any(row.n for row in rows):
            axes.text(1.02, 1.02, "mean", transform=axes.transAxes, color=GREY)
        else:
            annotate(axes, "no labelled strokes")
        axes.set_xlabel("Accuracy" + "".join(f" (decision: {rule})" for rule in rules))
        legend(figure, axes)


def plot_flow_study(
    path: str | Path, rows: Sequence[SummaryRow], groups: Mapping[str, Sequence[Variant]]
) -> None:
    """Plot the accuracy by flow method and normalisation, one panel per group of variants.

    A dot is a run, a bar the mean of its variant (as in the summary), with the configured decision rule.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    rows : sequence of SummaryRow
        The summary (`crisp.report.summary.collect_rows`).
    groups : mapping
        `crisp.study.config.Study.flow_groups`.
    """
    means = {average.variant: average.accuracy.value for average in averages(rows)}
    runs: dict[str, list[float]] = {}
    for (name, _), known in by_variant(rows).items():
        runs.setdefault(name, []).extend(row.accuracy for row in known if row.accuracy is not None)
    every = [variant for group in groups.values() for variant in group]
    methods = list(dict.fromkeys(variant.flow for variant in every))
    kinds = list(dict.fromkeys(variant.norm_method for variant in every))
    colours = dict(zip(kinds, (BLUE, ORANGE, GREEN), strict=False))
    with picture(path, max(4.6, 1.2 + (0.9 * len(methods) + 0.6) * len(groups)), 3.9) as figure:
        heading(figure, "Accuracy by flow and its normalisation")
        panels = figure.subplots(1, len(groups), sharey=True, squeeze=False)[0]
        for axes, (name, group) in zip(panels, groups.items(), strict=True):
            for variant in group:
                shift = 0.24 * (kinds.index(variant.norm_method) - (len(kinds) - 1) / 2)
                place, found = methods.index(variant.flow) + shift, runs.get(variant.name, [])
                colour = colours[variant.norm_method]
                axes.plot([place] * len(found), found, "o", color=colour, alpha=0.45, markersize=4)
                if (mean := means.get(variant.name)) is not None:
                    axes.hlines(
                        mean, place - 0.1, place + 0.1, color=colour, linewidth=2.6, label=variant.norm_method
                    )
            axes.set_title(name)
            axes.set_xticks(range(len(methods)), methods)
            axes.set_xlim(-0.6, len(methods) - 0.4)
            axes.grid(axis="x", visible=False)
            axes.tick_params(axis="x", length=0)
        panels[0].set_ylim(0, 1)
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        if not any(runs.values()):
            annotate(panels[0], "no labelled strokes")
        legend(figure, *panels)


def _dots(axes: Axes, place: int, rows: Sequence[SummaryRow], mean: float | None) -> None:
    """Plot the runs of a variant side by side on the line at height `place`, and the mean over its seeds."""
    heights = place + 0.13 * (np.arange(len(rows)) - (len(rows) - 1) / 2) * min(1, 5 / len(rows))
    for height, row in zip(heights, rows, strict=True):
        if row.accuracy is None or row.low is None or row.high is None:
            continue
        axes.hlines(height, row.low, row.high, color=BLUE, alpha=0.35, linewidth=1.4, label="95 % interval")
        face, label = (BLUE, "run") if row.learned else ("white", "run that never learned")
        axes.plot(
            row.accuracy, height, "o", color=BLUE, markerfacecolor=face, label=label, zorder=3, clip_on=False
        )
    if mean is None:
        return
    axes.text(1.02, place, f"{100 * mean:.1f} %", va="center", transform=axes.get_yaxis_transform())
    if len(rows) > 1:
        axes.vlines(mean, place - 0.34, place + 0.34, color=ORANGE, linewidth=2, label="mean")
    baselines = [row.majority for row in rows if row.majority is not None]
    if baselines:
        # Full line height: equal baselines join into one.
        style: dict[str, Any] = {"color": GREY, "linestyle": (0, (4, 3)), "linewidth": 1.1}
        axes.vlines(float(np.mean(baselines)), place - 0.5, place + 0.5, **style, label="majority class")
