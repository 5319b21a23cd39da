"""The detection subtask of the campaign in one study: import, check, run, submission and its score."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import environment

STROKES = '<action begin="10" end="20"/><action begin="80" end="95"/>'
SMALL = {
    "preparation": {"width": 32},
    "defaults": {"size": [8, 12, 12]},
    "variants": [{"name": "rgb", "model": "rgb"}],
    "training": {"epochs": 2, "batch_size": 5, "threads": 1},
    "report": {"videos": 0},
}


def crisp(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "crisp", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def imported(tmp_path: Path, make_video: Callable[..., Path]) -> Path:
    """The working folder after the import of detection videos, of which one test video is not annotated."""
    for number, split in enumerate(["train", "train", "validation", "test", "test"]):
        video = make_video(tmp_path / "raw/detectionTask" / split / f"{number}.mp4", frames=160, seed=number)
        video.with_suffix(".xml").write_text(f"<video>{STROKES * (number != 4)}</video>")
    crisp(tmp_path, "import", "raw", "--name", "mine")
    study = tmp_path / "config/mine/study.yaml"
    study.write_text(yaml.safe_dump({**yaml.safe_load(study.read_text()), **SMALL}))
    return tmp_path


def test_the_import_is_a_study_that_can_run(imported: Path) -> None:
    assert "no fault found" in crisp(imported, "check", "--study", "mine")
    planned = crisp(imported, "run", "--study", "mine", "-n")
    assert all(rule in planned for rule in ("train", "evaluate", "detect"))


@pytest.mark.slow
def test_from_import_to_a_scored_submission(imported: Path) -> None:
    crisp(imported, "run", "--study", "mine")
    model = imported / "results/studies/mine/models/rgb/main/seed-1"
    figures = json.loads((model / "detection.json").read_text())
    assert (figures["videos"], figures["strokes"]) == (["3", "4"], 2)
    assert json.loads((model / "metrics.json").read_text())["n"] == 4, "two strokes and two negatives"
    crisp(imported, "submit", "rgb", "--study", "mine", "--team", "Ours")
    run = imported / "Ours/detectionTask/1"
    assert sorted(path.name for path in run.iterdir()) == ["3.xml", "4.xml"]
    found = json.loads(crisp(imported, "score", str(run), "--study", "mine", "--json"))
    for name in ("strokes", "detections", "global_iou", "campaign_map"):
        assert found["runs"][0]["figures"][name] == pytest.approx(figures[name]), name
