"""Processes killed with SIGKILL: nothing half-written, and the same command finishes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import h5py
import pytest

from crisp import annotations, sources, tables, video
from crisp.tables import Video
from tests.workflow.conftest import ROOT, Study, environment

TRAIN = ("train", "--study", "results/studies/tiny/study.json", "twin")


def start(study: Study, *command: str) -> subprocess.Popen[str]:
    """Start a command in a process group of its own, so that all of it can be killed."""
    return subprocess.Popen(
        command,
        cwd=study.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_for(condition, seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def leftovers(study: Study) -> list[Path]:
    return [path for path in study.folder.rglob("*.tmp-*") if ".snakemake" not in path.parts]


def model_folder(study: Study) -> Path:
    return study.folder / "results/studies/tiny/models/twin/main/seed-1"


def kill_training(study: Study, epoch: int) -> None:
    """Start training and kill it in the epoch after `epoch`."""
    training = start(study, "crisp", *TRAIN)
    assert training.stdout
    for line in training.stdout:
        if line.startswith(f"epoch {epoch}/"):
            break
    os.killpg(training.pid, signal.SIGKILL)
    training.wait()


@pytest.fixture
def long(done: Study) -> Study:
    """A finished study whose training is to take some epochs more."""
    snapshot = done.folder / "results/studies/tiny/study.json"
    snapshot.write_text(snapshot.read_text().replace('"epochs": 2', '"epochs": 8'))
    return done


def test_killed_training_resumes_to_the_same_digits(long: Study) -> None:
    assert long.crisp(*TRAIN).returncode == 0
    undisturbed = (model_folder(long) / "history.csv").read_bytes()
    assert len(undisturbed.splitlines()) == 9
    for epoch in (2, 5):
        kill_training(long, epoch)
    resumed = long.crisp(*TRAIN)
    assert "resuming after epoch" in resumed.stderr
    assert (model_folder(long) / "history.csv").read_bytes() == undisturbed


def test_label_fix_after_a_kill_trains_afresh(long: Study) -> None:
    kill_training(long, 3)
    table = long.folder / "results/studies/tiny/strokes.tsv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace("Offensive Forehand Hit", "Defensive Backhand Push")
    table.write_text("\n".join(lines) + "\n")
    resumed = long.crisp(*TRAIN)
    assert "training afresh" in resumed.stderr
    after_kill = (model_folder(long) / "history.csv").read_bytes()
    assert long.crisp(*TRAIN).returncode == 0  # no state is left: a fresh run
    assert (model_folder(long) / "history.csv").read_bytes() == after_kill


def test_damaged_checkpoint_only_costs_time(long: Study) -> None:
    state = long.folder / "results/studies/tiny/state/twin-main-1"
    state.mkdir(parents=True, exist_ok=True)
    (state / "last.pt").write_bytes(b"PK\x03\x04 torn")
    trained = long.crisp(*TRAIN)
    assert trained.returncode == 0, trained.stderr
    assert "unusable checkpoint" in trained.stderr


@pytest.fixture
def slow(study: Study, make_video) -> Study:
    """A study with one video that takes some seconds in every stage."""
    path = make_video(study.folder / "data/tiny/v1.mp4", frames=900, size=(320, 240), seed=1)
    rows = tables.read_videos(study.folder / "tables/videos.tsv")
    source = video.count_packets(path)
    rows[0] = Video("v1", path.name, path.stat().st_size, source.packets, sources.sha256(path), source.fps)
    tables.write_videos(study.folder / "tables/videos.tsv", rows)
    study.configure(preparation={"width": 320, "flow_methods": ["dis"]})
    return study


@pytest.mark.parametrize("stage", ["frames.h5", "flow/dis.h5", "roi/dis.h5"])
def test_killed_stage_is_finished_by_the_same_command(slow: Study, stage: str) -> None:
    target = slow.stage_file("v1", stage)
    command = [
        "snakemake",
        "-s",
        str(ROOT / "Snakefile"),
        "-j",
        "2",
        "--configfile",
        "study.yaml",
        str(target),
    ]
    run = start(slow, *command)
    wait_for(lambda: list(target.parent.glob(f"{target.name}.tmp-*")))
    name = next(target.parent.glob(f"{target.name}.tmp-*")).name
    os.kill(int(name.split("-")[-2]), signal.SIGKILL)
    text, _ = run.communicate(timeout=120)
    assert run.returncode != 0, text
    assert not target.exists()
    again = start(slow, *command)
    text, _ = again.communicate(timeout=120)
    assert again.returncode == 0, text
    with h5py.File(target) as file:
        assert file.attrs["complete"]
    assert not leftovers(slow)


def test_killed_snakemake_names_the_way_out_and_loses_nothing(slow: Study) -> None:
    command = ["snakemake", "-s", str(ROOT / "Snakefile"), "-j", "2", "--configfile", "study.yaml"]
    target = slow.stage_file("v1", "flow/dis.h5")
    run = start(slow, *command)
    wait_for(lambda: list(target.parent.glob("dis.h5.tmp-*")))
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    finished = {
        path: path.stat().st_mtime_ns for path in slow.folder.glob("results/volumes/tiny/*/frames.h5")
    }
    locked = slow.run(check=False)
    assert locked.code != 0
    assert "--unlock" in locked.text
    slow.run("--unlock")
    again = slow.run("--rerun-incomplete", "--until", "flow")
    assert again.jobs["frames"] < 4
    assert all(path.stat().st_mtime_ns == date for path, date in finished.items())
    assert not leftovers(slow)


def test_label_fix_while_nothing_runs_gives_what_a_fresh_study_gives(done: Study, study: Study) -> None:
    for folder in (done, study):
        first, second, *rest = annotations.read(folder.xml("v1"))
        annotations.write(folder.xml("v1"), [first._replace(label=second.label), second, *rest])
        folder.run()
    names = ("models/twin/main/seed-1/metrics.json", "models/twin/main/seed-1/history.csv", "summary.tsv")
    for name in names:
        fixed, fresh = (folder.folder / "results/studies/tiny" / name for folder in (done, study))
        assert fixed.read_bytes() == fresh.read_bytes(), name
    volumes = sorted(path.relative_to(done.folder) for path in done.folder.glob("results/volumes/**/*.h5"))
    assert volumes
    for path in volumes:
        assert (done.folder / path).read_bytes() == (study.folder / path).read_bytes(), path
