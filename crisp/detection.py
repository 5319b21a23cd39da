"""Detection: strokes found in untrimmed videos, from the class probabilities of every frame.

A window's probabilities belong to its centre frame. They are smoothed over time by the rule that decides
trimmed strokes, and a maximal run of frames whose best class is a stroke is a found stroke.

No window is centred on the first and last half window of frames of a video: they are unknown, NaN in
every array of probabilities, and belong to no stroke.
"""

from __future__ import annotations

import csv
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import correlate1d
from torch import nn

from crisp import decisions, detection_metrics, normalisation, plots, splits, strokes
from crisp.annotations import read as read_xml
from crisp.augmentation import Draw
from crisp.cells import guarded
from crisp.clips import ClipReader
from crisp.detection_metrics import Interval
from crisp.devices import make_deterministic
from crisp.errors import fail
from crisp.files import replacing, write_json
from crisp.inference import model_rows, trained_model
from crisp.normalisation import Normalisation
from crisp.parallel import ahead
from crisp.progress import progress
from crisp.study import Detection, Study, Variant
from crisp.training import read_scale, readers
from crisp.words import counted

BLOCK = 64  # frames are read up to a multiple of it, so that no chunk of a stage file is decoded twice
COLUMNS = ("video", "begin", "end", "label", "score", "probability")

UNKNOWN = -1  # best class of a frame that no window decides

Probabilities = NDArray[np.float64]


class Decided(NamedTuple):
    """A video under one rule: smoothed probabilities (N, classes) and best class (N,) of its N frames.

    Of an unknown frame the probabilities are NaN and the best class is `UNKNOWN`.
    """

    smoothed: Probabilities
    best: NDArray[np.intp]

    @property
    def known(self) -> tuple[int, int]:
        """First known frame, and the one after the last: the known ones lie together."""
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
    """Class probabilities of every frame of a video.

    Windows start every `stride` frames and at the last frame possible; between their centres the
    probabilities are interpolated linearly, before the first and after the last centre they are unknown.
    A video no longer than a window has the one centred on it, with its first and last frame repeated: as
    that window holds all of the video, it stands for every frame.

    Parameters
    ----------
    model : Module
    reader : ClipReader
    size : (frames, height, width)
        Of a window.
    normalised : Normalisation or None
    stride : int
    batch_size : int
        Windows predicted at once; memory depends on it, not on the video's length.
    name : str
        What to show the progress of; empty shows none.

    Returns
    -------
    ndarray
        (N, classes), each row summing to 1, or NaN where unknown.
    """
    count, length = reader.shape[0], size[0]
    possible = decisions.windows(0, count, length)
    starts = [*possible[:-1:stride], possible[-1]]
    device = next(model.parameters()).device
    batches = ahead(_batches(reader, size, normalised, starts, batch_size, device))
    if name:
        batches = progress(
            batches, f"blocks of {counted(batch_size, 'window')}", name, -(-len(starts) // batch_size)
        )
    rows = np.concatenate([model_rows(model, batch) for batch in batches])
    centres = np.array(starts) + length // 2
    frames = np.arange(count)
    beyond = None if len(possible) == 1 else np.nan
    return np.stack([np.interp(frames, centres, column, beyond, beyond) for column in rows.T], axis=1)


def _batches(
    reader: ClipReader,
    size: tuple[int, int, int],
    normalised: Normalisation | None,
    starts: Sequence[int],
    batch_size: int,
    device: torch.device,
) -> Iterator[dict[str, torch.Tensor]]:
    """Batches of windows (B, C, T, …) with these first frames (ascending).

    A frame's crop depends on that frame alone, so each is read and brought to the device once; windows
    are cut there from the frames that are still needed.
    """
    length, *crop = size
    first = reached = starts[0]  # of the frames held, and the first one not read yet
    held: dict[str, torch.Tensor] = {}
    for place in range(0, len(starts), batch_size):
        batch = starts[place : place + batch_size]
        if batch[-1] + length > reached:
            stop = min(-(-(batch[-1] + length) // BLOCK) * BLOCK, starts[-1] + length)
            clip = reader.clip(Draw(reached), (stop - reached, crop[0], crop[1]), normalised)
            new = {name: torch.from_numpy(array).to(device) for name, array in clip.items()}
            done = batch[0] - first
            held = {
                name: torch.cat([held[name], frames], dim=1)[:, done:] if held else frames
                for name, frames in new.items()
            }
            first, reached = batch[0], stop
        yield {
            name: torch.stack([frames[:, start - first : start - first + length] for start in batch])
            for name, frames in held.items()
        }


def decide(probabilities: Probabilities, rule: str, fps: float, settings: Detection) -> Decided:
    """Smooth the class probabilities of a video's frames and find the best class of each.

    The smoothing takes 2 round(x fps / 2) + 1 frames, of which those that are known count; x is
    `settings.gaussian` for ``gaussian`` and `settings.smoothing` for ``vote`` (share of the frames
    whose best class it is) and ``mean``. ``no_window`` does not smooth. Of equal classes the best has
    the higher mean, then the lower index.

    Parameters
    ----------
    probabilities : ndarray
        (N, classes), from `frame_probabilities`.
    rule : str
        One of `decisions.RULES`.
    fps : float
        Frames per second.
    settings : Detection
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
    """Known frames smoothed by a rule, and what the best class has most of, both (n, classes)."""
    if rule == "no_window":
        return rows, rows
    if rule == "gaussian":
        means = _means(rows, decisions.gaussian_weights(kernel_frames(settings.gaussian, fps)))
        return means, means
    ones = np.ones(kernel_frames(settings.smoothing, fps))
    means = _means(rows, ones)
    if rule == "mean":
        return means, means
    votes = np.eye(rows.shape[1])[rows.argmax(axis=1)]
    counts = correlate1d(votes, ones, axis=0, mode="constant")  # whole numbers: ties are exact
    leading = counts == counts.max(axis=1, keepdims=True, initial=0)
    return counts / counts.sum(axis=1, keepdims=True), np.where(leading, means, -1)


def _means(rows: Probabilities, weights: NDArray[np.float64]) -> Probabilities:
    """Weighted means over time; beyond the first and last row there is nothing to count."""
    totals = correlate1d(np.ones(len(rows)), weights, mode="constant")
    return correlate1d(rows, weights, axis=0, mode="constant") / totals[:, None]


def known_frames(probabilities: Probabilities) -> tuple[int, int]:
    """First frame whose class probabilities are known, and the one after the last."""
    known = np.flatnonzero(~np.isnan(probabilities[:, 0]))
    return (int(known[0]), int(known[-1]) + 1) if len(known) else (0, 0)


def stride_frames(seconds: float, fps: float) -> int:
    """Frames from a window to the next, at least 1."""
    return max(1, math.floor(seconds * fps + 0.5))


def kernel_frames(seconds: float, fps: float) -> int:
    """Frames of a smoothing, always odd: 2 round(seconds fps / 2) + 1."""
    return 2 * math.floor(seconds * fps / 2 + 0.5) + 1


def find(
    video: str, decided: Decided, classes: Sequence[str], negative: str, shortest: float
) -> list[Interval]:
    """The strokes of a video: maximal runs of known frames whose best class is a stroke.

    A run that reaches the first or last known frame ends there, as nobody knows how it goes on.

    Parameters
    ----------
    video : str
    decided : Decided
    classes : sequence of str
    negative : str
        The class that is no stroke.
    shortest : float
        Frames of the shortest stroke.

    Returns
    -------
    list of Interval
        In time order. The class has the highest mean smoothed probability of all stroke classes, which is
        its `probability`; the `score` is the mean of one minus that of the negative class.
    """
    rest = list(classes).index(negative)
    is_stroke = (decided.best != rest) & (decided.best != UNKNOWN)
    runs = np.flatnonzero(np.diff(is_stroke, prepend=False, append=False)).reshape(-1, 2)
    found = []
    for begin, end in runs.tolist():
        if end - begin < shortest:
            continue
        means = decided.smoothed[begin:end].mean(axis=0)
        score = 1 - means[rest]
        means[rest] = -1
        best = int(means.argmax())
        found.append(Interval(video, begin, end, classes[best], float(score), float(means[best])))
    return found


def cut(stroke: Interval, decided: Decided) -> str:
    """Which bounds of a found stroke lie where the known frames end: ``begin``, ``end``, ``both`` or none."""
    first, end = decided.known
    names = [
        name for name, reached in (("begin", stroke.begin == first), ("end", stroke.end == end)) if reached
    ]
    return "both" if len(names) == 2 else "".join(names)


def truth(study: Study, kept: strokes.Labels | None = None) -> dict[str, list[Interval]]:
    """The annotated strokes of every video in which strokes are to be found, in working frames.

    Parameters
    ----------
    study : Study
    kept : dict, optional
        Strokes to take instead of those in the files (see `strokes.labels`).
    """
    found: dict[str, list[Interval]] = {}
    for row in study.detection_rows:
        known = (kept or {}).get(row.path)
        actions = read_xml(study.annotation_file(row)) if known is None else known
        step = study.videos[row.video].frame_step
        found.setdefault(row.video, []).extend(
            Interval(row.video, *strokes.working_interval(begin, end, step), label)
            for begin, end, label in actions
            if label != study.negative_class
        )
    return found


def trained_on(study: Study, split: str) -> set[str]:
    """Groups of videos (or videos without group) with a training or validation sample of a split."""
    assigned = splits.read(study.results / "splits" / f"{split}.tsv")
    return {
        study.group_of(sample.video)
        for sample in strokes.read(study.results / "strokes.tsv")
        if assigned.get(sample.sample) in ("train", "validation")
    }


def detect(
    study: Study,
    variant: Variant,
    split: str,
    seed: int,
    device: str = "auto",
    kept: strokes.Labels | None = None,
) -> dict[str, Any]:
    """Find the strokes in a study's untrimmed videos by a trained variant, and compare with the annotation.

    Writes ``detections.csv``, ``detection.json`` and ``detection.png`` beside the model, and returns the
    figures. A video is left out, with a warning, if it or its group has training or validation samples.

    Raises
    ------
    CrispError
        If the study has no such video, an input is missing, or the model is not the study's.
    """
    annotated = truth(study, kept)
    if not annotated:
        raise fail(
            study.annotations_table,
            "no video to find strokes in",
            "a row of task detection and split test, and negatives.class among the classes",
            "none",
            "add one",
        )
    make_deterministic(study.training.threads)
    model = trained_model(study, variant, split, seed, device)
    seen = trained_on(study, split)
    left_out = [video for video in annotated if study.group_of(video) in seen]
    for video in left_out:
        print(f"warning: {video}: left out, it or its group trains or validates", file=sys.stderr)
        del annotated[video]
    scale = read_scale(study, variant, split)
    normalised = normalisation.from_json(scale) if scale else None
    found: dict[str, list[Interval]] = {rule: [] for rule in decisions.RULES}
    frames: dict[str, int] = {}
    shown = []
    videos = readers(study, variant, annotated)
    for video, reader in progress(videos.items(), "videos", variant.name, len(videos)):
        stride = stride_frames(study.detection.stride, reader.fps)
        probabilities = frame_probabilities(
            model, reader, variant.size, normalised, stride, study.training.batch_size
        )
        frames[video] = len(probabilities)
        for rule in decisions.RULES:
            decided = decide(probabilities, rule, reader.fps, study.detection)
            shortest = study.detection.shortest * reader.fps
            runs = find(video, decided, study.classes, study.negative_class, shortest)
            found[rule] += runs
            if rule == study.decision:
                stroke = 1 - decided.smoothed[:, study.classes.index(study.negative_class)]
                shown.append(plots.Timeline(video, reader.fps, annotated[video], runs, stroke))
    actual = [stroke for video in annotated for stroke in annotated[video]]
    figures = {
        rule: detection_metrics.detection(actual, found[rule], frames, study.classes, study.negative_class)
        for rule in decisions.RULES
    }
    content = {
        **figures[study.decision],
        "videos": list(annotated),
        "left_out": left_out,
        "decision": study.decision,
        "decisions": figures,
    }
    folder = study.model_folder(variant.name, split, seed)
    write(folder / "detections.csv", found[study.decision])
    plots.timelines(folder / "detection.png", shown, f"{variant.name}, seed {seed}")
    write_json(folder / "detection.json", content)
    return content


def write(path: str | Path, found: Iterable[Interval]) -> None:
    """Write ``detections.csv``; scores and probabilities have six decimals."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            (*map(guarded, one[:4]), f"{one.score:.6f}", f"{one.probability:.6f}") for one in found
        )


def text(figures: dict[str, Any]) -> str:
    """The main figures in a line of words."""
    said = f"{counted(figures['detections'], 'stroke')} found in {counted(len(figures['videos']), 'video')}"
    if figures["global_iou"] is None or not figures["strokes"]:
        return f"{said}; none is annotated there"
    precision = figures["average_precision"]["0.50"]
    return (
        f"{said}, {figures['strokes']} annotated; global IoU {figures['global_iou']:.3f} "
        f"(stroke everywhere: {figures['everywhere']:.3f}), average precision at IoU 0.5 {precision:.3f}"
    )
