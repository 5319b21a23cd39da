"""Exports of corrected strokes, read by other programs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pympi
import pytest
import webvtt

from crisp.core.errors import CrispError
from crisp.indexing.exports import FORMATS, check_unchanged, write_formats
from crisp.indexing.exports.corrected import with_strokes
from crisp.study.annotations import Stroke, read_annotation
from tests.indexing.exports import sample


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, list[Stroke], float]:
    """The folder of all formats, their strokes, and the probability of the first, which the model found."""
    index = sample.index(tmp_path / "game.mp4")
    first = index.strokes[0]
    strokes = [
        Stroke(first.begin, first.end, first.label),
        Stroke(first.end + 1, first.end + 5, "new class"),
        Stroke(first.end + 2, first.end + 6, "", "left"),
    ]
    corrected = with_strokes(index, strokes, "a.xml")
    write_formats(tmp_path, corrected, list(FORMATS))
    assert first.probability is not None
    return tmp_path, strokes, first.probability


def test_xml_is_the_annotation(written) -> None:
    folder, strokes, _ = written
    assert read_annotation(folder / "strokes.xml") == strokes


def test_csv_has_numbers_of_the_model_alone(written) -> None:
    folder, strokes, probability = written
    table = pd.read_csv(folder / "strokes.csv")
    assert table["label"].fillna("").tolist() == [stroke.label for stroke in strokes]
    assert table["player"].fillna("").tolist() == ["", "", "left"]
    assert table["probability"].tolist()[0] == pytest.approx(probability)
    scores = [name for name in table if name.startswith("p:")]
    assert table[["probability", "any_stroke", *scores]].isna().all(axis=1).tolist() == [False, True, True]


def test_elan_has_all_strokes_and_classes(written) -> None:
    folder, strokes, probability = written
    eaf = pympi.Elan.Eaf(str(folder / "strokes.eaf"))
    found = [one[2] for tier in ("strokes", "strokes@left") for one in eaf.get_annotation_data_for_tier(tier)]
    assert found == [stroke.label for stroke in strokes]
    assert [one[2] for one in eaf.get_ref_annotation_data_for_tier("probability")] == [f"{probability:.2f}"]
    assert "new class" in (folder / "strokes.eaf").read_text().partition("CV_ENTRY_ML")[2]


def test_boris_knows_all_behaviours_and_subjects(written) -> None:
    folder, strokes, _ = written
    project = json.loads((folder / "strokes.boris").read_text())
    codes = {one["code"] for one in project["behaviors_conf"].values()}
    (observation,) = project["observations"].values()
    assert (
        {event[2] for event in observation["events"]} == {strokes[0].label, "new class", "Unknown"} <= codes
    )
    assert [one["name"] for one in project["subjects_conf"].values()] == ["left"]
    assert sum(bool(event[4]) for event in observation["events"]) == 1


def test_subtitles_without_a_probability(written) -> None:
    folder, strokes, probability = written
    texts = [caption.text for caption in webvtt.read(folder / "strokes.vtt")]
    assert texts[:2] == [f"{strokes[0].label} {probability:.0%}", "new class"]


def test_what_a_person_changed_is_not_overwritten(written) -> None:
    folder, _, _ = written
    check_unchanged(folder)
    (folder / "strokes.eaf").write_text("mine")
    with pytest.raises(CrispError, match="was changed since CRISP wrote it"):
        check_unchanged(folder)


def test_annotation_of_another_video(tmp_path: Path) -> None:
    index = sample.index(tmp_path / "game.mp4")
    with pytest.raises(CrispError, match=r"b\.xml: strokes after the end of the video"):
        with_strokes(index, [Stroke(0, index.video.frames + 1, "a")], "b.xml")
