"""Late fusion of evaluated variants: probabilities, weights, the verb, the report and faults."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.evaluation import evaluate
from crisp.evaluation.fusion import fuse_variants, mixture_weights
from crisp.evaluation.predictions import read_predictions
from crisp.study import load, training_samples
from crisp.study.samples import read_samples
from crisp.study.splits import read_split
from crisp.study.variants import Fusion
from crisp.training import trainer
from tests import finished, trainable
from tests.trainable import CONTENT

BOTH = [{"name": "both", "of": ["rgb", "twin"]}]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1)), max_size=12))
def test_weights_are_shares_and_no_worse_than_equal_ones(rows: list[tuple[float, ...]]) -> None:
    given = np.array(rows).reshape(-1, 3).T
    weights = mixture_weights(given)
    assert weights.min() >= 0
    assert weights.sum() == pytest.approx(1)
    known = np.maximum(given, 1e-12)
    assert np.log(weights @ known).sum() >= np.log(known.mean(axis=0)).sum() - 1e-9


def test_the_better_model_gets_the_weight() -> None:
    assert mixture_weights(np.array([[0.9, 0.8, 0.9], [0.4, 0.5, 0.3]])) == pytest.approx([1, 0], abs=1e-6)
    assert mixture_weights(np.empty((2, 0))) == pytest.approx([0.5, 0.5])


def test_a_fusion_is_in_the_report_like_a_variant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_video: Callable[..., Path]
) -> None:
    monkeypatch.chdir(tmp_path)
    made = finished.build(make_video, fusions=BOTH)
    for split in made.split_names:
        training_samples.keep(
            made,
            split,
            read_samples(made.results / "strokes.tsv"),
            read_split(made.results / "splits" / f"{split}.tsv"),
        )
        for seed in made.seeds:
            command = ["fuse", "--study", "study.yaml", "--split", split, "--seed", str(seed), "both"]
            done = CliRunner().invoke(application.app, command, catch_exceptions=False)
            assert done.exit_code == 0, done.output
            assert "weights rgb 0.50, twin 0.50" in done.output
    folder = made.fusion_folder("both", made.split_names[0], 1)
    fused = read_predictions(folder / "predictions.csv", made.classes)
    parts = [
        read_predictions(made.model_folder(name, made.split_names[0], 1) / "predictions.csv", made.classes)
        for name in ("rgb", "twin")
    ]
    for row, first, second in zip(fused, *parts, strict=True):
        np.testing.assert_allclose(row.scores, (first.scores + second.scores) / 2, atol=1e-5)
        assert row.prediction == made.classes[int(row.scores.argmax())]
    assert "both" in finished.summarise(made)
    table = (made.results / "summary.tsv").read_text()
    assert sum(line.startswith("both\t") for line in table.splitlines()) == 4 * 2 * len(made.split_names)
    assert "both" in (made.results / "comparisons.tsv").read_text()


def test_weights_are_fitted_on_validation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = trainable.build()
    for name in ("flow", "rgb"):
        folder, state = small.model_folder(name, "main", 1), small.results / "state" / name
        trainer.train_model(small, small.variant(name), "main", 1, folder, state, "cpu")
        evaluate.evaluate_model(small, small.variant(name), "main", 1, "cpu")
    figures = fuse_variants(small, Fusion("both", ("flow", "rgb"), "validation"), "main", 1, "cpu")
    assert sum(figures["weights"].values()) == pytest.approx(1)
    assert figures["n"] == trainable.PARTS["test"]
    kept = json.loads((small.fusion_folder("both", "main", 1) / "metrics.json").read_text())
    assert kept["weights"] == figures["weights"]
    table = small.model_folder("rgb", "main", 1) / "predictions.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:-1]))
    with pytest.raises(CrispError, match="not the test samples of flow"):
        fuse_variants(small, Fusion("both", ("flow", "rgb")), "main", 1)


@pytest.mark.parametrize(
    ("fusions", "message"),
    [
        ([{"name": "flow", "of": ["flow", "rgb"]}], "name is that of a variant or of another fusion"),
        ([{"name": "a", "of": ["flow", "rgb"]}, {"name": "A", "of": ["flow", "rgb"]}], "of another fusion"),
        ([{"name": "a", "of": ["flow", "rbg"]}], "no variant 'rbg'"),
        ([{"name": "a", "of": ["flow"]}], "of"),
        ([{"name": "a", "of": ["flow", "rgb"], "weights": "test"}], "weights"),
    ],
)
def test_faults_of_fusions_are_reported(fusions: list[dict], message: str) -> None:
    with pytest.raises(CrispError, match=message):
        load.resolve_study({**CONTENT, "fusions": fusions})
