"""The record of a run's head: who runs, who was killed, and what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from crisp import files, head, study
from crisp.errors import CrispError
from crisp.head import Head
from tests.lab import CONTENT


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> study.Study:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(head.MARK, "")
    return study.resolve(CONTENT)


def dead() -> Head:
    """The head of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(process.pid).create_time()
    process.wait()
    return Head(socket.gethostname(), process.pid, started, ["snakemake"], ".", "mark of dead", "", "no.log")


def put(loaded: study.Study, one: Head) -> None:
    files.write_json(head.record(loaded), asdict(one))


def test_a_run_is_on_record_until_its_process_ends(tiny: study.Study) -> None:
    program = """
import os
from crisp import head, study
from tests.lab import CONTENT
head.enter(study.resolve(CONTENT), "", "s.yaml")
found = head.read(head.record(study.resolve(CONTENT)))
assert head.alive(found) and found.pid == os.getpid() and os.environ[head.MARK] == found.mark
if os.fork() == 0:
    raise SystemExit  # a child's end is not the head's
os.wait()
assert head.record(study.resolve(CONTENT)).exists()
"""
    root = Path(__file__).parents[1]
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(root)})
    assert not head.record(tiny).exists()


@pytest.mark.usefixtures("tiny")
def test_a_head_in_a_job_is_on_record_with_it() -> None:
    program = """
import os
from crisp import head, study
from tests.lab import CONTENT
del os.environ["SLURM_JOB_ID"]  # as Snakemake's executor for SLURM does
head.enter(study.resolve(CONTENT), "", "s.yaml")
assert head.read(head.record(study.resolve(CONTENT))).slurm_job == "7"
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "SLURM_JOB_ID": "7"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_head_in_a_job_on_another_machine_lives_while_its_job_does(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = {"7"}
    monkeypatch.setattr(head, "_squeue", lambda _, job: [job] if job in queue else [])
    away = replace(dead(), host="elsewhere", slurm_job="7")
    assert head.alive(away)
    queue.clear()
    assert not head.alive(away)


def test_head_whose_job_slurm_has_started_again_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another node, in the queue: asked by that very job."""
    monkeypatch.setattr(head, "_squeue", lambda *_: ["12"])
    monkeypatch.setattr(head, "OWN_JOB", "12")
    before = replace(dead(), host="elsewhere", slurm_job="12")
    assert head.alive(before)
    monkeypatch.setattr(head, "RESTARTED", True)
    assert not head.alive(before)
    assert head.alive(replace(before, slurm_job="13"))


def test_alive_is_this_very_process() -> None:
    own = psutil.Process()
    me = replace(dead(), pid=own.pid, started=own.create_time())
    assert head.alive(me)
    assert not head.alive(replace(me, started=me.started - 60)), "another process with the same number"
    assert not head.alive(dead())
    assert head.alive(replace(dead(), host="elsewhere")), "cannot be asked"


def test_second_run_is_refused(tiny: study.Study) -> None:
    put(tiny, replace(dead(), host="elsewhere"))
    for work in (lambda: head.enter(tiny, "", "s.yaml"), lambda: head.recover(tiny)):
        with pytest.raises(CrispError, match=r"another run is under way[\s\S]*on elsewhere[\s\S]*delete"):
            work()


def test_run_of_another_study_in_the_folder_is_in_the_way_of_recovery(tiny: study.Study) -> None:
    other = study.resolve({**CONTENT, "study": "other"})
    put(other, replace(dead(), host="elsewhere"))
    put(tiny, dead())
    with pytest.raises(CrispError, match=r"studies/other/head\.json"):
        head.recover(tiny)


def test_killed_run_with_nothing_left_does_not_stand_in_the_way(tiny: study.Study) -> None:
    put(tiny, dead())
    head.enter(tiny, "", "s.yaml")
    found = head.read(head.record(tiny))
    assert found
    assert found.pid == os.getpid()


def test_processes_of_a_run_are_found_and_ended(tiny: study.Study) -> None:
    gone = dead()
    environment = {**os.environ, head.MARK: gone.mark}
    left = subprocess.Popen(["sleep", "600"], env=environment)
    put(tiny, gone)
    with pytest.raises(
        CrispError, match=rf"jobs of it still run[\s\S]*process {left.pid}[\s\S]*crisp recover"
    ):
        head.enter(tiny, "", "s.yaml")
    assert head.end(gone) == 1
    assert not psutil.pid_exists(left.pid)


def test_slurm_that_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "snakemake.log"
    log.write_text("SLURM run ID: 4c3a-1\n")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CrispError, match=r"squeue: command not found[\s\S]*remedy"):
        head.slurm_jobs(replace(dead(), log=str(log)))


def test_damaged_record(tiny: study.Study) -> None:
    files.write_json(head.record(tiny), {"pid": 1})
    with pytest.raises(CrispError, match="not a record of a run"):
        head.recover(tiny)


@pytest.mark.parametrize(
    "command",
    [
        ["sh", "-c", "touch ran"],
        ["python", "-c", "open('ran', 'w')"],
        ["python"],
        ["", "snakemake"],
        ["snakemake.sh"],
        [],
        [1],
    ],
)
def test_a_record_of_another_command_is_not_run(tiny: study.Study, command: list[str]) -> None:
    """It may have come with somebody else's results."""
    put(tiny, replace(dead(), command=command))
    with pytest.raises(CrispError, match="not the command of a run"):
        head.recover(tiny)
    assert not Path("ran").exists()
    assert head.record(tiny).exists()


@pytest.mark.parametrize(
    "content", [[], {}, {"pid": 1}, {**asdict(dead()), "pid": "1"}, {**asdict(dead()), "log": 3}]
)
def test_a_record_of_other_content(tiny: study.Study, content: object) -> None:
    files.write_json(head.record(tiny), content)
    with pytest.raises(CrispError, match="not a record of a run") as error:
        head.read(head.record(tiny))
    assert "delete" not in error.value.faults[0].remedy
