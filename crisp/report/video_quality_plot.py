"""Quality-control figure of a prepared video: frames, ROI, flow, motion, annotated strokes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill, wrap
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle

from crisp.core import stage_files
from crisp.core.errors import fail
from crisp.core.plotting import BLUE, GREY, ORANGE, annotate, legend, picture
from crisp.core.words import counted
from crisp.preparation import flow, frames, roi
from crisp.preparation.flow_colours import colour_wheel, flow_to_rgb
from crisp.study import samples
from crisp.study.annotations import Stroke
from crisp.study.config import Study
from crisp.study.samples import Labels

COLUMNS = 8  # frames shown
WIDTH = 12.4  # inches
HEADER = 0.95
MORE = 0.2  # of the header for each extra line
LETTERS = 120  # letters per line of the header
PATHS = 5.2
BRIGHTEST = 99.5  # percentile of the speeds with full colour
NAME = 24  # letters per line of a class name over the motion
MOST_NAMES = 24  # strokes with a class name; more would overlap


class Line(NamedTuple):
    """A text of the header, with the number of its lines and its style."""

    texts: list[str]
    style: dict[str, Any]


class Prepared(NamedTuple):
    """The plotted data of a video of N frames.

    `at` are the shown frames, `images` (n, H, W, 3) uint8 and `flow` (n, H, W, 2) px per frame theirs;
    `roi` and `raw` (N, 2) px are the smoothed and the unsmoothed centres without a crop, `motion` (N,) px per
    frame; `crops` has the centres (n, 2) px of the shown frames for each crop (height, width).
    """

    fps: float
    at: np.ndarray
    images: np.ndarray
    flow: np.ndarray
    roi: np.ndarray
    raw: np.ndarray
    motion: np.ndarray
    crops: dict[tuple[int, int], np.ndarray]


def plot_video_quality(
    study: Study, video: str, path: str | Path, label_snapshot: Labels | None = None
) -> None:
    """Plot the quality-control figure of a video, with the study's first flow method.

    Parameters
    ----------
    study : Study
    video : str
        Id of the video.
    path : path-like
        PNG file to write.
    label_snapshot : dict, optional
        Snapshot of strokes to use instead of the annotation files (see `crisp.study.samples.labels`).

    Raises
    ------
    CrispError
        If a stage file is missing or damaged, or an annotation file is invalid.
    """
    method = study.flow_methods[0]
    images = study.stage_file(video, "frames")
    motion, region = (study.stage_file(video, stage, method) for stage in ("flow", "roi"))
    annotated = samples.annotated(study, video, label_snapshot)
    prepared = read_preparation(images, motion, region, annotated, study.crop_sizes)
    source = frames.described(images)
    count, (height, width) = len(prepared.roi), prepared.images.shape[1:3]
    facts = [
        f"{source.path.name}, {source.width}\u2009\u00d7\u2009{source.height}",
        f"prepared {width}\u2009\u00d7\u2009{height}, {prepared.fps:.6g} frames/s",
        f"{counted(count, 'frame')}, {count / prepared.fps:.1f} s",
        counted(len(annotated), "annotated stroke") if annotated else "no annotated strokes",
    ]
    least = roi.motion_threshold(study.roi_threshold, width, prepared.fps)
    limit = full_colour(prepared.flow, least)
    sheet = 2 * (WIDTH / COLUMNS * height / width) + 0.5
    warnings = source.warnings()
    colour, weight = (ORANGE, "bold") if warnings else (GREY, "normal")
    decoding = f"decode warnings: {'; '.join(warnings)}" if warnings else "decoded without warnings"
    lines = [
        Line(wrap(video, 60), {"fontsize": 13, "weight": "bold"}),
        Line(wrap("  \u00b7  ".join(facts), LETTERS), {"color": GREY}),
        Line(wrap(decoding, LETTERS), {"color": colour, "weight": weight}),
    ]
    header = HEADER + MORE * sum(len(line.texts) - 1 for line in lines)
    with picture(path, WIDTH, header + sheet + PATHS) as figure:
        top, middle, bottom = figure.subfigures(3, 1, height_ratios=[header, sheet, PATHS], squeeze=False)[
            :, 0
        ]
        _header(top, lines, f"flow ({method}): full colour from {limit:.2g} px per frame", header)
        _sheet(middle, prepared, annotated, limit)
        _paths(bottom, prepared, annotated)


def read_preparation(
    frames_file: str | Path,
    flow_file: str | Path,
    roi_file: str | Path,
    annotated: Sequence[Stroke],
    sizes: Sequence[tuple[int, int]] = (),
) -> Prepared:
    """Read the plotted data: some frames with their flow, and the statistics of every frame.

    Parameters
    ----------
    frames_file, flow_file, roi_file : path-like
        Stage files of one video.
    annotated : sequence of Stroke
        Annotated strokes, in frames of the stage files.
    sizes : sequence of (height, width)
        Sizes of the crops, px.

    Returns
    -------
    Prepared

    Raises
    ------
    CrispError
        If a stage file is missing or damaged.
    """
    with (
        stage_files.open_stage(frames_file, "frames") as images,
        stage_files.open_stage(flow_file, "flow") as motion,
        stage_files.open_stage(roi_file, "roi") as region,
    ):
        count = len(images["rgb"])
        at = choose_frames(count, annotated)
        for path, rows in ((flow_file, motion["flow"]), (roi_file, region["roi"])):
            if len(rows) != count:
                what, remedy = f"does not belong to {frames_file}", "give the stage files of one video"
                raise fail(path, what, counted(count, "frame"), len(rows), remedy)
        stats = stage_files.read_rows(stage_files.member(region, "flow_stats"), 0, count)
        return Prepared(
            float(images.attrs["fps"]),
            at,
            np.concatenate([stage_files.read_rows(images["rgb"], frame, frame + 1) for frame in at]),
            np.concatenate([flow.read_flow(motion, frame, frame + 1) for frame in at]),
            roi.read_centres(region, 0, count),
            roi.read_centres(region, 0, count, smoothed=False),
            rms_speed(stats),
            {size: roi.read_centres(region, 0, count, size)[at] for size in sizes},
        )


def choose_frames(count: int, annotated: Sequence[Stroke], most: int = COLUMNS) -> np.ndarray:
    """Choose at most `most` of `count` frames: middles of strokes, and frames between strokes.

    Strokes take all places but two, so that the figure also shows frames without strokes.

    Parameters
    ----------
    count : int
        Number of frames.
    annotated : sequence of Stroke
        Annotated strokes.
    most : int

    Returns
    -------
    ndarray
        (n,) int, ascending frame numbers.
    """
    middles = [(begin + min(end, count)) // 2 for begin, end, *_ in annotated if begin < count]
    places = np.linspace(0, len(middles) - 1, min(len(middles), most - 2)).round().astype(int)
    chosen = {middles[place] for place in places}
    parts = min(count, 4 * most)
    spread = (count * (2 * np.arange(parts) + 1) // (2 * parts)).tolist()  # the middles of equal parts
    quiet = [frame for frame in spread if not any(begin <= frame < end for begin, end, *_ in annotated)]
    for others in (quiet, spread):
        # Start with the one farthest from all chosen ones.
        while len(chosen) < most and (rest := [frame for frame in others if frame not in chosen]):
            chosen.add(max(rest, key=lambda frame: min((abs(frame - one) for one in chosen), default=-frame)))
    return np.array(sorted(chosen), dtype=int)


def rms_speed(stats: np.ndarray) -> np.ndarray:
    """Return the RMS speed over each frame's pixels, (N,), from its flow statistics (N, 6).

    The mean square of a component is its mean squared plus its variance.
    """
    _, mean_x, std_x, _, mean_y, std_y = stats.T.astype(float)
    return np.sqrt(mean_x**2 + std_x**2 + mean_y**2 + std_y**2)


def full_colour(flow: np.ndarray, least: float) -> float:
    """Return the speed with full colour in all shown frames, at least `least`: noise stays pale."""
    speeds = np.linalg.norm(flow, axis=-1)
    moving = speeds[speeds > 0]
    return max(float(np.percentile(moving, BRIGHTEST)) if len(moving) else 0.0, least) or 1.0


def _header(part: SubFigure, lines: Sequence[Line], scale: str, height: float) -> None:
    """Draw name, facts and warnings, and the colour wheel."""
    for place, line in zip((0.22, 0.55, 0.85), lines, strict=True):
        before = MORE * sum(len(one.texts) - 1 for one in lines[: lines.index(line)])
        middle = (place * HEADER + before + MORE * (len(line.texts) - 1) / 2) / height
        part.text(0.1 / WIDTH, 1 - middle, "\n".join(line.texts), va="center", **line.style)
    part.text(1 - 1.0 / WIDTH, 1 - 0.22 * HEADER / height, scale, ha="right", va="center", color=GREY)
    side = HEADER - 0.12
    corner = 1 - (side + 0.08) / WIDTH, 1 - (side + 0.063) / height
    wheel = part.add_axes((*corner, side / WIDTH, side / height))
    wheel.imshow(colour_wheel())
    wheel.set_axis_off()


def _sheet(
    part: SubFigure,
    prepared: Prepared,
    annotated: Sequence[Stroke],
    limit: float,
) -> None:
    """Draw the frames with crops and stroke classes, and their flow below."""
    cells = part.subplots(2, COLUMNS, squeeze=False)
    for axes in cells.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=GREY, linewidth=0.5, visible=True)
    for column, frame in enumerate(prepared.at):
        label = next((label or "stroke" for begin, end, label, _ in annotated if begin <= frame < end), "")
        for axes, image in zip(
            cells[:, column],
            (prepared.images[column], flow_to_rgb(prepared.flow[column], limit)),
            strict=True,
        ):
            axes.imshow(image)
            axes.set_autoscale_on(False)
            for size, centres in prepared.crops.items():
                x, y = centres[column]
                corner, spans = (x - size[1] / 2 - 0.5, y - size[0] / 2 - 0.5), (size[1], size[0])
                axes.add_patch(Rectangle(corner, *spans, fill=False, edgecolor="white", linewidth=2.6))
                axes.add_patch(Rectangle(corner, *spans, fill=False, edgecolor=ORANGE, linewidth=1.3))
        title = f"{frame}\n{fill(label, 22)}" if label else str(frame)
        cells[0, column].set_title(
            title, fontsize=7.5, weight="normal", loc="left", pad=2, color=BLUE if label else GREY
        )


def _paths(part: SubFigure, prepared: Prepared, annotated: Sequence[Stroke]) -> None:
    """Plot the path of the ROI and the motion over time, with shaded strokes."""
    path, motion = part.subplots(2, 1, sharex=True, height_ratios=[1, 1.5])
    seconds = np.arange(len(prepared.roi)) / prepared.fps
    for axis, (name, colour) in enumerate((("x", BLUE), ("y", ORANGE))):
        path.plot(
            seconds,
            prepared.raw[:, axis],
            color=colour,
            alpha=0.3,
            linewidth=0.8,
            label=f"{name}, unsmoothed",
        )
        path.plot(seconds, prepared.roi[:, axis], color=colour, label=f"{name} of the ROI's centre")
    height, width = prepared.images.shape[1:3]
    path.set_ylim(0, max(height, width))
    path.set_ylabel("px")
    path.set_title("Centre of the region of interest", fontsize=9.5)
    path.plot(
        prepared.at / prepared.fps,
        np.zeros(len(prepared.at)),
        "^",
        color="black",
        markersize=5,
        clip_on=False,
        label="frame shown above",
        zorder=5,
    )
    motion.plot(seconds, prepared.motion, color="#222222", linewidth=1.1, label="motion")
    named = 0 < len(annotated) <= MOST_NAMES
    # The upper half is reserved for class names.
    motion.set_ylim(0, (2.4 if named else 1.08) * float(prepared.motion.max(initial=0)) or 1)
    motion.set_xlim(0, max(seconds[-1], 1 / prepared.fps))
    motion.set_ylabel("px per frame")
    motion.set_xlabel("Time, s")
    motion.set_title("Motion of the foreground (root mean square of the flow)", fontsize=9.5)
    for axes in (path, motion):
        _shade(axes, annotated, prepared.fps)
    if named:
        _names(motion, annotated, prepared.fps)
    if not annotated:
        annotate(motion, "no annotated strokes")
    legend(part, path, motion)


def _shade(axes: Axes, annotated: Sequence[Stroke], fps: float) -> None:
    for begin, end, *_ in annotated:
        axes.axvspan(
            begin / fps,
            end / fps,
            color="#56B4E9",
            alpha=0.3,
            linewidth=0,
            label="annotated stroke",
            zorder=0,
        )


def _names(axes: Axes, annotated: Sequence[Stroke], fps: float) -> None:
    """Write the class of each stroke vertically in its shaded area."""
    for begin, end, label, _ in annotated:
        axes.text(
            (begin + end) / 2 / fps,
            0.97,
            fill(label, NAME),
            transform=axes.get_xaxis_transform(),
            rotation=90,
            ha="center",
            va="top",
            fontsize=6.5,
            color=BLUE,
            clip_on=True,
        )
