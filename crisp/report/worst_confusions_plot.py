"""Plot the most frequent confusions of a variant, with frames of confused strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, wrap

import numpy as np
from matplotlib.figure import SubFigure

from crisp.core import stage_files
from crisp.core.plotting import GREY, ORANGE, picture, shortened
from crisp.evaluation.confusions import EXAMPLES, Confusion
from crisp.evaluation.predictions import Prediction
from crisp.study.config import Study

FRAMES = 3  # frames per stroke
WIDTH = 12.4  # inches
TEXT = 2.35
COLUMNS = 30  # letters per line of text
LINE = 0.17
LONGEST = 40  # letters of a sample name above its frames


def plot_worst_confusions(
    path: str | Path, study: Study, variant: str, confusions: Sequence[Confusion]
) -> None:
    """Plot confusions, one row each.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    study : Study
        Prepared study.
    variant : str
        Name of the variant.
    confusions : sequence of Confusion

    Raises
    ------
    CrispError
        If a stage file is missing or damaged.
    """
    frames = {
        one.sample: _frames(study.stage_file(one.video, "frames"), one)
        for confusion in confusions
        for one in confusion.examples
    }
    shapes = [images[0].shape for images in frames.values()]
    tallest = max((shape[0] / shape[1] for shape in shapes), default=0.5)
    lines = max((len(_lines(confusion)) for confusion in confusions), default=0)
    block = max(1.1, (WIDTH - TEXT) / (EXAMPLES * FRAMES) * tallest + 0.46, 0.36 + LINE * lines + 0.1)
    with picture(path, WIDTH, 0.5 + block * max(1, len(confusions)), constrained=False) as figure:
        heights = [0.5, *[block] * max(1, len(confusions))]
        top, *parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        title = fill(f"{variant}: the worst confusions", 100)
        top.text(0.01, 0.5, title, fontsize=11, weight="bold", va="center")
        if not confusions:
            parts[0].text(0.01, 0.7, "all labelled test samples are classified correctly", color=GREY)
        for part, confusion in zip(parts, confusions, strict=False):
            _row(part, confusion, frames, block)


def _frames(path: Path, one: Prediction) -> np.ndarray:
    """Return frames spread evenly over a stroke, (FRAMES, H, W, 3) uint8."""
    with stage_files.open_stage(path, "frames") as file:
        count = len(file["rgb"])
        places = [one.begin + (one.end - one.begin) * (2 * k + 1) // (2 * FRAMES) for k in range(FRAMES)]
        chosen = [min(max(place, 0), count - 1) for place in places]
        return np.concatenate([stage_files.read_rows(file["rgb"], at, at + 1) for at in chosen])


def _lines(confusion: Confusion) -> list[tuple[str, str]]:
    """Return texts and colours that describe a confusion and its frequency."""
    share = 100 * confusion.times / confusion.total
    return [
        *((line, "black") for line in wrap(confusion.label, COLUMNS)),
        *((line, ORANGE) for line in wrap(f"\u2192 {confusion.predicted}", COLUMNS)),
        (f"{confusion.times} of {confusion.total} ({share:.0f} %)", GREY),
    ]


def _row(part: SubFigure, confusion: Confusion, frames: dict[str, np.ndarray], block: float) -> None:
    """Draw the text of a confusion, and frames of its examples."""
    for number, (line, colour) in enumerate(_lines(confusion)):
        part.text(0.01, 1 - (0.36 + LINE * number) / block, line, color=colour, va="top", fontsize=8.5)
    cells = part.subplots(1, EXAMPLES * FRAMES, squeeze=False)[0]
    part.subplots_adjust(left=TEXT / WIDTH, right=0.995, bottom=0.03, top=1 - 0.36 / block, wspace=0.04)
    for cell in cells:
        cell.set_axis_off()
    for number, one in enumerate(confusion.examples):
        place = cells[number * FRAMES : (number + 1) * FRAMES]
        for cell, image in zip(place, frames[one.sample], strict=True):
            cell.imshow(image)
            cell.set_anchor("N")
        place[0].set_title(
            f"{shortened(one.sample, LONGEST)}, score {one.scores.max():.2f}",
            fontsize=7.5,
            weight="normal",
            loc="left",
            pad=2,
        )
