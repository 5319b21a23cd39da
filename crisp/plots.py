"""Pictures of results: confusion matrix, training curves, accuracy of the variants.

Colours are of the Okabe-Ito palette, made to be told apart by colour-blind readers. The same figures
give the same bytes, whatever the user's matplotlib settings.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from textwrap import fill
from types import MappingProxyType
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import ArrayLike

from crisp.detection_metrics import THRESHOLDS, Interval, iou
from crisp.files import replacing
from crisp.metrics import row_shares
from crisp.study import Variant
from crisp.summary import Row, averages, by_variant
from crisp.words import counted

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
MANY = (BLUE, ORANGE, GREEN, "#E69F00", "#56B4E9", "#CC79A7", "#000000", GREY)  # all of the palette
MOST_VIDEOS = 40  # of a picture of found strokes; more would make it too tall to look at
NAME = 28  # letters of a line of a name beside an axis
STYLE: dict[Any, Any] = {
    "figure.dpi": 120,
    "savefig.dpi": 120,
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.08,
    "font.family": "DejaVu Sans",
    "text.parse_math": False,  # a class or a video may have a dollar sign in its name
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
    """A figure of that size in inches, written as PNG on leaving: what every picture of CRISP is drawn by.

    Parameters
    ----------
    path : path
        PNG file to write.
    width, height : float
        Of the figure, inches.
    constrained : bool
        Whether it is laid out by itself.
    style : mapping, optional
        Settings of matplotlib other than those of `STYLE`.
    """
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(STYLE)
        mpl.rcParams.update({**style, "figure.constrained_layout.use": constrained})
        figure = Figure(figsize=(width, height))
        yield figure
        with replacing(path) as beside:
            figure.savefig(beside, format="png", metadata={"Software": None})


def confusion(path: str | Path, matrix: ArrayLike, classes: Sequence[str], title: str) -> None:
    """Draw a confusion matrix.

    Parameters
    ----------
    path : path
        PNG file to write.
    matrix : array_like
        (N, N) counts, rows = truth. Colours are shares of the row, the cells show the counts.
    classes : sequence of str
        The N class names.
    title : str
        What it is a confusion matrix of.
    """
    side = _side(classes)
    with picture(path, side + 0.9, side) as figure:
        heading(figure, title)
        image = _matrix(figure.add_subplot(), matrix, classes)
        _share_bar(figure, image, figure.axes)


def super_confusion(path: str | Path, sets: Mapping[str, Mapping[str, Any]], title: str) -> None:
    """Draw the confusion matrices by super-class side by side.

    Parameters
    ----------
    path : path
        PNG file to write.
    sets : mapping
        Figures of each set of super-classes (`super_classes` of a ``metrics.json``).
    title : str
        What they are confusion matrices of.
    """
    sides = [_side(figures["classes"]) for figures in sets.values()]
    with picture(path, sum(sides) + 0.9, max(sides)) as figure:
        heading(figure, title)
        panels = figure.subplots(1, len(sides), squeeze=False, width_ratios=sides)[0]
        for axes, (name, figures) in zip(panels, sets.items(), strict=True):
            image = _matrix(axes, figures["confusion"], figures["classes"], f"Super-class {name}")
        _share_bar(figure, image, panels)


def _side(classes: Sequence[str]) -> float:
    """Side of a matrix of these classes with their names, inches."""
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
        say(axes, "no labelled strokes")
    return image


def _share_bar(figure: Figure, image: AxesImage, beside: Sequence[Axes]) -> None:
    """The legend of the colours of confusion matrices."""
    bar = figure.colorbar(
        image, ax=list(beside), shrink=0.6, aspect=25, format=PercentFormatter(1, symbol=" %")
    )
    bar.set_label("Share of the true class")
    bar.outline.set_visible(False)


def curves(path: str | Path, history: Sequence[Mapping[str, float]], title: str = "") -> None:
    """Draw loss and accuracy over the epochs, the epoch of the kept model marked.

    Parameters
    ----------
    path : path
        PNG file to write.
    history : sequence of mappings
        The rows of ``history.csv`` as numbers (`crisp.summary.read_history`).
    title : str, optional
        What was trained.
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
                # The dots are the kept epoch, or the only one.
                dots = [index for index, epoch in enumerate(epochs) if epoch in best[-1:]] or [0]
                axes.plot(epochs, values, color=colour, label=name, marker="o", markevery=dots)
            if best:
                axes.axvline(
                    best[-1], color=GREY, linewidth=1, linestyle=":", label=f"kept: epoch {best[-1]:.0f}"
                )
            axes.set_title(figures.capitalize())
            axes.set_xlabel("Epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
            # Whole epochs on the axis, and air above the line, even where there is one epoch only.
            axes.set_xlim(min(epochs, default=1) - 0.5, max(epochs, default=1) + 0.5)
            axes.set_ylim(0, 1.07 * max(highest) or 1)
            if not history:
                say(axes, "no epochs")
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        legend(figure, axes)


def all_curves(path: str | Path, histories: Mapping[str, Sequence[Sequence[Mapping[str, float]]]]) -> None:
    """Draw the learning curves of all variants: each run pale, the mean over the runs strong.

    Parameters
    ----------
    path : path
        PNG file to write.
    histories : mapping
        The histories of a variant's runs, as for `curves`, by its name.
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
                say(axes, "no epochs")
        panels[-1].set_ylim(0, 1.02)
        panels[-1].yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        legend(figure, panels[-1])


def summary(path: str | Path, rows: Sequence[Row], title: str = "Accuracy of the variants") -> None:
    """Draw the accuracy of every variant by the configured decision rule.

    A dot is a run (a seed, or a seed of a fold), its line the 95 % interval, the upright bar the mean, which
    the number on the right spells out; the dashed line is the majority baseline.

    Parameters
    ----------
    path : path
        PNG file to write.
    rows : sequence of Row
        The summary (`crisp.summary.collect`).
    title : str, optional
        What was compared.
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
            say(axes, "no labelled strokes")
        axes.set_xlabel("Accuracy" + "".join(f" (decision: {rule})" for rule in rules))
        legend(figure, axes)


def flow_study(path: str | Path, rows: Sequence[Row], groups: Mapping[str, Sequence[Variant]]) -> None:
    """Draw the accuracy by flow method and normalisation, a panel for each group of variants.

    A dot is a run, a bar the mean of its variant (as in the summary), by the configured decision rule.

    Parameters
    ----------
    path : path
        PNG file to write.
    rows : sequence of Row
        The summary (`crisp.summary.collect`).
    groups : mapping
        `crisp.study.Study.flow_groups`.
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
            say(panels[0], "no labelled strokes")
        legend(figure, *panels)


class Timeline(NamedTuple):
    """A video, its annotated and found strokes, and the probability (N,) of a stroke at each frame."""

    video: str
    fps: float
    truth: Sequence[Interval]
    found: Sequence[Interval]
    probability: ArrayLike


def timelines(path: str | Path, videos: Sequence[Timeline], title: str) -> None:
    """Draw the annotated and the found strokes of untrimmed videos over the probability of a stroke.

    A found stroke is coloured by whether it overlaps an annotated one by half of their union, and whether
    the class is right; an annotated one that no found stroke overlaps so is hollow.

    Parameters
    ----------
    path : path
        PNG file to write.
    videos : sequence of Timeline
        The first `MOST_VIDEOS` are drawn.
    title : str
        What found the strokes.
    """
    shown = videos[:MOST_VIDEOS]
    if len(shown) < len(videos):
        title += f" (the first {len(shown)} of {counted(len(videos), 'video')})"
    longest = max((np.size(video.probability) / video.fps for video in shown), default=1)
    with picture(path, 11, 1.1 + 1.1 * max(len(shown), 1)) as figure:
        heading(figure, title)
        rows = figure.subplots(max(len(shown), 1), 1, sharex=True, squeeze=False)[:, 0]
        for axes, video in zip(rows, shown, strict=False):
            _timeline(axes, video)
        rows[-1].set_xlim(0, longest)
        rows[-1].set_xlabel("Time, s")
        if not shown:
            say(rows[-1], "no video")
        legend(figure, *rows)


def _timeline(axes: Axes, video: Timeline) -> None:
    """Draw a video: probability from 0 to 1, found strokes above it, annotated ones on top."""
    frames = np.arange(np.size(video.probability))
    axes.fill_between(
        frames / video.fps, video.probability, step="post", color=GREY, alpha=0.35, label="stroke probability"
    )
    overlaps = iou([stroke[1:3] for stroke in video.truth], [stroke[1:3] for stroke in video.found])
    matches = overlaps >= THRESHOLDS[0]
    for stroke, row in zip(video.truth, matches, strict=True):
        face, label = (BLUE, "annotated, found") if row.any() else ("white", "annotated, missed")
        _bar(axes, stroke, video.fps, 1.75, facecolor=face, edgecolor=BLUE, label=label)
    for stroke, column in zip(video.found, matches.T, strict=True):
        classes = [other.label for other, matching in zip(video.truth, column, strict=True) if matching]
        if not classes:
            colour, label = ORANGE, "found, false"
        elif stroke.label in classes or not any(classes):
            colour, label = GREEN, "found"
        else:
            colour, label = "#E69F00", "found, other class"
        _bar(axes, stroke, video.fps, 1.15, facecolor=colour, edgecolor=colour, label=label)
    axes.set_ylim(0, 2.3)
    axes.set_yticks([0.5, 1.4, 2.0], ["probability", "found", "annotated"])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_title(video.video, fontsize=9, fontweight="normal")


def _bar(axes: Axes, stroke: Interval, fps: float, bottom: float, **style: Any) -> None:
    span = (stroke.begin / fps, (stroke.end - stroke.begin) / fps)
    axes.broken_barh([span], (bottom, 0.5), linewidth=1, **style)


def heading(figure: Figure, title: str) -> None:
    """Write the title of a whole picture, in as many lines as it needs."""
    letters = int(9 * figure.get_figwidth())
    figure.suptitle(fill(title, letters), x=0.012, ha="left", fontweight="bold", fontsize=11)


def wrapped(names: Iterable[str], letters: int = NAME) -> list[str]:
    """Names beside an axis, long ones in several lines."""
    return [fill(name, letters) for name in names]


def shortened(name: str, letters: int) -> str:
    """A long name without its beginning: numbers and frames stand at its end."""
    return name if len(name) <= letters else f"\u2026{name[1 - letters :]}"


def line_height(names: Sequence[str], least: float) -> float:
    """Room for each of these names beside an axis, inches."""
    return max(least, 0.17 * max((name.count("\n") + 1 for name in wrapped(names)), default=1) + 0.04)


def legend(figure: Figure | SubFigure, *parts: Axes) -> None:
    """Put one entry for each kind of mark below the picture or a part of it, in as many lines as needed."""
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


def _dots(axes: Axes, place: int, rows: Sequence[Row], mean: float | None) -> None:
    """Draw the runs of a variant side by side on the line of height `place`, and the mean over its seeds."""
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
        # Full height of the line: equal baselines join into one.
        style: dict[str, Any] = {"color": GREY, "linestyle": (0, (4, 3)), "linewidth": 1.1}
        axes.vlines(float(np.mean(baselines)), place - 0.5, place + 0.5, **style, label="majority class")


def say(axes: Axes, words: str) -> None:
    """Write why the picture is empty into its middle."""
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
