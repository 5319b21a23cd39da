"""annotate, serve, correct and export as they are typed."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.core.files import sha256, write_json
from crisp.study import samples, tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.load import load_study
from tests.indexing.labelling.serving import served
from tests.lab import CONTENT, STROKES, Lab


def crisp(*arguments: str | Path) -> Any:
    """Run a command that is to succeed."""
    done = CliRunner().invoke(application.app, list(map(str, arguments)), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def held(page: Path) -> dict[str, Any]:
    """The data of a page."""
    found = re.search('<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


@pytest.fixture
def study(lab: Lab) -> Path:
    """The file of a study with three videos, each labelled."""
    assert lab
    Path("study.yaml").write_text(yaml.safe_dump(CONTENT))
    return Path("study.yaml")


def test_annotate_files(tmp_path: Path, make_video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.mp4", "b c.mp4"):
        make_video(name)
    write_annotation("a.xml", STROKES)
    before = sha256("a.xml")
    said = crisp("annotate", "a.mp4", "b c.mp4", "--classes", "Hit:h,Push")
    assert said.stdout.split("\n")[:2] == ["a.annotate.html", "b c.annotate.html"]
    data = held(Path("a.annotate.html"))
    assert data["truth"] == [stroke.row for stroke in STROKES]
    assert (data["base"], data["begun"], data["file"]) == (before, False, "a.xml")
    assert [mark["key"] for mark in data["marks"]] == ["h", "1"]
    assert data["video"]["src"] == "a.mp4"
    assert data["video"]["frames"] == 20
    other = held(Path("b c.annotate.html"))
    assert (other["truth"], other["begun"], other["base"], other["file"]) == ([], True, "", "b c.xml")
    assert sha256("a.xml") == before
    assert "connect-src" not in Path("a.annotate.html").read_text()


def test_annotate_into_a_folder_with_copies(tmp_path: Path, make_video) -> None:
    make_video(tmp_path / "videos/a.mp4")
    (tmp_path / "xml").mkdir()
    write_annotation(tmp_path / "xml/a.xml", STROKES)
    crisp(
        *("annotate", tmp_path / "videos/a.mp4", "--classes", "Hit", "--out", tmp_path / "pages", "--proxy"),
        *("--annotations", tmp_path / "xml", "--region", "left=0,0,.5,1", "--region", "right=.5,0,1,1"),
    )
    data = held(tmp_path / "pages/a.annotate.html")
    assert (data["video"]["src"], data["video"]["proxy"]) == ("a.annotate.mp4", True)
    assert len(data["truth"]) == 2
    assert [player["name"] for player in data["players"]] == ["left", "right"]


def test_annotate_never_overwrites_another_file(tmp_path: Path, make_video) -> None:
    make_video(tmp_path / "a.mp4")
    (tmp_path / "a.annotate.html").write_text("mine")
    with pytest.raises(CrispError, match="another file would be overwritten by the page"):
        crisp("annotate", tmp_path / "a.mp4", "--classes", "Hit")
    assert (tmp_path / "a.annotate.html").read_text() == "mine"


def test_a_video_that_fails_leaves_the_others(tmp_path: Path, make_video) -> None:
    make_video(tmp_path / "b.mp4")
    (tmp_path / "a.mp4").write_text("no video")
    with pytest.raises(CrispError, match=r"a\.mp4: not a video"):
        crisp("annotate", tmp_path / "a.mp4", tmp_path / "b.mp4", "--classes", "Hit")
    assert [path.name for path in tmp_path.glob("*.html")] == ["b.annotate.html"]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        ((), "nothing to label"),
        (("a.mp4",), "nothing to label"),
        (("--classes", "a"), "nothing to label"),
        (("a/x.mp4", "b/x.mp4", "--classes", "a"), "two videos of one name"),
        (("missing.mp4", "--classes", "a"), "video file is missing"),
    ],
)
def test_annotate_refuses(arguments: tuple[str, ...], fault: str) -> None:
    with pytest.raises(CrispError, match=fault):
        crisp("annotate", *arguments)


def test_annotate_a_study(study: Path) -> None:
    crisp("annotate", "--study", study)
    folder = Path("results/studies/s/annotate")
    assert {path.name for path in folder.iterdir()} == {f"{name}.annotate.html" for name in tables.SPLITS}
    data = held(folder / "train.annotate.html")
    assert [mark["label"] for mark in data["marks"]] == ["Hit", "Push"]
    assert (data["negative"], data["truth"]) == ("Negative", [stroke.row for stroke in STROKES])
    for given in ("test", "data/d/test.mp4"):
        assert crisp("annotate", given, "--study", study).stdout == f"{folder}/test.annotate.html\n"
    with pytest.raises(CrispError, match="no video 'other' in use"):
        crisp("annotate", "other", "--study", study)
    with pytest.raises(CrispError, match="--annotations: given with --study"):
        crisp("annotate", "--study", study, "--annotations", "xml")


def test_serve_a_study(study: Path, lab: Lab) -> None:
    loaded = load_study(study)
    lab.labels[2] = tables.Annotation("test", "../outside.xml")
    del lab.labels[1]
    lab.write()
    write_annotation("xml/train.xml", STROKES, begun=True)
    write_annotation("../outside.xml", STROKES)
    with served("--study", study) as server:
        assert re.findall(r'<td class="left">([a-z]+)</td>', server.ask().text) == ["begun", "none", "done"]
        body = b'<video><action begin="0" end="9" move="Hit"/></video>'
        assert server.put(body, sha256("xml/train.xml"), "train").status == 200
        assert server.put(body, "", "validation").status == 200
        refused = server.put(body, sha256("../outside.xml"), "test")
        assert (refused.status, "outside of the folders of the study" in refused.text) == (400, True)
        write_json(loaded.results / "labels.json", {**samples.labels(load_study(study)), "xml/train.xml": []})
        states = re.findall(r'<td class="left">([a-z]+)</td>', server.ask().text)
        assert states == ["differs", "done", "done"]
    assert read_annotation("../outside.xml") == STROKES
    row = tables.Annotation("validation", "annotations/classification/validation.xml")
    assert row in tables.read_annotations("annotations.tsv")
    assert read_annotation(row.path) == [Stroke(0, 9, "Hit")]


def test_correct(study: Path) -> None:
    write_annotation(
        "train (1).xml", [STROKES[0], STROKES[1]._replace(end=33, label="Hit"), Stroke(35, 39, "Hit")]
    )
    shown = crisp("correct", "train (1).xml", "--study", study, "-n")
    assert read_annotation("xml/train.xml") == STROKES
    done = crisp("correct", "train (1).xml", "--study", study)
    assert done.stdout == shown.stdout
    assert [line.split("  ")[0] for line in done.stdout.splitlines()] == ["video", "train", "train"]
    assert re.split("  +", done.stdout.splitlines()[1]) == [
        "train",
        "moved, renamed",
        "20 to 30 Push",
        "20 to 33 Hit",
    ]
    assert re.split("  +", done.stdout.splitlines()[2]) == ["train", "added", "-", "35 to 39 Hit"]
    assert "xml/train.xml: 2 strokes changed" in done.stderr
    assert "the labels of 1 video are new to the next run: train." in done.stderr
    assert len(read_annotation("xml/train.xml")) == 3
    write_json(load_study(study).results / "labels.json", samples.labels(load_study(study)))
    again = crisp("correct", "train (1).xml", "--study", study)
    assert again.stdout == ""
    assert "the next run finds the labels of the last one" in again.stderr


def test_export(tmp_path: Path, make_video) -> None:
    from tests.indexing.exports import sample

    index = sample.content(make_video(tmp_path / "game.mp4", frames=120))
    index |= {"digest": "0", "annotations": None, "warnings": [], "probabilities": None}
    index["video"] |= {"sha256": "0", "variable_rate": False}
    index["model"]["path"] = "model.pt"
    (tmp_path / "index.json").write_text(json.dumps(index))
    write_annotation(tmp_path / "a.xml", [Stroke(3, 9, "x")])
    arguments = ("export", tmp_path / "index.json", "--annotations", tmp_path / "a.xml")
    said = crisp(*arguments, "--format", "xml", "--format", "vtt")
    assert said.stdout.split() == [
        str(tmp_path / "corrected" / name) for name in ("strokes.xml", "strokes.vtt")
    ]
    assert read_annotation(tmp_path / "corrected/strokes.xml") == [Stroke(3, 9, "x")]
    crisp(*arguments, "--out", tmp_path / "all")
    assert len([path for path in (tmp_path / "all").iterdir() if path.name.startswith("strokes.")]) == 5
    (tmp_path / "all/strokes.csv").write_text("mine")
    with pytest.raises(CrispError, match="was changed since CRISP wrote it"):
        crisp(*arguments, "--out", tmp_path / "all")
    with pytest.raises(CrispError, match="no such format"):
        crisp(*arguments, "--format", "docx")


def test_first_saves_of_two_videos_at_once(study: Path, lab: Lab) -> None:
    """Each gets its row in the table, whoever reads it in between."""
    lab.labels.clear()
    lab.write()
    body = b'<video><action begin="0" end="9" move="Hit"/></video>'
    with served("--study", study) as server, ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda name: server.put(body, "", name), tables.SPLITS))
    assert [answer.status for answer in answers] == [200] * 3
    assert {row.video for row in tables.read_annotations("annotations.tsv")} == set(tables.SPLITS)
