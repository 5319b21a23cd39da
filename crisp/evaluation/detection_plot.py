"""Plot detected and annotated strokes of untrimmed videos."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from crisp.core.plotting import BLUE, GREEN, GREY, ORANGE, annotate, heading, legend, picture
from crisp.core.words import counted
from crisp.evaluation.detection_metrics import THRESHOLDS, DetectedInterval
from crisp.study.matching import iou

MOST_VIDEOS = 40  # per figure; more would make it too tall


class Timeline(NamedTuple):
    """A video, its annotated and detected strokes, and the probability (N,) of a stroke per frame.

    The probability is NaN where it is not known; a video without any has no such row.
    """

    video: str
    fps: float
    truth: Sequence[DetectedInterval]
    found: Sequence[DetectedInterval]
    probability: ArrayLike


def plot_timelines(path: str | Path, videos: Sequence[Timeline], title: str) -> None:
    """Plot annotated and detected strokes of untrimmed videos over the probability of a stroke.

    The colour of a detected stroke shows whether its IoU with an annotated one is at least one half, and
    whether the class is correct; an annotated stroke without this overlap is hollow.

    Parameters
    ----------
    path : path
        PNG file to write.
    videos : sequence of Timeline
        The first `MOST_VIDEOS` are drawn.
    title : str
        Name of the model.
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
            annotate(rows[-1], "no video")
        legend(figure, *rows)


def _timeline(axes: Axes, video: Timeline) -> None:
    """Plot a video: probability from 0 to 1, detected strokes above it, annotated ones on top."""
    known = not np.isnan(video.probability).all()
    if known:
        times = np.arange(np.size(video.probability)) / video.fps
        axes.fill_between(
            times, video.probability, step="post", color=GREY, alpha=0.35, label="stroke probability"
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
    axes.set_ylim(0 if known else 1, 2.3)
    axes.set_yticks([0.5, 1.4, 2.0][not known :], ["probability", "found", "annotated"][not known :])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="y", visible=False)
    axes.set_title(video.video, fontsize=9, fontweight="normal")


def _bar(axes: Axes, stroke: DetectedInterval, fps: float, bottom: float, **style: Any) -> None:
    span = (stroke.begin / fps, (stroke.end - stroke.begin) / fps)
    axes.broken_barh([span], (bottom, 0.5), linewidth=1, **style)
