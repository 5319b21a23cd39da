"""The head: the Snakemake process that drives a run, on record while it lives.

A head that ends by itself takes its record along, also after Ctrl-C or an error. One that is killed leaves
it, and with it all that is needed to end its jobs and go on.
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
from crisp.study.config import Study

RECORD = "head.json"
# Read at the import: before a run starts, Snakemake's executor for SLURM clears SLURM's variables.
OWN_JOB = os.environ.get("SLURM_JOB_ID", "")
RESTARTED = "SLURM_RESTART_COUNT" in os.environ
MARK = "CRISP_HEAD"  # environment variable that every process of a run inherits
PATIENCE = 120  # seconds that jobs have to end in once they are cancelled
# As Snakemake's log has it, with the prefix of --slurm-jobname-prefix: the name of all jobs of a run.
RUN_ID = re.compile(r"SLURM run ID: ((?:[A-Za-z0-9_-]+_)?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$", re.M)
# A record lies among the results, which people pass on; every process with its mark is to be killed.
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
    """One run's head.

    `started` is its start in seconds since 1970, `arguments` what Snakemake was called with, `mark` the value
    of `MARK` in all its processes, `slurm_job` the job it runs in itself, `log` Snakemake's log file.
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
    """Path of the record of a study's head."""
    return study.results / RECORD


def read_record(path: Path) -> Head | None:
    """The head on record, None if there is none.

    Raises
    ------
    CrispError
        If a part of the record is missing, or is not what a head writes there.
    """
    if not path.exists():
        return None
    content = _of_before(read_json(path, "record of a run"))
    for error in VALIDATOR(SCHEMA).iter_errors(content):
        place = ".".join(map(str, error.path)) or "top level"
        raise fail(
            f"{path}, {place}",
            "not a record of a run",
            "what CRISP writes there when a run starts",
            error.message,
            "move it away if no snakemake of this study runs; the results stay",
        )
    return Head(**{**content, "pid": int(content["pid"])})


def _of_before(content: Any) -> Any:
    """A record as it was once, with the whole command, as it is now."""
    if not isinstance(content, dict) or not isinstance(words := content.get("command"), list):
        return content
    at = [number for number, word in enumerate(words) if Path(str(word)).name in ("snakemake", "__main__.py")]
    kept = {key: value for key, value in content.items() if key not in ("command", "folder")}
    return {**kept, "arguments": words[at[0] + 1 :] if at else words}


def check_own(path: Path, head: Head) -> None:
    """Refuse to act on another user's run, of which nothing can be seen or ended.

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
        "the last run of this study was cut off, and was another user's",
        "a run of yours",
        f"{head}, of {name}",
        f"ask {name} to give crisp recover, or make the results a study of your own: another study name",
    )


def enter_record(study: Study, log: str, study_file: str) -> None:
    """Put this process on record as the head of a study's run, until it ends.

    Raises
    ------
    CrispError
        If another head runs this study, or jobs of a killed one are still there.
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
                "the last run of this study was cut off, and jobs of it still run",
                "no second writer of the same files",
                ", ".join(left[:10]),
                f"crisp recover --study {study_file} ends them and goes on",
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
    """Take the record away; not in a child that was forked from the head, nor when it is another's."""
    if os.getpid() == head.pid and read_record(path) == head:
        path.unlink()


def alive(head: Head) -> bool:
    """Whether a head still runs. One on another machine that cannot be asked counts as running."""
    if head.host != socket.gethostname():
        if RESTARTED and head.slurm_job == OWN_JOB:
            return False  # its node was lost, and SLURM has started its job again: this one
        return bool(_squeue("--jobs", head.slurm_job)) if head.slurm_job else True
    try:
        process = psutil.Process(head.pid)
        return abs(process.create_time() - head.started) < 2 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def busy(path: Path, head: Head) -> CrispError:
    """The error of a run that is in the way."""
    stop = f"scancel {head.slurm_job}" if head.slurm_job else "Ctrl-C"
    remedy = f"wait until it ends, or stop it with {stop}; then give the command again"
    if head.host != socket.gethostname():
        remedy += f". If it no longer runs on {head.host}, delete {path} once none of its jobs is left"
    return fail(path, "another run is under way here", "one run at a time", head, remedy)


def is_locked() -> bool:
    """Whether Snakemake, running or killed, holds files of the working folder."""
    return any(Path(".snakemake/locks").glob("*"))


def was_cut_off(study: Study) -> bool:
    """Whether the last head of a study was killed."""
    head = read_record(record(study))
    return head is not None and not alive(head)


def living(study: Study) -> dict[Path, Head]:
    """The heads that run in the working folder, of all its studies, by their records."""
    heads = {path: read_record(path) for path in sorted(study.results.parent.glob(f"*/{RECORD}"))}
    return {path: head for path, head in heads.items() if head and alive(head)}


def slurm_jobs(head: Head) -> list[str]:
    """Ids of the SLURM jobs of a head's run that have not ended."""
    log = Path(".snakemake/log", Path(head.log).name)  # here, wherever this folder was then
    names = RUN_ID.findall(log.read_text(errors="replace")) if head.log and log.is_file() else []
    return _squeue("--user", str(os.getuid()), "--name", ",".join(names)) if names else []


def _squeue(*which: str) -> list[str]:
    said = _slurm("squeue", "--noheader", "--format=%i", *which)
    return said.split()


def _slurm(*command: str) -> str:
    remedy = "give the command on a machine where SLURM's own commands answer"
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise fail(command[0], "command not found", "SLURM's commands", "none", remedy) from None
    except subprocess.TimeoutExpired:
        raise fail(command[0], "SLURM does not answer", "an answer", "none in 60 s", remedy) from None
    # squeue calls an id that it has forgotten an error; such a job has ended.
    if done.returncode and "Invalid job id" not in done.stderr:
        raise fail(command[0], "SLURM refuses", "an answer", done.stderr.strip()[:200], remedy)
    return done.stdout


def processes(head: Head) -> Iterator[psutil.Process]:
    """This user's processes of a head's run on this machine."""
    if head.host != socket.gethostname():
        return
    for process in psutil.process_iter():
        try:
            own = process.pid != os.getpid() and process.uids().real == os.getuid()
            if own and process.environ().get(MARK) == head.mark:
                yield process
        except (psutil.Error, OSError):
            continue  # ended, or somebody else's


def end(head: Head) -> int:
    """End every job of a killed head's run, and wait until none is left; how many there were.

    Raises
    ------
    CrispError
        If SLURM does not answer, or a job does not end.
    """
    jobs = slurm_jobs(head)
    if jobs:
        _slurm("scancel", *jobs)
    local = list(processes(head))
    for process in local:
        with suppress(psutil.NoSuchProcess):  # ended by itself, or as its job was cancelled
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
    """This process's environment, in which ``snakemake`` and the jobs' ``crisp`` are those of this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path}
