"""Evaluation: rows and figures of strokes with known window probabilities."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.core.files import read_json, write_json
from crisp.evaluation import predictions
from crisp.evaluation.decisions import RULES
from crisp.evaluation.predictions import evaluate_predictions
from crisp.study.samples import Sample

CLASSES = ("Negative", "Push, long", "Loop")
SAMPLES = [
    Sample("1", 0, 14, "Push, long", "stroke", "1-0"),
    Sample("1", 20, 32, "Loop", "stroke", "1-20"),
    Sample("2", 0, 12, "UNKNOWN", "stroke", "2-0"),
]
# Of the first, the vote and the middle window say Loop, both averages say Push: mean (0, 0.6, 0.4),
# gaussian (0, 0.5625, 0.4375), as its weights are 0.25, 0.5 and 0.25.
PROBABILITIES = [
    np.array([[0, 0.9, 0.1], [0, 0.45, 0.55], [0, 0.45, 0.55]]),
    np.array([[0.1, 0.1, 0.8]]),
    np.array([[0.7, 0.2, 0.1]]),
]


def evaluate(decision: str = "mean", **options: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    return evaluate_predictions(SAMPLES, PROBABILITIES, CLASSES, decision, **options)


def test_rows() -> None:
    rows, _ = evaluate("mean")
    assert list(rows[0]) == predictions.columns(CLASSES)
    assert rows[0] == pytest.approx(
        {
            "sample": "1-0",
            "video": "1",
            "begin": 0,
            "end": 14,
            "label": "Push, long",
            "prediction": "Push, long",
            "correct": 1,
            "score": 0.6,
            "p:Negative": 0,
            "p:Push, long": 0.6,
            "p:Loop": 0.4,
            "by:no_window": "Loop",
            "by:vote": "Loop",
            "by:mean": "Push, long",
            "by:gaussian": "Push, long",
        }
    )
    assert rows[2]["prediction"] == "Negative"
    assert rows[2]["correct"] == ""


def test_figures_of_every_rule() -> None:
    _, figures = evaluate("vote", majority=0.25)
    assert figures["n"] == 2  # the unknown stroke is left out
    assert figures["decision"] == "vote"
    assert figures["majority"] == 0.25
    assert {rule: figures["decisions"][rule]["accuracy"] for rule in RULES} == {
        "no_window": 0.5,
        "vote": 0.5,
        "mean": 1.0,
        "gaussian": 1.0,
    }
    for key, value in figures["decisions"]["vote"].items():
        assert figures[key] == value
    assert figures["confusion"] == [[0, 0, 0], [0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize(
    ("rule", "shares"),
    [("no_window", [0, 0.45, 0.55]), ("vote", [0, 1 / 3, 2 / 3]), ("mean", [0, 0.6, 0.4])],
)
def test_probability_columns_are_those_of_the_configured_rule(rule: str, shares: list[float]) -> None:
    rows, _ = evaluate(rule)
    assert [rows[0][f"p:{name}"] for name in CLASSES] == pytest.approx(shares)


@pytest.mark.parametrize("rule", RULES)
def test_top_level_is_the_configured_rule(rule: str) -> None:
    rows, figures = evaluate(rule)
    assert figures["accuracy"] == figures["decisions"][rule]["accuracy"]
    assert figures["accuracy"] == np.mean([row["correct"] for row in rows if row["correct"] != ""])
    for row in rows:
        assert row["prediction"] == row[f"by:{rule}"]
        assert row["score"] == row[f"p:{row['prediction']}"]
        assert sum(row[f"p:{name}"] for name in CLASSES) == pytest.approx(1)


@pytest.mark.parametrize("samples", [[], SAMPLES[2:]])
def test_nothing_labelled(samples: list[Sample], tmp_path: Path) -> None:
    rows, figures = evaluate_predictions(samples, PROBABILITIES[2:][: len(samples)], CLASSES, "gaussian")
    assert len(rows) == len(samples)
    assert figures["n"] == 0
    assert figures["accuracy"] is None
    write_json(tmp_path / "metrics.json", figures)
    text = (tmp_path / "metrics.json").read_text(encoding="utf-8")
    assert "NaN" not in text
    assert read_json(tmp_path / "metrics.json") == json.loads(json.dumps(figures))


def test_predictions_file(tmp_path: Path) -> None:
    rows, _ = evaluate("gaussian")
    path = tmp_path / "predictions.csv"
    predictions.write_predictions(path, rows, CLASSES)
    with path.open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    assert list(found[0]) == predictions.columns(CLASSES)
    assert [row["label"] for row in found] == ["Push, long", "Loop", "UNKNOWN"]
    assert [row["correct"] for row in found] == ["1", "1", ""]
    assert found[1]["p:Loop"] == found[1]["score"] == "0.800000"
    assert found[0]["end"] == "14"


def test_predictions_file_without_strokes_has_a_header(tmp_path: Path) -> None:
    predictions.write_predictions(tmp_path / "predictions.csv", [], ["a", "b"])
    header = (tmp_path / "predictions.csv").read_text(encoding="utf-8")
    assert header == (
        "sample,video,begin,end,label,prediction,correct,score,p:a,p:b,by:no_window,by:vote,by:mean,by:gaussian\n"
    )


@pytest.mark.parametrize(
    ("samples", "probabilities", "rule", "message"),
    [
        (
            [SAMPLES[0]._replace(label="Lob")],
            PROBABILITIES[:1],
            "mean",
            r"sample 1-0: label is not a class[\s\S]*'Lob'",
        ),
        (SAMPLES[:2], PROBABILITIES[:1], "mean", "not one array of probabilities per sample"),
        (
            SAMPLES[:1],
            [np.ones((2, 4)) / 4],
            "mean",
            r"sample 1-0: probabilities have another shape[\s\S]*\(2, 4\)",
        ),
        (SAMPLES[:1], [np.full((2, 3), np.nan)], "mean", "probabilities are not numbers"),
        (SAMPLES[:1], [np.zeros((0, 3))], "mean", "no window probabilities"),
        (SAMPLES[:1], PROBABILITIES[:1], "best", "no such rule"),
    ],
)
def test_refused(samples: list[Sample], probabilities: list[np.ndarray], rule: str, message: str) -> None:
    with pytest.raises(CrispError, match=message):
        evaluate_predictions(samples, probabilities, CLASSES, rule)


@pytest.mark.parametrize(
    ("cell", "value"),
    [("begin", "-1"), ("end", "1" + "0" * 15), ("end", "9" * 5000), ("p:Hit", "nan"), ("p:Hit", "7")],
)
def test_predictions_beyond_all_bounds(tmp_path: Path, cell: str, value: str) -> None:
    row = dict.fromkeys(predictions.columns(["Hit"]), "") | {"begin": "0", "end": "5", "p:Hit": "1"}
    row[cell] = value
    path = tmp_path / "predictions.csv"
    path.write_text(f"{','.join(row)}\n{','.join(row.values())}\n")
    with pytest.raises(CrispError, match="table of predictions cannot be read"):
        predictions.read_predictions(path, ["Hit"])
