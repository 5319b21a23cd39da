"""Plot reliability diagrams: accuracy over confidence, before and after calibration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from crisp.core.plotting import BLUE, GREY, ORANGE, annotate, legend, picture
from crisp.training.calibration import BINS

STATES = {"before": (GREY, "uncalibrated"), "after": (BLUE, "calibrated")}


def reliability(path: str | Path, figures: dict[str, Any], title: str) -> None:
    """Plot the validation samples, used to fit the temperature, and the test samples.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    figures : dict
        `calibration` of a ``metrics.json``.
    title : str
        Name of the model.
    """
    with picture(path, 8, 4.1) as figure:
        remark = figures["remark"] or f"temperature {figures['temperature']:.2f}"
        figure.suptitle(f"{title}: {remark}", x=0.012, ha="left", fontweight="bold", fontsize=11)
        both = figure.subplots(1, 2, sharey=True)
        for axes, part in zip(both, ("validation", "test"), strict=True):
            _diagram(axes, part, figures[part])
        both[0].set_ylabel("Fraction correct")
        legend(figure, *both)


def _diagram(axes: Axes, part: str, measured: dict[str, Any]) -> None:
    """Plot accuracy over confidence, one marker per tenth, sized by its samples; the diagonal is ideal."""
    axes.set_aspect("equal")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    axes.set_xlabel("Confidence")
    axes.set_title(f"{part}, n = {measured['samples']}", fontsize=9, fontweight="normal", loc="left")
    axes.plot([0, 1], [0, 1], color=ORANGE, linewidth=1, label="ideal")
    if not measured["samples"]:
        annotate(axes, "no labelled sample")
        return
    for place, (state, (colour, label)) in enumerate(STATES.items()):
        rows = np.array([row for row in measured[state]["bins"] if row[0]])
        sizes = 12 + 300 * rows[:, 0] / measured["samples"]
        axes.plot(rows[:, 1], rows[:, 2], color=colour, linewidth=1.2)
        axes.scatter(rows[:, 1], rows[:, 2], s=sizes, color=colour, label=label, alpha=0.75, zorder=3)
        error, words = measured[state]["ece"], "before" if place == 0 else "after"
        axes.text(0.03, 0.93 - 0.07 * place, f"error {words}: {error:.3f}", color=colour, fontsize=8)
    axes.set_xticks(np.linspace(0, 1, BINS // 2 + 1))
