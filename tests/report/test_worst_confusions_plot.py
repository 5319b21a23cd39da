"""The worst confusions: which they are, which strokes show them, and the picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

from crisp.core.errors import CrispError
from crisp.evaluation import confusions
from crisp.evaluation.confusions import worst_confusions
from crisp.evaluation.predictions import Prediction
from crisp.report import worst_confusions_plot
from crisp.study.load import resolve_study
from tests import stagefiles
from tests.drawn import ODD, parsed, record
from tests.trainable import CONTENT

CLASSES = ("Hit", "Push", "Negative")


def predicted(label: str, scores: tuple[float, ...], name: str = "v:0-9") -> Prediction:
    said = CLASSES[int(np.argmax(scores))]
    correct = None if label == "Unknown" else said == label
    return Prediction(name, "v", 0, 9, label, said, correct, np.array(scores))


RIGHT = predicted("Hit", (1, 0, 0), "v:right")


def test_most_frequent_first_with_the_surest_strokes_as_examples() -> None:
    found = worst_confusions(
        [
            RIGHT,
            predicted("Hit", (0.2, 0.5, 0.3), "a"),
            predicted("Hit", (0.1, 0.8, 0.1), "b"),
            predicted("Hit", (0.1, 0.6, 0.3), "a"),  # of another seed
            predicted("Push", (0.6, 0.4, 0), "c"),
            predicted("Negative", (0, 0.9, 0.1), "d"),
            predicted("Negative", (0, 0.1, 0.9), "e"),
            predicted("Unknown", (0, 0.9, 0.1), "f"),
        ],
        CLASSES,
    )
    assert [(one.label, one.predicted, one.times, one.total) for one in found] == [
        ("Hit", "Push", 3, 4),
        ("Push", "Hit", 1, 1),
        ("Negative", "Push", 1, 2),
    ]
    assert [(one.sample, one.scores[1]) for one in found[0].examples] == [("b", 0.8), ("a", 0.6)]


def test_no_more_than_fit() -> None:
    classes = [str(number) for number in range(10)]
    wrong = [
        Prediction(f"{label}-{number}", "v", 0, 9, label, "0", False, np.eye(10)[0])
        for label in classes[1:]
        for number in range(5)
    ]
    found = worst_confusions(wrong, classes)
    assert len(found) == confusions.MOST
    assert all(len(one.examples) == confusions.EXAMPLES for one in found)


def test_picture_grows_by_a_row_a_confusion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = resolve_study(CONTENT)
    stagefiles.write(study.volumes / "v", np.zeros((9, 30, 40, 3), np.uint8))
    wrong = [predicted("Hit", (0, 1, 0), "v:0-9"), predicted("Push", (0, 0, 1), "v:0-9")]
    heights = []
    for count in (0, 1, 2):
        found = worst_confusions([RIGHT, *wrong[:count]], CLASSES)
        worst_confusions_plot.plot_worst_confusions("one.png", study, "twin", found)
        heights.append(imread("one.png").shape[0])
    assert heights == sorted(set(heights))
    with pytest.raises(CrispError, match="stage file is missing"):
        worst_confusions_plot.plot_worst_confusions(
            "one.png",
            study,
            "twin",
            worst_confusions([wrong[0]._replace(video="w")], CLASSES),
        )


@pytest.mark.filterwarnings("ignore:Glyph")
def test_names_are_no_formulas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    study = resolve_study(CONTENT)
    stagefiles.write(study.volumes / "v", np.zeros((9, 30, 40, 3), np.uint8))
    pictures = record(monkeypatch)
    for name in ODD:
        wrong = Prediction("v:0-9", "v", 0, 9, name, "b", False, np.array([0.0, 1.0]))
        found = worst_confusions([wrong], (name, "b"))
        worst_confusions_plot.plot_worst_confusions("one.png", study, name, found)
    for name, drawn in zip(ODD, pictures.values(), strict=True):
        assert any(name.split()[-1] in one.text for one in drawn)
    assert parsed(pictures) == []
