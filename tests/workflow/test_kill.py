"""Processes killed with SIGKILL: nothing half-written, and the same command finishes the work."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import h5py
import psutil
import pytest

from crisp.study import tables
from tests.workflow.conftest import ROOT, Run, Study, environment, scanned

pytestmark = pytest.mark.slow

SNAKEMAKE = ("snakemake", "-s", str(ROOT / "Snakefile"), "--configfile", "study.yaml", "-j", "2")
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


def writer(run: subprocess.Popen[str], target: Path) -> int:
    """Wait until a process of a run writes `target`; its id, which is in the name it writes to."""
    while not (found := list(target.parent.glob(f"{target.name}.tmp-*"))):
        if run.poll() is not None:
            pytest.fail(f"ended before {target} was begun\n{run.communicate()[0]}")
        time.sleep(0.01)
    return int(found[0].name.split("-")[-2])


def leftovers(study: Study) -> list[Path]:
    return [path for path in study.folder.rglob("*.tmp-*") if ".snakemake" not in path.parts]


def model_folder(study: Study) -> Path:
    return study.folder / "results/studies/tiny/models/twin/main/seed-1"


def kill_training(study: Study, epoch: int) -> None:
    """Start training and kill it in the epoch after `epoch`."""
    training = start(study, "crisp", *TRAIN)
    assert training.stdout
    said = ""
    for line in training.stdout:
        said += line
        if line.startswith(f"epoch {epoch}/"):
            break
    else:
        pytest.fail(f"ended before epoch {epoch}\n{said}")
    os.killpg(training.pid, signal.SIGKILL)
    training.communicate()


def test_killed_training_resumes_to_the_same_digits(done: Study) -> None:
    paths = [model_folder(done) / name for name in ("history.csv", "model.pt")]
    undisturbed = [path.read_bytes() for path in paths]
    assert len(undisturbed[0].splitlines()) == 4
    for path in paths:
        path.unlink()
    for epoch in (1, 2):
        kill_training(done, epoch)
    resumed = done.crisp(*TRAIN)
    assert "resuming after epoch" in resumed.stderr
    assert [path.read_bytes() for path in paths] == undisturbed


def test_label_fix_after_a_kill_trains_afresh(done: Study) -> None:
    kill_training(done, 2)
    table = done.folder / "results/studies/tiny/splits/main/train.tsv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace("Offensive Forehand Hit", "Defensive Backhand Push")
    table.write_text("\n".join(lines) + "\n")
    resumed = done.crisp(*TRAIN)
    assert resumed.returncode == 0, resumed.stderr
    assert "training afresh" in resumed.stderr
    assert "epoch 1/3" in resumed.stderr


@pytest.fixture
def slow(study: Study, make_video) -> Study:
    """A study with one video that takes some time in every stage."""
    path = make_video(study.folder / "data/tiny/v1.mp4", frames=200, size=(320, 240), seed=1)
    table = study.folder / "tables/videos.tsv"
    tables.write_videos(table, [scanned(path), *tables.read_videos(table)[1:]])
    study.configure(preparation={"width": 320, "flow_methods": ["dis"]})
    return study


def test_killed_stages_are_finished_by_the_same_command(slow: Study) -> None:
    stages = {name: slow.stage_file("v1", f"{name}.h5") for name in ("frames", "flow/dis", "roi/dis")}
    wanted = stages["roi/dis"].relative_to(slow.folder).as_posix()
    finished: list[str] = []
    for name, target in stages.items():
        run = start(slow, *SNAKEMAKE, wanted)
        os.kill(writer(run, target), signal.SIGKILL)
        text, _ = run.communicate(timeout=120)
        assert run.returncode != 0, text
        assert not target.exists()
        # What the run before was killed in, and the next one: nothing that was finished runs again.
        assert list(Run(run.returncode, text).jobs) == [*finished, name.split("/")[0]]
        finished = [name.split("/")[0]]
    again = slow.run(wanted)
    assert dict(again.jobs) == {"roi": 1}
    for target in stages.values():
        with h5py.File(target) as file:
            assert file.attrs["complete"]
    assert not leftovers(slow)


def kill_head(run: subprocess.Popen[str], job: psutil.Process) -> None:
    """Kill Snakemake alone; its job stays, and stands still so that it is still there later on."""
    job.suspend()
    run.kill()
    run.wait()
    assert job.is_running()


def test_killed_snakemake_names_the_way_out_and_loses_nothing(slow: Study) -> None:
    target = slow.stage_file("v1", "flow/dis.h5")
    wanted = target.relative_to(slow.folder).as_posix()
    run = start(slow, *SNAKEMAKE, wanted)
    orphan = psutil.Process(writer(run, target))
    orphan.suspend()  # the next command may take longer than the job
    refused = slow.crisp("recover", "--study", "study.yaml")
    assert refused.returncode == 1
    assert "another run is in progress" in refused.stderr
    assert f"process {run.pid}" in refused.stderr

    kill_head(run, orphan)
    locked = slow.run(wanted, check=False)
    assert locked.code != 0
    assert "crisp recover --study study.yaml" in locked.text
    again = slow.crisp("recover", "--study", "study.yaml")
    assert again.returncode == 0, again.stderr
    assert not orphan.is_running()
    assert dict(Run(0, again.stdout + again.stderr).jobs) == {"flow": 1}
    assert target.exists()
    assert not leftovers(slow)
    assert "nothing to recover" in slow.crisp("recover", "--study", "study.yaml").stdout


def test_unlocking_by_hand_does_not_let_a_second_writer_in(slow: Study) -> None:
    target = slow.stage_file("v1", "flow/dis.h5")
    wanted = target.relative_to(slow.folder).as_posix()
    run = start(slow, *SNAKEMAKE, wanted)
    kill_head(run, psutil.Process(writer(run, target)))
    slow.run("--unlock")
    second = slow.run("--rerun-incomplete", wanted, check=False)
    assert second.code != 0
    assert "some of its jobs are still running" in second.text
    assert slow.crisp("recover", "--study", "study.yaml", "--no-run").returncode == 0
    assert not target.exists()
    assert slow.run("-n", "--rerun-incomplete", wanted).jobs == {"flow": 1}
