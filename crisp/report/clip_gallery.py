"""Gallery of samples as model input: augmented, masked and normalised."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from pathlib import Path
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure

from crisp.clips.dataset import ClipDataset
from crisp.core.errors import fail
from crisp.core.plotting import GREY, picture, shortened
from crisp.core.skeleton import BONES, POINTS
from crisp.preparation.flow_colours import colour_wheel, flow_to_rgb, full_colour_speed

COLUMNS = 8  # frames shown per clip
FRAME = 1.25  # height of a shown frame, inches
TEXT = 2.1  # width of the text beside a clip, inches
LETTERS = 28  # letters per line of that text
HEADER = 0.85  # height of the legend, inches
DPI = 110
SIDES = {"left": "#e41a1c", "right": "#377eb8"}  # side of the player; other bones are grey


def draw_samples(dataset: ClipDataset, count: int, path: str | Path) -> None:
    """Write a PNG of `count` samples, evenly spread over the data set, in its current epoch.

    Each sample has a row of frames per stream, evenly spread over the clip, and its augmentation
    as text.

    Parameters
    ----------
    dataset : ClipDataset
    count : int
        Maximum number; limited by the size of the data set.
    path : path-like
        PNG file to write.

    Raises
    ------
    CrispError
        If the data set is empty.
    """
    if len(dataset) == 0 or count < 1:
        raise fail("samples", "nothing to draw", "at least one sample", min(len(dataset), count))
    dataset = _drawn(dataset)
    frames, height, width = dataset.variant.size
    shown = np.unique(np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int))
    chosen = np.unique(
        np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    ).tolist()
    clips = {index: _shown(dataset, index, shown) for index in chosen}
    limit = full_colour_speed(clip["flow"] for clip in clips.values() if "flow" in clip)
    rows = len(dataset.variant.streams)

    block = rows * FRAME + 0.3
    size = TEXT + len(shown) * FRAME * width / height, HEADER + len(chosen) * block
    style = {"font.size": 8, "figure.dpi": DPI, "savefig.dpi": DPI}
    with picture(path, *size, constrained=False, style=style) as figure:
        header, *parts = figure.subfigures(
            1 + len(chosen), 1, height_ratios=[HEADER, *[block] * len(chosen)], squeeze=False
        )[:, 0]
        _header(header, dataset, limit, size[0])
        for part, index in zip(parts, chosen, strict=True):
            axes = part.subplots(rows, len(shown), squeeze=False)
            part.subplots_adjust(
                left=TEXT / size[0], right=0.995, bottom=0.02, top=1 - 0.24 / block, wspace=0.03, hspace=0.03
            )
            _frames(axes, dataset, index, shown, clips[index], limit)
            _text(part, dataset, index, (size[0], block))


def _drawn(dataset: ClipDataset) -> ClipDataset:
    """Return the data set with joints relative to the crop, in which they are drawn."""
    drawn = copy(dataset)
    drawn.variant = replace(dataset.variant, pose_norm="crop")
    drawn.readers = {video: reader.in_crop() for video, reader in dataset.readers.items()}
    return drawn


def _shown(dataset: ClipDataset, index: int, shown: np.ndarray) -> dict[str, np.ndarray]:
    """Return the shown frames of a clip, (n, H, W, C) float32 by stream, (n, 42) for poses."""
    return {name: np.moveaxis(clip.numpy()[:, shown], 0, -1) for name, clip in dataset[index][0].items()}


def _header(part: SubFigure, dataset: ClipDataset, limit: float, width: float) -> None:
    """Draw the title, and the colour wheel if there is flow."""
    variant = dataset.variant
    kind = f"augmented, epoch {dataset.epoch}" if dataset.augment else "not augmented"
    part.text(
        0.1 / width,
        0.72,
        f"{shortened(variant.name, 40)}: clips as the model sees them",
        fontsize=11,
        weight="bold",
    )
    size = "\u2009\u00d7\u2009".join(map(str, variant.size))
    part.text(0.1 / width, 0.45, f"{variant.model}, {size} (frames, height, width), {kind}", color=GREY)
    if "flow" in variant.streams:
        unit = (
            "of the normalised range"
            if dataset.normalised and variant.norm_method != "none"
            else "px per frame"
        )
        text = f"flow ({variant.flow}): colour of a direction,\nfull colour from {limit:.2g} {unit}"
        part.text(1 - 0.95 / width, 0.5, text, ha="right", va="center", color=GREY)
        side = HEADER - 0.15
        legend = part.add_axes((1 - (side + 0.1) / width, 0.08, side / width, side / HEADER))
        legend.imshow(colour_wheel())
        legend.set_axis_off()


def _frames(
    axes: np.ndarray,
    dataset: ClipDataset,
    index: int,
    shown: np.ndarray,
    clip: dict[str, np.ndarray],
    limit: float,
) -> None:
    """Draw a row of frames per stream, with frame numbers above, in brackets outside the video."""
    sample = dataset.samples[index]
    count, begin = dataset.readers[sample.video].shape[0], dataset.draw(index).begin
    for row, stream in zip(axes, dataset.variant.streams, strict=True):
        if stream == "flow":
            pictures = flow_to_rgb(clip[stream], limit)
        elif stream == "pose":
            blank = np.ones((len(shown), *dataset.variant.size[1:], 3))
            pictures = 0.5 + 0.5 * clip.get("rgb", blank)
        else:
            pictures = clip[stream]
        for cell, shown_frame in zip(row, pictures, strict=True):
            cell.imshow(shown_frame)
            cell.set_autoscale_on(False)
            cell.set(xticks=[], yticks=[])
            cell.spines[:].set(color=GREY, linewidth=0.5, visible=True)
        if stream == "pose":
            for cell, points in zip(row, _places(dataset, clip["pose"]), strict=True):
                _skeleton(cell, points)
    for cell, position in zip(axes[0], shown, strict=True):
        frame = begin + int(position)
        cell.set_title(
            str(frame) if 0 <= frame < count else f"({frame})",
            fontsize=7,
            weight="normal",
            loc="center",
            color=GREY,
            pad=2,
        )


def _places(dataset: ClipDataset, channels: np.ndarray) -> np.ndarray:
    """Convert poses (n, 42), relative to the crop, to points (n, 14, 3) in px of the crop."""
    points = channels.reshape(len(channels), len(POINTS), 3).copy()
    points[..., :2] *= dataset.variant.size[:0:-1]
    return points


def _skeleton(cell: Axes, points: np.ndarray) -> None:
    """Draw the bones between known joints, with separate colours for the player's left and right."""
    for one, other in BONES:
        if points[one, 2] > 0 and points[other, 2] > 0:
            side = POINTS[one].split()[0] if POINTS[one].split()[0] == POINTS[other].split()[0] else ""
            colour = SIDES.get(side, GREY)
            cell.plot(*points[[one, other], :2].T, color=colour, linewidth=1.2, solid_capstyle="round")
    cell.plot(*points[0, :2], "+" if points[0, 2] > 0 else "x", color="black", markersize=3)


def _text(part: SubFigure, dataset: ClipDataset, index: int, scale: tuple[float, float]) -> None:
    """Describe the sample and its augmentation."""
    sample, draw = dataset.samples[index], dataset.draw(index)
    width, height = scale
    label = wrap(sample.label or "unlabelled", LETTERS - 2, max_lines=2, placeholder="\u2026")
    lines = [
        *((line, "black", "bold") for line in label),
        (shortened(sample.sample, LETTERS), GREY, "normal"),
        (f"frames {sample.begin} to {sample.end}, from {draw.begin}", "black", "normal"),
        (f"angle {draw.angle:+.1f}\u00b0   zoom {draw.zoom:.2f}", "black", "normal"),
        (f"shift ({draw.shift[0]:+d}, {draw.shift[1]:+d}) px", "black", "normal"),
        ("flipped" if draw.flip else "not flipped", "black", "normal"),
    ]
    for number, (line, colour, weight) in enumerate(lines):
        part.text(
            0.1 / width, 1 - (0.24 + 0.165 * number) / height, line, color=colour, weight=weight, va="top"
        )
