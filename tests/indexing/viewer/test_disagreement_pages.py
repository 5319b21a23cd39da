"""Viewer pages of annotators' disagreements: whose strokes they show, and which links lead there."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from crisp.cli import application
from crisp.indexing.viewer import disagreement_pages
from crisp.indexing.viewer.disagreement_pages import make_disagreement_pages
from crisp.preparation.frames import extract_frames
from crisp.report.agreement.annotated import of_study
from crisp.report.agreement.comparison import compare_annotators
from crisp.report.agreement.disagreements import list_disagreements
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.config import Study
from crisp.study.index_file import IndexFile, read_index
from crisp.study.samples import strokes_of
from crisp.study.tables import Annotation
from tests.indexing.viewer.conftest import OpenPage
from tests.indexing.viewer.using import press, save
from tests.lab import CONTENT, Lab

MAJORITY = {"merge": "majority", "order": ["Anna"]}


@pytest.fixture
def people(lab: Lab) -> Lab:
    """A study whose test video is annotated by Anna and Ben, who differ in class, and in one stroke."""
    lab.strokes("ben", Stroke(0, 10, "Push"), Stroke(20, 30, "Push"), Stroke(33, 39, "Hit"))
    lab.labels = [replace(row, annotator="Anna") for row in lab.labels]
    lab.labels.append(Annotation("test", "xml/ben.xml", split="test", annotator="Ben"))
    lab.write()
    return lab


def prepared(lab: Lab, **annotators: Any) -> Study:
    study = lab.study(annotators=annotators)
    frames = study.stage_file("test", "frames")
    if not frames.exists():
        extract_frames(study.source("test"), frames)
    return study


def pages_of(study: Study) -> tuple[dict[int, str], list[str]]:
    agreement = compare_annotators(of_study(study), 0.5)
    Path("out").mkdir(exist_ok=True)
    return make_disagreement_pages(study, agreement, list_disagreements(agreement), Path("out"))


def shown(index: IndexFile) -> list[tuple[int, int, str]]:
    return [(one.begin, one.end, one.label) for one in index.strokes]


def test_both_peoples_strokes_and_what_share_says_so(people: Lab) -> None:
    links, warnings = pages_of(prepared(people, **MAJORITY))
    assert warnings == []
    assert links == {1: "test.2.html#frame=33", 2: "test.2.html#frame=0"}
    index = read_index("out/test.2.json")
    assert index.truth == (Stroke(0, 10, "Hit"), Stroke(20, 30, "Push"))  # merged; ties are Anna's
    assert index.annotations is not None
    assert index.annotations.endswith("annotations/adjudicated/classification/test/test.xml")
    assert index.model.variant == "Ben"
    assert shown(index) == [(0, 10, "Push"), (20, 30, "Push"), (33, 39, "Hit")]
    assert [(one.probability, one.score) for one in index.strokes] == [(0.5, 1), (1, 1), (0.5, 0.5)]
    curves = index.probabilities
    assert curves is not None
    assert list(curves.classes) == ["Negative", "Hit", "Push"]
    assert [curves.values[frame] for frame in (0, 15, 25, 35)] == [
        [0, 0.5, 0.5],
        [1, 0, 0],
        [0, 0, 1],
        [0.5, 0.5, 0],
    ]
    assert Path("out/test.2.html").exists()


def test_without_a_rule_the_first_annotators_strokes_are_corrected(people: Lab) -> None:
    pages_of(prepared(people, order=["Ben"]))
    index = read_index("out/test.2.json")  # by rank
    assert (index.model.variant, len(index.truth or ())) == ("Anna", 3)


def test_curves_of_a_long_video(people: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disagreement_pages, "MOST_POINTS", 10)
    pages_of(prepared(people, **MAJORITY))
    curves = read_index("out/test.2.json").probabilities
    assert curves is not None
    assert (curves.stride, len(curves.values)) == (4, 10)
    assert curves.values[9] == [0.5, 0.5, 0]  # frame 36


def test_unknown_classes_and_players(people: Lab) -> None:
    people.change("test", regions="left=0,0,0.5,1; right=0.5,0,1,1")
    write_annotation("xml/test.xml", [Stroke(0, 10, "Hit", "left")])
    write_annotation("xml/ben.xml", [Stroke(0, 10, "Unknown", "left"), Stroke(5, 15, "Push", "right")])
    links, _ = pages_of(prepared(people, **MAJORITY))
    assert links == {1: "test.2.html#frame=5&player=right"}
    index = read_index("out/test.2.json")
    assert list(index.model.classes) == ["Negative", "Hit", "Push", "Unknown"]
    assert [(one.player, one.label) for one in index.strokes] == [("left", "Unknown"), ("right", "Push")]
    assert index.players[0].probabilities is not None
    assert index.players[0].probabilities.values[0] == [0, 0.5, 0, 0.5]


def test_a_video_that_is_not_prepared_has_no_page(people: Lab) -> None:
    links, (warning,) = pages_of(people.study(annotators=MAJORITY))
    assert links == {}
    assert warning == "no pages of 1 video: prepare them with crisp run (test)"


def test_either_is_taken_with_one_key_and_becomes_the_label(
    people: Lab, open_page: OpenPage, tmp_path: Path
) -> None:
    pages_of(prepared(people, **MAJORITY))
    page = open_page(json.loads(Path("out/test.2.json").read_text()))
    assert "Ben" in page.locator("#subtitle").inner_text()
    options = page.locator("#list [role=option]")
    assert options.count() == 3
    for number in (0, 2):  # another class, and a stroke of Ben alone
        options.nth(number).click()
        press(page, "t")
    path, strokes = save(page, tmp_path)
    assert path.name == "test.xml"
    assert strokes == [Stroke(0, 10, "Push"), Stroke(20, 30, "Push"), Stroke(33, 39, "Hit")]
    path.rename("xml/decided.xml")
    people.labels.append(Annotation("test", "xml/decided.xml", split="test", annotator="adjudicated"))
    people.write()
    study = people.study(annotators=MAJORITY)
    (row,) = [row for row in study.annotations if row.video == "test"]
    assert strokes_of(study, row, {}) == strokes


def test_command_links_its_page(people: Lab) -> None:
    prepared(people, **MAJORITY)
    Path("study.yaml").write_text(yaml.safe_dump({**CONTENT, "annotators": MAJORITY}))
    for _ in range(2):  # a later call writes into the folder of the earlier one
        done = CliRunner().invoke(application.app, ["agree", "--study", "study.yaml", "--out", "list"])
        assert done.exit_code == 0, done.output
    assert 'href="test.2.html#frame=33"' in Path("list/agreement.html").read_text()
    assert json.loads(Path("list/agreement.json").read_text())["unit"] == "ms"
