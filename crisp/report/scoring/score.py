"""Score submissions with the metrics of `crisp evaluate` and `crisp detect`, one or two side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crisp.core.files import write_json
from crisp.core.html_table import Picture, Table, write_tables
from crisp.core.words import percent
from crisp.evaluation import confusion_plot, detection_metrics, detection_plot, metrics
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.evaluation.predictions import classification_figures
from crisp.report.comparisons import bootstrap_interval, mcnemar
from crisp.report.scoring.submission import Submission, classified, detected
from crisp.report.scoring.truth import Truth
from crisp.study.annotations import is_unknown

NEGATIVE, STROKE = "Negative", "Stroke"  # the task does not tell strokes apart
NOTE = {
    "classification": "Figures in %; – if undefined: no stroke of the class, or none predicted. Of two "
    "runs, the difference is that of the first minus the second in points, with its 95 % interval (paired "
    "bootstrap), and p is the exact McNemar test.",
    "detection": "Figures in %. Global IoU: frame by frame, next to its value for stroke everywhere. "
    "Campaign mAP: mean of precision x recall over the IoUs 0.5 to 0.95, as MediaEval 2022 ranked, and "
    "with at most one annotated stroke for each found one. AP: average precision; the files have no "
    "scores, so all detections rank equal.",
}


@dataclass(frozen=True)
class Scored:
    """A valid submission: its `name`, `figures`, whether each known stroke is `right`, and `timelines`."""

    name: str
    figures: dict[str, Any]
    right: tuple[bool, ...] = ()
    timelines: tuple[detection_plot.Timeline, ...] = ()


def score(submission: Submission, truth: Truth) -> Scored:
    """Check and score a submission.

    Parameters
    ----------
    submission : Submission
    truth : Truth

    Returns
    -------
    Scored
        Its figures are those of `crisp.evaluation.predictions.classification_figures`, without `top_k`, as
        a submission ranks no classes, or of `crisp.evaluation.detection_metrics.detection`.

    Raises
    ------
    CrispError
        Listing everything that makes the submission invalid.
    """
    scorer = _classification if truth.task == "classification" else _detection
    return scorer(submission, truth)


def _classification(submission: Submission, truth: Truth) -> Scored:
    index = {name: number for number, name in enumerate(truth.classes)}
    rows = classified(submission, truth)
    labels = [one.label for _, one, _ in rows]
    actual = [metrics.UNKNOWN if not label or is_unknown(label) else index[label] for label in labels]
    chosen = [index[label] for _, _, label in rows]
    every = range(len(truth.classes))
    ranked = np.array([[best, *(other for other in every if other != best)] for best in chosen])
    figures = classification_figures(actual, ranked, truth.classes, truth.super_classes)
    for of in (figures, *figures["super_classes"].values()):
        del of["top_k"]
    known = [(best, label) for best, label in zip(chosen, actual, strict=True) if label != metrics.UNKNOWN]
    return Scored(str(submission.path), figures, tuple(best == label for best, label in known))


def _detection(submission: Submission, truth: Truth) -> Scored:
    submitted = detected(submission, truth)
    actual, found, timelines = list[DetectedInterval](), list[DetectedInterval](), []
    for name, video in truth.videos.items():
        own, ours = (
            [DetectedInterval(name, one.begin, one.end, STROKE) for one in strokes if one.label != NEGATIVE]
            for strokes in (video.strokes, submitted[name])
        )
        nothing = np.full(video.frames, np.nan)
        timelines.append(detection_plot.Timeline(name, video.fps, own, ours, nothing))
        actual += own
        found += ours
    frames = {name: video.frames for name, video in truth.videos.items()}
    figures = detection_metrics.detection(actual, found, frames, (NEGATIVE, STROKE), NEGATIVE)
    return Scored(str(submission.path), figures, timelines=tuple(timelines))


def compare(first: Scored, second: Scored) -> dict[str, Any]:
    """Compare two submissions: the differences of their main figures, first minus second.

    For the classification task also the 95 % interval of that of the accuracy, the numbers of strokes that
    only one gets right, and their McNemar test (`crisp.report.comparisons`).
    """
    difference = {
        name: None if a is None or b is None else a - b
        for (name, a), (_, b) in zip(_main(first), _main(second), strict=True)
    }
    if not first.right:
        return {"difference": difference}
    differences = np.subtract(first.right, second.right, dtype=np.int64)
    only = int((differences > 0).sum()), int((differences < 0).sum())
    return {
        "difference": difference,
        "interval": bootstrap_interval(differences),
        "first_only": only[0],
        "second_only": only[1],
        "p": mcnemar(*only),
    }


def _main(scored: Scored) -> list[tuple[str, float | None]]:
    """Return the main figures of a submission, shares, by their names."""
    figures = scored.figures
    if "accuracy" in figures:
        coarse = figures["super_classes"].items()
        return [
            ("Accuracy", figures["accuracy"]),
            ("Mean class recall", figures["mean_class_recall"]),
            *((f"Accuracy by {name}", of["accuracy"]) for name, of in coarse),
        ]
    precision = figures["average_precision"]
    return [
        ("Global IoU", figures["global_iou"]),
        ("Stroke everywhere", figures["everywhere"]),
        ("Campaign mAP", figures["campaign_map"]),
        ("Campaign mAP, one to one", figures["campaign_map_one_to_one"]),
        ("AP 0.5", precision["0.50"]),
        ("AP 0.5 to 0.95", precision["mean"]),
    ]


def document(runs: Sequence[Scored], truth: Truth) -> dict[str, Any]:
    """Return one or two scored submissions ready for JSON."""
    found: dict[str, Any] = {
        "task": truth.task,
        "part": truth.part,
        "truth": truth.where,
        "runs": [{"submission": one.name, "figures": one.figures} for one in runs],
    }
    return {**found, "comparison": compare(*runs)} if len(runs) == 2 else found


def main_rows(runs: Sequence[Scored]) -> tuple[list[str], list[list[str]]]:
    """Return headings and rows of the main figures in %, a column for each run and one for the difference."""
    pair = len(runs) == 2
    headings = ["Key", *(["First", "Second", "Difference"] if pair else ["Figure"])]
    counts = ("n",) if runs[0].right or "n" in runs[0].figures else ("strokes", "detections")
    names = {"n": "Labelled strokes", "strokes": "Annotated strokes", "detections": "Detections"}
    rows = [[names[key], *(str(one.figures[key]) for one in runs), *[""] * pair] for key in counts]
    columns = [_main(one) for one in runs]
    found = compare(*runs) if pair else {}
    for cells in zip(*columns, strict=True):
        name = cells[0][0]
        row = [name, *(percent(value) for _, value in cells)]
        rows.append([*row, _points(found["difference"][name])] if pair else row)
    if "p" in found:
        low, high = found["interval"]
        rows.append(["95 % interval of the difference", "", "", f"{_points(low)} to {_points(high)}"])
        only = str(found["first_only"]), str(found["second_only"])
        rows.append(["Strokes that one alone gets right, p", *only, f"{found['p']:.3g}"])
    return headings, rows


def _points(difference: float | None) -> str:
    return "–" if difference is None else f"{100 * difference:+.1f}"


def score_text(runs: Sequence[Scored], truth: Truth) -> str:
    """Return the main figures as text."""
    headings, rows = main_rows(runs)
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [
        "  ".join([cells[0].ljust(widths[0]), *map(str.rjust, cells[1:], widths[1:])]).rstrip()
        for cells in ([f"{truth.task}, {truth.part}".ljust(widths[0]), *headings[1:]], *rows)
    ]
    return "\n".join([*(f"{one.name}: valid" for one in runs), *lines])


def write_score(folder: str | Path, runs: Sequence[Scored], truth: Truth) -> Path:
    """Write ``score.json``, the pictures, and ``score.html`` with all of it.

    Parameters
    ----------
    folder : path-like
        Folder to write to; files of an earlier score are overwritten.
    runs : sequence of Scored
        One or two.
    truth : Truth

    Returns
    -------
    Path
        The page.

    Raises
    ------
    CrispError
        If a file cannot be written.
    """
    folder = Path(folder)
    headings, rows = main_rows(runs)
    tables = [Table(headings, rows, caption="; ".join(f"{one.name}" for one in runs))]
    pictures = []
    for number, one in enumerate(runs, start=1):
        pictures += _pictures(folder, f"-{number}" if len(runs) == 2 else "", one)
    if truth.task == "classification":
        tables.append(_per_class(runs, truth))
    write_json(folder / "score.json", document(runs, truth))
    page = folder / "score.html"
    title = f"{truth.task.capitalize()}, {truth.part} set of {truth.where}"
    write_tables(page, title, NOTE[truth.task], tables, pictures)
    return page


def _pictures(folder: Path, suffix: str, one: Scored) -> list[Picture]:
    if one.timelines:
        path = folder / f"detection{suffix}.png"
        detection_plot.plot_timelines(path, one.timelines, one.name)
        return [Picture(path, f"Strokes found by {one.name}")]
    path = folder / f"confusion{suffix}.png"
    confusion_plot.plot_confusion(path, one.figures["confusion"], one.figures["classes"], one.name)
    found = [Picture(path, f"Confusion matrix of {one.name}")]
    if coarse := one.figures["super_classes"]:
        path = folder / f"super_confusion{suffix}.png"
        confusion_plot.plot_super_confusion(path, coarse, one.name)
        found.append(Picture(path, f"Confusion matrices by super-class of {one.name}"))
    return found


def _per_class(runs: Sequence[Scored], truth: Truth) -> Table:
    keys = ("precision", "recall", "f1")
    headings = ["Class", "Strokes", *(name for _ in runs for name in ("Precision", "Recall", "F1"))]
    rows = []
    for name in truth.classes:
        of = [one.figures["per_class"][name] for one in runs]
        rows.append([name, str(of[0]["support"]), *(percent(each[key]) for each in of for key in keys)])
    return Table(headings, rows, caption="Classes" + (", first and second" if len(runs) == 2 else ""))
