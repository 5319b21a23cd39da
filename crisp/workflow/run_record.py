"""The record of a run's driver: the Snakemake process that runs the jobs.

A driver process that exits normally deletes its record, also after Ctrl-C or an error. A killed one leaves
its record, with everything needed to cancel its jobs and resume.
"""

from __future__ import annotations

import atexit
import os
import pwd
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from crisp.core.errors import CrispError, fail
from crisp.core.files import read_json, write_json
from crisp.core.json_schema import VALIDATOR
from crisp.core.unreadable import reading
from crisp.study.config import Study

RECORD = "head.json"
# Read at import: before a run starts, Snakemake's executor for SLURM clears SLURM's variables.
OWN_JOB = os.environ.get("SLURM_JOB_ID", "")
RESTARTED = "SLURM_RESTART_COUNT" in os.environ
MARK = "CRISP_HEAD"  # environment variable that all processes of a run inherit
PATIENCE = 120  # seconds that cancelled jobs have to end
# From Snakemake's log, with the prefix of --slurm-jobname-prefix: the job name of a run.
RUN_ID = re.compile(r"SLURM run ID: ((?:[A-Za-z0-9_-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$", re.M)
# Records are stored with results, which people share; every process with its mark is killed.
SCHEMA = {
    "type": "object",
    "properties": {
        "host": {"type": "string", "minLength": 1},
        "pid": {"type": "integer", "minimum": 1, "maximum": 2**31},
        "started": {"type": "number", "minimum": 0, "maximum": 1e11},
        "arguments": {"type": "array", "items": {"type": "string"}},
        "mark": {"type": "string", "pattern": r"^[0-9a-f]{32}\Z"},
        "slurm_job": {"type": "string", "pattern": r"^[0-9]*\Z"},
        "log": {"type": "string", "pattern": r"^([^\0]*/)?\.snakemake/log/[^/\0]+\Z|^\Z"},
    },
    "required": ["host", "pid", "started", "arguments", "mark", "slurm_job", "log"],
    "additionalProperties": False,
}


@dataclass(frozen=True)
class Head:
    """The driver of a run.

    `started` is its start in seconds since 1970, `arguments` are those of Snakemake, `mark` is the value
    of `MARK` in all its processes, `slurm_job` its own SLURM job, `log` Snakemake's log file.
    """

    host: str
    pid: int
    started: float
    arguments: list[str]
    mark: str
    slurm_job: str
    log: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.started).isoformat(" ", "seconds")
        return f"process {self.pid} on {self.host}, since {since}"


def record(study: Study) -> Path:
    """Return the path of the record of a study's driver."""
    return study.results / RECORD


def check_access(study: Study) -> None:
    """Fail if a study's results or volumes are in a folder of another user that may not be entered.

    Raises
    ------
    CrispError
        Naming the folder and its owner.
    """
    for folder in (study.results, study.volumes):
        with reading(folder, "folder of results"):
            (folder / RECORD).exists()


def read_record(path: Path) -> Head | None:
    """Read the recorded driver; None if there is none.

    Raises
    ------
    CrispError
        If the record cannot be read, or a part of it is missing or invalid.
    """
    with reading(path, "record of a run"):
        if not path.exists():
            return None
    content = _of_before(read_json(path, "record of a run"))
    for error in VALIDATOR(SCHEMA).iter_errors(content):
        place = ".".join(map(str, error.path)) or "top level"
        raise fail(
            f"{path}, {place}",
            "not a record of a run",
            "the record that CRISP writes when a run starts",
            error.message,
            "move it away if no snakemake of this study runs; the results are kept",
        )
    return Head(**{**content, "pid": int(content["pid"])})


def _of_before(content: Any) -> Any:
    """Convert a record of an earlier version, with the whole command."""
    if not isinstance(content, dict) or not isinstance(words := content.get("command"), list):
        return content
    at = [number for number, word in enumerate(words) if Path(str(word)).name in ("snakemake", "__main__.py")]
    kept = {key: value for key, value in content.items() if key not in ("command", "folder")}
    return {**kept, "arguments": words[at[0] + 1 :] if at else words}


def check_own(path: Path, head: Head) -> None:
    """Fail for another user's run, which cannot be inspected or ended.

    Raises
    ------
    CrispError
        Naming the owner of the record.
    """
    owner = path.stat().st_uid
    if owner == os.geteuid():
        return
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        name = f"user {owner}"
    raise fail(
        path,
        "the last run of this study was interrupted, and belongs to another user",
        "a run of yours",
        f"{head}, of {name}",
        f"ask {name} to run crisp recover, or rename the study to make your own results",
    )


def enter_record(study: Study, log: str, study_file: str) -> None:
    """Record this process as the driver of a study's run, until it ends.

    Parameters
    ----------
    study : Study
    log : str
        Snakemake's log file.
    study_file : str
        File of the study, named in the remedy of an error.

    Raises
    ------
    CrispError
        If another driver runs this study, or jobs of a killed one still exist.
    """
    path = record(study)
    before = read_record(path)
    if before and before.pid != os.getpid():
        if alive(before):
            raise busy(path, before)
        check_own(path, before)
        if left := [*slurm_jobs(before), *(f"process {process.pid}" for process in processes(before))]:
            raise fail(
                path,
                "the last run of this study was interrupted, and some of its jobs are still running",
                "no second run that writes the same files",
                ", ".join(left[:10]),
                f"crisp recover --study {study_file} cancels them and resumes the run",
            )
    own = psutil.Process()
    head = Head(
        host=socket.gethostname(),
        pid=own.pid,
        started=own.create_time(),
        arguments=sys.argv[1:],
        mark=uuid.uuid4().hex,
        slurm_job=OWN_JOB,
        log=log,
    )
    os.environ[MARK] = head.mark
    write_json(path, asdict(head))
    atexit.register(_leave, path, head)


def _leave(path: Path, head: Head) -> None:
    """Delete the record; not in a forked child of the driver, nor if it is another driver's."""
    if os.getpid() == head.pid and read_record(path) == head:
        path.unlink()


def alive(head: Head) -> bool:
    """Return whether a driver still runs. One on another machine that cannot be queried counts as running."""
    if head.host != socket.gethostname():
        if RESTARTED and head.slurm_job == OWN_JOB:
            return False  # its node was lost, and SLURM restarted its job: this one
        return bool(_squeue("--jobs", head.slurm_job)) if head.slurm_job else True
    try:
        process = psutil.Process(head.pid)
        return abs(process.create_time() - head.started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def busy(path: Path, head: Head) -> CrispError:
    """Return the error that names a conflicting run."""
    stop = f"scancel {head.slurm_job}" if head.slurm_job else "Ctrl-C"
    remedy = f"wait until it ends, or stop it with {stop}; then repeat the command"
    if head.host != socket.gethostname():
        remedy += f". If it no longer runs on {head.host}, delete {path} once none of its jobs is left"
    return fail(path, "another run is in progress", "one run at a time", head, remedy)


def is_locked() -> bool:
    """Return whether Snakemake, running or killed, has locked the working directory."""
    return any(Path(".snakemake/locks").glob("*"))


def was_cut_off(study: Study) -> bool:
    """Return whether the last driver of a study was killed."""
    head = read_record(record(study))
    return head is not None and not alive(head)


def living(study: Study) -> dict[Path, Head]:
    """Return the drivers running in the working directory, for all studies, from their records."""
    heads = {path: read_record(path) for path in sorted(study.results.parent.glob(f"*/{RECORD}"))}
    return {path: head for path, head in heads.items() if head and alive(head)}


def slurm_jobs(head: Head) -> list[str]:
    """Return the ids of unfinished SLURM jobs of a driver's run."""
    log = Path(".snakemake/log", Path(head.log).name)  # here, wherever this folder was at the time
    names = RUN_ID.findall(log.read_text(errors="replace")) if head.log and log.is_file() else []
    return _squeue("--user", str(os.getuid()), "--name", ",".join(names)) if names else []


def _squeue(*which: str) -> list[str]:
    said = _slurm("squeue", "--noheader", "--format=%i", *which)
    return said.split()


def _slurm(*command: str) -> str:
    remedy = "run the command on a machine where SLURM's commands work"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise fail(command[0], "command not found", "SLURM's commands", "none", remedy) from None
    except subprocess.TimeoutExpired:
        raise fail(command[0], "SLURM does not respond", "an answer", "none in 60 s", remedy) from None
    # squeue reports a forgotten id as an error; this job has ended.
    if done.returncode and "Invalid job id" not in done.stderr:
        raise fail(command[0], "SLURM refuses", "an answer", done.stderr.strip()[:200], remedy)
    return done.stdout


def processes(head: Head) -> Iterator[psutil.Process]:
    """Yield this user's processes of a driver's run on this machine."""
    if head.host != socket.gethostname():
        return
    for process in psutil.process_iter():
        try:
            own = process.pid != os.getpid() and process.uids().real == os.getuid()
            if own and process.environ().get(MARK) == head.mark:
                yield process
        except (psutil.Error, OSError):
            continue  # ended, or another user's


def end(head: Head) -> int:
    """End every job of a killed driver's run, wait until none is left, and return their number.

    Raises
    ------
    CrispError
        If SLURM does not respond, or a job does not end.
    """
    jobs = slurm_jobs(head)
    if jobs:
        _slurm("scancel", *jobs)
    local = list(processes(head))
    for process in local:
        with suppress(psutil.NoSuchProcess):  # already ended, or ended with its cancelled job
            process.kill()
    psutil.wait_procs(local, timeout=10)
    deadline = time.monotonic() + PATIENCE
    while left := slurm_jobs(head):
        if time.monotonic() > deadline:
            raise fail(
                f"SLURM jobs {' '.join(left[:10])}",
                "do not end",
                f"to end within {PATIENCE} s of scancel",
                "still in the queue",
                "see squeue (a lost node keeps its jobs until it is DOWN), then give this command again",
            )
        time.sleep(1)
    return len(jobs) + len(local)


def environment() -> dict[str, str]:
    """Return this process's environment, with ``snakemake`` and the jobs' ``crisp`` from this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path}
