"""Detection: find strokes in untrimmed videos from per-frame class probabilities.

A window's probabilities belong to its centre frame. They are smoothed over time with the decision rule for
trimmed strokes. A maximal run of frames whose best class is a stroke is a detected stroke.

No window is centred on the first and last half window of a video: these frames are unknown, NaN in
every array of probabilities, and belong to no stroke.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from torch import nn

from crisp.clips.augmentation import Draw
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader
from crisp.core import gaussian
from crisp.core.errors import fail
from crisp.core.parallel import ahead
from crisp.core.progress import progress
from crisp.core.words import counted
from crisp.evaluation import decisions
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.evaluation.inference import window_rows
from crisp.models import sliding
from crisp.study.variants import Detection

BLOCK = 64  # frames are read up to a multiple of it, so that no stage file chunk is decoded twice
UNKNOWN = -1  # best class of a frame without a window

Probabilities = NDArray[np.float64]


class Decided(NamedTuple):
    """A video under one rule: smoothed probabilities (N, classes) and best class (N,) of its N frames.

    Unknown frames have NaN probabilities and best class `UNKNOWN`.
    """

    smoothed: Probabilities
    best: NDArray[np.intp]

    @property
    def known(self) -> tuple[int, int]:
        """Return the range (first, last + 1) of known frames, which are contiguous."""
        return known_frames(self.smoothed)


def frame_probabilities(
    model: nn.Module,
    reader: ClipReader,
    size: tuple[int, int, int],
    normalised: Normalisation | None,
    stride: int,
    batch_size: int,
    name: str = "",
) -> Probabilities:
    """Predict the class probabilities of every frame of a video.

    Windows start every `stride` frames, and at the last possible frame. Probabilities are interpolated
    linearly between their centres, and unknown before the first and after the last centre.
    A video no longer than a window has one window centred on it, with its first and last frame repeated:
    as this window contains the whole video, its probabilities apply to every frame.

    Parameters
    ----------
    model : Module
    reader : ClipReader
    size : (frames, height, width)
        Size of a window.
    normalised : Normalisation or None
        Normalisation of the flow; None leaves it in px per frame.
    stride : int
        Frames between the first frames of two windows.
    batch_size : int
        Windows per forward pass; memory depends on it, not on the video's length.
    name : str
        Label of the progress bar; empty shows none.

    Returns
    -------
    ndarray
        (N, classes), each row summing to 1, or NaN where unknown.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged.
    """
    count, length = reader.shape[0], size[0]
    possible = decisions.windows(0, count, length)
    starts = [*possible[:-1:stride], possible[-1]]
    device = next(model.parameters()).device
    block = batch_size
    if sliding.trunks(model):  # windows near each other share their convolutions
        block = max(block, min(sliding.MOST_WINDOWS, sliding.SPAN * length // stride + 1))
    blocks = ahead(_blocks(reader, size, normalised, starts, block, device))
    if name:
        blocks = progress(blocks, f"blocks of {counted(block, 'window')}", name, -(-len(starts) // block))
    rows = np.concatenate(
        [window_rows(model, streams, places, length, batch_size) for streams, places in blocks]
    )
    centres = np.array(starts) + length // 2
    frames = np.arange(count)
    beyond = None if len(possible) == 1 else np.nan
    return np.stack([np.interp(frames, centres, column, beyond, beyond) for column in rows.T], axis=1)


def _blocks(
    reader: ClipReader,
    size: tuple[int, int, int],
    normalised: Normalisation | None,
    starts: Sequence[int],
    windows: int,
    device: torch.device,
) -> Iterator[tuple[dict[str, torch.Tensor], NDArray[np.intp]]]:
    """Yield blocks of windows with these first frames (ascending): streams (C, L, …) and places in them.

    A frame's crop depends only on that frame, so each frame is read and copied to the device once; windows
    are cut there from the frames still needed.
    """
    length, *crop = size
    first = reached = starts[0]  # of the buffered frames, and the first frame not read yet
    held: dict[str, torch.Tensor] = {}
    for place in range(0, len(starts), windows):
        block = np.array(starts[place : place + windows])
        if block[-1] + length > reached:
            stop = min(-(-(block[-1] + length) // BLOCK) * BLOCK, starts[-1] + length)
            clip = reader.clip(Draw(reached), (int(stop) - reached, crop[0], crop[1]), normalised)
            new = {name: torch.from_numpy(array).to(device) for name, array in clip.items()}
            done = block[0] - first
            held = {
                name: torch.cat([held[name], frames], dim=1)[:, done:] if held else frames
                for name, frames in new.items()
            }
            first, reached = int(block[0]), int(stop)
        yield held, block - first


def decide_frames(probabilities: Probabilities, rule: str, fps: float, settings: Detection) -> Decided:
    """Smooth the class probabilities of a video's frames and find the best class of each.

    The smoothing covers round(x fps) frames, using only known ones (one more before the frame than after it
    if their number is even, as published for 150); x is
    `settings.gaussian` for ``gaussian`` and `settings.smoothing` for ``vote`` (share of the frames
    with this best class) and ``mean``. ``no_window`` does not smooth. Ties are broken by
    the higher mean, then the lower index.

    Parameters
    ----------
    probabilities : ndarray, (N, classes)
        From `frame_probabilities`.
    rule : str
        One of `decisions.RULES`.
    fps : float
        Frames per second.
    settings : Detection
        Detection settings of the study.

    Returns
    -------
    Decided

    Raises
    ------
    CrispError
        If the rule does not exist.
    """
    if rule not in decisions.RULES:
        raise fail("decision", "no such rule", ", ".join(decisions.RULES), repr(rule), "choose one of them")
    first, end = known_frames(probabilities)
    rows = probabilities[first:end]
    smoothed, leading = _smoothed(rows, rule, fps, settings)
    decided = Decided(np.full_like(probabilities, np.nan), np.full(len(probabilities), UNKNOWN))
    decided.smoothed[first:end] = smoothed
    decided.best[first:end] = leading.argmax(axis=1)
    return decided


def _smoothed(
    rows: Probabilities, rule: str, fps: float, settings: Detection
) -> tuple[Probabilities, Probabilities]:
    """Smooth known frames with a rule; return the probabilities and the ranking scores, both (n, classes)."""
    if rule == "no_window":
        return rows, rows
    if rule == "gaussian":
        means = _means(rows, gaussian.kernel(kernel_frames(settings.gaussian, fps)))
        return means, means
    ones = np.ones(kernel_frames(settings.smoothing, fps))
    means = _means(rows, ones)
    if rule == "mean":
        return means, means
    votes = np.eye(rows.shape[1])[rows.argmax(axis=1)]
    counts = correlate1d(votes, ones, axis=0, mode="constant")  # integers: ties are exact
    leading = counts == counts.max(axis=1, keepdims=True, initial=0)
    return counts / counts.sum(axis=1, keepdims=True), np.where(leading, means, -1)


def _means(rows: Probabilities, weights: NDArray[np.float64]) -> Probabilities:
    """Return weighted means over time; nothing is counted beyond the first and last row."""
    totals = correlate1d(np.ones(len(rows)), weights, mode="constant")
    return correlate1d(rows, weights, axis=0, mode="constant") / totals[:, None]


def known_frames(probabilities: Probabilities) -> tuple[int, int]:
    """Return the range (first, last + 1) of frames with known class probabilities."""
    known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
    return (int(known[0]), int(known[-1]) + 1) if len(known) else (0, 0)


def stride_frames(seconds: float, fps: float) -> int:
    """Return the window stride in frames, at least 1."""
    return max(1, math.floor(seconds * fps + 0.5))


def kernel_frames(seconds: float, fps: float) -> int:
    """Return the smoothing length in frames, round(seconds fps), at least 1."""
    return max(1, math.floor(seconds * fps + 0.5))


def beats_negative(probabilities: np.ndarray, best: np.ndarray, rest: int, against: str) -> np.ndarray:
    """Return where a stroke is more probable than the negative class.

    Parameters
    ----------
    probabilities : ndarray, (..., N)
        Of the classes; NaN if unknown.
    best : ndarray, (...) int
        The best class, `UNKNOWN` if unknown.
    rest : int
        The negative class.
    against : str
        What it is compared with. ``best``: the best stroke class; ``sum``: the sum of all stroke classes.

    Returns
    -------
    ndarray, (...) bool
        False where unknown.
    """
    if against == "sum":
        return probabilities[..., rest] < 0.5  # False for NaN
    return (best != rest) & (best != UNKNOWN)


def find_strokes(
    video: str,
    decided: Decided,
    classes: Sequence[str],
    negative: str,
    shortest: float,
    against: str = "best",
) -> list[DetectedInterval]:
    """Return the strokes of a video: maximal runs of known stroke frames.

    A run that reaches the first or last known frame ends there, as its continuation is unknown.

    Parameters
    ----------
    video : str
        Video id.
    decided : Decided
    classes : sequence of str
        The class names, in the order of the probabilities.
    negative : str
        The negative class.
    shortest : float
        Minimum number of frames of a stroke.
    against : str
        As for `beats_negative`, of the smoothed probabilities of a frame.

    Returns
    -------
    list of DetectedInterval
        In time order. The class has the highest mean smoothed probability of all stroke classes, stored as
        `probability`; the `score` is the mean of one minus the probability of the negative class.
    """
    rest = list(classes).index(negative)
    is_stroke = beats_negative(decided.smoothed, decided.best, rest, against)
    runs = np.flatnonzero(np.diff(is_stroke, prepend=False, append=False)).reshape(-1, 2)
    found = []
    for begin, end in runs.tolist():
        if end - begin < shortest:
            continue
        means = decided.smoothed[begin:end].mean(axis=0)
        score = 1 - means[rest]
        means[rest] = -1
        best = int(means.argmax())
        found.append(DetectedInterval(video, begin, end, classes[best], float(score), float(means[best])))
    return found


def cut(stroke: DetectedInterval, decided: Decided) -> str:
    """Return which bounds of a stroke limit the known frames: ``begin``, ``end``, ``both`` or none."""
    first, end = decided.known
    names = [
        name for name, reached in (("begin", stroke.begin == first), ("end", stroke.end == end)) if reached
    ]
    return "both" if len(names) == 2 else "".join(names)
