"""Shared code for plots: confusion matrix, training curves, accuracy of the variants.

Colours are from the Okabe-Ito palette, which colour-blind readers can distinguish. The same data
give the same bytes, whatever the user's matplotlib settings.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from types import MappingProxyType
from typing import Any

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure

from crisp.core.files import replacing

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
MANY = (BLUE, ORANGE, GREEN, "#E69F00", "#56B4E9", "#CC79A7", "#000000", GREY)  # the whole palette
NAME = 28  # letters per line of an axis label
STYLE: dict[Any, Any] = {
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,  # a class or video name may contain a dollar sign
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 5,
}


@contextmanager
def picture(
    path: str | Path,
    width: float,
    height: float,
    constrained: bool = True,
    style: Mapping[Any, Any] = MappingProxyType({}),
) -> Iterator[Figure]:
    """Yield a figure, written as PNG on exit; used for all figures of CRISP.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    width, height : float
        Size of the figure, inches.
    constrained : bool
        Whether to use automatic layout.
    style : mapping, optional
        Matplotlib settings that override `STYLE`.

    Yields
    ------
    matplotlib.figure.Figure

    Raises
    ------
    CrispError
        If the file cannot be written (see `crisp.core.files.replacing`).
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        mpl.rcParams.update({**style, "figure.constrained_layout.use": constrained})
        figure = Figure(figsize=(width, height))
        yield figure
        with replacing(path) as beside:
            figure.savefig(beside, format="png", metadata={"Software": None})


def heading(figure: Figure, title: str) -> None:
    """Write the title of a figure, in as many lines as it needs."""
    letters = int(9 * figure.get_figwidth())
    figure.suptitle(fill(title, letters), x=0.012, ha="left", fontweight="bold", fontsize=11)


def wrapped(names: Iterable[str], letters: int = NAME) -> list[str]:
    """Wrap long axis labels."""
    return [fill(name, letters) for name in names]


def shortened(name: str, letters: int) -> str:
    """Shorten a long name from the left, keeping the numbers and frames at its end."""
    return name if len(name) <= letters else f"\u2026{name[1 - letters :]}"


def line_height(names: Sequence[str], least: float) -> float:
    """Return the space per axis label, inches."""
    return max(least, 0.17 * max((name.count("\n") + 1 for name in wrapped(names)), default=1) + 0.04)


def legend(figure: Figure | SubFigure, *parts: Axes) -> None:
    """Add a legend with one entry per kind of mark below the figure or axes, in as many lines as needed."""
    unique: dict[str, Artist] = {}
    for axes in parts:
        handles, labels = axes.get_legend_handles_labels()
        unique.update(zip(map(str, labels), handles, strict=True))
    if not unique:
        return
    whole = figure.get_figure(root=True)
    assert isinstance(whole, Figure)
    renderer = FigureCanvasAgg(whole).get_renderer()
    room = whole.get_figwidth() - 0.2
    names = wrapped(unique, int(10 * room))
    for columns in range(len(unique), 0, -1):
        made = figure.legend(unique.values(), names, loc="outside lower center", ncols=columns)
        if made.get_window_extent(renderer).width <= room * whole.dpi:
            break
        made.remove()
    if figure is whole:
        lines = math.ceil(len(unique) / columns)
        whole.set_figheight(whole.get_figheight() + 0.2 * (lines - 1))


def annotate(axes: Axes, words: str) -> None:
    """Write the reason why the figure is empty into its middle."""
    axes.text(
        0.5,
        0.5,
        words,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color=GREY,
        backgroundcolor="white",
    )
