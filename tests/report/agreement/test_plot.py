"""The picture of agreement: every name is drawn as it is, inside the picture, for any number of people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from crisp.report.agreement.comparison import compare_annotators
from crisp.report.agreement.plot import plot_agreement
from tests.drawn import ODD, covered, cut, parsed, record
from tests.report.agreement.simulated import annotate, annotated, drawn_strokes


@pytest.mark.parametrize("names", [ODD[:2], [f"{ODD[0]} {number}" for number in range(8)]])
def test_names_of_any_kind_and_number(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = record(monkeypatch)
    random = np.random.default_rng(0)
    truth = drawn_strokes(random, 10)
    videos = [{name: annotate(random, truth, 0.2, 0.2, 3) for name in names} for _ in range(3)]
    path = tmp_path / "one.png"
    plot_agreement(path, compare_annotators(annotated(videos, 10), 0.5))
    (texts,) = pictures.values()
    assert parsed(pictures) == cut(texts) == covered(texts) == []
    assert any(names[-1].split()[-1] in one.text for one in texts)


def test_nothing_to_draw(tmp_path: Path) -> None:
    path = tmp_path / "one.png"
    plot_agreement(path, compare_annotators(annotated([{"x": [], "y": []}], 1), 0.5))
    assert path.read_bytes()[:4] == b"\x89PNG"
