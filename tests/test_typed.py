"""The documentation's commands for data of one's own, typed as they stand there, in a clone.

Names that stand for something of the reader's are replaced, and the study is made small enough to train in
seconds. Which commands are tried elsewhere or by nobody is said below, with the reason.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from crisp.study.annotations import read_annotation, write_annotation
from tests.pages import PAGES, ROOT, blocks, lines
from tests.terminal import Terminal
from tests.workflow.conftest import CLASSES, STUDY

MINE = "config/mine/study.yaml"
DETECTION = "results/studies/demo-detection/models/twin/main/seed-1/model.pt"
TRAINED = "results/studies/mine/models/twin/main/seed-1/model.pt"
FRAMES = 60

# Videos of the data set, with their part of it.
VIDEOS = {"match-1": "train", "match-2": "train", "match-7": "validation", "player-21": "test"}

# Why a command is not typed here, by page and how it begins.
ELSEWHERE = {
    ("README.md", "make demo"): "continuous integration",
    ("README.md", "make test"): "continuous integration",
    ("docs/tutorial.md", ""): "tests/indexing/viewer/test_tutorial.py",
    ("docs/student.md", "crisp samples"): "tests/indexing/viewer/test_tutorial.py",
    ("docs/student.md", "crisp models"): "tests/indexing/viewer/test_tutorial.py",
    ("docs/student.md", ""): "tests/test_docs.py",
    ("docs/commands.md", "crisp check"): "tests/test_docs.py",
    ("docs/commands.md", "crisp plan"): "tests/test_docs.py",
    ("docs/commands.md", "pip install"): "changes the environment of the tests",
    ("docs/commands.md", "snakedeploy"): "tests/workflow/test_deployment.py",
    ("docs/commands.md", "cd analysis"): "tests/workflow/test_deployment.py",
    ("docs/annotating.md", ""): "tests/cli/test_labelling.py, on files of its own",
    ("docs/agreement.md", ""): "tests/report/agreement/test_files.py, for studies and folders of its own",
    ("docs/formats.md", ""): "tests/study/importers, on files of each kind",
    ("docs/cluster.md", ""): "tests/slurm, with a study of its own",
    ("docs/demo.md", ""): "takes from ten minutes to hours: by hand, for the figures of that page",
    ("docs/players.md", ""): "tests/cli/test_regions.py, and tests of the import of regions",
    ("docs/suggestions.md", ""): "tests/report/test_suggestions.py",
    ("docs/poses.md", "pip install"): "changes the environment of the tests",
    (
        "docs/real-clips.md",
        "",
    ): "of clips that are not in this repository: by hand, for the figures of that page",
}


def elsewhere(page: Path, line: str) -> str:
    """Where else a command is tried, or why nowhere."""
    name = page.relative_to(ROOT).as_posix()
    found = [why for (of, begin), why in ELSEWHERE.items() if of == name and line.strip().startswith(begin)]
    return found[0] if found else ""


def here(page: Path) -> list[str]:
    """The command lines of a page that are typed here."""
    shell = [block for language, block in blocks(page) if language == "sh"]
    return [line for block in shell for line in lines(block) if not elsewhere(page, line)]


TYPED = (
    "README.md",
    *(
        f"docs/{name}.md"
        for name in ("plan", "results", "label-errors", "coach", "indexing", "viewer", "commands")
    ),
)


def test_every_command_is_typed_somewhere() -> None:
    assert {page.relative_to(ROOT).as_posix() for page in PAGES if here(page)} == set(TYPED)
    for name, begin in ELSEWHERE:
        shell = [block for language, block in blocks(ROOT / name) if language == "sh"]
        typed = [line.strip() for block in shell for line in lines(block)]
        assert any(line.startswith(begin) for line in typed), (name, begin)


@pytest.fixture
def terminal(tmp_path: Path, make_video) -> Terminal:
    """A terminal beside a folder of four short videos and a table of their strokes."""
    opened = Terminal(tmp_path)
    rows = []
    for number, (name, split) in enumerate(VIDEOS.items()):
        path = make_video(tmp_path / f"videos/{name}.mp4", frames=FRAMES, seed=number)
        rows += [(path.name, begin, begin + 6, CLASSES[begin // 8 % 2], split) for begin in range(0, 40, 8)]
    cells = [("video", "begin", "end", "label", "split"), *rows]
    (tmp_path / "videos/strokes.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in cells))
    for name in ("match.mp4", "game.mp4"):
        make_video(opened.clone / name, frames=FRAMES, seed=9)
    return opened


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_data_of_ones_own(terminal: Terminal, tmp_path: Path) -> None:
    readme, plan, results, label_errors, coach, indexing, viewer, others = (
        here(ROOT / name) for name in TYPED
    )
    clone, videos = terminal.clone, tmp_path / "videos"
    found = clone / "found"

    def typed(typed: list[str]) -> str:
        replaced = [
            line.replace("/path/to/your/videos", str(videos))
            .replace("=/videos", f"={videos}")
            .replace(" /videos", f" {videos}")
            .replace("--profile slurm", "--profile profiles/local")
            for line in typed
        ]
        return terminal.type(replaced, "crisp")

    # From a folder of videos to a report, and a new video.
    assert [line.split()[0] for line in readme[:2]] == ["source", "crisp"]
    typed(readme[:2])
    small = {key: STUDY[key] for key in ("preparation", "negatives", "defaults", "training")}
    content = yaml.safe_load((clone / MINE).read_text())
    small["variants"] = [{"name": "twin"}]
    (clone / MINE).write_text(yaml.safe_dump({**content, **small}))
    said = typed(readme[2:])
    assert "match: " in said
    assert "found in 60 frames" in said
    assert (clone / "results/studies/mine/report.html").exists()
    assert (clone / "Ours/classificationTask/1").is_dir()
    assert (clone / "game/flow/deepflow.h5").exists()
    assert (found / "match/viewer.html").exists()

    # What the study costs, its results and its labels.
    assert "core-hours" in typed(plan)
    # What follows needs a detection data set: tests/workflow/test_detection_task.py.
    assert results[3].startswith("crisp score Ours/detectionTask")
    typed(results[:3])
    assert (clone / "match-7.png").exists()
    typed(label_errors)
    assert (clone / "results/studies/mine/label-errors/index.html").exists()

    # New videos. A small model stands for the one of the demo that takes minutes to train.
    shutil.copy(clone / TRAINED, clone / "model.pt")
    (clone / DETECTION).parent.mkdir(parents=True)
    shutil.copy(clone / TRAINED, clone / DETECTION)
    assert "found in 60 frames" in typed(coach)
    typed(indexing[:3])
    assert {path.name for path in found.iterdir()} == {"match", *VIDEOS}
    typed(indexing[3:4])
    assert (found / ".logs/match-1.log").exists()
    typed(["crisp demo --out data/demo player-21", "rm -r found/player-21", *indexing[4:]])
    assert (found / "player-21/overlay.mp4").exists()

    # Their pages, and a correction that goes back into the study.
    typed(["pushd found", viewer[0], viewer[3]])
    assert (found / "match-1/viewer.mp4").exists()
    xml = clone / "config/mine/annotations/classification/test/player-21.xml"
    first, *rest = read_annotation(xml)
    (tmp_path / "Downloads").mkdir()
    write_annotation(tmp_path / "Downloads/player-21.xml", [first._replace(label=CLASSES[1]), *rest])
    assert first.label == CLASSES[0]
    prepared = clone / "results/volumes/mine/player-21/frames.h5"
    before = prepared.stat()
    typed(viewer[1:3])
    assert read_annotation(xml)[0].label == CLASSES[1]
    sample = f"player-21:{first.begin}-{first.end}"
    judged = (clone / TRAINED).with_name("predictions.csv").read_text()
    assert [line.split(",")[4] for line in judged.splitlines() if line.startswith(sample)] == [CLASSES[1]]
    assert prepared.stat().st_mtime_ns == before.st_mtime_ns

    assert "complete" in typed(others)
