"""Training in several processes, as torchrun starts them for GPUs; here on the CPU, through Gloo."""

from __future__ import annotations

import contextlib
import csv
import getpass
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from crisp.core import files
from crisp.core.errors import CrispError
from crisp.study.config import Study
from crisp.training import distributed, trainer
from crisp.training.resume import ResumeState
from tests import trainable
from tests.trainable import configured

# As on a machine with so many GPUs, but that the processes are on the CPU.
SCRIPT = """
import os, sys
from crisp import cli
from crisp.training import distributed
count = {count}
if count > 1 and "WORLD_SIZE" not in os.environ:
    distributed.start = lambda *_: distributed.launch_processes(count, [sys.executable, *sys.argv])
cli.main()
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return trainable.build()


def begin(made: Study, count: int, variant: str, *more: str) -> subprocess.Popen[str]:
    """Start `crisp train` in so many processes."""
    files.write_json(Path("study.json"), made.config)
    Path("train.py").write_text(SCRIPT.format(count=count))
    verb = ["train.py", "train", "--study", "study.json", "--state", "state", "--device", "cpu", variant]
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    return subprocess.Popen(
        [sys.executable, *verb, *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def trained(made: Study, count: int, variant: str, *more: str) -> subprocess.CompletedProcess[str]:
    """Run `crisp train` in so many processes."""
    running = begin(made, count, variant, *more)
    try:
        said = running.communicate(timeout=250)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
    return subprocess.CompletedProcess([], running.returncode, *said)


def until(holds: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    """Wait until something holds, while a process runs."""
    deadline = time.monotonic() + 120
    while not holds():
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def history(made: Study, variant: str) -> list[dict[str, str]]:
    path = made.model_folder(variant, "main", 1) / "history.csv"
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("variant", ["twin", pytest.param("pose", marks=pytest.mark.slow)])
def test_two_processes_train_as_one(variant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of 4, 4 and 2 of ten samples, and a last one of 1 of five: one process is left without."""
    made = configured(epochs=3, learning_rate=0.005)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    alone = trained(made, 1, variant)
    assert alone.returncode == 0, alone.stderr
    expected = history(made, variant)
    together = trained(made, 2, variant)
    assert together.returncode == 0, together.stderr
    assert together.stderr.count("epoch 3/3") == 1, "the first process alone tells"
    assert "2 processes" in together.stderr
    found = history(made, variant)
    for name in expected[0]:
        one, two = ([float(row[name]) for row in rows] for rows in (expected, found))
        np.testing.assert_allclose(two, one, rtol=1e-4, err_msg=name)
    left = {path.name for path in (tmp_path / "temporary").iterdir()}
    assert left <= {f"torchinductor_{getpass.getuser()}"}, "nothing but torch's own cache"


@pytest.mark.usefixtures("small")
@pytest.mark.slow
def test_goes_on_with_another_number_of_processes() -> None:
    made = configured(epochs=3)
    assert trained(made, 1, "flow").returncode == 0
    expected = history(made, "flow")
    begun = trainer.Trainer(made, made.variant("flow"), "main", 1, torch.device("cpu"))
    begun.begin_epoch()
    begun._record(begun.epoch(1))
    ResumeState(Path("state"), begun.digest, begun.learner).save(begun.progress)
    done = trained(made, 2, "flow")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("resuming after epoch 1") == 1
    found = history(made, "flow")
    losses = [[float(row["validation_loss"]) for row in rows] for rows in (expected, found)]
    np.testing.assert_allclose(*losses, rtol=1e-4)


@pytest.mark.slow
def test_attention_in_several_processes_needs_gpus(small: Study) -> None:
    done = trained(small, 2, "twin-attention")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "crisp: variant twin-attention: attention cannot learn in several processes"
    )
    assert done.stderr.count("crisp:") == 1, "one of them tells"
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_told_to_stop_they_save_in_the_same_place() -> None:
    running = begin(configured(epochs=100), 2, "flow")
    until(lambda: Path("state/last.pt").is_file(), running)
    os.kill(running.pid, signal.SIGUSR1)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.count("crisp:") == 1, said
    assert "stopped by SIGUSR1; the state is saved in state" in said
    state = torch.load("state/last.pt", weights_only=False)
    place = f"epoch {len(state['history']) + 1}"
    if state["within"]:
        place += f", after batch {state['within']['batches']}"
    assert f"the same command resumes at {place}" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_killed_process_ends_the_training_with_one_error() -> None:
    running = begin(configured(epochs=100), 2, "flow")
    until(lambda: Path("state/last.pt").is_file(), running)
    workers = psutil.Process(running.pid).children()
    assert len(workers) == 2
    workers[1].kill()
    _, said = running.communicate(timeout=60)
    assert running.returncode == 1
    assert said.count("crisp:") == 1
    assert "crisp: training: process 2 of 2 was killed (SIGKILL)" in said
    assert "Traceback" not in said


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_ctrl_c_is_told_once() -> None:
    running = begin(configured(epochs=100), 2, "flow")
    until(lambda: Path("state/last.pt").is_file(), running)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.count("crisp:") == 1, said
    assert "crisp: interrupted" in said
    assert "Traceback" not in said


def test_of_several_words_the_first_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(distributed.ERRORS_FOLDER, raising=False)
    assert not distributed.record_error("nobody is there to tell it")
    monkeypatch.setenv(distributed.ERRORS_FOLDER, str(tmp_path))
    assert distributed.record_error("first")
    assert distributed.record_error("second")
    assert (tmp_path / "fault").read_text() == "first"
    assert distributed.record_error("gone", "lost")
    assert (tmp_path / "lost").read_text() == "gone"
    monkeypatch.setenv(distributed.ERRORS_FOLDER, str(tmp_path / "missing"))
    assert not distributed.record_error("cannot be left")


def test_gpus_start_a_process_each(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[list[str | int]] = []
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.setattr(distributed.torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(
        distributed, "launch_processes", lambda count, command: begun.append([count, *command])
    )
    monkeypatch.setattr(sys, "argv", ["/bin/crisp", "train", "twin"])
    distributed.start(1, "auto")
    distributed.start(4, "cpu")
    assert begun == []
    distributed.start(4, "auto")
    assert begun == [[4, sys.executable, "-m", "crisp", "train", "twin"]]
    with pytest.raises(CrispError, match=r"too few GPUs on this machine[\s\S]*found: 4[\s\S]*at most 4"):
        distributed.start(8, "cuda")
    monkeypatch.setenv("WORLD_SIZE", "4")
    distributed.start(4, "auto")
    assert len(begun) == 1
    monkeypatch.delenv("WORLD_SIZE")
    monkeypatch.setattr(distributed.torch.cuda, "device_count", lambda: 0)
    distributed.start(4, "auto")
    assert len(begun) == 1, "a laptop trains the study of a cluster, too"
