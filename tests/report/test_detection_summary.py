"""Summary of detection: rows, the table, and the page people read."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.core.files import write_json
from crisp.evaluation import detection_metrics
from crisp.evaluation.decisions import RULES
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.report import detection_summary
from crisp.report.detection_summary import write_detection_summary
from crisp.report.summary import Run

CLASSES = ["Hit", "Push", "Negative"]
TRUTH = [DetectedInterval("w", 0, 10, "Hit"), DetectedInterval("w", 20, 40, "Push")]


def run(folder: Path, seed: int, found: list[DetectedInterval], truth: list[DetectedInterval] = TRUTH) -> Run:
    """A run whose gaussian rule found these strokes, and the others none."""
    figures = {
        rule: detection_metrics.detection(
            truth, found if rule == "gaussian" else [], {"w": 100}, CLASSES, "Negative"
        )
        for rule in RULES
    }
    folder = folder / f"seed-{seed}"
    folder.mkdir()
    content = {**figures["gaussian"], "videos": ["w"], "decision": "gaussian", "decisions": figures}
    write_json(folder / "detection.json", content)
    return Run("twin", "main", seed, folder)


def test_four_rows_a_run(tmp_path: Path) -> None:
    rows = detection_summary.collect_detections([run(tmp_path, 1, TRUTH[:1]), run(tmp_path, 2, TRUTH)])
    assert [(row.seed, row.decision) for row in rows] == [(seed, rule) for seed in (1, 2) for rule in RULES]
    first, *_, last = [row for row in rows if row.configured]
    assert (first.videos, first.strokes, first.detections) == (1, 2, 1)
    assert first.global_iou == pytest.approx(10 / 30)
    assert first.everywhere == pytest.approx(0.3)
    assert first.ap_50 == first.ap_mean == first.class_ap_50 == first.class_ap_mean == 0.5
    assert first.campaign_map == first.campaign_map_one_to_one == 0.5
    assert last.global_iou == last.ap_mean == 1
    assert rows[0].global_iou == 0


def test_written_table(tmp_path: Path) -> None:
    rows = detection_summary.collect_detections([run(tmp_path, 1, [], truth=[])])
    write_detection_summary(tmp_path / "detection.tsv", rows)
    with (tmp_path / "detection.tsv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    assert [row["configured"] for row in found] == ["no", "no", "no", "yes"]
    assert found[0]["everywhere"] == "0.000000"
    assert found[0]["ap_50"] == found[0]["global_iou"] == ""


def test_page_has_means_over_seeds(tmp_path: Path) -> None:
    rows = detection_summary.collect_detections([run(tmp_path, 1, TRUTH[:1]), run(tmp_path, 2, TRUTH)])
    detection_summary.write_detection_page(tmp_path / "detection.html", rows)
    page = (tmp_path / "detection.html").read_text()
    assert page.count("<tr>") == 10  # of two tables
    assert "gaussian *" in page
    assert "75.0 ± 35.4" in page  # 50 % and 100 %
    assert '<td data-name="Found">1.5</td>' in page  # strokes found


def test_missing_figures_are_named(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match=r"detection\.json: file of detection figures is missing"):
        detection_summary.collect_detections([Run("twin", "main", 1, tmp_path)])
