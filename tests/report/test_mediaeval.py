"""Campaign files: what is written reads back, by importers and a stock parser; what is invalid is refused."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from typer.testing import CliRunner

from crisp.cli import application
from crisp.core.errors import CrispError
from crisp.core.files import write_json
from crisp.evaluation import predictions
from crisp.evaluation.predictions import evaluate_predictions
from crisp.report import mediaeval
from crisp.study import load, samples, tables
from crisp.study.annotations import Stroke, read_annotation, write_annotation
from crisp.study.config import Study
from crisp.study.splits import write_split
from crisp.study.tables import Annotation, VideoRow

CLASSES = ["Serve Forehand Loop", "Offensive Backhand Hit", "Negative"]
FRAMES = 60


class Lab:
    """Tables, annotations, a split and predictions in the working folder."""

    def __init__(self) -> None:
        self.videos: list[VideoRow] = []
        self.rows: list[Annotation] = []
        self.parts: dict[str, str] = {}
        self.predicted: list[tuple[str, str]] = []

    def add(
        self,
        name: str,
        path: str,
        *actions: Stroke,
        split: str = "test",
        task: str = "classification",
        step: int = 1,
    ) -> None:
        """A video with one annotation file; each test stroke is predicted as the next class but its own."""
        if name not in [row.video for row in self.videos]:
            self.videos.append(VideoRow(name, path, frames=FRAMES, fps=25, frame_step=step))
        self.rows.append(Annotation(name, f"{name}-{task}.xml", task, split))
        write_annotation(f"{name}-{task}.xml", list(actions))
        for one in actions if task == "classification" else ():
            begin, end = samples.working_interval(one.begin, one.end, step)
            self.parts[f"{name}:{begin}-{end}"] = split
            if split == "test":
                self.predicted.append((f"{name}:{begin}-{end}", CLASSES[len(self.predicted) % 2]))

    def study(self, **changes: Any) -> Study:
        """The study, its tables, split and predictions written."""
        tables.write_videos("videos.tsv", self.videos)
        tables.write_annotations("annotations.tsv", self.rows)
        content = {
            "study": "s",
            "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
            "classes": CLASSES,
            "variants": [{"name": "twin"}],
            **changes,
        }
        Path("study.yaml").write_text(yaml.safe_dump(content))
        made = load.resolve_study(content)
        # A negative that was cut from a gap is tested and is no part of the task.
        write_split(made.results / "splits/main.tsv", {**self.parts, "cut:0-20": "test"})
        self.table("predictions.csv", ["sample", "prediction"], [*self.predicted, ("cut:0-20", "Negative")])
        return made

    def table(self, name: str, header: list[str], rows: list[tuple[Any, ...]]) -> None:
        with Path(name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def detections(self, *rows: tuple[Any, ...]) -> None:
        self.table(
            "detections.csv", ["video", "begin", "end", "label", "score"], [(*row, "x", 0.5) for row in rows]
        )


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(tmp_path)
    return Lab()


def refused(work: Callable[[], object]) -> str:
    with pytest.raises(CrispError) as error:
        work()
    return str(error.value)


def plain(path: Path) -> list[dict[str, str]]:
    """Attributes of an XML file's elements, by Python's own parser."""
    return [child.attrib for child in ElementTree.parse(path).getroot()]


def test_an_xml_a_video(lab: Lab) -> None:
    lab.add("a", "videos/game.1.mp4", Stroke(30, 50, "Unknown"), Stroke(0, 20, "UNKNOWN"))
    lab.add("b", "videos/b.mp4", Stroke(5, 25, CLASSES[0]))
    lab.add("c", "videos/c.mp4", Stroke(5, 25, CLASSES[0]), split="train")
    files = mediaeval.classification_files(lab.study(), "main", "predictions.csv")
    folder = mediaeval.run_folder("out", "Ours", "classification", "1")
    mediaeval.write_submission(folder, files)
    assert folder == Path("out/Ours/classificationTask/1")
    assert sorted(path.name for path in folder.iterdir()) == ["b.xml", "game.1.xml"]
    assert plain(folder / "game.1.xml") == [
        {"begin": "0", "end": "20", "move": CLASSES[1]},
        {"begin": "30", "end": "50", "move": CLASSES[0]},
    ]
    assert read_annotation(folder / "game.1.xml") == [Stroke(0, 20, CLASSES[1]), Stroke(30, 50, CLASSES[0])]
    assert read_annotation(folder / "b.xml") == [Stroke(5, 25, CLASSES[0])]


def test_a_list_of_clips(lab: Lab) -> None:
    for number in (3, 20):
        lab.add(str(number), f"classificationTask/test/{number}.mp4", Stroke(0, FRAMES, "Unknown"))
    files = mediaeval.classification_files(lab.study(), "main", "predictions.csv")
    mediaeval.write_submission("out", files)
    assert [path.name for path in Path("out").iterdir()] == ["test.xml"]
    assert plain(Path("out/test.xml")) == [
        {"name": "3.mp4", "class": CLASSES[0]},
        {"name": "20.mp4", "class": CLASSES[1]},
    ]
    # The other form is to be had by name.
    assert len(mediaeval.classification_files(lab.study(), "main", "predictions.csv", "2020")) == 2


def test_detections_of_every_test_video(lab: Lab) -> None:
    lab.add("a", "detectionTask/test/1.mp4", task="detection")
    lab.add("empty", "detectionTask/test/2.mp4", task="detection")
    lab.add("train", "detectionTask/train/3.mp4", Stroke(0, 9), split="train", task="detection")
    lab.videos.append(VideoRow("other", "detectionTask/train/4.mp4", frames=FRAMES, fps=25))
    lab.detections(("a", 20, FRAMES), ("train", 1, 5), ("a", 0, 10))
    mediaeval.write_submission("out", mediaeval.detection_files(lab.study(), "detections.csv"))
    assert {path.name: plain(path) for path in Path("out").iterdir()} == {
        "1.xml": [{"begin": "0", "end": "10"}, {"begin": "20", "end": "60"}],
        "2.xml": [],
    }
    assert read_annotation("out/1.xml") == [Stroke(0, 10), Stroke(20, FRAMES)]


def test_video_that_was_not_looked_into(lab: Lab) -> None:
    for name in "ab":
        lab.add(name, f"{name}.mp4", task="detection")
    lab.detections(("a", 0, 10))
    made = lab.study()
    assert len(mediaeval.detection_files(made, "detections.csv")) == 2
    write_json("detection.json", {"videos": ["a"]})
    message = refused(lambda: mediaeval.detection_files(made, "detections.csv"))
    assert "detection.json, video b: detection skipped this test video" in message
    assert "video a" not in message


def test_frames_are_those_of_the_file(lab: Lab) -> None:
    lab.add("a", "a.mp4", Stroke(7, 29, "Unknown"), step=7)  # 9 working frames, the last is 56
    lab.add("a", "a.mp4", task="detection", step=7)
    lab.detections(("a", 1, 9))
    (root,) = mediaeval.classification_files(lab.study(), "main", "predictions.csv").values()
    assert root[0].attrib == {"begin": "7", "end": "29", "move": CLASSES[0]}
    (root,) = mediaeval.detection_files(lab.study(), "detections.csv").values()
    assert root[0].attrib == {"begin": "7", "end": "60"}


def test_all_faults_of_a_classification_at_once(lab: Lab) -> None:
    lab.add("a", "x/game.mp4", Stroke(0, 20, "Unknown"), Stroke(30, 50, "Unknown"), Stroke(52, 61, "Unknown"))
    lab.add("b", "y/game.mp4", Stroke(0, 20, "Unknown"), Stroke(22, 24, CLASSES[0]))
    del lab.parts["b:22-24"]
    lab.predicted = [
        ("a:0-20", CLASSES[0]),
        ("a:0-20", CLASSES[0]),
        ("a:52-61", "Chop"),
        ("b:0-20", CLASSES[0]),
    ]
    made = lab.study()
    message = refused(lambda: mediaeval.classification_files(made, "main", "predictions.csv"))
    for words in (
        "predictions.csv, sample a:0-20: occurs more than once",
        "predictions.csv, sample a:30-50: test stroke has no prediction",
        "predictions.csv, sample a:52-61: unknown class",
        "predictions.csv, sample b:22-24: stroke is not a sample of the split",
        "submission, video a: bad interval",
        "expected: 0 <= begin < end <= 60 (frames in videos.tsv)",
        "submission, game.xml: several test videos have this file name",
    ):
        assert words in message


def test_form_of_clips_for_untrimmed_videos(lab: Lab) -> None:
    lab.add("a", "a.mp4", Stroke(0, 20, "Unknown"))
    made = lab.study()
    message = refused(lambda: mediaeval.classification_files(made, "main", "predictions.csv", "2022"))
    assert "video a: form 2022 lists trimmed clips" in message
    assert "use form 2020" in message
    assert "form: unknown form" in refused(
        lambda: mediaeval.classification_files(made, "main", "predictions.csv", "2021")
    )


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("a", 10, 10)], "bad interval"),
        ([("a", -1, 10)], "bad interval"),
        ([("a", 20, 10)], "found: begin=20 end=10"),
        ([("a", 50, 61)], "expected: 0 <= begin < end <= 60"),
        ([("a", 0, 10), ("a", 0, 10)], "IoU 1.00 of 0-10 and 0-10"),
        ([("a", 0, 30), ("a", 40, 50), ("a", 9, 30)], "IoU 0.70 of 0-30 and 9-30"),
        ([("a", "0.5", 10)], "detections.csv, line 2: bad begin or end"),
        ([("z", 0, 10)], "detections.csv, line 2: unknown or unused video"),
    ],
)
def test_invalid_detections(lab: Lab, rows: list[tuple[Any, ...]], words: str) -> None:
    lab.add("a", "a.mp4", task="detection")
    lab.detections(*rows)
    assert words in refused(lambda: mediaeval.detection_files(lab.study(), "detections.csv"))


def test_overlap_of_half_is_allowed(lab: Lab) -> None:
    lab.add("a", "a.mp4", task="detection")
    lab.detections(("a", 0, 15), ("a", 5, 20))  # IoU 10/20
    (root,) = mediaeval.detection_files(lab.study(), "detections.csv").values()
    assert len(root) == 2
    lab.detections(("a", 0, 15), ("a", 4, 19))
    assert "IoU 0.58" in refused(lambda: mediaeval.detection_files(lab.study(), "detections.csv"))


@pytest.mark.parametrize("text", ["video,begin\na,1\n", "video\x00", None])
def test_bad_table(lab: Lab, text: str | None) -> None:
    lab.add("a", "a.mp4", task="detection")
    if text is not None:
        Path("detections.csv").write_text(text)
    message = refused(lambda: mediaeval.detection_files(lab.study(), "detections.csv"))
    assert (
        "detections.csv: " + ("table of predictions is missing" if text is None else "missing columns")
        in message
    )


def test_verb(lab: Lab) -> None:
    lab.add("a", "a.mp4", Stroke(0, 20, "Unknown"), Stroke(22, 40, "Unknown"))
    made = lab.study()
    folder = made.model_folder("twin", "main", 1)
    folder.mkdir(parents=True)
    shutil.copy("predictions.csv", folder)
    command = ["submit", "twin", "--study", "study.yaml", "--team", "Ours"]
    runner = CliRunner()
    assert runner.invoke(application.app, [*command, "--out", "runs"]).exit_code == 0
    assert [path.as_posix() for path in Path("runs").rglob("*.xml")] == [
        "runs/Ours/classificationTask/1/a.xml"
    ]
    again = runner.invoke(application.app, [*command, "--out", "runs"])
    assert "folder of the run is not empty" in str(again.exception)
    assert runner.invoke(application.app, [*command, "--run", "best-2"]).exit_code == 0
    assert Path("Ours/classificationTask/best-2/a.xml").is_file()
    for run in "1234":
        assert not runner.invoke(application.app, [*command, "--run", run]).stderr
    warned = runner.invoke(application.app, [*command, "--run", "5"])
    assert warned.exit_code == 0
    assert "6 runs (1, 2, 3, 4, 5, best-2); the campaign takes at most 5" in warned.stderr
    for run in "12345":
        shutil.rmtree(f"Ours/classificationTask/{run}")
    lab.predicted.pop()
    lab.study()
    failed = runner.invoke(application.app, [*command, "--run", "3", "--predictions", "predictions.csv"])
    assert "a:22-40: test stroke has no prediction" in str(failed.exception)
    for option in ("--task", "--team", "--run"):
        refusal = runner.invoke(application.app, [*command, "--run", "3", option, "a/b"])
        assert f"{option.strip('-')}: " in str(refusal.exception)
    assert [path.name for path in Path("Ours/classificationTask").iterdir()] == ["best-2"]


def test_nothing_half_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        lab.add(name, f"{name}.mp4", Stroke(0, 20, "Unknown"))
    files = mediaeval.classification_files(lab.study(), "main", "predictions.csv")
    work, written = mediaeval.ElementTree.write, []

    def full(self: Any, *arguments: Any, **options: Any) -> None:
        if written:
            raise OSError(28, "No space left on device")
        written.append(work(self, *arguments, **options))

    monkeypatch.setattr(mediaeval.ElementTree, "write", full)
    with pytest.raises(CrispError, match="no room to write this file"):
        mediaeval.write_submission("out", files)
    assert len(written) == 1
    assert not list(Path().rglob("out*"))


def test_the_predictions_of_an_evaluation_are_read(lab: Lab) -> None:
    lab.add("a", "a.mp4", Stroke(0, 20, "Unknown"))
    made = lab.study()
    sample = samples.Sample("a", 0, 20, "Unknown", "stroke", "a:0-20")
    rows, _ = evaluate_predictions([sample], [[[0.1, 0.9, 0]]], CLASSES, "mean")
    predictions.write_predictions("found.csv", rows, CLASSES)
    (root,) = mediaeval.classification_files(made, "main", "found.csv").values()
    assert root[0].get("move") == CLASSES[1]
