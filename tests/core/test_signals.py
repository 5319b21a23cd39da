"""Trainings that are told to stop, or killed at any instant: they end as if nothing had happened."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from crisp.core import files
from crisp.core.signals import ended_clean, graceful_shutdown, provisional
from crisp.study.config import Study
from crisp.training import trainer
from tests import trainable
from tests.trainable import configured

KILLS = 20


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    return trainable.build()


def train(made: Study, folder: str) -> None:
    variant = made.variant("flow")
    trainer.train_model(made, variant, "main", 1, Path(folder), Path(folder, "state"), "cpu")


def begun(until: str, **options: Any) -> tuple[subprocess.Popen[str], str]:
    """A `crisp train` of study.json that has come to saying something, and what it said so far."""
    program = "from crisp import cli; cli.main()"
    command = [sys.executable, "-c", program, "train", "--study", "study.json", "--state", "state", "flow"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen(
        [*command, "--device", "cpu"], stderr=subprocess.PIPE, text=True, env=environment, **options
    )
    assert process.stderr is not None
    said = ""
    while until not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return process, said


def result(folder: str) -> tuple[bytes, dict[str, Any]]:
    model = torch.load(Path(folder, "model.pt"), weights_only=True)["model"]
    return Path(folder, "history.csv").read_bytes(), model


def same(one: tuple[bytes, dict[str, Any]], other: tuple[bytes, dict[str, Any]]) -> bool:
    return one[0] == other[0] and all(torch.equal(one[1][key], other[1][key]) for key in one[1])


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_killed_twenty_times_it_ends_the_same(capfd: pytest.CaptureFixture[str]) -> None:
    made = configured(epochs=400, patience=4)  # with restarts from the best weights, too
    train(made, "undisturbed")
    clock, kills = random.Random(0), 0
    while kills < KILLS:
        process = get_context("fork").Process(target=train, args=(made, "killed"))
        process.start()
        process.join(clock.uniform(0.1, 0.8))
        assert process.is_alive(), f"it was to be killed {KILLS} times, not {kills}"
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
        kills += 1
    train(made, "killed")
    assert same(result("killed"), result("undisturbed"))
    assert capfd.readouterr().err.count("resuming after epoch") > 5
    assert not Path("killed/state").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.slow)])
def test_told_to_stop_it_saves_and_the_same_command_goes_on(small: Study, number: signal.Signals) -> None:
    made = configured(epochs=30)
    train(made, "undisturbed")
    files.write_json(Path("study.json"), made.config)
    process, said = begun("epoch 3/30")
    process.send_signal(number)
    said += process.communicate()[1]
    assert process.wait(60) == 1
    assert f"stopped by {number.name}; the state is saved in" in said
    assert "the same command resumes at epoch" in said
    assert "Traceback" not in said
    again, _ = begun("resuming after epoch")
    again.communicate()
    assert again.returncode == 0
    folder = str(small.model_folder("flow", "main", 1))
    assert same(result(folder), result("undisturbed"))


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGUSR1, marks=pytest.mark.slow)])
def test_all_processes_of_the_job_are_told_to_stop(number: signal.Signals) -> None:
    """As a cluster does: the loader processes, too."""
    files.write_json(Path("study.json"), configured(epochs=500, workers=2).config)
    process, said = begun("epoch 2/500", start_new_session=True)
    left = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, number)
    said += process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert said.count("crisp:") == 1
    assert f"stopped by {number.name}; the state is saved in" in said
    assert "Traceback" not in said
    assert not psutil.wait_procs(left, timeout=20)[1]


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_killed_loader_process_is_one_error() -> None:
    files.write_json(Path("study.json"), configured(epochs=500, workers=1).config)
    process, said = begun("epoch 2/500")
    children = psutil.Process(process.pid).children()
    next(child for child in children if "resource_tracker" not in " ".join(child.cmdline())).kill()
    said += process.communicate()[1]
    assert process.wait(60) == 1
    assert "loader process: was killed" in said
    assert "training.workers" in said
    assert "Traceback" not in said
    assert Path("state/last.pt").exists()


def test_signals_are_noted_and_given_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with graceful_shutdown() as told:
        assert not told
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)  # signals are handled between two instructions
        assert told
        assert told.by == "SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is before


def ended(program: str, folder: Path, number: signal.Signals) -> subprocess.CompletedProcess[str]:
    """A Python program that was sent a signal once it had said so."""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "now\n"
    process.send_signal(number)
    out, said = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, out, said)


BEGUN = """
import os, signal, time
from pathlib import Path
from crisp.core.signals import ended_clean, graceful_shutdown, provisional
folder, file = Path("folder"), Path("file")
with ended_clean(), provisional(folder), provisional(file):
    folder.mkdir()
    (folder / "part").touch()
    file.touch()
    {body}
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("where", ["", "sorted([1, 2], key=lambda _: time.sleep(30))  # called back"])
def test_what_is_provisional_goes_with_the_process(
    tmp_path: Path, number: signal.Signals, code: int, where: str
) -> None:
    body = f"print('now', flush=True); {where or 'time.sleep(30)'}"
    done = ended(BEGUN.format(body=body), tmp_path, number)
    assert done.returncode == code
    assert done.stderr == f"crisp: ended by {number.name}; no file is incomplete\n"
    assert not list(tmp_path.iterdir())


def test_forked_process_leaves_what_its_parent_writes(tmp_path: Path) -> None:
    """As a loader process that is ended while the training saves."""
    body = """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"a signal before this would be lost")
        time.sleep(30)
        os._exit(1)
    os.read(reading, 1)
    os.kill(child, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert (code, sorted(os.listdir())) == (143, ["file", "folder"])
    print("now", flush=True)
    time.sleep(30)
"""
    done = ended(BEGUN.format(body=body.strip()), tmp_path, signal.SIGTERM)
    assert done.returncode == 143
    assert done.stderr.count("crisp:") == 1
    assert not list(tmp_path.iterdir())


def test_provisional_goes_after_an_error_and_stays_out_of_the_way(tmp_path: Path) -> None:
    path, renamed = tmp_path / "folder", tmp_path / "renamed"
    with pytest.raises(FileExistsError), provisional(path):
        [(path / "in it").mkdir(parents=True) for _ in range(2)]
    assert not path.exists()
    with provisional(path):
        path.mkdir()
        path.rename(renamed)
    assert renamed.exists()


def test_handlers_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
    with ended_clean():
        assert signal.getsignal(signal.SIGTERM) is not before[0]
        with graceful_shutdown() as told:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0)
            assert told.by == "SIGTERM", "a training's own way goes first"
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)] == before
