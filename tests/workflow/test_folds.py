"""A cross-validation: its folds as jobs, and what the summary makes of them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from crisp.study.samples import read_samples
from tests.workflow.conftest import Study

pytestmark = pytest.mark.slow


def table(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_leaving_one_group_out(done: Study) -> None:
    done.configure(split={"method": "leave_one_group_out"})
    assert dict(done.run("-n").jobs) == {
        **dict.fromkeys(("split", "training_samples", "normalisation"), 3),
        **dict.fromkeys(("train", "evaluate"), 6),
        "summary": 1,
    }
    done.run()
    results = done.folder / "results/studies/tiny"
    samples = read_samples(results / "strokes.tsv")
    for variant in ("rgb", "twin"):
        predicted = []
        for fold, video in enumerate(("v1", "v2", "v3"), start=1):
            path = results / f"models/{variant}/fold-{fold}/seed-1/predictions.csv"
            rows = list(csv.DictReader(path.read_text().splitlines()))
            assert {row["video"] for row in rows} == {video}
            predicted += [row["sample"] for row in rows]
        assert sorted(predicted) == sorted(one.sample for one in samples)
    rows = table(results / "summary.tsv")
    assert [row["split"] for row in rows[::4]] == ["fold-1", "fold-2", "fold-3"] * 2
    (compared,) = table(results / "comparisons.tsv")
    assert (compared["first"], compared["second"], compared["n"]) == ("rgb", "twin", str(len(samples)))
    assert "3 folds" in (results / "summary.html").read_text()
    suspects = table(results / "label_errors.tsv")
    assert sorted(row["sample"] for row in suspects) == sorted(one.sample for one in samples)
    listed = done.crisp("label-errors", "--study", "study.yaml")
    assert listed.returncode == 0, listed.stderr
    assert f"{len(samples)} of {len(samples)} samples" in listed.stdout
    assert (results / "label-errors/v3.html").exists()
    assert dict(done.run("-n").jobs) == {}
    done.run("--report", "report.html")
    report = (done.folder / "report.html").read_text()
    for words in ("labels that may be wrong", "run times of the rules", "worst confusions", "v2.png"):
        assert words in report
