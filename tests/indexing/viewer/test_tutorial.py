"""The tutorial, typed and clicked literally: it ends with a corrected label in the study.

The model trains for one epoch: what runs is the tutorial's point, not how well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crisp.study.annotations import read_annotation
from docs import tutorial
from tests.indexing.viewer.conftest import LOADED, until
from tests.pages import ROOT, blocks, lines
from tests.terminal import Terminal, commit

PAGE = ROOT / "docs" / "tutorial.md"
TYPED = [line for language, block in blocks(PAGE) if language == "sh" for line in lines(block)]
STUDY = "config/tutorial/study.yaml"
XML = "config/tutorial/annotations/player-21.xml"


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    opened = Terminal(tmp_path)
    study = opened.clone / STUDY
    study.write_text(study.read_text().replace("epochs: 12", "epochs: 1"))
    commit(opened.clone)
    return opened


def planned(text: str) -> set[str]:
    """The rules in the table of a dry run."""
    return set(re.findall(r"^(\w+) +\d+  \w", text, re.MULTILINE))


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_newcomer_gets_to_a_corrected_label(terminal: Terminal, browser: Any, tmp_path: Path) -> None:
    assert TYPED[0].startswith("git clone ")
    move = next(number for number, line in enumerate(TYPED) if line.startswith("mv "))
    plan = next(number for number, line in enumerate(TYPED) if "crisp run -n" in line)
    last = next(number for number, line in enumerate(TYPED) if "git checkout" in line)

    said = terminal.type(TYPED[1:move])
    assert "player-21:303-321,Serve Forehand Topspin" in said
    assert (tmp_path / "crisp/results/studies/tutorial/report.html").exists()
    model = tmp_path / "crisp/results/studies/tutorial/models/flow/main/seed-1"
    weights, judged = ((model / name).read_bytes() for name in ("history.csv", "predictions.csv"))

    page = browser.new_page(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    page.goto((tmp_path / "crisp" / tutorial.PAGE).as_uri())
    until(page, LOADED)
    tutorial.select(page)
    tutorial.correct(page)
    (tmp_path / "Downloads").mkdir()
    assert tutorial.save(page, tmp_path / "Downloads").name == "player-21.xml"
    page.close()

    said = terminal.type(TYPED[move : plan + 1])
    assert planned(said) == {"strokes", "split", "evaluate", "summary", "quality"}
    changes = re.findall(r"^[+-] .*", said, re.MULTILINE)
    assert [re.search('move="(.*)"', line)[1] for line in changes] == [tutorial.WRONG, tutorial.RIGHT]
    assert planned(PAGE.read_text()) == planned(said)

    said = terminal.type(TYPED[plan + 1 : last])
    assert "Nothing to be done" in said
    assert read_annotation(tmp_path / "crisp" / XML) == read_annotation(
        ROOT / "config/demo/annotations/player-21.xml"
    )
    assert f"player-21:303-321,player-21,303,321,{tutorial.RIGHT}," in (model / "predictions.csv").read_text()
    assert (model / "history.csv").read_bytes() == weights
    assert (model / "predictions.csv").read_bytes() != judged
    terminal.type(TYPED[last:])
    assert tutorial.WRONG in (tmp_path / "crisp" / XML).read_text().splitlines()[7]

    student = ROOT / "docs/student.md"  # its first step is the tutorial
    said = terminal.type(lines(blocks(student)[0][1]))
    assert "flow" in said
    assert (tmp_path / "crisp/samples.png").exists()


def test_the_text_names_what_is_clicked() -> None:
    text = PAGE.read_text()
    for words in (tutorial.BEGIN, tutorial.WRONG, tutorial.RIGHT, "Save annotation"):
        assert f"**{words}**" in text


def test_the_planted_label_is_the_only_fault() -> None:
    wrong, right = (read_annotation(ROOT / path) for path in (XML, "config/demo/annotations/player-21.xml"))
    differ = [(one.label, other.label) for one, other in zip(wrong, right, strict=True) if one != other]
    assert differ == [(tutorial.WRONG, tutorial.RIGHT)]
