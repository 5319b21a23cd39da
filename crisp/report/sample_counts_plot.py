"""Plot the numbers of samples per class and set, and their lengths."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from crisp.core.plotting import BLUE, GREEN, GREY, ORANGE, annotate, legend, line_height, picture, wrapped
from crisp.study.samples import Sample
from crisp.study.tables import SPLITS

UNLABELLED = "no class"
MOST_FOLDS = 10  # in the legend
MOST_BARS = 30  # of the histogram


def count_samples(
    samples: Sequence[Sample], splits: Mapping[str, Mapping[str, str]], classes: Sequence[str]
) -> dict[str, list[int]]:
    """Count the samples of each class by set; in a cross-validation by the fold that tests them.

    Parameters
    ----------
    samples : sequence of Sample
    splits : mapping
        Set of each sample (`crisp.study.splits.read_split`), by name of the split.
    classes : sequence of str
        Other labels are skipped.

    Returns
    -------
    dict
        Lists with one number per class.
    """
    if len(splits) == 1:
        (split,) = splits.values()
        sets = {part: {one for one, of in split.items() if of == part} for part in SPLITS}
    else:
        sets = {name: {one for one, of in split.items() if of == "test"} for name, split in splits.items()}
    return {
        name: [sum(one.label == label and one.sample in inside for one in samples) for label in classes]
        for name, inside in sets.items()
    }


def plot_sample_counts(
    path: str | Path,
    samples: Sequence[Sample],
    splits: Mapping[str, Mapping[str, str]],
    classes: Sequence[str],
    fps: Mapping[str, float],
    clips: Mapping[str, float],
) -> None:
    """Plot the counts and lengths of the samples.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    samples, splits, classes : as for `count_samples`.
    fps : mapping
        Volume frame rate of each video in frames per second, above 0.
    clips : mapping
        Lengths of the clips that models see, s, by label.
    """
    shown = [*classes, *([UNLABELLED] if any(one.label not in classes for one in samples) else [])]
    named = [one if one.label in classes else one._replace(label=UNLABELLED) for one in samples]
    lengths = {
        label: [(one.end - one.begin) / fps[one.video] for one in named if one.label == label]
        for label in shown
    }
    with picture(path, 12.4, 1.7 + line_height(shown, 0.27) * max(len(shown), 6)) as figure:
        counts, boxes, histogram = figure.subplots(1, 3, width_ratios=[1.15, 1, 0.85])
        _counts(counts, count_samples(named, splits, shown), shown)
        _boxes(boxes, lengths)
        strokes = [(one.end - one.begin) / fps[one.video] for one in samples if one.kind == "stroke"]
        _histogram(histogram, strokes, 1 / max(fps.values()))
        for axes in (boxes, histogram):
            for number, (name, seconds) in enumerate(clips.items()):
                style = ("--", ":", "-.")[number % 3]
                axes.axvline(seconds, color=ORANGE, linewidth=1.2, linestyle=style, label=name)
            axes.set_xlim(left=0)
            axes.set_xlabel("Length, s")
        boxes.set_ylim(counts.get_ylim())
        legend(figure, counts, boxes)


def _counts(axes: Axes, sets: Mapping[str, Sequence[int]], classes: Sequence[str]) -> None:
    folds = [name for name in sets if name not in SPLITS]
    shades = mpl.colormaps["Blues"](np.linspace(0.35, 0.95, max(1, len(folds))))
    colours = dict(zip(folds, shades, strict=False)) | dict(zip(SPLITS, (BLUE, ORANGE, GREEN), strict=True))
    left = np.zeros(len(classes))
    for name, count in sets.items():
        text = name if name in SPLITS else f"tested in {name}"
        label = text if len(folds) <= MOST_FOLDS else ""
        axes.barh(range(len(classes)), count, left=left, color=colours[name], height=0.7, label=label)
        left += count
    for place, total in enumerate(left):
        axes.text(total, place, f" {total:.0f}", va="center", color=GREY)
    axes.set_yticks(range(len(classes)), wrapped(classes))
    axes.set_ylim(len(classes) - 0.4, -0.6)
    axes.set_xlim(0, 1.14 * max(left.max(initial=0), 1))
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.set_title("Samples of each class")
    axes.set_xlabel(
        "Samples" if len(folds) <= MOST_FOLDS else f"Samples, a shade for each of {len(folds)} folds"
    )
    if not left.any():
        annotate(axes, "no samples")


def _boxes(axes: Axes, lengths: Mapping[str, Sequence[float]]) -> None:
    known = {place: values for place, values in enumerate(lengths.values()) if values}
    if known:
        axes.boxplot(
            list(known.values()),
            positions=list(known),
            orientation="horizontal",
            widths=0.6,
            whis=(0, 100),
            medianprops={"color": BLUE, "linewidth": 2},
            boxprops={"color": GREY},
            whiskerprops={"color": GREY},
            capprops={"color": GREY},
            manage_ticks=False,
        )
    axes.set_yticks([])
    axes.set_title("Lengths: median, quartiles, extremes")


def _histogram(axes: Axes, lengths: Sequence[float], frame: float) -> None:
    """Draw bars that cover whole frames of `frame` seconds, so that none is empty by position."""
    axes.set_title("Lengths of the strokes")
    axes.grid(axis="x", visible=False)
    if not lengths:
        annotate(axes, "no strokes")
        return
    bar = frame * max(1, math.ceil((max(lengths) - min(lengths)) / frame / MOST_BARS))
    axes.hist(lengths, bins=np.arange(min(lengths) - frame / 2, max(lengths) + bar, bar).tolist(), color=BLUE)
    axes.set_ylabel("Strokes")
