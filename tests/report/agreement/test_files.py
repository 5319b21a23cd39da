"""The command `crisp agree`: its files, its folders and studies, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.report.agreement.annotated import of_folders, of_study
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.tables import Annotation
from tests.lab import CONTENT, Lab

HIT, PUSH = Stroke(0, 40, "Hit"), Stroke(60, 100, "Push")


def folder(name: str, **videos: list[Stroke]) -> Path:
    """A folder of annotations, of an annotator of its name."""
    Path(name).mkdir()
    for video, strokes in videos.items():
        write_annotation(Path(name, f"{video}.xml"), strokes)
    return Path(name)


def agree(*words: str) -> Result:
    return CliRunner().invoke(application.app, ["agree", *words])


def table(path: str | Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_folders_of_three() -> None:
    folder("Anna", a=[HIT, PUSH], b=[HIT])
    folder("Ben", a=[HIT._replace(label="Push"), PUSH], b=[HIT])
    folder("Zoë", a=[HIT, Stroke(75, 105, "Push"), Stroke(200, 230, "Hit")])
    done = agree("Anna", "Ben", "Zoë", "--fps", "50", "--out", "out")
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "out/agreement.html"
    assert sorted(path.name for path in Path("out").iterdir()) == [
        "agreement.html",
        "agreement.json",
        "agreement.png",
        "disagreements.tsv",
    ]
    rows = table("out/disagreements.tsv")
    assert [(row["video"], row["begin"], row["kind"], row["agreeing"]) for row in rows] == [
        ("a", "200", "missed", "0.000000"),
        ("a", "0", "class", "0.333333"),
        ("a", "60", "bounds", "1.000000"),
    ]
    assert [rows[0][f"by {name}"] for name in ("Anna", "Ben", "Zoë")] == ["–", "–", "Hit 200 to 230"]
    assert rows[2]["seconds"] == "1.200000"
    figures = json.loads(Path("out/agreement.json").read_text(encoding="utf-8"))
    assert (figures["annotators"], figures["unit"], figures["videos"]) == (["Anna", "Ben", "Zoë"], "ms", 2)
    assert figures["pairs"][0]["classes"]["agreed"] == pytest.approx(2 / 3)
    assert figures["pairs"][1]["begin"]["middle"] == 150  # of 0 and 15 frames, at 50 frames per second
    page = Path("out/agreement.html").read_text(encoding="utf-8")
    assert "Zoë: Hit 200 to 230" in page
    again = agree("Anna", "Ben", "--out", "out", "--json")
    assert json.loads(again.output)["unit"] == "frames"


def test_classes_that_differ_by_case_are_one() -> None:
    made = of_folders(
        [folder("x", a=[HIT, PUSH]), folder("y", a=[HIT._replace(label="hit"), PUSH._replace(label="ＰUSH")])]
    )
    assert made.classes == ("Hit", "Push")
    assert made.warnings == ["class 'hit' is counted as 'Hit'", "class 'ＰUSH' is counted as 'Push'"]


def test_bounds_alone_and_unknown_classes() -> None:
    bare = Stroke(0, 40)
    assert of_folders([folder("x", a=[bare]), folder("y", a=[bare])]).classes == ("Stroke",)
    made = of_folders([folder("v", a=[HIT, Stroke(60, 80, "unknown")]), Path("x")])
    assert made.classes == ("Hit",)
    assert [stroke.label for stroke in made.views[0].strokes["v"]] == ["Hit", ""]


def test_strokes_of_players_are_apart() -> None:
    left, right = HIT._replace(player="left"), HIT._replace(player="right")
    made = of_folders([folder("x", a=[left, right]), folder("y", a=[right])])
    assert [(view.name, {name: len(own) for name, own in view.strokes.items()}) for view in made.views] == [
        ("a@left", {"x": 1, "y": 0}),
        ("a@right", {"x": 1, "y": 1}),
    ]


def test_people_of_empty_files() -> None:
    folder("x", a=[])
    folder("y", a=[])
    done = agree("x", "y")
    assert done.exit_code == 0, done.output
    assert "frames not defined" in done.output


@pytest.mark.parametrize(
    ("people", "message"),
    [
        ({"x": {"a": [HIT]}}, "nothing to compare"),
        ({"x": {"a": [HIT]}, "y": {"b": [HIT]}}, "no video was annotated by two people"),
        ({"x": {"a": [HIT]}, "y": {}}, "annotations are missing"),
    ],
)
def test_nothing_to_compare(people: dict[str, Any], message: str) -> None:
    with pytest.raises(CrispError, match=message):
        of_folders([folder(name, **videos) for name, videos in people.items()])


def test_bad_folders() -> None:
    folder("x", a=[HIT])
    folder("y", a=[HIT])
    Path("z").mkdir()
    Path("z/x").symlink_to(Path("x").absolute())
    with pytest.raises(CrispError, match="folders of the same name"):
        of_folders([Path("x"), Path("x")])
    Path("y/a.xml").write_text("")
    with pytest.raises(CrispError, match="an empty file"):
        of_folders([Path("x"), Path("y")])
    with pytest.raises(CrispError, match="no folder"):
        of_folders([Path("x"), Path("w")])
    Path("out").mkdir()
    Path("out/mine.txt").write_text("")
    write_annotation(Path("y/a.xml"), [HIT])
    refused = CliRunner().invoke(application.app, ["agree", "x", "y", "--out", "out"])
    assert isinstance(refused.exception, CrispError)
    assert "folder holds other files" in str(refused.exception)


@pytest.fixture
def people(lab: Lab) -> Lab:
    """A study whose training and validation videos are annotated by two people."""
    lab.strokes("ben-train", Stroke(2, 10, "Hit"), Stroke(20, 30, "Push"), Stroke(33, 39, "Hit"))
    lab.strokes("ben-validation", Stroke(0, 10, "Push"), Stroke(20, 30, "Push"))
    named = [Annotation(row.video, row.path, row.task, row.split, "Anna") for row in lab.labels]
    others = [
        Annotation(name, f"xml/ben-{name}.xml", split=name, annotator="Ben")
        for name in ("train", "validation")
    ]
    lab.labels = [*named, *others]
    lab.write()
    Path("study.yaml").write_text(yaml.safe_dump({**CONTENT, "annotators": {"merge": "majority"}}))
    return lab


@pytest.mark.usefixtures("people")
def test_study() -> None:
    done = agree("--study", "study.yaml", "--out", "out", "--no-pages")
    assert done.exit_code == 0, done.output
    figures = json.loads(Path("out/agreement.json").read_text())
    assert (figures["videos"], figures["alone"]) == (2, 1)
    (pair,) = figures["pairs"]
    assert (pair["strokes"], pair["matched"], pair["classes"]["agreed"]) == ([4, 5], 4, 0.75)
    origins = table("out/merged_labels.tsv")
    assert [tuple(row.values()) for row in origins if row["video"] == "train"] == [
        ("train", "1", "10", "", "Hit", "yes", "majority", "Anna; Ben", "Anna=Hit; Ben=Hit"),
        ("train", "20", "30", "", "Push", "yes", "majority", "Anna; Ben", "Anna=Push; Ben=Push"),
        ("train", "33", "39", "", "Hit", "no", "majority", "Ben", "Ben=Hit"),
    ]
    assert [row["rule"] for row in origins if row["video"] == "test"] == ["only", "only"]


def test_negative_strokes_are_none_and_adjudicated_ones_are_nobodys(people: Lab) -> None:
    people.strokes("ben-train", Stroke(2, 10, "Hit"), Stroke(20, 30, "Negative"))
    people.labels.append(Annotation("train", "xml/train.xml", split="train", annotator="adjudicated"))
    people.write()
    made = of_study(people.study())
    assert made.annotators == ("Anna", "Ben")
    assert len(made.views[0].strokes["Ben"]) == 1


def test_detection_task_has_one_class_of_strokes(people: Lab) -> None:
    people.labels = [
        Annotation(row.video, row.path, "detection", row.split, row.annotator) for row in people.labels
    ]
    people.write()
    study = people.study(task="detection", classes=["Negative", "Stroke"])
    made = of_study(study)
    assert made.classes == ("Stroke",)
    assert [len(own) for own in made.views[0].strokes.values()] == [2, 3]


def test_study_without_annotators(lab: Lab) -> None:
    with pytest.raises(CrispError, match="fill in the column annotator"):
        of_study(lab.study())
