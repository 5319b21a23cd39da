"""Plot learning curves."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from crisp.core.plotting import BLUE, GREY, MANY, ORANGE, annotate, heading, legend, picture


def plot_curves(
    path: str | Path, history: Sequence[Mapping[str, float]], title: str = "", steps: str = "Epoch"
) -> None:
    """Plot loss and accuracy over the epochs, with the selected epoch marked.

    Parameters
    ----------
    path : path
        PNG file to write.
    history : sequence of mappings
        Numeric rows of ``history.csv`` (`crisp.training.history.read_history`).
    title : str, optional
        Name of what was trained.
    steps : str, optional
        Name of the rows, if they are no epochs.
    """
    epochs = [row["epoch"] for row in history]
    best = [row["epoch"] for row in history if row["best"] == 1]
    with picture(path, 8.4, 3.7) as figure:
        heading(figure, title)
        for axes, figures in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
            highest = [0.0]
            for part, name, colour in (("train", "training", BLUE), ("validation", "validation", ORANGE)):
                values = [row[f"{part}_{figures}"] for row in history]
                if not any(map(math.isfinite, values)):
                    continue
                highest.append(max(filter(math.isfinite, values)))
                # The dots mark the selected epoch, or the only one.
                dots = [index for index, epoch in enumerate(epochs) if epoch in best[-1:]] or [0]
                axes.plot(epochs, values, color=colour, label=name, marker="o", markevery=dots)
            if best:
                axes.axvline(
                    best[-1],
                    color=GREY,
                    linewidth=1,
                    linestyle=":",
                    label=f"kept: {steps.lower()} {best[-1]:.0f}",
                )
            axes.set_title(figures.capitalize())
            axes.set_xlabel(steps)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
            # Integer ticks and some space above the line, even with a single epoch.
            axes.set_xlim(min(epochs, default=1) - 0.5, max(epochs, default=1) + 0.5)
            axes.set_ylim(0, 1.07 * max(highest) or 1)
            if not history:
                annotate(axes, "no epochs")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        legend(figure, axes)


def plot_all_curves(
    path: str | Path, histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]
) -> None:
    """Plot the learning curves of all variants: thin lines for the runs, a bold line for their mean.

    Parameters
    ----------
    path : path
        PNG file to write.
    histories : mapping
        The histories of each variant's runs, as for `curves`, by variant name.
    """
    columns = ("train_loss", "validation_loss", "validation_accuracy")
    colours = MANY if len(histories) <= len(MANY) else mpl.colormaps["tab20"](range(20))
    with picture(path, 12.4, 3.9) as figure:
        heading(figure, "Learning curves of all variants")
        panels = figure.subplots(1, len(columns))
        for axes, column in zip(panels, columns, strict=True):
            known = False
            for number, (name, runs) in enumerate(histories.items()):
                colour, by_epoch = colours[number % len(colours)], defaultdict(list)
                line = ("-", "--", ":", "-.")[number // len(colours) % 4]
                for history in runs:
                    points = [(row["epoch"], row[column]) for row in history if math.isfinite(row[column])]
                    axes.plot(
                        *zip(*points, strict=True) if points else ((), ()),
                        color=colour,
                        alpha=0.3,
                        linewidth=0.8,
                    )
                    for epoch, value in points:
                        by_epoch[epoch].append(value)
                means = sorted((epoch, float(np.mean(values))) for epoch, values in by_epoch.items())
                known = known or bool(means)
                axes.plot(
                    *zip(*means, strict=True) if means else ((), ()), color=colour, label=name, linestyle=line
                )
            axes.set_title(column.replace("train", "training").replace("_", " ").capitalize())
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
            axes.set_ylim(bottom=0)
            if not known:
                annotate(axes, "no epochs")
        panels[-1].set_ylim(0, 1.02)
        panels[-1].yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        legend(figure, panels[-1])
