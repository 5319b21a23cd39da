"""Scores of submissions: figures by hand, the same as ours, and one message for each fault."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core import xml_files
from crisp.core.errors import CrispError
from crisp.evaluation import detection_metrics
from crisp.evaluation.detection_metrics import DetectedInterval
from crisp.report.scoring import truth
from crisp.report.scoring.score import Scored, compare, score
from crisp.report.scoring.submission import read_submission
from crisp.study import load, tables
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.splits import write_split
from crisp.study.tables import Annotation, VideoRow

MakeVideo = Callable[..., Path]
LOOP, HIT = "Serve Forehand Loop", "Offensive Backhand Hit"
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
    "classes": ["Negative", LOOP, HIT],
    "split": {"method": "given"},
    "variants": [{"name": "rgb"}],
}
CLIPS = {"1": LOOP, "2": LOOP, "3": HIT, "4": "Unknown"}
GAMES = {"10": [Stroke(10, 60), Stroke(100, 150)], "11": [Stroke(0, 50)]}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four trimmed test clips of 50 frames, and two untrimmed test videos of 200."""
    monkeypatch.chdir(tmp_path)
    rows = [Annotation(name, f"{name}.xml", "classification", "test") for name in CLIPS]
    rows += [Annotation(name, f"{name}.xml", "detection", "test") for name in GAMES]
    videos = [VideoRow(row.video, f"x/{row.video}.mp4", frames=50, fps=25) for row in rows[:4]]
    videos += [VideoRow(row.video, f"x/{row.video}.mp4", frames=200, fps=25) for row in rows[4:]]
    tables.write_videos("videos.tsv", videos)
    tables.write_annotations("annotations.tsv", rows)
    for name, label in CLIPS.items():
        write_annotation(f"{name}.xml", [Stroke(0, 50, label)])
    for name, strokes in GAMES.items():
        write_annotation(f"{name}.xml", strokes)
    Path("study.yaml").write_text(yaml.safe_dump(CONTENT))


def clips(path: str = "test.xml", **classes: str) -> str:
    named = "".join(f'<video name="{name[1:]}.mp4" class="{label}"/>' for name, label in classes.items())
    Path(path).write_text(f"<videos>{named}</videos>")
    return path


def actions(folder: str, **videos: str) -> str:
    Path(folder).mkdir()
    for name, text in videos.items():
        Path(folder, f"{name[1:]}.xml").write_text(f"<video>{text}</video>")
    return folder


def action(begin: object, end: object, label: str = "") -> str:
    return f'<action begin="{begin}" end="{end}"' + (f' move="{label}"/>' if label else "/>")


def scored(path: str, task: str = "") -> Scored:
    submission = read_submission(path)
    return score(submission, truth.of_study(load.load_study("study.yaml"), task or submission.task, "test"))


def refused(path: str, task: str = "") -> str:
    with pytest.raises(CrispError) as error:
        scored(path, task)
    return str(error.value)


def test_a_list_of_clips() -> None:
    figures = scored(clips(_1=LOOP, _2=HIT, _3=HIT, _4=HIT)).figures
    assert (figures["n"], figures["accuracy"], figures["mean_class_recall"]) == (3, 2 / 3, 0.75)
    assert figures["per_class"][HIT]["precision"] == 0.5
    assert figures["super_classes"]["hand"]["accuracy"] == 2 / 3
    assert "top_k" not in figures


def test_an_xml_for_each_video_scores_the_same() -> None:
    one = actions("run", **{f"_{name}": action(0, 50, LOOP) for name in CLIPS})
    assert scored(one).figures == scored(clips(_1=LOOP, _2=LOOP, _3=LOOP, _4=LOOP)).figures


def test_detections_in_file_order() -> None:
    run = actions("run", _10=action(100, 140) + action(10, 60) + action(160, 170), _11="")
    found = scored(run)
    ours = [DetectedInterval("10", *span, "Stroke") for span in ((100, 140), (10, 60), (160, 170))]
    actual = [
        DetectedInterval(name, *one[:2], "Stroke") for name, strokes in GAMES.items() for one in strokes
    ]
    frames = {"10": 200, "11": 200}
    assert found.figures == detection_metrics.detection(
        actual, ours, frames, ("Negative", "Stroke"), "Negative"
    )
    assert found.figures["global_iou"] == 90 / 160
    assert [one.video for one in found.timelines] == ["10", "11"]


def test_two_runs_side_by_side() -> None:
    first = scored(clips("a.xml", _1=LOOP, _2=LOOP, _3=HIT, _4=HIT))
    second = scored(clips("b.xml", _1=LOOP, _2=HIT, _3=LOOP, _4=HIT))
    found = compare(first, second)
    assert found["difference"]["Accuracy"] == pytest.approx(2 / 3)
    assert (found["first_only"], found["second_only"], found["p"]) == (2, 0, 0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "test.xml: "),
        ("no XML", "test.xml: not well-formed XML"),
        ("<html/>", "test.xml: not a submission"),
        ("<videos/>", "test.xml: not a list of clips"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><videos/>', "DOCTYPE is refused"),
    ],
)
def test_files_that_are_no_submission(text: str, words: str) -> None:
    Path("test.xml").write_text(text)
    assert words in refused("test.xml")


def test_huge_and_missing_files_and_folders_without_xml() -> None:
    with Path("huge.xml").open("wb") as file:
        file.truncate(xml_files.LARGEST_FILE + 1)
    assert "huge.xml: " in refused("huge.xml")
    assert "none.xml: " in refused("none.xml")
    Path("Ours/classificationTask/1").mkdir(parents=True)
    clips("Ours/classificationTask/1/test.xml", _1=LOOP)
    message = refused("Ours")
    assert "no XML file in the folder" in message
    assert "give the folder of one run: Ours/classificationTask/1" in message


def test_all_faults_of_a_list_at_once() -> None:
    message = refused(clips(_1=LOOP, _3="Chop", _9=HIT))
    assert "test.xml, video 2: unknown class" in message
    assert "test.xml, video 3: unknown video" in message
    assert "2 strokes missing: 2 0-50, 4 0-50" in message
    text = "".join(f'<video name="{name}.mp4" class="{LOOP}"/>' for name in "12341")
    Path("test.xml").write_text(f"<videos>{text}</videos>")
    assert "test.xml, video 5: stroke is classified twice" in refused("test.xml")


def test_strokes_of_other_bounds() -> None:
    texts = {f"_{name}": action(0, 50, LOOP) for name in CLIPS}
    message = refused(actions("run", **{**texts, "_1": action(5, 50, LOOP), "_2": action(0, 51, LOOP)}))
    assert "run/1.xml, action 1: no such stroke" in message
    assert "run/2.xml, action 1: action ends after the video" in message
    assert "2 strokes missing" in message


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({"_10": action(0, 201), "_11": ""}, "10.xml, action 1: action ends after the video"),
        ({"_10": action(-1, 20), "_11": ""}, "10.xml, action 1: bad begin"),
        ({"_10": action(20, 20), "_11": ""}, "10.xml, action 1: empty or negative interval"),
        ({"_10": action(0, 30) + action(9, 30), "_11": ""}, "IoU 0.70 of 0-30 and 9-30"),
        ({"_10": action(0, 30) * 2, "_11": ""}, "IoU 1.00"),
        ({"_10": ""}, "1 missing: 11.xml"),
        ({"_10": "", "_11": "", "_12": ""}, "12.xml: unknown video"),
    ],
)
def test_invalid_detections(texts: dict[str, str], words: str) -> None:
    assert words in refused(actions("run", **texts))


def test_a_list_of_clips_is_no_detection() -> None:
    assert "is of the other task" in refused(clips(_1=LOOP), "detection")


def test_nothing_to_score_against() -> None:
    with pytest.raises(CrispError, match="nothing to score against"):
        truth.of_study(load.load_study("study.yaml"), "detection", "train")


def test_the_folder_of_a_data_set(make_video: MakeVideo) -> None:
    for number, name in enumerate((f"validation/{LOOP}/1.mp4", f"validation/{HIT}/2.mp4", "test/3.mp4")):
        make_video(Path("raw/classificationTask", name), frames=10, seed=number)
    known = truth.of_folder("raw", "classification", "validation")
    assert len(known.classes) == 21
    found = score(read_submission(clips(_1=LOOP, _2=LOOP)), known)
    assert found.figures["accuracy"] == 0.5
    test = truth.of_folder("raw", "classification", "test")
    assert score(read_submission(clips(_3=LOOP)), test).figures["accuracy"] is None, "nothing is known of it"


@pytest.mark.parametrize("folds", [0, 3])
def test_the_part_of_a_drawn_split(folds: int) -> None:
    split = {"method": "stratified", "folds": folds, "shares": [0.4, 0.3, 0.3]}
    Path("study.yaml").write_text(yaml.safe_dump({**CONTENT, "split": split}))
    study = load.load_study("study.yaml")
    for name in study.split_names:
        tested = {"main": "2", "fold-1": "3", "fold-2": "1"}.get(name, "2")
        parts = {f"{video}:0-50": "test" if video == tested else "train" for video in CLIPS}
        write_split(study.split_table(name), parts)
        known = truth.of_study(study, "classification", "test", name)
        assert list(known.videos) == [tested]
        assert set(truth.of_study(study, "classification", "train", name).videos) == set(CLIPS) - {tested}
    wrong = clips(**{f"_{tested}": "Negative"})
    assert "  0.0" in verb(wrong, "--part", "test", "--split", name)
    if folds:
        result = CliRunner().invoke(application.app, ["score", wrong, "--study", "study.yaml"])
        assert "no split 'main'" in str(result.exception)
        assert "expected: fold-1, fold-2, fold-3" in str(result.exception)


def test_a_split_that_is_not_drawn_yet() -> None:
    Path("study.yaml").write_text(yaml.safe_dump({**CONTENT, "split": {"method": "stratified"}}))
    assert "split table is missing" in refused(clips(_1=LOOP))


def verb(*arguments: str) -> str:
    result = CliRunner().invoke(application.app, ["score", *arguments, "--study", "study.yaml"])
    assert result.exit_code == 0, result.exception
    return result.output


def test_verb() -> None:
    first, second = (
        clips("a.xml", _1=LOOP, _2=LOOP, _3=HIT, _4=HIT),
        clips("b.xml", _1=LOOP, _2=HIT, _3=LOOP, _4=HIT),
    )
    text = verb(first)
    assert "a.xml: valid" in text
    assert "Accuracy" in text
    assert "100.0" in text
    document = json.loads(verb(first, "--against", second, "--out", "score", "--json"))
    assert [one["submission"] for one in document["runs"]] == ["a.xml", "b.xml"]
    assert json.loads(Path("score/score.json").read_text()) == document
    page = Path("score/score.html").read_text()
    assert page.count("data:image/png;base64,") == 4
    assert {path.name for path in Path("score").glob("*.png")} == {
        f"{name}-{number}.png" for name in ("confusion", "super_confusion") for number in (1, 2)
    }


def test_verb_for_detections() -> None:
    run = actions("run", _10=action(12, 60), _11=action(0, 50))
    text = verb(run, "--out", "score")
    assert "Campaign mAP" in text
    assert Path("score/detection.png").stat().st_size > 1000
