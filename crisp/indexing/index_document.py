"""Build the content of ``index.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crisp import __version__
from crisp.clips import normalisation
from crisp.clips.reader import ClipReader
from crisp.core.versions import INDEX
from crisp.core.words import counted
from crisp.evaluation import detection
from crisp.evaluation.candidates import find_candidates
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.indexing.model import Model
from crisp.preparation.video import Source
from crisp.study.annotations import Stroke, is_unknown
from crisp.study.index_file import (
    DomainGap,
    IndexedModel,
    IndexedProbabilities,
    IndexedStroke,
    IndexedVideo,
    IndexFile,
)
from crisp.training import calibration, reference

DIGITS = 4  # decimals of scores and probabilities
CLEAR = 0.5  # probability that a class must reach at least once
OLD_MODEL = (
    "the model file is of an older version: its probabilities are not calibrated, and the video cannot be "
    "compared with its training data; train it again for both"
)


def with_annotation(index: IndexFile, truth: Sequence[Stroke] | None, path: str | None) -> IndexFile:
    """Return an index with another annotation.

    Parameters
    ----------
    index : IndexFile
    truth : sequence of Stroke or None
        Annotated strokes.
    path : str or None
        Their file.

    Returns
    -------
    IndexFile
        With the warnings about this annotation instead of the earlier ones.
    """
    before = _truth_warnings(index)
    others = [warning for warning in index.warnings if warning not in before]
    changed = replace(index, truth=None if truth is None else tuple(truth), annotations=path)
    return replace(changed, warnings=others + _truth_warnings(changed))


def _truth_warnings(index: IndexFile) -> list[str]:
    """List anomalies of annotated strokes, which are kept unchanged."""
    truth, path, count = index.truth or (), index.annotations, index.video.frames
    known = {*index.model.classes, ""}
    unknown = sorted({one.label for one in truth if not is_unknown(one.label)} - known)
    late = sum(one.end > count for one in truth)
    found = [f"{path}: not a class of the model, kept as it is: {', '.join(unknown)}"] if unknown else []
    if late:
        ending = f"{counted(late, 'annotated stroke')} {'ends' if late == 1 else 'end'}"
        found.append(f"{path}: {ending} after the last of {counted(count, 'frame')}")
    return found


def build_document(
    source: Source, name: str, folder: Path, step: int, model: Model, mirrored: bool = False
) -> IndexFile:
    """Find the strokes of a prepared video.

    Parameters
    ----------
    source : Source
        The video file.
    name : str
        Id of the video.
    folder : path-like
        Folder of its stage files.
    step : int
        Every `step`-th frame of the file is in the stage files.
    model : Model
    mirrored : bool
        Whether clips are mirrored, as for `crisp.clips.reader.ClipReader`.

    Returns
    -------
    IndexFile
        Without annotation and digest.

    Raises
    ------
    CrispError
        If a stage file is damaged.
    """
    variant = model.variant
    reader = ClipReader(folder, variant.streams, variant.flow, variant.pose_norm, mirrored)
    stride = detection.stride_frames(model.settings.stride, reader.fps)
    probabilities, distances = _predict(reader, stride, model, name)
    decided, runs = find_candidates(
        name,
        probabilities,
        model.decision,
        reader.fps,
        model.settings,
        model.classes,
        model.about["negative_class"],
        model.variant.size[0],
    )
    first, last = decided.known
    shown = calibration.temper(decided.smoothed[first:last:stride], model.temperature)
    unlike = _unlike(source, folder, distances, reader.fps, model)
    return IndexFile(
        schema=INDEX,
        crisp=__version__,
        video=IndexedVideo.of(name, source.path, source, source.sha256),
        model=_described(model, step),
        strokes=tuple(_stroke(run, decided, source, step, model) for run in runs),
        probabilities=IndexedProbabilities(
            stride=stride * step,
            first=first * step,
            classes=model.classes,
            values=shown.round(DIGITS).tolist(),
        ),
        **_region(reader, source, model.variant.size[1:], stride),
        roi_stride=stride * step,
        unlike=unlike,
        warnings=_warnings(unlike, model, shown),
    )


def _predict(
    reader: ClipReader, stride: int, model: Model, name: str
) -> tuple[detection.Probabilities, list[float]]:
    """Return the class probabilities of all frames, and the windows' distances from the training data."""
    scale = model.about["normalisation"]
    with reference.watched(model.network, model.about["reference"]) as distances:
        probabilities = detection.frame_probabilities(
            model.network,
            reader,
            model.variant.size,
            normalisation.from_json(scale) if scale else None,
            stride,
            model.about["training"]["batch_size"],
            f"{name} windows",
        )
    return probabilities, distances


def _described(model: Model, step: int) -> IndexedModel:
    return IndexedModel(
        path=str(model.path.absolute()),
        sha256=model.sha256,
        variant=model.variant.name,
        classes=model.classes,
        negative=model.about["negative_class"],
        decision=model.decision,
        fps=model.preparation["fps"],
        frame_step=step,
        temperature=model.temperature,
    )


def _unlike(
    source: Source, folder: Path, distances: list[float], fps: float, model: Model
) -> DomainGap | None:
    """List differences from the model's training data; None if the model file has no reference."""
    known = model.about["reference"]
    if not known:
        return None
    region = folder / "roi" / f"{model.variant.flow}.h5"
    facts = reference.Facts(
        source.width,
        model.preparation["width"],
        source.width / source.height,
        reference.speeds(region),
        np.array(distances),
    )
    found = reference.compare(known, facts)
    working = model.preparation["fps"]
    ratio = fps / working if working else 1.0
    # Two small differences count as one large one.
    far = len(found) > 1 or any(finding.far for finding in found) or max(ratio, 1 / ratio) > reference.RATE
    return DomainGap(words=[finding.words for finding in found], meaningless=far)


def _warnings(unlike: DomainGap | None, model: Model, shown: np.ndarray) -> list[str]:
    """List warnings about the reliability of the strokes, most serious first."""
    found = []
    if unlike is None:
        found.append(OLD_MODEL)
    elif unlike.words or unlike.meaningless:
        verdict = f"; {reference.VERDICT}" if unlike.meaningless else ": expect more errors"
        found.append(f"the video is unlike the training data of the model{verdict}")
        found += unlike.words
    strokes = np.delete(shown, model.classes.index(model.about["negative_class"]), axis=1)
    highest = float(strokes.max(initial=0))
    if highest < CLEAR:
        found.append(
            f"no class rises clearly anywhere in the video: the highest probability is {highest:.2f}"
        )
    return found


def _stroke(
    run: DetectedInterval, decided: detection.Decided, source: Source, step: int, model: Model
) -> IndexedStroke:
    """Convert a stroke for ``index.json``: in frames of the video file, with calibrated probabilities."""
    means = decided.smoothed[run.begin : run.end].mean(axis=0)
    shares = calibration.temper(means, model.temperature).round(DIGITS).tolist()
    scores = dict(zip(model.classes, shares, strict=True))
    return IndexedStroke(
        # A kept frame represents those up to the next kept one, or fewer at the end.
        begin=run.begin * step,
        end=min(run.end * step, source.decoded),
        label=run.label,
        probability=scores[run.label],
        score=round(1 - scores[model.about["negative_class"]], DIGITS),
        cut=detection.cut(run, decided),
        scores=scores,
    )


def _region(reader: ClipReader, source: Source, size: tuple[int, int], stride: int) -> dict[str, Any]:
    """Return centres (x, y) and size (width, height) of the model's crops, px of the video."""
    _, height, width = reader.shape
    centres = reader.centres(size)[::stride]
    scale = np.array([source.width / width, source.height / height])
    return {"roi": (centres * scale).round(1).tolist(), "roi_size": (scale * size[::-1]).round(1).tolist()}
