"""Plot confusion matrices, of classes and of super-classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import PercentFormatter
from numpy.typing import ArrayLike

from crisp.core.plotting import annotate, heading, line_height, picture, wrapped
from crisp.evaluation.metrics import row_shares


def plot_confusion(path: str | Path, matrix: ArrayLike, classes: Sequence[str], title: str) -> None:
    """Plot a confusion matrix.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    matrix : array_like
        (N, N) counts, rows = truth. Colours show shares of the row, cells show counts.
    classes : sequence of str
        The N class names.
    title : str
        Title of the plot.
    """
    side = _side(classes)
    with picture(path, side + 0.9, side) as figure:
        heading(figure, title)
        image = _matrix(figure.add_subplot(), matrix, classes)
        _share_bar(figure, image, figure.axes)


def plot_super_confusion(path: str | Path, sets: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Plot the confusion matrices by super-class side by side.

    Parameters
    ----------
    path : path
        PNG file to write.
    sets : mapping
        Metrics of each set of super-classes (`super_classes` of a ``metrics.json``).
    title : str
        Title of the plot.
    """
    sides = [_side(figures["classes"]) for figures in sets.values()]
    with picture(path, sum(sides) + 0.9, max(sides)) as figure:
        heading(figure, title)
        panels = figure.subplots(1, len(sides), squeeze=False, width_ratios=sides)[0]
        for axes, (name, figures) in zip(panels, sets.items(), strict=True):
            image = _matrix(axes, figures["confusion"], figures["classes"], f"Super-class {name}")
        _share_bar(figure, image, panels)


def _side(classes: Sequence[str]) -> float:
    """Return the side length of a labelled matrix of these classes, inches."""
    return 2.6 + line_height(classes, 0.36) * max(len(classes), 6)


def _matrix(axes: Axes, matrix: ArrayLike, classes: Sequence[str], title: str = "") -> AxesImage:
    """Draw a confusion matrix into `axes`."""
    counts = np.asarray(matrix, dtype=np.int64)
    shares = row_shares(counts)
    n = len(classes)
    axes.grid(False)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [f"{name}  ({total})" for name, total in zip(classes, counts.sum(axis=1), strict=True)]
    axes.set_yticks(range(n), wrapped(names))
    upright = n > 8 or any("\n" in name for name in wrapped(classes))
    axes.set_xticks(
        range(n), wrapped(classes), rotation=90 if upright else 45, ha="center" if upright else "right"
    )
    axes.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_ylabel("True class (strokes)")
    axes.set_xlabel("Predicted class")
    axes.set_title(title)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > 0.55 else "#222222"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
    if not counts.any():
        annotate(axes, "no labelled strokes")
    return image


def _share_bar(figure: Figure, image: AxesImage, beside: Sequence[Axes]) -> None:
    """Draw the colour bar of confusion matrices."""
    bar = figure.colorbar(
        image, ax=list(beside), shrink=0.6, aspect=25, format=PercentFormatter(1, symbol=" %")
    )
    bar.set_label("Share of the true class")
    bar.outline.set_visible(False)
