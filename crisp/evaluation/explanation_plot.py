"""Plot what a model looks at in clips: frames and flow, bright where Grad-CAM or attention is high."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill, wrap
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from torch import Tensor

from crisp.core.plotting import GREY, MANY, ORANGE, picture, shortened
from crisp.evaluation.explanation import Explanation
from crisp.preparation.flow_colours import flow_to_rgb, full_colour_speed

COLUMNS = 8  # frames of a clip
FRAME = 1.25  # height of a frame, inches
CURVE = 0.75  # height of the curve of evidence over time, inches
TEXT = 2.3  # width of the text beside a clip, inches
LETTERS = 30  # per line of that text
LINE = 0.165  # height of a line of text, inches
DARKEST = 0.2  # brightness of a place without evidence


class ExplainedClip(NamedTuple):
    """A clip with the evidence for its predicted class.

    `clip` is the input of the model by stream. `begin` is the first frame of the clip and `step` the distance
    of its frames in the video, `label` the annotated class (empty if unknown).
    """

    name: str
    label: str
    predicted: str
    score: float
    begin: int
    clip: Mapping[str, Tensor]
    found: Explanation
    step: int = 1

    @property
    def streams(self) -> dict[str, np.ndarray]:
        """Return ``rgb`` (T, H, W, 3) in [0, 1] and ``flow`` (T, H, W, 2), where the model has them."""
        return {
            name: np.moveaxis(frames.numpy(), 0, -1) for name, frames in self.clip.items() if name != "pose"
        }


def plot_explanations(path: str | Path, title: str, clips: Sequence[ExplainedClip], empty: str) -> None:
    """Plot clips below each other: a row of frames per stream and attention module, and curves over time.

    Parameters
    ----------
    path : path-like
        PNG file to write.
    title : str
    clips : sequence of ExplainedClip
    empty : str
        Text of the picture without clips.

    Raises
    ------
    CrispError
        If the file cannot be written (see `crisp.core.files.replacing`).
    """
    blocks = [_height(clip) for clip in clips]
    width = TEXT + COLUMNS * FRAME * max(map(_aspect, clips), default=1.0)
    style = {"font.size": 8}
    with picture(path, width, 0.75 + sum(blocks or [0.4]), constrained=False, style=style) as figure:
        top, *parts = figure.subfigures(
            1 + max(1, len(clips)), 1, height_ratios=[0.75, *(blocks or [0.4])], squeeze=False
        )[:, 0]
        top.text(0.1 / width, 0.65, fill(title, int(9 * width)), fontsize=11, weight="bold", va="center")
        words = "bright: evidence for the predicted class (Grad-CAM), dark: none; relative to the strongest"
        top.text(0.1 / width, 0.2, words, color=GREY, va="center")
        if not clips:
            parts[0].text(0.1 / width, 0.6, empty, color=GREY)
        for part, clip, height in zip(parts, clips, blocks, strict=False):
            _draw(part, clip, width, height)


def _rows(clip: ExplainedClip) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Return name, pictures (T, H, W, 3) uint8 and heat (T, H, W) of each row of frames."""
    rows = []
    for stream, frames in clip.streams.items():
        images = (
            flow_to_rgb(frames, full_colour_speed([frames]))
            if stream == "flow"
            else (255 * frames + 0.5).astype(np.uint8)
        )
        rows.append((stream, images, clip.found.heat[stream]))
        for number, mask in enumerate(clip.found.attention.get(stream, []), start=1):
            rows.append((f"{stream}, attention {number}", images, mask))
    return rows


def _aspect(clip: ExplainedClip) -> float:
    """Return width / height of the clip's frames; 1 for poses alone."""
    return max((frames.shape[2] / frames.shape[1] for frames in clip.streams.values()), default=1.0)


def _height(clip: ExplainedClip) -> float:
    lines = LINE * len(_lines(clip)) + 0.4
    return max(lines, len(_rows(clip)) * FRAME + CURVE + 0.45)


def _lines(clip: ExplainedClip) -> list[tuple[str, str]]:
    """Return the texts beside a clip, with their colours."""
    same = clip.label == clip.predicted
    return [
        *((line, "black") for line in wrap(clip.label or "unlabelled", LETTERS)),
        *((line, GREY if same else ORANGE) for line in wrap(f"\u2192 {clip.predicted}", LETTERS)),
        (f"score {clip.score:.2f}", GREY),
        (shortened(clip.name, LETTERS), GREY),
    ]


def _draw(part: SubFigure, clip: ExplainedClip, width: float, height: float) -> None:
    rows = _rows(clip)
    for number, (line, colour) in enumerate(_lines(clip)):
        part.text(0.1 / width, 1 - (0.2 + LINE * number) / height, line, color=colour, va="top")
    count = len(next(iter(clip.found.heat.values())))
    shown = np.unique(np.linspace(0, count - 1, min(COLUMNS, count)).round().astype(int))
    frames = (height - CURVE - 0.45) / height
    if rows:
        cells = part.subplots(len(rows), len(shown), squeeze=False)
        part.subplots_adjust(
            left=TEXT / width, right=0.98, top=1 - 0.2 / height, bottom=1 - 0.2 / height - frames,
            wspace=0.03, hspace=0.03,
        )  # fmt: skip
        for row, (name, images, heat) in zip(cells, rows, strict=True):
            row[0].set_ylabel(name, fontsize=7)
            for cell, frame in zip(row, shown, strict=True):
                _frame(cell, images[frame], heat[frame])
        for cell, frame in zip(cells[0], shown, strict=True):
            cell.set_title(
                str(clip.begin + frame), fontsize=7, weight="normal", loc="center", color=GREY, pad=2
            )
    _curves(part.add_axes((TEXT / width, 0.22 / height, 0.98 - TEXT / width, (CURVE - 0.2) / height)), clip)


def _frame(cell: Axes, image: np.ndarray, heat: np.ndarray) -> None:
    light = DARKEST + (1 - DARKEST) * np.clip(heat, 0, 1)
    cell.imshow((image * light[..., None]).astype(np.uint8))
    cell.set(xticks=[], yticks=[])
    cell.spines[:].set(color=GREY, linewidth=0.5, visible=True)


def _curves(axes: Axes, clip: ExplainedClip) -> None:
    """Draw the strongest evidence of each stream in each frame."""
    for (stream, heat), colour in zip(clip.found.heat.items(), MANY, strict=False):
        strongest = heat.reshape(len(heat), -1).max(axis=1)
        frames = clip.begin + clip.step * np.arange(len(heat))
        axes.plot(frames, strongest, color=colour, linewidth=1.2, label=stream)
    axes.set(xlim=(frames[0], frames[-1]), ylim=(0, 1.05), yticks=[0, 1])
    axes.set_ylabel("evidence", fontsize=7)
    axes.tick_params(labelsize=7)
    axes.legend(loc="lower left", fontsize=7, ncols=3, borderaxespad=0)
