"""The head: the Snakemake process that drives a run, on record while it lives.

A head that ends by itself takes its record along, also after Ctrl-C or an error. One that is killed leaves
it, and with it all that is needed to end its jobs and go on.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

import psutil

from crisp.errors import CrispError, fail
from crisp.files import read_json, write_json
from crisp.study import Study

RECORD = "head.json"
# Read at the import: before a run starts, Snakemake's executor for SLURM clears SLURM's variables.
OWN_JOB = os.environ.get("SLURM_JOB_ID", "")
RESTARTED = "SLURM_RESTART_COUNT" in os.environ
MARK = "CRISP_HEAD"  # environment variable that every process of a run inherits
PATIENCE = 120  # seconds that jobs have to end in once they are cancelled
RUN_ID = re.compile(r"SLURM run ID: (\S+)")  # as Snakemake's log has it; the name of all jobs of a run


@dataclass(frozen=True)
class Head:
    """One run's head.

    `started` is its start in seconds since 1970, `command` what it was called with in `folder`, `mark` the
    value of `MARK` in all its processes, `slurm_job` the job it runs in itself, `log` Snakemake's log file.
    """

    host: str
    pid: int
    started: float
    command: list[str]
    folder: str
    mark: str
    slurm_job: str
    log: str

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.started).isoformat(" ", "seconds")
        return f"process {self.pid} on {self.host}, since {since}"


# Of its fields, as JSON has them.
KINDS = (str, int, int | float, list, str, str, str, str)


def record(study: Study) -> Path:
    """Path of the record of a study's head."""
    return study.results / RECORD


def read(path: Path) -> Head | None:
    """The head on record, None if there is none."""
    if not path.exists():
        return None
    content = read_json(path)
    rules = {field.name: kind for field, kind in zip(fields(Head), KINDS, strict=True)}
    right = isinstance(content, dict) and content.keys() == rules.keys()
    if not right or not all(isinstance(content[key], kind) for key, kind in rules.items()):
        found = "other content"
        raise fail(
            path, "not a record of a run", ", ".join(rules), found, "move it away if no snakemake runs"
        )
    return Head(**content)


def enter(study: Study, log: str, study_file: str) -> None:
    """Put this process on record as the head of a study's run, until it ends.

    Raises
    ------
    CrispError
        If another head runs this study, or jobs of a killed one are still there.
    """
    path = record(study)
    before = read(path)
    if before and before.pid != os.getpid():
        if alive(before):
            raise busy(path, before)
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
        command=own.cmdline(),
        folder=_called_from(own.cmdline()),
        mark=uuid.uuid4().hex,
        slurm_job=OWN_JOB,
        log=log,
    )
    os.environ[MARK] = head.mark
    write_json(path, asdict(head))
    atexit.register(_leave, path, head)


def _called_from(command: list[str]) -> str:
    """The folder that a command's relative paths mean: Snakemake itself changes to `--directory`."""
    here = str(Path.cwd())
    return os.environ.get("PWD", here) if {"-d", "--directory"} & set(command) else here


def _leave(path: Path, head: Head) -> None:
    """Take the record away; not in a child that was forked from the head, nor when it is another's."""
    if os.getpid() == head.pid and read(path) == head:
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
    head = read(record(study))
    return head is not None and not alive(head)


def living(study: Study) -> dict[Path, Head]:
    """The heads that run in the working folder, of all its studies, by their records."""
    heads = {path: read(path) for path in sorted(study.results.parent.glob(f"*/{RECORD}"))}
    return {path: head for path, head in heads.items() if head and alive(head)}


def slurm_jobs(head: Head) -> list[str]:
    """Ids of the SLURM jobs of a head's run that have not ended."""
    try:
        names = RUN_ID.findall(Path(head.log).read_text(errors="replace"))
    except FileNotFoundError:
        names = []
    return _squeue("--name", ",".join(names)) if names else []


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
    """Processes of a head's run on this machine."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == head.mark:
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


def recover(study: Study) -> Head | None:
    """End what a killed head of a study left, and unlock the working folder.

    Returns
    -------
    Head or None
        The head whose command goes on; None if no run was cut off.

    Raises
    ------
    CrispError
        If a head is alive here, or a job of the killed one does not end.
    """
    # Unlocking takes the locks of every study in this folder away, so none may run.
    for path, other in living(study).items():
        raise busy(path, other)
    head = read(record(study))
    if head is None:
        return None
    if not _is_run(head.command):
        path, command = record(study), shlex.join(map(str, head.command))[:200]
        raise fail(path, "not the command of a run", "snakemake", command, "move it away, and start the run")
    print(f"the run of {head} was cut off; {end(head)} of its jobs were still there and are ended now")
    unlocking = subprocess.run([*head.command, "--unlock"], cwd=head.folder, capture_output=True, text=True)
    if unlocking.returncode:
        raise fail(head.folder, "cannot be unlocked", "snakemake --unlock", unlocking.stderr.strip()[-500:])
    record(study).unlink()
    return head


def _is_run(command: list[str]) -> bool:
    """Whether a command is Snakemake's: a record may have come with somebody else's results."""
    if not command or not all(isinstance(word, str) for word in command):
        return False
    python = [] if Path(command[0]).name == "snakemake" else command[:1]
    if python and not re.fullmatch(r"python[0-9.]*", Path(python[0]).name):
        return False
    rest = command[len(python) :]
    return rest[:2] == ["-m", "snakemake"] or Path(rest[0] if rest else "").name == "snakemake"


def go_on(head: Head) -> None:
    """Become the run that was cut off, with `--rerun-incomplete`, as its jobs left files incomplete."""
    sys.stdout.flush()
    os.chdir(head.folder)
    again = [] if "--rerun-incomplete" in head.command else ["--rerun-incomplete"]
    os.execve(head.command[0], [*head.command, *again], environment())


def environment() -> dict[str, str]:
    """This process's environment, in which ``snakemake`` and the jobs' ``crisp`` are those of this Python."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {**os.environ, "PATH": path}
