"""Build the content of ``index.json``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crisp import __version__
from crisp.clips import normalisation
from crisp.clips.reader import ClipReader
from crisp.core.versions import INDEX
from crisp.core.words import counted
from crisp.evaluation import detection
from crisp.evaluation.detection_metrics import Interval
from crisp.indexing.model import Model
from crisp.preparation import roi
from crisp.preparation.video import Source
from crisp.study.annotations import is_unknown
from crisp.training import calibration, reference

DIGITS = 4  # decimals of scores and probabilities
CLEAR = 0.5  # probability that a class must reach at least once
OLD_MODEL = (
    "the model's file is of an older version: its probabilities are not calibrated, and whether this video "
    "is like its training data cannot be checked; train it again for both"
)


def with_annotation(content: dict[str, Any], truth: list[dict] | None, path: str | None) -> dict[str, Any]:
    """Return the content of ``index.json`` with another annotation."""
    before = _about_truth(content)
    anew = {**content, "truth": truth, "annotations": path}
    kept = [warning for warning in content["warnings"] if warning not in before]
    return {**anew, "warnings": kept + _about_truth(anew)}


def _about_truth(content: dict[str, Any]) -> list[str]:
    """List anomalies of annotated strokes, which are kept unchanged."""
    truth, path, count = content["truth"] or [], content["annotations"], content["video"]["frames"]
    known = {*content["model"]["classes"], ""}
    unknown = sorted({one["label"] for one in truth if not is_unknown(one["label"])} - known)
    late = sum(one["end"] > count for one in truth)
    found = [f"{path}: not a class of the model, kept as it is: {', '.join(unknown)}"] if unknown else []
    if late:
        ending = f"{counted(late, 'annotated stroke')} {'ends' if late == 1 else 'end'}"
        found.append(f"{path}: {ending} after the last of {counted(count, 'frame')}")
    return found


def build_document(source: Source, name: str, folder: Path, step: int, model: Model) -> dict[str, Any]:
    """Find the strokes of a prepared video; return its ``index.json`` content without the annotation."""
    reader = ClipReader(folder, model.variant.streams, model.variant.flow, model.variant.pose_norm)
    scale, rest = model.about["normalisation"], model.about["negative_class"]
    stride = detection.stride_frames(model.settings.stride, reader.fps)
    known = model.about["reference"]
    with reference.watched(model.network, known) as distances:
        probabilities = detection.frame_probabilities(
            model.network,
            reader,
            model.variant.size,
            normalisation.from_json(scale) if scale else None,
            stride,
            model.about["training"]["batch_size"],
            f"{name} windows",
        )
    decided = detection.decide_frames(probabilities, model.decision, reader.fps, model.settings)
    runs = detection.find_strokes(name, decided, model.classes, rest, model.settings.shortest * reader.fps)
    first, last = decided.known
    shown = calibration.temper(decided.smoothed[first:last:stride], model.temperature)
    unlike = _unlike(source, folder, distances, step, model)
    return {
        "schema": INDEX,
        "crisp": __version__,
        "video": {
            "id": name,
            "path": str(source.path.absolute()),
            "sha256": source.sha256,
            **source.timing(),
        },
        "model": {
            "path": str(model.path.absolute()),
            "sha256": model.sha256,
            "variant": model.variant.name,
            "classes": model.classes,
            "negative": rest,
            "decision": model.decision,
            "fps": model.preparation["fps"],
            "frame_step": step,
            "temperature": model.temperature,
        },
        "strokes": [_stroke(run, decided, source, step, model) for run in runs],
        "probabilities": {
            "stride": stride * step,
            "first": first * step,
            "classes": model.classes,
            "values": shown.round(DIGITS).tolist(),
        },
        **_region(reader, source, model.variant.size[1:], stride),
        "roi_stride": stride * step,
        "unlike": unlike,
        "warnings": _doubts(unlike, model, shown),
    }


def _unlike(
    source: Source, folder: Path, distances: list[float], step: int, model: Model
) -> dict[str, Any] | None:
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
    ratio = source.fps / step / working if working else 1.0
    # Two small differences count as one large one.
    far = len(found) > 1 or any(finding.far for finding in found) or max(ratio, 1 / ratio) > reference.RATE
    return {"words": [finding.words for finding in found], "meaningless": far}


def _doubts(unlike: dict[str, Any] | None, model: Model, shown: np.ndarray) -> list[str]:
    """List warnings about the reliability of the strokes, most serious first."""
    told = []
    if unlike is None:
        told.append(OLD_MODEL)
    elif unlike["words"] or unlike["meaningless"]:
        verdict = f"; {reference.VERDICT}" if unlike["meaningless"] else ": expect more errors"
        told.append(f"the video is unlike the training data of the model{verdict}")
        told += unlike["words"]
    strokes = np.delete(shown, model.classes.index(model.about["negative_class"]), axis=1)
    highest = float(strokes.max(initial=0))
    if highest < CLEAR:
        told.append(f"no class rises clearly anywhere in the video: the highest probability is {highest:.2f}")
    return told


def _stroke(
    run: Interval, decided: detection.Decided, source: Source, step: int, model: Model
) -> dict[str, Any]:
    """Convert a stroke for ``index.json``: in frames of the video file, with calibrated probabilities."""
    means = decided.smoothed[run.begin : run.end].mean(axis=0)
    scores = _named(calibration.temper(means, model.temperature), model.classes)
    return {
        # A kept frame represents those up to the next kept one, or fewer at the end.
        "begin": run.begin * step,
        "end": min(run.end * step, source.decoded),
        "label": run.label,
        "probability": scores[run.label],
        "score": round(1 - scores[model.about["negative_class"]], DIGITS),
        "cut": detection.cut(run, decided),
        "scores": scores,
    }


def _named(values: np.ndarray, classes: Sequence[str]) -> dict[str, float]:
    return dict(zip(classes, values.round(DIGITS).tolist(), strict=True))


def _region(reader: ClipReader, source: Source, size: tuple[int, int], stride: int) -> dict[str, Any]:
    """Return centres (x, y) and size (width, height) of the model's crops, px of the video."""
    _, height, width = reader.shape
    centres = roi.clamp(reader.centres()[::stride], size, width, height)
    scale = np.array([source.width / width, source.height / height])
    return {"roi": (centres * scale).round(1).tolist(), "roi_size": (scale * size[::-1]).round(1).tolist()}
