"""Comparison of variants: hand-worked cases, the binomial sum itself, and what cannot be compared."""

from __future__ import annotations

import csv
from math import comb
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from crisp.core.errors import CrispError
from crisp.report import comparisons
from crisp.report.comparisons import write_comparisons, write_comparisons_page
from crisp.report.summary import Run, SummaryRow


def run(folder: Path, variant: str, correct: str, seed: int = 1, split: str = "main", first: int = 0) -> Run:
    """A run whose samples are right (1), wrong (0) or unlabelled (-)."""
    place = folder / variant / split / str(seed)
    place.mkdir(parents=True)
    lines = [f"v:{first + i},{'' if one == '-' else one}" for i, one in enumerate(correct)]
    (place / "predictions.csv").write_text("\n".join(["sample,correct", *lines]) + "\n")
    return Run(variant, split, seed, place)


def compare(runs: list[Run], *failed: Run) -> list[comparisons.Comparison]:
    """Compare runs of which some never learned."""
    figures: tuple[Any, ...] = ("gaussian", True, 0.5, 0.5, 4, 0.4, 0.6, 0.2, 9, 7, 99)
    return comparisons.compare_variants(
        runs, [SummaryRow(one.variant, one.split, one.seed, *figures, one not in failed) for one in runs]
    )


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"),
    [
        (0, 0, 1),
        (1, 0, 1),
        (5, 5, 1),
        (5, 0, 2 / 2**5),
        (0, 5, 2 / 2**5),
        (8, 2, 2 * (1 + 10 + 45) / 2**10),
    ],
)
def test_mcnemar_by_hand(first_only: int, second_only: int, p: float) -> None:
    assert comparisons.mcnemar(first_only, second_only) == pytest.approx(p)


@given(some.integers(0, 60), some.integers(0, 60))
def test_mcnemar_is_twice_the_smaller_tail(a: int, b: int) -> None:
    tail = sum(comb(a + b, k) for k in range(min(a, b) + 1)) / 2 ** (a + b)
    assert comparisons.mcnemar(a, b) == pytest.approx(min(1, 2 * tail))
    assert comparisons.mcnemar(a, b) == comparisons.mcnemar(b, a)


def test_bootstrap_agrees_with_the_normal_approximation() -> None:
    differences = np.repeat([1, 0, -1], [60, 320, 20])
    low, high = comparisons.bootstrap_interval(differences) or (0, 0)
    half = 1.96 * differences.std() / np.sqrt(len(differences))
    assert (low, high) == pytest.approx((0.1 - half, 0.1 + half), abs=0.006)
    assert comparisons.bootstrap_interval(differences) == [low, high]  # the same digits again
    mirrored = comparisons.bootstrap_interval(-differences) or (0, 0)
    assert mirrored == pytest.approx((-high, -low))


@pytest.mark.parametrize(("differences", "expected"), [([], None), ([1], [1, 1]), ([0, 0, 0], [0, 0])])
def test_bootstrap_without_spread(differences: list[int], expected: list[float] | None) -> None:
    assert comparisons.bootstrap_interval(differences) == expected


def test_two_variants_by_hand(tmp_path: Path) -> None:
    # One of the unlabelled sample's two cells would be a difference.
    (row,) = compare([run(tmp_path, "twin", "1110-1"), run(tmp_path, "rgb", "1001-0")])
    assert row[:4] == ("twin", "rgb", "1", 5)
    assert row.difference == pytest.approx(2 / 5)
    assert (row.first_only, row.second_only) == (3, 1)
    assert row.p == pytest.approx(2 * (1 + 4) / 2**4)
    assert row.low is not None
    assert row.high is not None
    assert -1 <= row.low < 2 / 5 < row.high <= 1


def test_seeds_and_their_mean(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, variant, correct, seed)
        for variant, both in {"a": ("1111", "1100"), "b": ("1100", "1100"), "c": ("0000", "0000")}.items()
        for seed, correct in enumerate(both, start=1)
    ]
    rows = compare(runs)
    assert [row[:3] for row in rows] == [
        (*pair, seed) for pair in (("a", "b"), ("a", "c"), ("b", "c")) for seed in ("1", "2", "all")
    ]
    assert [row.difference for row in rows] == pytest.approx([0.5, 0, 0.25, 1, 0.5, 0.75, 0.5, 0.5, 0.5])
    assert rows[2].p is None
    assert rows[2].n == 4


def test_folds_are_joined(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, variant, correct, split=f"fold-{fold}", first=10 * fold)
        for variant, folds in {"a": ("11", "111"), "b": ("10", "101")}.items()
        for fold, correct in enumerate(folds, start=1)
    ]
    (row,) = compare(runs)
    assert (row.seed, row.n, row.first_only, row.second_only) == ("1", 5, 2, 0)


def test_what_never_learned_is_not_called_significant(tmp_path: Path) -> None:
    runs = [
        run(tmp_path, variant, correct, seed)
        for variant, correct in {"a": "11111111", "b": "00000000", "c": "11111111"}.items()
        for seed in (1, 2)
    ]
    found = {row[:3]: row for row in compare(runs, runs[2], runs[3], runs[4])}
    learned = found["a", "c", "2"]
    assert (learned.low, learned.high, learned.p, learned.remark) == (0, 0, 1, "")
    for seed in ("1", "2", "all"):
        row = found["a", "b", seed]
        assert (row.difference, row.low, row.high, row.p) == (1, None, None, None)
        assert row.remark == "b never learned"
    assert found["a", "c", "1"].remark == "c never learned"
    assert found["a", "c", "all"].remark == "c never learned (1 of 2 trainings)"
    assert found["b", "c", "1"].remark == "b never learned; c never learned"
    write_comparisons(tmp_path / "comparisons.tsv", found.values())
    with (tmp_path / "comparisons.tsv").open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["remark"] for row in rows] == [row.remark for row in found.values()]
    write_comparisons_page(tmp_path / "comparisons.html", found.values())
    page = (tmp_path / "comparisons.html").read_text()
    assert '<td class="remark" colspan="9">c never learned (1 of 2 trainings)</td>' in page
    assert page.count('class="remark"') == 8


def test_other_samples_are_refused(tmp_path: Path) -> None:
    runs = [run(tmp_path, "a", "111"), run(tmp_path, "b", "111", first=1)]
    with pytest.raises(CrispError, match="a and b, seed 1: not tested on the same samples") as error:
        compare(runs)
    assert "found: 3, of which 2 are the same" in str(error.value)


def test_one_variant_or_nothing_labelled(tmp_path: Path) -> None:
    assert compare([run(tmp_path, "a", "1")]) == []
    (row,) = compare([run(tmp_path, "b", "--"), run(tmp_path, "c", "--")])
    assert row[3:] == (0, None, None, None, 0, 0, 1, "")
    write_comparisons(tmp_path / "comparisons.tsv", [row])
    with (tmp_path / "comparisons.tsv").open() as file:
        (found,) = csv.DictReader(file, delimiter="\t")
    assert found["difference"] == ""
    assert found["p"] == "1.000000"
    write_comparisons_page(tmp_path / "comparisons.html", [row])
    assert '<td data-name="95 % interval">–</td>' in (tmp_path / "comparisons.html").read_text()


@pytest.mark.parametrize("text", ["sample\nv:1\n", "sample,correct\nv:1,yes\n", None])
def test_bad_predictions(tmp_path: Path, text: str | None) -> None:
    if text:
        (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(CrispError, match="cannot be read" if text else "table of predictions is missing"):
        comparisons.read_correct(tmp_path)
