"""Names that a spreadsheet would compute are text in every table, and the same when read back."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core import cells
from crisp.evaluation import predictions
from crisp.evaluation.detect import write_detections
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.evaluation.predictions import evaluate_predictions
from crisp.indexing.exports import csv_table
from crisp.report import label_errors, suggestions
from crisp.report.label_errors import write_label_errors
from crisp.study import tables
from crisp.study.importers import stroke_table
from crisp.study.index_file import IndexFile
from crisp.study.samples import Sample, read_samples, write_samples
from tests.indexing.exports.sample import content

BAD = ('=HYPERLINK("http://a.b")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "＝1+1", "'=1", "''@x")
FINE = ("Hit", "-1.5", "+5", "-inf", "'quoted'", "a=b", "", "Offensive Forehand Hit")


def computed(path: Path) -> list[str]:
    """The cells of a table that a spreadsheet would compute, numbers aside."""
    delimiter = "\t" if path.suffix == ".tsv" else ","
    with path.open(encoding="utf-8", newline="") as file:
        every = [cell for row in csv.reader(file, delimiter=delimiter) for cell in row]
    return [cell for cell in every if cell.startswith(cells.FORMULAS) and not cells._is_number(cell)]


@pytest.mark.parametrize("text", BAD)
def test_formula_is_made_text(text: str) -> None:
    assert cells.guarded(text) == f"'{text}"


@pytest.mark.parametrize("value", [*FINE, -1.5, -3, 0, True, None])
def test_other_cells_are_as_they_are(value: object) -> None:
    assert cells.guarded(value) is value


@given(st.text(st.sampled_from("'=+-@\t1.ea＝ ")) | st.text())
def test_what_is_written_reads_the_same(text: str) -> None:
    written = str(cells.guarded(text))
    assert cells.plain(written) == text
    assert not written.startswith(cells.FORMULAS) or cells._is_number(written)


def test_strokes_of_an_index(tmp_path: Path) -> None:
    made = content(tmp_path / "v.mp4")
    name = BAD[0]
    made["model"]["classes"] = [name]
    made["strokes"] = [{**made["strokes"][0], "label": name, "scores": {name: 0.5}}]
    path = tmp_path / "strokes.csv"
    csv_table.write(path, IndexFile.from_json(made))
    assert computed(path) == []
    (splits,) = stroke_table.strokes(path).values()
    assert [one.label for intervals in splits.values() for one in intervals] == [name]


def test_predictions(tmp_path: Path) -> None:
    samples = [Sample("v", 0, 9, name, "stroke", f"v:{number}-9") for number, name in enumerate(BAD)]
    windows = [np.full((1, len(BAD)), 1 / len(BAD))] * len(BAD)
    rows, _ = evaluate_predictions(samples, windows, BAD, "mean")
    path = tmp_path / "predictions.csv"
    predictions.write_predictions(path, rows, BAD)
    assert computed(path) == []
    assert [one.label for one in predictions.read_predictions(path, BAD)] == list(BAD)


def test_tables_of_strokes_detections_and_suspects(tmp_path: Path) -> None:
    samples = [Sample("v", 0, 9, name, "stroke", "v:0-9") for name in BAD]
    write_samples(tmp_path / "strokes.tsv", samples)
    assert read_samples(tmp_path / "strokes.tsv") == samples
    write_detections(tmp_path / "detections.csv", [DetectedInterval("v", 0, 9, name) for name in BAD])
    fields = label_errors.Suspect._fields
    suspects = [label_errors.Suspect(*([name] * len(fields))) for name in BAD]
    write_label_errors(tmp_path / "label_errors.tsv", suspects)
    fields = suggestions.Suggestion._fields
    suggested = [suggestions.Suggestion(*([name] * len(fields))) for name in BAD]
    suggestions.write_suggestions(tmp_path / "suggestions.tsv", suggested)
    assert [computed(path) for path in sorted(tmp_path.iterdir())] == [[], [], [], []]


def test_tables_of_a_data_set(tmp_path: Path) -> None:
    videos = [tables.VideoRow(f"v{number}", name, note=name, group=name) for number, name in enumerate(BAD)]
    rows = [tables.Annotation(f"v{number}", name) for number, name in enumerate(BAD)]
    tables.write_videos(tmp_path / "videos.tsv", videos)
    tables.write_annotations(tmp_path / "annotations.tsv", rows)
    assert tables.read_videos(tmp_path / "videos.tsv") == videos
    assert tables.read_annotations(tmp_path / "annotations.tsv") == rows
    assert [computed(path) for path in sorted(tmp_path.iterdir())] == [[], []]
