"""Picture of samples as the model sees them: augmented, masked and normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from crisp.augmentation import Draw
from crisp.clips import UNLABELLED, ClipDataset
from crisp.errors import fail
from crisp.figures import colour_wheel, flow_to_rgb
from crisp.files import replacing

COLUMNS = 8  # frames shown per clip
FRAME = 1.25  # height of a shown frame, inches
TEXT = 2.1  # width of the text beside a clip, inches
HEADER = 0.85  # height of the legend, inches
BRIGHTEST = 99.5  # percentile of the speeds that gets full colour
GREY = "#666666"


def draw_samples(dataset: ClipDataset, count: int, path: str | Path, names: Sequence[str]) -> None:
    """Write a PNG of `count` samples, evenly spread over the data set, in its current epoch.

    Each sample has a row of frames per stream, evenly spread over the clip, and what was drawn
    for it as text.

    Parameters
    ----------
    dataset : ClipDataset
    count : int
        At most; never more than there are.
    path : of the PNG.
    names : sequence of str
        Of the classes, in the order of the model's outputs.

    Raises
    ------
    CrispError
        If the data set is empty.
    """
    if len(dataset) == 0 or count < 1:
        raise fail("samples", "nothing to draw", "at least one sample", min(len(dataset), count))
    frames, height, width = dataset.variant.size
    shown = np.unique(np.linspace(0, frames - 1, min(COLUMNS, frames)).round().astype(int))
    chosen = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)).tolist()
    clips = {index: _shown(dataset, index, shown) for index in chosen}
    limit = _limit(clips.values())
    rows = len(dataset.variant.streams)

    block = rows * FRAME + 0.3
    size = TEXT + len(shown) * FRAME * width / height, HEADER + len(chosen) * block
    with mpl.rc_context({**mpl.rcParamsDefault, "font.size": 8}):
        figure = Figure(figsize=size, dpi=110)
        header, *parts = figure.subfigures(
            1 + len(chosen), 1, height_ratios=[HEADER, *[block] * len(chosen)], squeeze=False
        )[:, 0]
        _header(header, dataset, limit, size[0])
        for part, index in zip(parts, chosen, strict=True):
            axes = part.subplots(rows, len(shown), squeeze=False)
            part.subplots_adjust(left=TEXT / size[0], right=0.995, bottom=0.02, top=1 - 0.24 / block, wspace=0.03, hspace=0.03)
            _frames(axes, dataset, index, shown, clips[index], limit)
            _text(part, dataset, index, names)
        with replacing(path) as beside:
            figure.savefig(beside, format="png", metadata={"Software": None})


def _shown(dataset: ClipDataset, index: int, shown: np.ndarray) -> dict[str, np.ndarray]:
    """The frames of a clip that are shown, (n, H, W, C) float32 by stream."""
    return {name: np.moveaxis(clip.numpy()[:, shown], 0, -1) for name, clip in dataset[index][0].items()}


def _limit(clips: Mapping[int, dict[str, np.ndarray]] | object) -> float:
    """Speed that gets full colour, the same for all clips of a picture."""
    speeds = [np.linalg.norm(clip["flow"], axis=-1).ravel() for clip in clips if "flow" in clip]  # type: ignore
    moving = np.concatenate(speeds) if speeds else np.empty(0)
    moving = moving[moving > 0]
    return float(np.percentile(moving, BRIGHTEST)) if len(moving) else 1.0
