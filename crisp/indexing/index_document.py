"""Build the content of ``index.json``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from crisp import __version__
from crisp.clips import normalisation
from crisp.clips.reader import ClipReader
from crisp.core.versions import INDEX, INDEX_OF_PLAYERS
from crisp.core.views import WHOLE, Box, view
from crisp.core.words import counted
from crisp.evaluation import detection
from crisp.evaluation.candidates import find_candidates
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.indexing.model import Model, Options
from crisp.preparation.video import Source
from crisp.study.annotations import Stroke, is_unknown
from crisp.study.index_file import (
    DomainGap,
    IndexedModel,
    IndexedPlayer,
    IndexedProbabilities,
    IndexedStroke,
    IndexedVideo,
    IndexFile,
)
from crisp.training import calibration, reference

DIGITS = 4  # decimals of scores and probabilities
CLEAR = 0.5  # probability that a class must reach at least once
RISE = 0.2  # of a probability above its median over the video, that a class must reach at least once
LONG = 5  # lengths of a clip, which is about a short stroke: a longer stroke is probably none, or several
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
    players = [player.name for player in index.players]
    others = {one.player for one in truth}.difference(players, [""] if len(players) == 1 else [])
    if players and others:
        names = ", ".join(other or "not given" for other in sorted(others))
        found.append(f"{path}: strokes of other players than {', '.join(players)}: {names}")
    return found


@dataclass(frozen=True)
class _Found:
    """What the model found in the whole picture, or in the region of a player.

    `shown` (rows, classes) are its probabilities in every `stride`-th frame, `runs` the strokes in working
    frames, `distances` those of its windows from the training data, `fps` is the working frame rate.
    """

    strokes: list[IndexedStroke]
    track: IndexedPlayer
    shown: np.ndarray
    stride: int
    runs: list[DetectedInterval]
    distances: list[float]
    fps: float


def build_document(
    source: Source, name: str, folder: Path, step: int, model: Model, options: Options
) -> IndexFile:
    """Find the strokes of a prepared video, those of each player in his region.

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
    options : Options
        The regions of the players, and the sides to which they play.

    Returns
    -------
    IndexFile
        Without annotation and digest.

    Raises
    ------
    CrispError
        If a stage file is damaged.
    """
    regions = options.regions
    found = [
        _find(source, name, folder, step, model, region, box, options.is_mirrored(region))
        for region, box in (regions or {"": WHOLE}).items()
    ]
    tracks = tuple(of_one.track for of_one in found)
    keys = () if regions else ("probabilities", "roi", "roi_size", "roi_stride")
    whole: dict[str, Any] = {key: getattr(tracks[0], key) for key in keys}
    strokes = (stroke for of_one in found for stroke in of_one.strokes)
    unlike = _unlike(source, folder, found, model)
    return IndexFile(
        schema=INDEX_OF_PLAYERS if regions else INDEX,
        crisp=__version__,
        video=IndexedVideo.of(name, source.path, source, source.sha256),
        model=_described(model, step),
        strokes=tuple(sorted(strokes, key=lambda one: one.begin)),
        players=tracks if regions else (),
        **whole,
        unlike=unlike,
        warnings=_warnings(unlike, model, found),
    )


def _find(
    source: Source,
    name: str,
    folder: Path,
    step: int,
    model: Model,
    region: str,
    box: Box,
    mirrored: bool,
) -> _Found:
    """Find the strokes in the whole picture or in a region."""
    variant = model.variant
    reader = ClipReader(folder, variant.streams, variant.flow, variant.pose_norm, region, mirrored)
    stride = detection.stride_frames(model.settings.stride, reader.fps)
    probabilities, distances = _predict(reader, stride, model, view(name, region))
    decided, runs = find_candidates(
        name,
        probabilities,
        model.decision,
        reader.fps,
        model.settings,
        model.classes,
        model.about["negative_class"],
        variant.size[0],
    )
    first, last = decided.known
    shown = calibration.temper(decided.smoothed[first:last:stride], model.temperature)
    track = IndexedPlayer(
        name=region,
        box=box,
        probabilities=IndexedProbabilities(
            stride=stride * step,
            first=first * step,
            classes=model.classes,
            values=shown.round(DIGITS).tolist(),
        ),
        **_region(reader, source, variant.size[1:], stride),
        roi_stride=stride * step,
    )
    strokes = [_stroke(run, decided, source, step, model, region) for run in runs]
    return _Found(strokes, track, shown, stride, runs, distances, reader.fps)


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


def _unlike(source: Source, folder: Path, found: Sequence[_Found], model: Model) -> DomainGap | None:
    """List differences from the model's training data; None if the model file has no reference."""
    known = model.about["reference"]
    if not known:
        return None
    fps = found[0].fps
    regions = [folder / "roi" / f"{view(model.variant.flow, one.track.name)}.h5" for one in found]
    facts = reference.Facts(
        source.width,
        model.preparation["width"],
        source.width / source.height,
        np.concatenate([reference.speeds(region) for region in regions]),
        np.array([distance for one in found for distance in one.distances]),
    )
    findings = reference.compare(known, facts)
    working = model.preparation["fps"]
    ratio = fps / working if working else 1.0
    # Two small differences count as one large one.
    several = len(findings) > 1
    far = several or any(finding.far for finding in findings) or max(ratio, 1 / ratio) > reference.RATE
    return DomainGap(words=[finding.words for finding in findings], meaningless=far)


def _warnings(unlike: DomainGap | None, model: Model, found: Sequence[_Found]) -> list[str]:
    """List warnings about the reliability of the strokes, most serious first."""
    words = []
    if unlike is None:
        words.append(OLD_MODEL)
    elif unlike.words or unlike.meaningless:
        verdict = f"; {reference.VERDICT}" if unlike.meaningless else ": expect more errors"
        words.append(f"the video is unlike the training data of the model{verdict}")
        words += unlike.words
    for one in found:
        where = f"in the region {one.track.name}" if one.track.name else "in the video"
        words += _unclear(one.shown, one.stride, model, where)
        words += _implausible(one.runs, one.fps, model)
    return words


def _unclear(shown: np.ndarray, stride: int, model: Model, where: str) -> list[str]:
    """Warn if no class rises; `shown` are calibrated probabilities of every `stride`-th frame, (n, N)."""
    strokes = np.delete(shown, model.classes.index(model.about["negative_class"]), axis=1)
    highest = float(strokes.max(initial=0))
    words = f"no class rises clearly anywhere {where}"
    if highest < CLEAR:
        return [f"{words}: the highest probability is {highest:.2f}"]
    lasts = len(strokes) * stride >= LONG * model.variant.size[0]
    if lasts and (rise := float((strokes - np.median(strokes, axis=0)).max())) < RISE:
        return [f"{words}: no probability is ever more than {rise:.2f} above its median"]
    return []


def _implausible(runs: Sequence[DetectedInterval], fps: float, model: Model) -> list[str]:
    """Warn of strokes that are much longer than a clip of the model."""
    clip = model.variant.size[0]
    long = [run for run in runs if run.end - run.begin > LONG * clip]
    if not long:
        return []
    longest = max(long, key=lambda run: run.end - run.begin)
    return [
        f"{counted(len(long), 'stroke')} implausibly long, up to {(longest.end - longest.begin) / fps:.1f} s "
        f"({longest.label} at {longest.begin / fps:.1f} s); a clip of the model lasts {clip / fps:.1f} s: "
        "probably no stroke, or several"
    ]


def _stroke(
    run: DetectedInterval,
    decided: detection.Decided,
    source: Source,
    step: int,
    model: Model,
    player: str,
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
        player=player,
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
