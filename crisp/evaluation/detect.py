"""The detect stage: find strokes in the untrimmed test videos."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from torch import nn

from crisp.clips import normalisation
from crisp.clips.dataset import clip_readers, read_scale
from crisp.core.cells import guarded
from crisp.core.errors import fail
from crisp.core.files import replacing, write_json
from crisp.core.progress import progress
from crisp.core.words import counted
from crisp.evaluation import decisions, detection_metrics, detection_plot
from crisp.evaluation.candidates import find_candidates
from crisp.evaluation.detection import frame_probabilities, stride_frames
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.evaluation.trained_model import trained_model
from crisp.study import samples
from crisp.study.config import Study
from crisp.study.players import view_of
from crisp.study.samples import read_samples
from crisp.study.splits import read_split
from crisp.study.variants import Variant
from crisp.training.devices import make_deterministic

COLUMNS = ("video", "begin", "end", "label", "score", "probability")


def annotated_strokes(
    study: Study, label_snapshot: samples.Labels | None = None
) -> dict[str, list[DetectedInterval]]:
    """Return the annotated strokes of every untrimmed test video, in working frames.

    Parameters
    ----------
    study : Study
    label_snapshot : mapping, optional
        Snapshot of strokes to use instead of the files (see `crisp.study.samples.labels`).

    Returns
    -------
    dict of str to list of DetectedInterval
        By view.
    """
    found: dict[str, list[DetectedInterval]] = {}
    for row in study.detection_rows:
        video = study.videos[row.video]
        for view in video.views:
            found.setdefault(view, [])
        for stroke in samples.strokes_of(study, row, label_snapshot or {}):
            placed = view_of(stroke, video)
            if placed and stroke.label != study.negative_class:
                interval = samples.working_interval(stroke.begin, stroke.end, video.frame_step)
                found[placed].append(DetectedInterval(placed, *interval, study.class_of(stroke)))
    return found


def trained_on(study: Study, split: str) -> set[str]:
    """Return the groups (or ungrouped videos) with a training or validation sample of a split."""
    assigned = read_split(study.split_table(split))
    return {
        study.group_of(sample.video)
        for sample in read_samples(study.results / "strokes.tsv")
        if assigned.get(sample.sample) in ("train", "validation")
    }


def detect_strokes(
    study: Study,
    variant: Variant,
    split: str,
    seed: int,
    device: str = "auto",
    label_snapshot: samples.Labels | None = None,
) -> dict[str, Any]:
    """Find strokes in a study's untrimmed videos with a trained variant, and compare with the annotation.

    Write ``detections.csv``, ``detection.json`` and ``detection.png`` beside the model. A video is skipped,
    with a warning, if it or its group has training or validation samples.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split that the model was trained on.
    seed : int
        Seed of the training.
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``cuda:<n>``.
    label_snapshot : mapping, optional
        Snapshot of strokes to use instead of the annotation files, by their path.

    Returns
    -------
    dict
        The metrics, as in ``detection.json`` (`crisp.evaluation.detection_metrics`).

    Raises
    ------
    CrispError
        If the study has no such video, an input is missing, or the model is not the study's.
    """
    annotated = annotated_strokes(study, label_snapshot)
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
    left_out = _drop_trained_on(study, split, annotated)
    found, frames, shown = _find(study, variant, split, model, annotated)
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
    write_detections(folder / "detections.csv", found[study.decision])
    detection_plot.plot_timelines(folder / "detection.png", shown, f"{variant.name}, seed {seed}")
    write_json(folder / "detection.json", content)
    return content


def _drop_trained_on(study: Study, split: str, annotated: dict[str, list[DetectedInterval]]) -> list[str]:
    """Drop the videos whose group trains or validates, with a warning; return them."""
    seen = trained_on(study, split)
    left_out = [video for video in annotated if study.group_of(video) in seen]
    for video in left_out:
        print(
            f"warning: {video}: skipped, as it or its group is used for training or validation",
            file=sys.stderr,
        )
        del annotated[video]
    return left_out


def _find(
    study: Study, variant: Variant, split: str, model: nn.Module, annotated: dict[str, list[DetectedInterval]]
) -> tuple[dict[str, list[DetectedInterval]], dict[str, int], list[detection_plot.Timeline]]:
    """Return the strokes by decision rule, the number of frames by video, and the plotted timelines."""
    scale = read_scale(study, variant, split)
    normalised = normalisation.from_json(scale) if scale else None
    found: dict[str, list[DetectedInterval]] = {rule: [] for rule in decisions.RULES}
    frames: dict[str, int] = {}
    shown = []
    videos = clip_readers(study, variant, annotated)
    for video, reader in progress(videos.items(), "videos", variant.name, len(videos)):
        stride = stride_frames(study.detection.stride, reader.fps)
        probabilities = frame_probabilities(
            model, reader, variant.size, normalised, stride, study.training_of(variant).batch_size
        )
        frames[video] = len(probabilities)
        for rule in decisions.RULES:
            decided, runs = find_candidates(
                video,
                probabilities,
                rule,
                reader.fps,
                study.detection,
                study.classes,
                study.negative_class,
                variant.size[0],
            )
            found[rule] += runs
            if rule == study.decision:
                stroke = 1 - decided.smoothed[:, study.classes.index(study.negative_class)]
                shown.append(detection_plot.Timeline(video, reader.fps, annotated[video], runs, stroke))
    return found, frames, shown


def write_detections(path: str | Path, found: Iterable[DetectedInterval]) -> None:
    """Write ``detections.csv``; scores and probabilities have six decimals."""
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            (*map(guarded, one[:4]), f"{one.score:.6f}", f"{one.probability:.6f}") for one in found
        )


def detections_text(figures: dict[str, Any]) -> str:
    """Summarise the main metrics in one line of text."""
    said = f"{counted(figures['detections'], 'stroke')} found in {counted(len(figures['videos']), 'video')}"
    if figures["global_iou"] is None or not figures["strokes"]:
        return f"{said}; none is annotated there"
    precision = figures["average_precision"]["0.50"]
    return (
        f"{said}, {figures['strokes']} annotated; global IoU {figures['global_iou']:.3f} "
        f"(stroke everywhere: {figures['everywhere']:.3f}), average precision at IoU 0.5 {precision:.3f}"
    )
