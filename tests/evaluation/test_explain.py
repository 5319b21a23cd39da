"""The picture of a variant's explanations: of its worst confusions, or of chosen samples."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.core.files import write_json
from crisp.evaluation import evaluate, explain, explanation_plot
from crisp.evaluation.predictions import read_predictions
from crisp.study.config import Study
from crisp.training import trainer
from tests import trainable
from tests.drawn import record


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return trainable.build()


def evaluated(made: Study, variant: str) -> Path:
    made = trainable.configured(epochs=1, learning_rate=1e-3)
    folder = made.model_folder(variant, "main", 1)
    trainer.train_model(made, made.variant(variant), "main", 1, folder, Path("state"), "cpu")
    evaluate.evaluate_model(made, made.variant(variant), "main", 1, "cpu")
    return folder


@pytest.mark.parametrize("variant", ["twin-attention", "three-stream", "pose"])
def test_evaluation_explains_one_sample_of_each_confusion(
    small: Study, variant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[explanation_plot.ExplainedClip] = []
    monkeypatch.setattr(explain, "plot_explanations", lambda *given: shown.extend(given[2]))
    rows = read_predictions(evaluated(small, variant) / "predictions.csv", small.classes)
    pairs = {(row.label, row.prediction) for row in rows if row.correct is False}
    assert pairs
    assert {(clip.label, clip.predicted) for clip in shown} == pairs
    assert len(shown) == len(pairs)
    for clip in shown:
        assert list(clip.found.heat) == list(small.variant(variant).streams)


def test_chosen_samples_by_command(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = evaluated(small, "twin")
    write_json(Path("study.json"), small.config)
    names = [row.sample for row in read_predictions(folder / "predictions.csv", small.classes)][:2]
    pictures = record(monkeypatch)
    result = CliRunner().invoke(
        application.app, ["explain", "twin", *names, "--study", "study.json", "--out", "two.png"]
    )
    assert result.exit_code == 0, result.output
    texts = [one.text for one in list(pictures.values())[-1]]
    assert all(name in texts for name in names)
    assert {"rgb", "flow"} <= set(texts)
    assert imread("two.png").shape[1] > 500


@pytest.mark.usefixtures("small")
def test_all_correct_is_a_picture_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = record(monkeypatch)
    explanation_plot.plot_explanations("none.png", "twin, seed 1", [], explain.NO_CONFUSION)
    assert explain.NO_CONFUSION in [one.text for one in next(iter(pictures.values()))]


def test_unknown_sample_is_one_error(small: Study) -> None:
    evaluated(small, "flow")
    with pytest.raises(CrispError, match="no such sample"):
        explain.explain_samples(small, small.variant("flow"), "main", 1, ["v:none"], "one.png", "cpu")
    assert not Path("one.png").exists()


def test_not_yet_evaluated_is_one_error(small: Study) -> None:
    with pytest.raises(CrispError, match="predictions"):
        explain.explain_samples(small, small.variant("flow"), "main", 1, [], "one.png", "cpu")
