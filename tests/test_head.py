"""The record of a run's head: who runs, who was killed, and what is refused."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from dataclasses import asdict, replace
from pathlib import Path

import psutil
import pytest

from crisp import files, head, recovery, study
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
    return Head(socket.gethostname(), process.pid, started, [], uuid.uuid4().hex, "", "")


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
    for work in (lambda: head.enter(tiny, "", "s.yaml"), lambda: recovery.recover(tiny, Path("s.yaml"))):
        with pytest.raises(CrispError, match=r"another run is under way[\s\S]*on elsewhere[\s\S]*delete"):
            work()


def test_run_of_another_study_in_the_folder_is_in_the_way_of_recovery(tiny: study.Study) -> None:
    other = study.resolve({**CONTENT, "study": "other"})
    put(other, replace(dead(), host="elsewhere"))
    put(tiny, dead())
    with pytest.raises(CrispError, match=r"studies/other/head\.json"):
        recovery.recover(tiny, Path("s.yaml"))


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


RUN_ID = "01234567-89ab-cdef-0123-456789abcdef"


def slurm_log(text: str, folder: str = ".snakemake/log") -> Head:
    """A dead head whose Snakemake wrote `text` to its log."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    Path(folder, "1.log").write_text(text)
    return replace(dead(), log=str(Path(folder, "1.log").absolute()))


@pytest.mark.usefixtures("tiny")
def test_slurm_that_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CrispError, match=r"squeue: command not found[\s\S]*remedy"):
        head.slurm_jobs(slurm_log(f"SLURM run ID: {RUN_ID}\n"))


@pytest.mark.usefixtures("tiny")
def test_slurm_jobs_are_those_of_the_runs_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(head, "_squeue", lambda *which: asked.append(which) or ["7"])
    names = [RUN_ID, f"mine_{RUN_ID}", "bash", "", f"bash,{RUN_ID}", f"{RUN_ID},bash", RUN_ID.upper()]
    text = "".join(f"SLURM run ID: {name}\n" for name in names)
    assert head.slurm_jobs(slurm_log(text)) == ["7"]
    assert asked == [("--user", str(os.getuid()), "--name", f"{RUN_ID},mine_{RUN_ID}")]
    assert head.slurm_jobs(slurm_log("SLURM run ID: bash\n")) == []
    assert len(asked) == 1


@pytest.mark.usefixtures("tiny")
def test_log_is_looked_for_in_this_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(head, "_squeue", lambda *_: ["7"])
    elsewhere = slurm_log(f"SLURM run ID: {RUN_ID}\n", "elsewhere/.snakemake/log")
    assert head.slurm_jobs(elsewhere) == []
    slurm_log(f"SLURM run ID: {RUN_ID}\n")
    assert head.slurm_jobs(elsewhere) == ["7"], "the folder was moved since"


BAD = {
    "host": ["", None, 1],
    "pid": [0, -1, None, "1", 1.5, True, 2**40],
    "started": [None, "now", -1, 1e300, float("nan"), float("inf"), True],
    "arguments": [None, "-j 2", [1], [None], [["-j"]], {}],
    "mark": [None, "", "a", "a" * 31, "a" * 33, "A" * 32, "a" * 32 + "\n", 0, ["a" * 32]],
    "slurm_job": [None, 7, "7\n", "7,8", "--all", "٧"],
    "log": [None, "/etc/passwd", "x.log", ".snakemake/log/../../x", ".snakemake/log/", ".snakemake/log/a\0b"],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD.items() for value in values])
def test_record_that_no_head_has_written(tiny: study.Study, key: str, value: object) -> None:
    files.write_json(head.record(tiny), {**asdict(dead()), key: value})
    with pytest.raises(CrispError, match=rf"head.json, {key}(\.0)?: not a record of a run"):
        head.read(head.record(tiny))


@pytest.mark.parametrize("content", [None, [], "head", {}, {"pid": 1}, {**asdict(dead()), "extra": 1}])
def test_record_that_is_none(tiny: study.Study, content: object) -> None:
    files.write_json(head.record(tiny), content)
    for work in (lambda: head.enter(tiny, "", "s.yaml"), lambda: recovery.recover(tiny, Path("s.yaml"))):
        with pytest.raises(CrispError, match="not a record of a run"):
            work()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"pid": ' + "9" * 5000 + "}", "\udcff"])
def test_record_that_is_damaged(tiny: study.Study, text: str) -> None:
    head.record(tiny).parent.mkdir(parents=True)
    head.record(tiny).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CrispError, match="record of a run cannot be read"):
        head.read(head.record(tiny))


def test_record_of_before_is_read(tiny: study.Study) -> None:
    content = asdict(dead())
    arguments = ["--configfile", "s.yaml", "-j", "2"]
    del content["arguments"]
    command = ["/usr/bin/python", "/usr/bin/snakemake", *arguments]
    files.write_json(head.record(tiny), {**content, "command": command, "folder": "/home/me"})
    assert (head.read(head.record(tiny)) or dead()).arguments == arguments


def test_processes_of_other_machines_and_other_users_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = dead()
    left = subprocess.Popen(["sleep", "600"], env={**os.environ, head.MARK: gone.mark})
    try:
        assert list(head.processes(replace(gone, host="elsewhere"))) == []
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert list(head.processes(gone)) == []
    finally:
        left.kill()


def test_run_of_another_user_is_left_alone(tiny: study.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tiny, dead())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for work in (lambda: head.enter(tiny, "", "s.yaml"), lambda: recovery.recover(tiny, Path("s.yaml"))):
        with pytest.raises(CrispError, match="was another user's"):
            work()
    assert head.record(tiny).exists()
