"""CSV: what pandas reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from crisp.indexing.exports import csv_table
from crisp.study.importers import indexed
from tests.indexing.exports import sample


def test_pandas_reads_frames_seconds_and_scores(tmp_path: Path) -> None:
    path, content = tmp_path / "strokes.csv", sample.index(tmp_path / "game.mp4")
    csv_table.write(path, content)
    rows = pd.read_csv(path, keep_default_na=False)
    assert list(rows["video"].unique()) == ["game"]
    for name in ("begin", "end", "label", "probability", "cut"):
        assert rows[name].tolist() == [getattr(one, name) for one in content.strokes]
    assert rows["any_stroke"].tolist() == [one.score for one in content.strokes]
    for name in ("begin", "end"):
        assert rows[f"{name}_seconds"].tolist() == pytest.approx(rows[name] / sample.FPS, abs=0.0005)
    for name in sample.CLASSES:
        assert rows[f"p:{name}"].tolist() == [one.scores[name] for one in content.strokes]


def test_no_strokes_is_a_header(tmp_path: Path) -> None:
    path = tmp_path / "strokes.csv"
    csv_table.write(path, sample.index(tmp_path / "game.mp4", strokes=[]))
    rows = pd.read_csv(path)
    assert len(rows) == 0
    assert list(rows.columns)[: len(indexed.COLUMNS)] == list(indexed.COLUMNS)


def test_column_of_the_players(tmp_path: Path) -> None:
    path, content = tmp_path / "strokes.csv", sample.rally(tmp_path / "game.mp4")
    csv_table.write(path, content)
    rows = pd.read_csv(path)
    assert rows["player"].tolist() == ["left", "right", "right", "left"]
    assert rows["begin"].tolist() == [0, 5, 40, 50]
    csv_table.write(path, sample.index(tmp_path / "game.mp4"))
    assert "player" not in pd.read_csv(path)
