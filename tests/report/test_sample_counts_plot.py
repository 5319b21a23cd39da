"""Counts and lengths of the samples: numbers by hand, and pictures of what there may be."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.image import imread

from crisp.report import sample_counts_plot
from crisp.study.samples import Sample
from tests.drawn import covered, cut, record

CLASSES = ("Hit", "Push", "Negative")
PARTS = {"a": "train", "b": "train", "c": "test", "d": "validation"}


def sample(name: str, label: str, length: int = 10) -> Sample:
    return Sample("v", 0, length, label, "negative" if label == "Negative" else "stroke", name)


SAMPLES = [sample("a", "Hit"), sample("b", "Push", 20), sample("c", "Hit", 30), sample("d", "Negative", 5)]


def test_counts_by_set() -> None:
    assert sample_counts_plot.count_samples(SAMPLES, {"main": PARTS}, CLASSES) == {
        "train": [1, 1, 0],
        "validation": [0, 0, 1],
        "test": [1, 0, 0],
    }


def test_counts_of_folds_are_those_they_test() -> None:
    folds = {
        "fold-1": {**PARTS, "a": "test"},
        "fold-2": dict.fromkeys(PARTS, "train") | {"b": "test", "d": "test"},
    }
    assert sample_counts_plot.count_samples(SAMPLES, folds, CLASSES) == {
        "fold-1": [2, 0, 0],
        "fold-2": [0, 1, 1],
    }


@pytest.mark.parametrize(
    ("samples", "splits"),
    [
        (SAMPLES, {"main": PARTS}),
        (SAMPLES, {f"fold-{number}": {"a": "test"} for number in range(1, 24)}),
        ([*SAMPLES, sample("e", "Unknown")], {"main": {**PARTS, "e": "test"}}),
        ([sample("d", "Negative")], {"main": PARTS}),
        ([], {"main": PARTS}),
    ],
    ids=["split", "folds", "unlabelled", "negatives", "empty"],
)
def test_pictures(tmp_path: Path, samples: list[Sample], splits: dict[str, dict[str, str]]) -> None:
    for name in ("one.png", "two.png"):
        clips = {"clip of 8 frames": 0.4}
        sample_counts_plot.plot_sample_counts(tmp_path / name, samples, splits, CLASSES, {"v": 20.0}, clips)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert imread(tmp_path / "one.png").shape[1] == 1488


def test_legend_names_every_fold_and_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = {f"fold-{number}": {"a": "test"} for number in range(1, sample_counts_plot.MOST_FOLDS + 1)}
    clips = {f"clip of {frames} frames": frames / 100 for frames in (16, 32, 64)}
    pictures = record(monkeypatch)
    sample_counts_plot.plot_sample_counts(tmp_path / "one.png", SAMPLES, splits, CLASSES, {"v": 20.0}, clips)
    (texts,) = pictures.values()
    assert {*(f"tested in {split}" for split in splits), *clips} <= {one.text for one in texts}
    assert cut(texts) == []
    assert covered(texts) == []
