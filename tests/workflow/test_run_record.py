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

from crisp.core import files
from crisp.core.errors import CrispError
from crisp.study import config, load
from crisp.workflow import recovery, run_record
from crisp.workflow.run_record import Head
from tests import unprivileged
from tests.lab import CONTENT
from tests.workflow.conftest import ROOT, Study, environment


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> config.Study:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(run_record.MARK, "")
    return load.resolve_study(CONTENT)


def dead() -> Head:
    """The head of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(process.pid).create_time()
    process.wait()
    return Head(socket.gethostname(), process.pid, started, [], uuid.uuid4().hex, "", "")


def put(loaded: config.Study, one: Head) -> None:
    files.write_json(run_record.record(loaded), asdict(one))


def test_a_run_is_on_record_until_its_process_ends(tiny: config.Study) -> None:
    program = """
import os
from crisp.study import load
from crisp.workflow import run_record
from tests import unprivileged
from tests.lab import CONTENT
from tests.workflow.conftest import ROOT, Study, environment
run_record.enter_record(load.resolve_study(CONTENT), "", "s.yaml")
found = run_record.read_record(run_record.record(load.resolve_study(CONTENT)))
assert run_record.alive(found) and found.pid == os.getpid() and os.environ[run_record.MARK] == found.mark
if os.fork() == 0:
    raise SystemExit  # a child's end is not the head's
os.wait()
assert run_record.record(load.resolve_study(CONTENT)).exists()
"""
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], check=True, env={**os.environ, "PYTHONPATH": str(root)})
    assert not run_record.record(tiny).exists()


@pytest.mark.usefixtures("tiny")
def test_a_head_in_a_job_is_on_record_with_it() -> None:
    program = """
import os
from crisp.study import load
from crisp.workflow import run_record
from tests import unprivileged
from tests.lab import CONTENT
from tests.workflow.conftest import ROOT, Study, environment
del os.environ["SLURM_JOB_ID"]  # as Snakemake's executor for SLURM does
run_record.enter_record(load.resolve_study(CONTENT), "", "s.yaml")
assert run_record.read_record(run_record.record(load.resolve_study(CONTENT))).slurm_job == "7"
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "SLURM_JOB_ID": "7"}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)


def test_head_in_a_job_on_another_machine_lives_while_its_job_does(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = {"7"}
    monkeypatch.setattr(run_record, "_squeue", lambda _, job: [job] if job in queue else [])
    away = replace(dead(), host="elsewhere", slurm_job="7")
    assert run_record.alive(away)
    queue.clear()
    assert not run_record.alive(away)


def test_head_whose_job_slurm_has_started_again_is_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another node, in the queue: asked by that very job."""
    monkeypatch.setattr(run_record, "_squeue", lambda *_: ["12"])
    monkeypatch.setattr(run_record, "OWN_JOB", "12")
    before = replace(dead(), host="elsewhere", slurm_job="12")
    assert run_record.alive(before)
    monkeypatch.setattr(run_record, "RESTARTED", True)
    assert not run_record.alive(before)
    assert run_record.alive(replace(before, slurm_job="13"))


def test_alive_is_this_very_process() -> None:
    own = psutil.Process()
    me = replace(dead(), pid=own.pid, started=own.create_time())
    assert run_record.alive(me)
    assert not run_record.alive(replace(me, started=me.started - 60)), "another process with the same number"
    assert not run_record.alive(dead())
    assert run_record.alive(replace(dead(), host="elsewhere")), "cannot be asked"


def test_second_run_is_refused(tiny: config.Study) -> None:
    put(tiny, replace(dead(), host="elsewhere"))
    for work in (
        lambda: run_record.enter_record(tiny, "", "s.yaml"),
        lambda: recovery.recover(tiny, Path("s.yaml")),
    ):
        with pytest.raises(CrispError, match=r"another run is in progress[\s\S]*on elsewhere[\s\S]*delete"):
            work()


def test_run_of_another_study_in_the_folder_is_in_the_way_of_recovery(tiny: config.Study) -> None:
    other = load.resolve_study({**CONTENT, "study": "other"})
    put(other, replace(dead(), host="elsewhere"))
    put(tiny, dead())
    with pytest.raises(CrispError, match=r"studies/other/head\.json"):
        recovery.recover(tiny, Path("s.yaml"))


def test_killed_run_with_nothing_left_does_not_stand_in_the_way(tiny: config.Study) -> None:
    put(tiny, dead())
    run_record.enter_record(tiny, "", "s.yaml")
    found = run_record.read_record(run_record.record(tiny))
    assert found
    assert found.pid == os.getpid()


def test_processes_of_a_run_are_found_and_ended(tiny: config.Study) -> None:
    gone = dead()
    environment = {**os.environ, run_record.MARK: gone.mark}
    left = subprocess.Popen(["sleep", "600"], env=environment)
    put(tiny, gone)
    with pytest.raises(
        CrispError, match=rf"jobs are still running[\s\S]*process {left.pid}[\s\S]*crisp recover"
    ):
        run_record.enter_record(tiny, "", "s.yaml")
    assert run_record.end(gone) == 1
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
        run_record.slurm_jobs(slurm_log(f"SLURM run ID: {RUN_ID}\n"))


@pytest.mark.usefixtures("tiny")
def test_slurm_jobs_are_those_of_the_runs_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []
    monkeypatch.setattr(run_record, "_squeue", lambda *which: asked.append(which) or ["7"])
    names = [RUN_ID, f"mine_{RUN_ID}", "bash", "", f"bash,{RUN_ID}", f"{RUN_ID},bash", RUN_ID.upper()]
    text = "".join(f"SLURM run ID: {name}\n" for name in names)
    assert run_record.slurm_jobs(slurm_log(text)) == ["7"]
    assert asked == [("--user", str(os.getuid()), "--name", f"{RUN_ID},mine_{RUN_ID}")]
    assert run_record.slurm_jobs(slurm_log("SLURM run ID: bash\n")) == []
    assert len(asked) == 1


@pytest.mark.usefixtures("tiny")
def test_log_is_looked_for_in_this_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_record, "_squeue", lambda *_: ["7"])
    elsewhere = slurm_log(f"SLURM run ID: {RUN_ID}\n", "elsewhere/.snakemake/log")
    assert run_record.slurm_jobs(elsewhere) == []
    slurm_log(f"SLURM run ID: {RUN_ID}\n")
    assert run_record.slurm_jobs(elsewhere) == ["7"], "the folder was moved since"


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
def test_record_that_no_head_has_written(tiny: config.Study, key: str, value: object) -> None:
    files.write_json(run_record.record(tiny), {**asdict(dead()), key: value})
    with pytest.raises(CrispError, match=rf"head.json, {key}(\.0)?: not a record of a run"):
        run_record.read_record(run_record.record(tiny))


@pytest.mark.parametrize("content", [None, [], "head", {}, {"pid": 1}, {**asdict(dead()), "extra": 1}])
def test_record_that_is_none(tiny: config.Study, content: object) -> None:
    files.write_json(run_record.record(tiny), content)
    for work in (
        lambda: run_record.enter_record(tiny, "", "s.yaml"),
        lambda: recovery.recover(tiny, Path("s.yaml")),
    ):
        with pytest.raises(CrispError, match="not a record of a run"):
            work()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '{"pid": ' + "9" * 5000 + "}", "\udcff"])
def test_record_that_is_damaged(tiny: config.Study, text: str) -> None:
    run_record.record(tiny).parent.mkdir(parents=True)
    run_record.record(tiny).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(CrispError, match="record of a run cannot be read"):
        run_record.read_record(run_record.record(tiny))


def test_record_of_before_is_read(tiny: config.Study) -> None:
    content = asdict(dead())
    arguments = ["--configfile", "s.yaml", "-j", "2"]
    del content["arguments"]
    command = ["/usr/bin/python", "/usr/bin/snakemake", *arguments]
    files.write_json(run_record.record(tiny), {**content, "command": command, "folder": "/home/me"})
    assert (run_record.read_record(run_record.record(tiny)) or dead()).arguments == arguments


def test_processes_of_other_machines_and_other_users_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = dead()
    left = subprocess.Popen(["sleep", "600"], env={**os.environ, run_record.MARK: gone.mark})
    try:
        assert list(run_record.processes(replace(gone, host="elsewhere"))) == []
        monkeypatch.setattr(os, "getuid", lambda: 12345)
        assert list(run_record.processes(gone)) == []
    finally:
        left.kill()


def test_run_of_another_user_is_left_alone(tiny: config.Study, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tiny, dead())
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for work in (
        lambda: run_record.enter_record(tiny, "", "s.yaml"),
        lambda: recovery.recover(tiny, Path("s.yaml")),
    ):
        with pytest.raises(CrispError, match="belongs to another user"):
            work()
    assert run_record.record(tiny).exists()


def test_results_that_belong_to_another_user(study: Study) -> None:
    results = study.folder / "results"
    results.mkdir(mode=0)
    snakemake = ["snakemake", "-s", str(ROOT / "Snakefile"), "--configfile", "study.yaml", "-j", "1", "-n"]
    for command in (snakemake, [sys.executable, "-m", "crisp", "check", "--study", "study.yaml"]):
        done = unprivileged.run(command, study.folder, environment())
        assert done.returncode == 1
        said = done.stdout + done.stderr
        assert f"found: no permission: {results} belongs to " in said
        assert f"remedy: chmod u+x {results}" in said
        assert "PermissionError" not in said


def test_a_record_that_may_not_be_read_is_not_damaged(study: Study) -> None:
    record = study.folder / "results/volumes/tiny/preparation.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    record.chmod(0)
    command = [sys.executable, "-m", "crisp", "check", "--study", "study.yaml"]
    done = unprivileged.run(command, study.folder, environment())
    assert done.returncode == 1
    assert (
        f"{Path(*record.parts[-4:])}: record of how these volumes were prepared cannot be read" in done.stderr
    )
    assert f"chmod u+r {record}" in done.stderr
    assert "damaged" not in done.stderr
