"""Summary: rows, averages, the criterion of learning, and the tables people read."""

from __future__ import annotations

import csv
import math
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.core.files import read_json, write_json
from crisp.evaluation import per_class_table
from crisp.evaluation.baselines import Baseline
from crisp.evaluation.decisions import RULES
from crisp.evaluation.predictions import evaluate_predictions
from crisp.report import summary
from crisp.report.summary import Run, summary_text, write_summary, write_summary_page
from crisp.study.samples import Sample
from crisp.training import history

CLASSES = ["Negative", "<Push>", "Loop"]
HEADER = "epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,learning_rate,best\n"


SUPER_CLASSES = {"kind": {"Negative": "none", "<Push>": "some", "Loop": "some"}}


def figures(correct: int, n: int = 20, label: str = "Loop", sets: Any = None) -> dict[str, Any]:
    """The metrics of `n` strokes of which `correct` are right."""
    samples = [Sample("1", i, i + 9, label, "stroke", f"1-{i}") for i in range(n)]
    probabilities = [[[0, 0.2, 0.8]] if i < correct else [[0, 0.8, 0.2]] for i in range(n)]
    return evaluate_predictions(samples, probabilities, CLASSES, "gaussian", 0.5, sets)[1]


def run(folder: Path, seed: int = 1, loss: float = 0.1, **of: Any) -> Run:
    """A run with three epochs, the second of them kept."""
    folder = folder / f"seed-{seed}"
    folder.mkdir()
    write_json(folder / "metrics.json", {**figures(**of), "parameters": 1234567})
    rows = "1,1.1,0.3,1.2,0.3,0.01,1\n" + f"2,{loss},0.9,,,0.01,1\n3,{loss},0.9,0.6,0.8,0.01,0\n"
    (folder / "history.csv").write_text(HEADER + rows, encoding="utf-8")
    return Run("twin", "main", seed, folder)


def test_four_rows_a_run(tmp_path: Path) -> None:
    rows = summary.collect_rows([run(tmp_path, 1, correct=18), run(tmp_path, 2, correct=16)])
    assert [(row.seed, row.decision) for row in rows] == [(seed, rule) for seed in (1, 2) for rule in RULES]
    assert [row.decision for row in rows if row.configured] == ["gaussian"] * 2
    first = rows[0]
    assert (first.accuracy, first.n, first.majority) == (0.9, 20, 0.5)
    assert first.low is not None
    assert first.high is not None
    assert first.low < 0.9 < first.high
    assert (first.epochs, first.best_epoch, first.parameters, first.learned) == (3, 2, 1234567, True)


def test_written_table(tmp_path: Path) -> None:
    rows = summary.collect_rows([run(tmp_path, correct=0, n=0)])
    write_summary(tmp_path / "summary.tsv", rows)
    with (tmp_path / "summary.tsv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    assert len(found) == 4
    assert list(found[0])[:4] == ["variant", "split", "seed", "decision"]
    assert found[0]["accuracy"] == found[0]["low"] == ""
    assert [row["configured"] for row in found] == ["no", "no", "no", "yes"]
    assert found[3]["learned"] == "yes"
    assert found[3]["majority"] == "0.500000"


def test_averages_over_seeds(tmp_path: Path) -> None:
    rows = summary.collect_rows(
        [run(tmp_path, seed, correct=correct) for seed, correct in ((1, 18), (2, 16))]
    )
    (average,) = summary.averages(rows)
    assert average.seeds == 2
    assert average.accuracy == pytest.approx((0.85, math.sqrt(2) * 0.05, None), nan_ok=True)
    assert str(average.accuracy) == "85.0 ± 7.1"
    assert average.remarks == ()


def test_one_seed_has_no_spread(tmp_path: Path) -> None:
    (average,) = summary.averages(summary.collect_rows([run(tmp_path, correct=18)]))
    assert average.accuracy.seeds is None
    assert "90.0 " in summary_text(summary.collect_rows([Run("twin", "main", 1, tmp_path / "seed-1")]))


def test_averages_over_folds_and_seeds(tmp_path: Path) -> None:
    right = {("fold-1", 1): 20, ("fold-1", 2): 16, ("fold-2", 1): 10, ("fold-2", 2): 14}
    runs = []
    for (split, seed), correct in right.items():
        (tmp_path / split).mkdir(exist_ok=True)
        runs.append(run(tmp_path / split, seed, correct=correct)._replace(split=split))
    rows = summary.collect_rows(runs)
    assert [row.split for row in rows[::4]] == ["fold-1", "fold-1", "fold-2", "fold-2"]
    (average,) = summary.averages(rows)
    assert (average.split, average.seeds, average.n) == ("2 folds", 2, 40)
    # Of the seeds 0.75 and 0.75, of the folds 0.9 and 0.6.
    assert average.accuracy == pytest.approx((0.75, 0, 0.3 / math.sqrt(2)))
    assert str(average.accuracy) == "75.0 ± 0.0 (folds ± 21.2)"
    # Fold 2 by itself is not clear of its baseline of 0.5; all folds together are.
    assert average.remarks == ()
    assert "2 folds" in summary_text(rows)


def test_folds_of_different_size_count_by_their_samples(tmp_path: Path) -> None:
    """25 of 40 samples are right, half the Loops and all Pushes: as if of one model."""
    runs = []
    for split, (label, correct, n) in {"fold-1": ("Loop", 10, 20), "fold-2": ("Loop", 5, 10)}.items():
        (tmp_path / split).mkdir()
        runs.append(run(tmp_path / split, label=label, correct=correct, n=n)._replace(split=split))
    (tmp_path / "fold-3").mkdir()
    runs.append(run(tmp_path / "fold-3", label="<Push>", correct=0, n=10)._replace(split="fold-3"))
    (average,) = summary.averages(summary.collect_rows(runs))
    assert average.accuracy.value == pytest.approx((10 + 5 + 10) / 40)
    assert average.mean_class_recall.value == pytest.approx((15 / 30 + 10 / 10) / 2)
    assert average.accuracy.folds == pytest.approx(np.std([0.5, 0.5, 1.0], ddof=1))


def test_remarks_name_the_seeds(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, 1, correct=18),
        run(tmp_path, 2, loss=1.09, correct=10),
        run(tmp_path, 3, correct=10),
    ]
    rows = summary.collect_rows(runs)
    (average,) = summary.averages(rows)
    assert average.remarks == (
        "never learned: training loss stayed at chance (seed 2)",
        "not clearly above the majority baseline (seeds 2, 3)",
    )
    assert "twin, main: never learned" in summary_text(rows)


def test_remark_where_nothing_is_labelled(tmp_path: Path) -> None:
    (average,) = summary.averages(summary.collect_rows([run(tmp_path, correct=0, label="Unknown")]))
    assert average.remarks == ("no labelled strokes to score",)
    assert average.accuracy == (None, None, None)
    assert str(average.accuracy) == "–"


@pytest.mark.parametrize(
    ("losses", "n_classes", "double_softmax", "never"),
    [
        ([3.04, 2.75, 2.8], 21, False, True),  # 0.9 log 21 = 2.740
        ([3.04, 2.73, 3.0], 21, False, False),
        # With a second softmax the floor is 2.123, so the limit is 3.0445 - 0.1 * 0.9214 = 2.952.
        ([3.04, 2.96], 21, True, True),
        ([3.04, 2.94], 21, True, False),
        ([math.nan, 9.0], 21, False, True),
        ([math.nan, 1.0], 21, False, False),
        ([], 21, False, True),
    ],
)
def test_never_learned(losses: list[float], n_classes: int, double_softmax: bool, never: bool) -> None:
    assert (
        history.never_learned([{"train_loss": loss} for loss in losses], n_classes, double_softmax) is never
    )


@pytest.mark.parametrize("n_classes", [2, 6, 21])
def test_floor_of_double_softmax_is_reached_by_certainty(n_classes: int) -> None:
    certain = np.eye(n_classes)[0]
    floor = -math.log(math.e / np.exp(certain).sum())
    limit = math.log(n_classes) - 0.1 * (math.log(n_classes) - floor)
    for loss, never in ((limit + 1e-9, True), (limit - 1e-9, False)):
        assert history.never_learned([{"train_loss": loss}], n_classes, double_softmax=True) is never


def test_text_lines_up(tmp_path: Path) -> None:
    lines = summary_text(summary.collect_rows([run(tmp_path, correct=18)])).splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Variant  Split  Decision  Seeds")
    assert len(lines[0]) == len(lines[1])
    assert "1,234,567" in lines[1]


def test_text_of_no_runs_is_a_header() -> None:
    assert summary_text([]).startswith("Variant")


class Cells(HTMLParser):
    """Collects the text of all cells, and every reference to another file."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.references: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag in ("td", "th")
        self.cells += [""] * self.inside
        self.references += [name for name, _ in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def parsed(path: Path) -> Cells:
    page = Cells()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def test_per_class_table(tmp_path: Path) -> None:
    per_class_table.per_class_table(tmp_path / "per_class.html", figures(correct=15), "twin & seed 1")
    page = parsed(tmp_path / "per_class.html")
    assert page.references == []
    assert page.cells[:5] == ["Class", "Samples", "Precision", "Recall", "F1"]
    assert page.cells[10:15] == ["<Push>", "0", "0.0", "–", "0.0"]
    assert page.cells[15:] == ["Loop", "20", "100.0", "75.0", "85.7"]
    per_class_table.per_class_table(tmp_path / "super.html", figures(correct=15, sets=SUPER_CLASSES), "")
    page = parsed(tmp_path / "super.html")
    assert page.cells[20:] == ["kind: none", "0", "–", "–", "–", "kind: some", *("20", *["100.0"] * 3)]
    text = (tmp_path / "super.html").read_text(encoding="utf-8")
    assert "75.0 (53.1 to 88.8), 100.0 by super-class kind (83.9 to 100.0). Mean class recall 75.0." in text
    assert "Class among the top 1: 75.0, 2: 100.0." in text
    assert "twin &amp; seed 1" in (tmp_path / "per_class.html").read_text(encoding="utf-8")


def test_super_classes_are_columns(tmp_path: Path) -> None:
    runs = [run(tmp_path, seed, correct=correct, sets=SUPER_CLASSES) for seed, correct in ((1, 18), (2, 16))]
    rows = summary.collect_rows(runs)
    write_summary(tmp_path / "summary.tsv", rows)
    with (tmp_path / "summary.tsv").open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    assert list(found[0])[-1] == "accuracy:kind"
    assert [row["accuracy:kind"] for row in found] == ["1.000000"] * 8
    assert summary.averages(rows)[0].super_classes == {"kind": (1, 0, None)}
    header, line = summary_text(rows).splitlines()
    assert header.endswith("Super-class kind")
    assert line.endswith("100.0 ± 0.0")
    write_summary_page(tmp_path / "summary.html", rows)
    assert "Super-class kind" in parsed(tmp_path / "summary.html").cells


def test_summary_table_holds_every_decision_rule(tmp_path: Path) -> None:
    rows = summary.collect_rows(
        [run(tmp_path, seed, correct=correct) for seed, correct in ((1, 18), (2, 16))]
    )
    # The rules agree on these strokes; of one the vote was wrong.
    vote = next(row for row in rows if row.decision == "vote")
    rows[rows.index(vote)] = vote._replace(accuracy=0.85)
    write_summary_page(tmp_path / "summary.html", rows)
    cells = parsed(tmp_path / "summary.html").cells[2 * len(summary.HEADINGS) :]
    columns = len(cells) // 2
    found = dict(zip(cells[:columns], cells[columns:], strict=True))
    assert found == {
        "Variant": "twin",
        "Split": "main",
        **dict.fromkeys(RULES, "85.0 ± 7.1"),
        "vote": "82.5 ± 3.5",
    }


def test_summary_shows_accuracy_without_the_negative_class(tmp_path: Path) -> None:
    """Two of four strokes are taken for negatives; among stroke classes one of these is right."""
    samples = [Sample("1", i, i + 9, label, "stroke", f"1-{i}") for i, label in enumerate(["Loop"] * 4)]
    rows = [[0.5, 0.1, 0.4], [0.5, 0.4, 0.1], [0.2, 0.1, 0.7], [0.2, 0.1, 0.7]]
    runs = []
    for seed in (1, 2):
        runs.append(run(tmp_path, seed, correct=1))
        found = evaluate_predictions(samples, [[row] for row in rows], CLASSES, "mean", 0.5, None, "Negative")
        write_json(tmp_path / f"seed-{seed}/metrics.json", {**found[1], "parameters": 1})
    write_summary_page(tmp_path / "summary.html", summary.collect_rows(runs))
    assert parsed(tmp_path / "summary.html").cells[-10:] == [
        *("Variant", "Split", *summary.JOINT.values()),
        *("twin", "main", "50.0 ± 0.0", "75.0 ± 0.0", "50.0 ± 0.0"),
    ]


def test_summary_table_says_what_never_learned(tmp_path: Path) -> None:
    write_summary_page(
        tmp_path / "summary.html", summary.collect_rows([run(tmp_path, loss=1.09, correct=18)])
    )
    page = parsed(tmp_path / "summary.html")
    assert page.references == []
    assert "never learned: training loss stayed at chance (seed 1)" in page.cells


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "training history is missing"),
        ("epoch,train_loss\n1,2\n", "no column best, train_accuracy"),
        (HEADER + "1,2,3\n", "line 2: wrong number of cells"),
        (HEADER + "1,x,0,0,0,0,0\n", "training history cannot be read"),
        (HEADER + "1,1,0,0,0,0,0,9,9\n", "training history cannot be read"),
    ],
)
def test_bad_history(content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "history.csv").write_text(content, encoding="utf-8")
    with pytest.raises(CrispError, match=message):
        history.read_history(tmp_path / "history.csv")


def test_metrics_of_another_version(tmp_path: Path) -> None:
    made = run(tmp_path, correct=9)
    old = read_json(made.folder / "metrics.json")
    del old["decisions"]["vote"]["super_classes"]
    write_json(made.folder / "metrics.json", old)
    with pytest.raises(CrispError, match=r"metrics\.json, .*vote: 'super_classes' is a required"):
        summary.collect_rows([made])


def test_missing_metrics(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match=r"metrics\.json: file of metrics is missing"):
        summary.collect_rows([Run("twin", "main", 1, tmp_path)])


def test_baselines_are_a_table_and_a_line(tmp_path: Path) -> None:
    rows = summary.collect_rows([run(tmp_path, correct=18)])
    simple = [
        Baseline("most frequent class", 3, 12),
        Baseline("extra trees, poses", remark="pose.h5: is missing"),
    ]
    write_summary_page(tmp_path / "page.html", rows, simple)
    cells = parsed(tmp_path / "page.html").cells
    start = cells.index("most frequent class")
    assert cells[start : start + 5] == ["most frequent class", "12", "25.0", "8.9", "53.2"]
    assert cells[start + 5 :][:6] == ["extra trees, poses", "0", "–", "–", "–", "pose.h5: is missing"]
    assert summary_text(rows, simple).splitlines()[-1] == "baselines: most frequent class 25.0"
