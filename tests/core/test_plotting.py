"""Plots: files of the right size, the same bytes every time, and the cases with nothing to draw."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

from crisp.core import plotting
from crisp.evaluation import confusion_plot, detection_plot, metrics, reliability_plot
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.evaluation.detection_plot import Timeline
from crisp.report import sample_counts_plot, summary_plot
from crisp.report.summary import SummaryRow
from crisp.study.samples import Sample
from crisp.study.variants import Variant
from crisp.training import curves
from tests.drawn import ODD, covered, cut, parsed, record

HISTORY: list[dict[str, float]] = [
    {
        "epoch": epoch,
        "train_loss": 3 / epoch,
        "train_accuracy": 1 - 0.5 / epoch,
        "validation_loss": 3 / epoch + 0.1,
        "validation_accuracy": 0.9 - 0.5 / epoch,
        "best": int(epoch < 8),
    }
    for epoch in range(1, 11)
]


def row(
    variant: str = "twin", split: str = "main", seed: int = 1, correct: int = 90, n: int = 118
) -> SummaryRow:
    low, high = metrics.interval(correct, n) or (None, None)
    accuracy = correct / n if n else None
    return SummaryRow(
        variant, split, seed, "gaussian", True, accuracy, accuracy, n, low, high, 0.2, 9, 7, 99, correct > 50
    )


def size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG in px."""
    header = path.read_bytes()[:24]
    assert header[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", header[16:])
    return width, height


def no_validation() -> list[dict[str, float]]:
    return [{**epoch, "validation_loss": math.nan, "validation_accuracy": math.nan} for epoch in HISTORY]


def super_figures() -> dict[str, dict[str, Any]]:
    return {
        "hand": {"confusion": [[3, 1], [0, 4]], "classes": ["Forehand", "Backhand"]},
        "type": {"confusion": np.zeros((3, 3)), "classes": ["Serve", "Offensive", "Defensive"]},
    }


STROKES = [
    DetectedInterval("w", 10, 30, "Hit"),
    DetectedInterval("w", 60, 80, "Push"),
    DetectedInterval("w", 110, 120, "Hit"),
]
FOUND = [
    DetectedInterval("w", 12, 30, "Hit"),
    DetectedInterval("w", 60, 75, "Hit"),
    DetectedInterval("w", 90, 100, "Push"),
]


def timeline(truth: list[DetectedInterval] = STROKES, found: list[DetectedInterval] = FOUND) -> Timeline:
    return Timeline("w", 30.0, truth, found, np.linspace(0, 1, 150))


def flow_groups() -> dict[str, list[Variant]]:
    def of(name: str, model: str, flow: str, kind: str) -> Variant:
        keys = {"name": name, "model": model, "flow": flow, "norm_method": kind, "size": (8, 8, 8)}
        return Variant.from_config(keys)

    return {
        "flow": [of("a", "flow", "dis", "normal"), of("b", "flow", "deepflow", "max")],
        "twin": [of("c", "twin", "dis", "none"), of("d", "twin", "dis", "max")],
    }


LONG = "a-name-of-a-variant-that-holds-every-key-in-which-it-differs-"
PICTURES: dict[str, Callable[[Path], None]] = {
    "confusion": lambda path: confusion_plot.plot_confusion(
        path, [[3, 1], [0, 4]], ["Negative", "Push"], "twin, seed 1"
    ),
    "confusion-21": lambda path: confusion_plot.plot_confusion(
        path, np.eye(21, dtype=int) * 7, [f"Defensive Backhand {i}" for i in range(21)], "twin, seed 1"
    ),
    "confusion-empty": lambda path: confusion_plot.plot_confusion(
        path, np.zeros((6, 6)), list("abcdef"), "nothing labelled"
    ),
    "super-confusion": lambda path: confusion_plot.plot_super_confusion(
        path, super_figures(), "twin, seed 1"
    ),
    "curves": lambda path: curves.plot_curves(path, HISTORY, "twin, seed 1"),
    "curves-one-epoch": lambda path: curves.plot_curves(path, HISTORY[:1]),
    "curves-no-epoch": lambda path: curves.plot_curves(path, []),
    "curves-no-validation": lambda path: curves.plot_curves(path, no_validation()),
    "all-curves": lambda path: curves.plot_all_curves(path, {"twin": [HISTORY, HISTORY[:3]], "rgb": [[]]}),
    "all-curves-empty": lambda path: curves.plot_all_curves(path, {"twin": [no_validation()], "rgb": [[]]}),
    "all-curves-12": lambda path: curves.plot_all_curves(
        path, {str(number): [HISTORY] for number in range(12)}
    ),
    "all-curves-long": lambda path: curves.plot_all_curves(
        path, {LONG + str(n): [HISTORY] for n in range(9)}
    ),
    "curves-long": lambda path: curves.plot_curves(path, HISTORY, f"{LONG * 3}, seed 1"),
    "confusion-long": lambda path: confusion_plot.plot_confusion(
        path, [[3, 1], [0, 4]], ["Negative", f"Hit $5$ Ba$$in {LONG}"], LONG * 3
    ),
    "summary-long": lambda path: summary_plot.plot_summary(path, [row(LONG), row(LONG[:-1])]),
    "summary": lambda path: summary_plot.plot_summary(
        path, [row(seed=1), row(seed=2, correct=20), row("rgb")]
    ),
    "summary-folds": lambda path: summary_plot.plot_summary(path, [row(split="fold-1"), row(split="fold-2")]),
    "summary-unlabelled": lambda path: summary_plot.plot_summary(path, [row(correct=0, n=0)]),
    "summary-empty": lambda path: summary_plot.plot_summary(path, []),
    "flow-study": lambda path: summary_plot.plot_flow_study(
        path, [row("a", seed=1), row("a", seed=2, correct=20), row("b"), row("other")], flow_groups()
    ),
    "flow-study-unlabelled": lambda path: summary_plot.plot_flow_study(
        path, [row("a", correct=0, n=0)], flow_groups()
    ),
    "timelines": lambda path: detection_plot.plot_timelines(path, [timeline()], "twin, seed 1"),
    "timelines-two": lambda path: detection_plot.plot_timelines(
        path, [timeline(), timeline([], [])], "twin, seed 1"
    ),
    "timelines-none": lambda path: detection_plot.plot_timelines(path, [], "every video trains"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_written_alone(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = record(monkeypatch)
    PICTURES[name](tmp_path / "picture.png")
    (texts,) = pictures.values()
    assert cut(texts) == []
    assert covered(texts) == []
    width, height = size(tmp_path / "picture.png")
    assert 600 <= width <= 1600
    assert 180 <= height <= 1600
    assert [path.name for path in tmp_path.iterdir()] == ["picture.png"]


@pytest.mark.parametrize("name", ["confusion", "curves", "flow-study", "summary", "timelines"])
def test_same_bytes_whatever_the_users_settings(name: str, tmp_path: Path) -> None:
    PICTURES[name](tmp_path / "first.png")
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "red", "savefig.dpi": 30}):
        PICTURES[name](tmp_path / "second.png")
        assert mpl.rcParams["font.size"] == 20
    assert (tmp_path / "first.png").read_bytes() == (tmp_path / "second.png").read_bytes()


def test_more_classes_and_variants_get_more_room(tmp_path: Path) -> None:
    for name in ("confusion", "confusion-21", "summary", "summary-empty"):
        PICTURES[name](tmp_path / f"{name}.png")
    assert size(tmp_path / "confusion-21.png")[1] > size(tmp_path / "confusion.png")[1]
    assert size(tmp_path / "summary.png")[1] > size(tmp_path / "summary-empty.png")[1]


def test_other_figures_give_another_picture(tmp_path: Path) -> None:
    summary_plot.plot_summary(tmp_path / "learned.png", [row(correct=51)])
    summary_plot.plot_summary(tmp_path / "never.png", [row(correct=51)._replace(learned=False)])
    assert (tmp_path / "learned.png").read_bytes() != (tmp_path / "never.png").read_bytes()


def test_timeline_colours_tell_right_from_wrong(tmp_path: Path) -> None:
    """Whether a found stroke's class is right, whether it is one, and whether an annotated one is missed."""
    others = [FOUND[0]._replace(label="Push")], [FOUND[0]._replace(begin=40, end=50)], []
    pictures = []
    for number, found in enumerate(([FOUND[0]], *others)):
        detection_plot.plot_timelines(tmp_path / f"{number}.png", [timeline(STROKES[:1], found)], "twin")
        pictures.append((tmp_path / f"{number}.png").read_bytes())
    assert len(set(pictures)) == 4


def test_a_great_many_videos_stay_one_picture(tmp_path: Path) -> None:
    detection_plot.plot_timelines(
        tmp_path / "many.png", [timeline([], [])] * (detection_plot.MOST_VIDEOS + 9), "twin"
    )
    assert size(tmp_path / "many.png")[1] < 120 * 1.3 * (detection_plot.MOST_VIDEOS + 1)


def calibrated() -> dict[str, Any]:
    empty = {"samples": 0, "before": {}, "after": {}}
    return {"remark": "", "temperature": 1.0, "validation": empty, "test": empty}


def counts(path: Path, name: str) -> None:
    samples = [Sample("v", 0, 9, name, "stroke", "a")]
    sample_counts_plot.plot_sample_counts(
        path, samples, {name: {"a": "test"}}, [name, *ODD], {"v": 20.0}, {name: 0.4}
    )


ODDLY: dict[str, Callable[[Path, str], None]] = {
    "confusion": lambda path, name: confusion_plot.plot_confusion(
        path, np.eye(len(ODD) + 1), [name, *ODD], name
    ),
    "super-confusion": lambda path, name: confusion_plot.plot_super_confusion(
        path, {name: {"confusion": np.eye(2), "classes": [name, "b"]}}, name
    ),
    "curves": lambda path, name: curves.plot_curves(path, HISTORY, name),
    "all-curves": lambda path, name: curves.plot_all_curves(path, {name: [HISTORY]}),
    "summary": lambda path, name: summary_plot.plot_summary(path, [row(name)], name),
    "flow-study": lambda path, name: summary_plot.plot_flow_study(
        path, [row("a")], {name: flow_groups()["flow"], **flow_groups()}
    ),
    "timelines": lambda path, name: detection_plot.plot_timelines(
        path, [timeline()._replace(video=name)], name
    ),
    "reliability": lambda path, name: reliability_plot.reliability(path, calibrated(), name),
    "class-counts": counts,
}


@pytest.mark.filterwarnings("ignore:Glyph")
@pytest.mark.parametrize("picture", ODDLY)
def test_no_name_is_taken_for_a_formula(
    picture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = record(monkeypatch)
    for name in ODD:
        with mpl.rc_context({"text.parse_math": True, "axes.formatter.use_mathtext": True}):
            ODDLY[picture](tmp_path / "picture.png", name)
    assert len(pictures) == len(ODD)
    assert all(pictures.values())
    assert parsed(pictures) == []


def test_every_picture_is_made_in_one_place() -> None:
    """Where text is text, whatever it holds."""
    crisp = Path(plotting.__file__).parents[1]
    makers = [path.name for path in crisp.rglob("*.py") if re.search(r"\bFigure\(|pyplot", path.read_text())]
    assert makers == ["plotting.py"]
    assert plotting.STYLE["text.parse_math"] is False
