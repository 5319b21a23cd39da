"""A study as a finished run leaves it, without preparing or training: predictions and histories are drawn."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core import files
from crisp.evaluation import confusion_plot, decisions, detection_metrics, detection_plot, per_class_table
from crisp.evaluation import predictions as evaluation
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.evaluation.predictions import evaluate_predictions
from crisp.preparation.flow import extract_flow
from crisp.preparation.frames import extract_frames
from crisp.preparation.roi import extract_roi
from crisp.study import load, tables, variants
from crisp.study.config import Study
from crisp.study.samples import collect_samples, write_samples
from crisp.study.scan import scan_videos
from crisp.study.splits import assign_split, write_split
from crisp.study.tables import Annotation, VideoRow
from crisp.training import curves
from crisp.training import history as history_file
from tests.stagefiles import METHOD

FRAMES, FPS = 120, 25
STROKES = ((4, 20), (26, 44), (50, 62), (70, 90), (96, 112))
ODD = ("Hit $5$", "Ba$$in", "a<b & c", "_Serve", "Negative")
LONG = "Defensive Backhand Backspin without a Turn of the Wrist"


def build(
    make_video: Callable[..., Path],
    classes: Sequence[str] = ODD,
    videos: Sequence[str] = ("player-20", "player-21", "player-22"),
    skill: Mapping[str, float] | None = None,
    **changes: Any,
) -> Study:
    """Write a study into the working folder, evaluated but not summarised; its file is ``study.yaml``.

    Parameters
    ----------
    make_video : callable
        The fixture.
    classes : sequence of str
        The last is the negative class.
    videos : sequence of str
        Each has five strokes, of the classes in turn; strokes are looked for in the last.
    skill : mapping
        Variants, named after their models, and how much surer each is of the annotated class; 0 for one
        that never learned.
    changes : keys of the study.
    """
    skill = {"rgb": 0.0, "twin": 1.2} if skill is None else skill
    rows = [VideoRow(video, f"{video}.mp4", group=video) for video in videos]
    source = make_video(f"data/d/{rows[0].path}", FRAMES, fps=FPS)
    labels = []
    number = 0
    for row in rows:
        if row is not rows[0]:
            shutil.copy(source, source.with_name(row.path))
        actions = []
        for begin, end in STROKES:
            name = classes[number % (len(classes) - 1)] if len(classes) > 1 else classes[0]
            actions.append(f'<action begin="{begin}" end="{end}" move="{_escaped(name)}"/>')
            number += 1
        Path("xml").mkdir(exist_ok=True)
        Path("xml", f"{row.video}.xml").write_text(f"<video>{''.join(actions)}</video>")
        labels.append(Annotation(row.video, f"xml/{row.video}.xml", split="train"))
    labels.append(Annotation(rows[-1].video, f"xml/{rows[-1].video}.xml", "detection", "test"))
    tables.write_videos("videos.tsv", rows)
    tables.write_annotations("annotations.tsv", labels)
    scan_videos("videos.tsv", "data/d")
    content = {
        "study": "s",
        "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
        "classes": list(classes),
        "negatives": {"class": classes[-1], "share": 0.2, "seconds": 0.2},
        "preparation": {"flow_methods": [METHOD]},
        "split": {"method": "by_video", "folds": min(3, len(videos))},
        "defaults": {"size": [16, 16, 24], "flow": METHOD},
        "variants": [
            {"name": name, "model": next(model for model in variants.STREAMS if name.startswith(model))}
            for name in skill
        ],
        "seeds": [1, 2],
        **changes,
    }
    Path("study.yaml").write_text(yaml.safe_dump(content))
    made = load.load_study("study.yaml")
    _prepare(made)
    _evaluate(made, skill)
    return made


def summarise(made: Study) -> str:
    """Type ``crisp summary``, draw a quality picture and list the label errors; returns what was printed."""
    said = ""
    for verb in (["summary"], ["quality", next(iter(made.used))], ["label-errors"]):
        done = CliRunner().invoke(application.app, [*verb, "--study", "study.yaml"], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        said += done.output
    return said


def _escaped(name: str) -> str:
    return name.replace("&", "&amp;").replace("<", "&lt;")


def _prepare(made: Study) -> None:
    first, *others = made.used
    stages = [made.stage_file(first, *stage) for stage in (("frames",), ("flow", METHOD), ("roi", METHOD))]
    extract_frames(made.source(first), stages[0])
    extract_flow(stages[0], stages[1], METHOD)
    extract_roi(*stages, 0.6, 0.25)
    for video in others:
        shutil.copytree(made.volumes / first, made.volumes / video)


def _evaluate(made: Study, skill: Mapping[str, float]) -> None:
    samples = collect_samples(made, dict.fromkeys(made.used, FRAMES))
    write_samples(made.results / "strokes.tsv", samples)
    random = np.random.default_rng(0)
    detection, found = _detect(made)
    for split in made.split_names:
        assigned = assign_split(made, samples, split)
        write_split(made.split_table(split), assigned)
        tested = [sample for sample in samples if assigned.get(sample.sample) == "test"]
        for variant in made.variants:
            for seed in made.seeds:
                folder = made.model_folder(variant.name, split, seed)
                folder.mkdir(parents=True)
                windows = [
                    _softmax(random, made.classes, sample.label, skill[variant.name]) for sample in tested
                ]
                predictions, figures = evaluate_predictions(
                    tested,
                    windows,
                    made.classes,
                    made.decision,
                    0.3,
                    made.super_classes,
                    made.negative_class,
                )
                evaluation.write_predictions(folder / "predictions.csv", predictions, made.classes)
                files.write_json(folder / "metrics.json", {**figures, "parameters": 4_000_000})
                history = _history(len(made.classes), skill[variant.name])
                history_file.write_history(folder / "history.csv", history)
                files.write_json(folder / "detection.json", detection)
                if (split, seed) == (made.split_names[0], made.seeds[0]):
                    _draw(made, folder, f"{variant.name}, seed {seed}", figures, history, found)


def _draw(
    made: Study,
    folder: Path,
    title: str,
    figures: Mapping[str, Any],
    history: Sequence[Mapping[str, float]],
    found: Sequence[detection_plot.Timeline],
) -> None:
    confusion_plot.plot_confusion(folder / "confusion.png", figures["confusion"], made.classes, title)
    if made.super_classes:
        confusion_plot.plot_super_confusion(folder / "super_confusion.png", figures["super_classes"], title)
    per_class_table.per_class_table(folder / "per_class.html", figures, title)
    curves.plot_curves(folder / "curves.png", history, title)
    detection_plot.plot_timelines(folder / "detection.png", found, title)


def _softmax(random: np.random.Generator, classes: Sequence[str], label: str, skill: float) -> Any:
    scores = random.normal(size=(3, len(classes)))
    if label in classes:
        scores[:, classes.index(label)] += skill
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)


def _history(n: int, skill: float) -> list[dict[str, Any]]:
    return [
        {
            "epoch": epoch,
            "train_loss": np.log(n) / (1 + skill * epoch / 4),
            "train_accuracy": 0.5,
            "validation_loss": np.log(n) / (1 + skill * epoch / 5),
            "validation_accuracy": 0.4,
            "learning_rate": 0.01,
            "best": 1,
        }
        for epoch in range(1, 9)
    ]


def _detect(made: Study) -> tuple[dict[str, Any], list[detection_plot.Timeline]]:
    """Figures of strokes that are found two frames late, and what is drawn of them."""
    rows = made.detection_rows
    found = [
        DetectedInterval(row.video, begin + 2, end, made.classes[0], 0.8)
        for row in rows
        for begin, end in STROKES
    ]
    truth = [
        DetectedInterval(row.video, begin, end, made.classes[0]) for row in rows for begin, end in STROKES
    ]
    figures = {
        rule: detection_metrics.detection(
            truth, found, {row.video: FRAMES for row in rows}, made.classes, made.negative_class
        )
        for rule in decisions.RULES
    }
    videos = [row.video for row in rows]
    content = {**figures[made.decision], "videos": videos, "decision": made.decision, "decisions": figures}
    probability = np.linspace(0, 1, FRAMES)
    return content, [detection_plot.Timeline(video, FPS, truth, found, probability) for video in videos]
