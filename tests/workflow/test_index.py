"""Many videos indexed through the workflow, a job each."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.indexing.test_index import model_file
from tests.workflow.conftest import ROOT, Run, environment


def index(folder: Path, *arguments: str) -> Run:
    """The documented command on this machine, in a folder with ``videos/`` and ``model.pt``."""
    command = ["snakemake", "-s", str(ROOT / "workflow/index.smk"), "--profile", str(ROOT / "profiles/local")]
    command += ["--cores", "2", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    return Run(done.returncode, done.stdout + done.stderr)


CONFIG = ("--config", "videos=videos", "model=model.pt", "out=found")


@pytest.mark.slow
def test_a_folder_of_videos(tmp_path: Path, make_video) -> None:
    for number, name in enumerate(("first game.mp4", "second.mp4")):
        make_video(tmp_path / "videos" / name, frames=60, seed=number)
    (tmp_path / "videos/broken.mp4").write_bytes(b"no video")
    (tmp_path / "videos/notes.txt").write_text("not taken for a video")
    model_file(tmp_path / "model.pt")

    run = index(tmp_path, *CONFIG)
    assert run.code == 1
    assert "broken.mp4" in run.text
    names = sorted(path.parent.name for path in tmp_path.glob("found/*/index.json"))
    assert names == ["first-game", "second"]
    content = json.loads((tmp_path / "found/first-game/index.json").read_text())
    assert content["video"]["frames"] == 60
    assert "frames" in (tmp_path / "found/.logs/second.log").read_text()

    (tmp_path / "videos/broken.mp4").unlink()
    assert "Nothing to be done" in index(tmp_path, *CONFIG).text
    make_video(tmp_path / "videos/third.mp4", frames=60, seed=3)
    run = index(tmp_path, *CONFIG)
    assert run.code == 0, run.text
    assert (tmp_path / "found/third/index.json").exists()
    assert "1 of 1  100 %  index third " in run.text

    shutil.rmtree(tmp_path / "found/second")
    run = index(tmp_path, *CONFIG)
    assert run.code == 0, run.text
    assert "1 of 1  100 %  index second " in run.text

    before = (tmp_path / "found/second/index.json").read_text()
    model_file(tmp_path / "model.pt", bias=(9, 0, 0))
    run = index(tmp_path, *CONFIG)
    assert run.code == 0, run.text
    assert (tmp_path / "found/second/index.json").read_text() != before


@pytest.mark.slow
def test_players_in_boxes(tmp_path: Path, make_video) -> None:
    make_video(tmp_path / "videos/game.mp4", size=(192, 96), frames=40)
    model_file(tmp_path / "model.pt")
    assert index(tmp_path, *CONFIG).code == 0
    run = index(tmp_path, *CONFIG, "regions=left=0,0,0.5,1; right=0.5,0,1,1")
    assert run.code == 0, run.text
    content = json.loads((tmp_path / "found/game/index.json").read_text())
    assert [player["name"] for player in content["players"]] == ["left", "right"]


def test_boxes_that_are_refused(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "model.pt").write_bytes(b"")
    run = index(tmp_path, *CONFIG, "regions=left=0,0,2,1", "-n")
    assert run.code == 1
    assert "a region inside the picture" in run.text
    assert "left: 0,0,2,1" in run.text


@pytest.mark.slow
def test_videos_of_any_name(tmp_path: Path, make_video) -> None:
    names = ("match {final}.mp4", "<results> b.mp4", "$HOME 'c' [a]* %s e.mp4")
    for number, name in enumerate(names):
        make_video(tmp_path / "videos" / name, frames=20, seed=number)
    model_file(tmp_path / "model.pt")
    run = index(tmp_path, *CONFIG)
    assert run.code == 0, run.text
    found = {
        path: json.loads(path.read_text())["video"]["path"] for path in tmp_path.glob("found/*/index.json")
    }
    assert sorted(Path(path).name for path in found.values()) == sorted(names)
    assert "Nothing to be done" in index(tmp_path, *CONFIG).text


@pytest.mark.parametrize("name", ["match {final}.mp4", "{video}.mp4", "<results>.mp4", "<final>.mp4"])
def test_names_that_snakemake_would_take_for_patterns_are_planned(tmp_path: Path, name: str) -> None:
    (tmp_path / "videos").mkdir()
    (tmp_path / "videos" / name).touch()
    (tmp_path / "model.pt").touch()
    run = index(tmp_path, "-n", *CONFIG)
    assert run.code == 0, run.text


@pytest.mark.parametrize(
    ("config", "names", "fault"),
    [
        (("videos=videos", "out=found"), ["a.mp4"], "model is missing: add model=..."),
        (("videos=none", "model=model.pt", "out=found"), ["a.mp4"], "none: folder of videos is missing"),
        (("videos=videos", "model=model.pt", "out=a<b>"), ["a.mp4"], "a<b>: Snakemake takes"),
        (("videos=videos", "model=m {x}.pt", "out=found"), ["a.mp4"], "m {x}.pt: Snakemake takes"),
        (CONFIG[1:], ["a.mp4", "A.avi"], "two videos have the same name"),
        (CONFIG[1:], ["a b.mp4", "a-b.mp4"], "two videos have the same name"),
    ],
)
def test_what_is_refused(tmp_path: Path, config: tuple[str, ...], names: list[str], fault: str) -> None:
    (tmp_path / "videos").mkdir()
    for name in names:
        (tmp_path / "videos" / name).touch()
    (tmp_path / "model.pt").touch()
    run = index(tmp_path, "-n", "--config", *config)
    assert run.code == 1
    assert fault in run.text
    assert "Traceback" not in run.text
