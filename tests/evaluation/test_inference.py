"""Inference: every window as if read by itself, files that agree, and models that do not fit."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from crisp import models
from crisp.cli import application
from crisp.clips import dataset
from crisp.clips.augmentation import Draw
from crisp.clips.dataset import ClipDataset
from crisp.core.errors import CrispError
from crisp.evaluation import decisions, evaluate, inference
from crisp.study import load
from crisp.study.config import Study
from crisp.study.samples import Sample, read_samples, write_samples
from crisp.training import calibration, checkpoints, trainer
from tests import trainable
from tests.trainable import CONTENT, FRAMES, configured
from tests.workflow.conftest import environment

CPU = torch.device("cpu")
T = CONTENT["defaults"]["size"][0]


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return trainable.build()


def one_clip(made: Study, variant: str, sample: Sample) -> ClipDataset:
    """The test part of a study, with this sample as its only one."""
    clips = dataset.study_dataset(made, made.variant(variant), "main", "test", 1)
    clips.samples = [sample]
    return clips


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        (30, 30 + T),
        (30, 30 + T + 11),
        (40, 40 + T - 1),
        (40, 41),
        (0, 3),
        (0, T + 2),
        (FRAMES - 2, FRAMES),
        (FRAMES - T - 3, FRAMES),
        (0, FRAMES),
    ],
)
@pytest.mark.parametrize("variant", ["flow", "twin", "pose", "three-stream"])
def test_windows_equal_clips_read_by_themselves(small: Study, variant: str, begin: int, end: int) -> None:
    torch.manual_seed(0)
    model = models.build(small.variant(variant), 3).eval()
    clips = one_clip(small, variant, Sample("v", begin, end, "Hit", "stroke", "v:x"))
    found = inference.window_probabilities(model, clips, clips.samples[0], batch_size=4)
    starts = decisions.windows(begin, end, T)
    assert found.shape == (len(starts), 3)
    assert found.dtype == np.float64
    for start, row in zip(starts, found, strict=True):
        clip = clips.readers["v"].clip(Draw(start), clips.variant.size, clips.normalised)
        with torch.no_grad():
            logits = model({name: torch.from_numpy(array)[None] for name, array in clip.items()})
        np.testing.assert_allclose(row, torch.softmax(logits[0], 0).numpy(), atol=1e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_batch_size_changes_nothing(small: Study) -> None:
    model = models.build(small.variant("flow"), 3).eval()
    clips = one_clip(small, "flow", Sample("v", 10, 40, "Hit", "stroke", "v:x"))
    one, many = (inference.window_probabilities(model, clips, clips.samples[0], size) for size in (1, 50))
    np.testing.assert_allclose(one, many, atol=1e-6)


def train(made: Study, variant: str = "flow") -> Path:
    folder = made.model_folder(variant, "main", 1)
    trainer.train_model(made, made.variant(variant), "main", 1, folder, Path("state"), "cpu")
    return folder


def test_files_agree(small: Study) -> None:
    folder = train(small)
    figures = evaluate.evaluate_model(small, small.variant("flow"), "main", 1, "cpu")
    names = {"confusion.png", "reliability.png", "per_class.html", "predictions.csv", "metrics.json"}
    assert names <= {path.name for path in folder.iterdir()}
    assert json.loads((folder / "metrics.json").read_text()) == json.loads(json.dumps(figures))
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    expected = read_samples(small.results / "strokes.tsv")[-3:]
    assert [row["sample"] for row in rows] == [one.sample for one in expected]
    assert [row["label"] for row in rows] == [one.label for one in expected]
    assert figures["n"] == 3
    for rule, of_rule in figures["decisions"].items():
        assert of_rule["accuracy"] == pytest.approx(
            sum(row[f"by:{rule}"] == row["label"] for row in rows) / 3
        )
    assert figures["accuracy"] == figures["decisions"]["gaussian"]["accuracy"]
    assert [int(row["correct"]) for row in rows] == [int(row["prediction"] == row["label"]) for row in rows]
    for row in rows:
        scores = {name: float(row[f"p:{name}"]) for name in small.classes}
        assert max(scores, key=lambda name: scores[name]) == row["prediction"] == row["by:gaussian"]
        assert float(row["score"]) == scores[row["prediction"]]
    counts = Counter((row["label"], row["prediction"]) for row in rows)
    assert figures["confusion"] == [[counts[a, b] for b in small.classes] for a in small.classes]
    # Of ten training samples four are Hit, as is one of the three tested.
    assert figures["majority"] == pytest.approx(1 / 3)
    model, _ = checkpoints.load_model(folder / "model.pt", CPU)
    assert figures["parameters"] == sum(weights.numel() for weights in model.parameters())


def test_calibration_of_validation_and_test(small: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five validation samples are fitted on here; the predictions are those of the model itself."""
    monkeypatch.setattr(calibration, "LEAST", 5)
    folder = train(small)
    figures = evaluate.evaluate_model(small, small.variant("flow"), "main", 1, "cpu")
    found = figures["calibration"]
    _, about = checkpoints.load_model(folder / "model.pt", CPU)
    assert found["temperature"] == about["calibration"]["temperature"] != 1
    assert found["remark"] == ""
    assert found["validation"]["samples"] == 5
    assert found["validation"]["after"]["nll"] <= found["validation"]["before"]["nll"]
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    scores = np.array([[float(row[f"p:{name}"]) for name in small.classes] for row in rows])
    labels = [small.classes.index(row["label"]) for row in rows]
    assert found["test"]["samples"] == 3
    assert found["test"]["before"]["nll"] == pytest.approx(-np.log(scores[range(3), labels]).mean(), abs=1e-4)
    picture = (folder / "reliability.png").read_bytes()
    content = torch.load(folder / "model.pt", weights_only=True)
    del content["calibration"], content["reference"]
    torch.save(content, folder / "model.pt")
    again = evaluate.evaluate_model(small, small.variant("flow"), "main", 1, "cpu")
    assert again["calibration"]["temperature"] == 1
    assert "older version" in again["calibration"]["remark"]
    assert again["calibration"]["validation"] == {"samples": 0, "before": {}, "after": {}}
    assert {**again, "calibration": 0} == {**figures, "calibration": 0}, "no figure is by the temperature"
    assert (folder / "reliability.png").read_bytes() != picture


def test_evaluating_again_gives_the_same_bytes(small: Study) -> None:
    folder = train(small, "rgb")
    texts = []
    for _ in range(2):
        evaluate.evaluate_model(small, small.variant("rgb"), "main", 1, "cpu")
        texts.append([(folder / name).read_bytes() for name in ("predictions.csv", "metrics.json")])
    assert texts[0] == texts[1]


def changed(**changes: Any) -> Study:
    return load.resolve_study({**CONTENT, **changes})


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"classes": ["Push", "Hit", "Negative"]}, "classes ['Hit', 'Push', 'Negative']"),
        ({"defaults": {**CONTENT["defaults"], "model": "rgb"}}, "model flow"),
        ({"defaults": {**CONTENT["defaults"], "size": [16, 8, 8]}}, "size [8, 8, 8]"),
        ({"defaults": {**CONTENT["defaults"], "norm_method": "none"}}, "norm_method normal"),
    ],
)
def test_model_of_another_study_is_refused(small: Study, changes: dict[str, Any], found: str) -> None:
    train(small)
    other = changed(**changes)
    scale = other.normalisation_file(other.variant("flow"), "main")
    if not scale.exists():
        scale.write_text("{}")
    with pytest.raises(CrispError, match="model belongs to another variant, class list") as error:
        evaluate.evaluate_model(other, other.variant("flow"), "main", 1, "cpu")
    assert found in str(error.value)
    assert "train it again" in str(error.value)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "variant",
    [
        "twin-attention",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("rgb", "flow", "twin", "pose", "three-stream")
        ),
    ],
)
def test_model_predicts_the_same_in_a_fresh_process(variant: str) -> None:
    once = configured(epochs=1, learning_rate=1e-4)
    folder = train(once, variant)
    evaluate.evaluate_model(once, once.variant(variant), "main", 1, "cpu")
    predicted = (folder / "predictions.csv").read_bytes()
    (folder / "predictions.csv").unlink()
    Path("study.json").write_text(json.dumps(once.config))
    command = [Path(sys.executable).with_name("crisp"), "evaluate", "--study", "study.json", variant]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "predictions.csv").read_bytes() == predicted


def test_model_of_before_a_key_was_made_has_its_default(small: Study) -> None:
    path = train(small) / "model.pt"
    content = torch.load(path, weights_only=True)
    del content["variant"]["attention"]
    torch.save(content, path)
    assert evaluate.evaluate_model(small, small.variant("flow"), "main", 1, "cpu")["n"] > 0
    other = changed(variants=[{"name": "flow", "model": "flow", "attention": True}])
    with pytest.raises(CrispError, match="found: attention False"):
        evaluate.evaluate_model(other, other.variant("flow"), "main", 1, "cpu")


def test_model_of_otherwise_divided_poses_is_refused(small: Study) -> None:
    train(small, "pose")
    other = changed(defaults={**CONTENT["defaults"], "pose_norm": "image"})
    with pytest.raises(CrispError, match="pose_norm image") as error:
        evaluate.evaluate_model(other, other.variant("pose"), "main", 1, "cpu")
    assert "found: pose_norm player" in str(error.value)


def test_model_of_another_normalisation_is_refused(small: Study) -> None:
    train(small)
    trainable.write_scale(small, 9.0)
    with pytest.raises(CrispError, match="model belongs to another variant, class list or normalisation"):
        evaluate.evaluate_model(small, small.variant("flow"), "main", 1, "cpu")


def test_only_unlabelled_strokes_to_test(small: Study) -> None:
    folder = train(small)
    samples = read_samples(small.results / "strokes.tsv")
    write_samples(
        small.results / "strokes.tsv", [*samples[:-3], *(s._replace(label="Unknown") for s in samples[-3:])]
    )
    Path("study.json").write_text(json.dumps(configured().config))
    ended = CliRunner().invoke(
        application.app, ["evaluate", "--study", "study.json", "--device", "cpu", "flow"]
    )
    assert ended.exit_code == 0, ended.output
    told = "flow main seed 1: no labelled test sample, so no accuracy; the predictions are written"
    assert told in ended.stderr
    figures = json.loads((folder / "metrics.json").read_text())
    assert (figures["n"], figures["accuracy"], figures["majority"]) == (0, None, None)
    rows = list(csv.DictReader((folder / "predictions.csv").read_text().splitlines()))
    assert [row["correct"] for row in rows] == ["", "", ""]
    assert {row["prediction"] for row in rows} <= set(small.classes)


class Tight(torch.nn.Module):
    """A model for which there is room for so many clips."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def forward(self, streams: dict[str, torch.Tensor]) -> torch.Tensor:
        if len(streams["flow"]) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return streams["flow"]


def test_clips_that_do_not_fit_together_are_halved() -> None:
    streams = {"flow": torch.randn(7, 3)}
    expected = torch.softmax(streams["flow"].double(), dim=1).numpy()
    np.testing.assert_array_equal(inference.model_rows(Tight(2), streams), expected)
    with pytest.raises(CrispError, match="not even one clip fits"):
        inference.model_rows(Tight(0), streams)
