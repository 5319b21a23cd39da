"""Detection summary: one row per run and decision rule, and mean and spread over the seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from crisp.core import json_file, json_schema
from crisp.core.csv_table import write_table
from crisp.core.html_table import Table, write_tables
from crisp.core.unreadable import remade
from crisp.core.words import percent
from crisp.evaluation.decisions import RULES
from crisp.report.summary import Run, mean_spread

SHARES = (
    "global_iou",
    "everywhere",
    "ap_50",
    "ap_mean",
    "class_ap_50",
    "class_ap_mean",
    "campaign_map",
    "campaign_map_one_to_one",
)
NAMES = ("Variant", "Split", "Decision")
FRAMES = ("Seeds", "Videos", "Strokes", "Found", "Global IoU", "Everywhere")
PRECISIONS = (
    "AP 0.5",
    "AP 0.5 to 0.95",
    "Class AP 0.5",
    "Class AP 0.5 to 0.95",
    "Campaign mAP",
    "One to one",
)


class DetectionRow(NamedTuple):
    """A row of ``detection.tsv``: a run evaluated with one decision rule. None: not defined.

    `ap_*` are average precisions ignoring the class and `class_ap_*` means over the classes, at IoU 0.5
    and over 0.5 to 0.95; the others are as in ``detection.json``.
    """

    variant: str
    split: str
    seed: int
    decision: str
    configured: bool
    videos: int
    strokes: int
    detections: int
    global_iou: float | None
    everywhere: float | None
    ap_50: float | None
    ap_mean: float | None
    class_ap_50: float | None
    class_ap_mean: float | None
    campaign_map: float | None
    campaign_map_one_to_one: float | None


def collect_detections(runs: Iterable[Run]) -> list[DetectionRow]:
    """Read the metrics of all runs: four rows each, one per decision rule, in the order given.

    Raises
    ------
    CrispError
        If a ``detection.json`` is missing or damaged.
    """
    return [row for run in runs for row in _rows(run)]


def read_detection(path: str | Path) -> dict[str, Any]:
    """Return the metrics of a ``detection.json``.

    Raises
    ------
    CrispError
        If it is missing, damaged or of another version.
    """
    remedy = remade(path, "detect", "crisp detect makes one")
    return json_file.read(path, json_schema.schema("detection"), "file of detection figures", remedy)


def _rows(run: Run) -> list[DetectionRow]:
    content = read_detection(run.folder / "detection.json")
    rows = []
    for rule in RULES:
        figures = content["decisions"][rule]
        precision, of_classes = figures["average_precision"], figures["mean_average_precision"]
        rows.append(
            DetectionRow(
                variant=run.variant,
                split=run.split,
                seed=run.seed,
                decision=rule,
                configured=rule == content["decision"],
                videos=len(content["videos"]),
                strokes=figures["strokes"],
                detections=figures["detections"],
                global_iou=figures["global_iou"],
                everywhere=figures["everywhere"],
                ap_50=precision["0.50"],
                ap_mean=precision["mean"],
                class_ap_50=of_classes["0.50"],
                class_ap_mean=of_classes["mean"],
                campaign_map=figures["campaign_map"],
                campaign_map_one_to_one=figures["campaign_map_one_to_one"],
            )
        )
    return rows


def write_detection_summary(path: str | Path, rows: Iterable[DetectionRow]) -> None:
    """Write ``detection.tsv``: shares with six decimals, yes or no, an empty cell for None."""
    write_table(path, DetectionRow._fields, rows)


def write_detection_page(path: str | Path, rows: Iterable[DetectionRow]) -> None:
    """Write mean and spread over the seeds, for every rule, as a self-contained HTML page."""
    groups: dict[tuple[str, str, str], list[DetectionRow]] = {}
    for row in rows:
        groups.setdefault((row.variant, row.split, row.decision), []).append(row)
    note = (
        "Figures in %, mean ± standard deviation over the seeds; a star marks the study's decision rule. "
        "Global IoU: frame by frame, next to its value for stroke everywhere. AP: average precision at an "
        "IoU of 0.5, and its mean over 0.5 to 0.95, regardless of class and as mean over the classes. "
        "Campaign mAP: mean of precision x recall over the same IoUs, as MediaEval 2022 ranked, and with at "
        "most one annotated stroke for each found one."
    )
    names, frames = len(NAMES), len(FRAMES)
    cells = [_cells(group) for group in groups.values()]
    tables = [
        Table([*NAMES, *FRAMES], [line[: names + frames] for line in cells], caption="Frames"),
        Table(
            [*NAMES, *PRECISIONS],
            [[*line[:names], *line[names + frames :]] for line in cells],
            caption="Precision",
        ),
    ]
    write_tables(path, "Strokes found in untrimmed videos", note, tables)


def _cells(rows: Sequence[DetectionRow]) -> list[str]:
    """Return the cells under `NAMES`, `FRAMES` and `PRECISIONS` for a variant's seeds."""
    first = rows[0]
    found = sum(row.detections for row in rows) / len(rows)
    return [
        first.variant,
        first.split,
        first.decision + (" *" if first.configured else ""),
        str(len(rows)),
        str(first.videos),
        str(first.strokes),
        f"{found:.1f}" if len(rows) > 1 else str(first.detections),
        *(percent(*mean_spread(getattr(row, name) for row in rows)) for name in SHARES),
    ]
