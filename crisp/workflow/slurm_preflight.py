"""Check before the first submission that SLURM would accept the jobs of a run.

Otherwise a missing partition would fail every job, a missing GPU type would show only after all
videos are prepared, and a job too long for its partition would wait for ever.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

from snakemake_executor_plugin_slurm.job_status_query import get_min_job_age
from snakemake_executor_plugin_slurm.submit_string import get_submit_command
from snakemake_executor_plugin_slurm.utils import parse_time_to_minutes, set_gres_string

from crisp.core.errors import CrispError, Fault, fail

COMMANDS = ("sbatch", "squeue", "scancel", "scontrol", "sinfo")
PATIENCE = 60  # s, for a busy controller
WHERE = "SLURM"
# Rules whose memory depends on the model, and the settings that reduce it.
SMALLER = "a smaller size of the variants or training.batch_size reduces the memory request"
BY_MODEL = {
    "train": f"{SMALLER}, a larger training.accumulate, or fewer training.workers",
    "evaluate": SMALLER,
    "detect": SMALLER,
    "features": SMALLER,
}


def check_requests(jobs: Iterable[Any], settings: Any) -> dict[tuple[str, str], int]:
    """Check the most demanding job of each rule with SLURM.

    Parameters
    ----------
    jobs : iterable
        Snakemake's jobs to run.
    settings
        Settings of Snakemake's executor for SLURM.

    Returns
    -------
    dict of (str, str) to int
        By rule and resource (``runtime`` in minutes, ``mem_mb``): the maximum of its partition. A retried job
        requests more; beyond this, SLURM would reject it or let it wait for ever.

    Raises
    ------
    CrispError
        If SLURM is missing, does not answer, or would reject a job; with the remedy.
    """
    missing = [command for command in COMMANDS if not shutil.which(command)]
    if missing:
        raise fail(
            WHERE,
            "commands are missing",
            " ".join(COMMANDS),
            f"no {' '.join(missing)}",
            "run on a machine with SLURM's commands (a login node), or use --profile profiles/local",
        )
    silence = _complaint("sinfo --noheader")
    if silence:
        raise fail(
            WHERE,
            "does not answer",
            "a response to sinfo",
            silence,
            "wait and repeat the command; if it persists, contact the cluster's administrators",
        )
    _check_status_command(settings)
    largest: dict[str, Any] = {}
    for job in jobs:
        if not job.is_local and _demand(job) > _demand(largest.get(job.name)):
            largest[job.name] = job
    refused: dict[str, list[Any]] = {}
    limits = _limits()
    waiting = []
    for rule, job in largest.items():
        refusal, waits = _refusal(job, settings, limits)
        if refusal:
            refused.setdefault(refusal, []).append(job)
        elif waits:
            waiting.append(rule)
    if refused:
        raise CrispError(*(_fault(refusal, asking, limits) for refusal, asking in refused.items()))
    if waiting:
        rules = ", ".join(waiting)
        print(f"warning: {WHERE}: no node can run jobs of {rules} now; they will wait", file=sys.stderr)
    return {
        (rule, resource): most
        for rule, job in largest.items()
        for resource, most in limits.get(_partition(job), {}).items()
    }


def _check_status_command(settings: Any) -> None:
    """Fail if the run could not detect when its jobs end: it would wait for ever, in silence.

    The executor uses sacct also if squeue forgets a job sooner than three polls.
    """
    age, least = get_min_job_age(), 3 * settings.init_seconds_before_status_checks
    if settings.status_command == "squeue" and age is not None and age >= least:
        return
    if not shutil.which("sacct"):
        return  # the executor uses squeue then
    silence = _complaint("sacct --noheader --allocations")
    if silence:
        raise fail(
            WHERE,
            "cannot report when a job ends",
            f"accounting, or slurm-status-command: squeue and a MinJobAge of at least {least} s",
            f"slurm-status-command: {settings.status_command}, MinJobAge {age} s; sacct says: {silence}",
            "correct slurm-status-command and slurm-init-seconds-before-status-checks in the profile"
            " (profiles/slurm/profile.yaml)",
        )


def _demand(job: Any) -> tuple[int, ...]:
    if job is None:
        return ()
    return (job.threads, *(int(job.resources.get(name) or 0) for name in ("mem_mb", "runtime")))


def request(job: Any, settings: Any) -> str:
    """Return the submission command of the executor, for a job that does nothing."""
    options = {"account": "-A", "partition": "-p"}
    parts = {
        name: f"{option} {shlex.quote(str(value))}" if (value := job.resources.get(f"slurm_{name}")) else ""
        for name, option in options.items()
    }
    parts |= {"run_uuid": "crisp-check", "slurm_logfile": "/dev/null", "comment_str": "", "workdir": ""}
    return f"{get_submit_command(job, parts, settings)}{set_gres_string(job)} --wrap true"


def _refusal(job: Any, settings: Any, limits: dict[str, dict[str, int]]) -> tuple[str, bool]:
    """Return why SLURM would reject a job, empty if it would not; and whether the job would wait for a node.

    ``--test-only`` also rejects jobs that must wait for a node to be repaired. A rejected request is
    therefore submitted, to start tomorrow, and cancelled at once.
    """
    if too_long := _too_long(job, limits):
        return too_long, False
    line = request(job, settings)
    refusal = _complaint(f"{line} --test-only")
    if not refusal:
        return "", False
    submitted = _run(f"{line} --begin=now+1day")
    if submitted.returncode:
        return refusal, False
    _run(f"scancel {submitted.stdout.split(';')[0].strip()}")
    return "", True


def _limits() -> dict[str, dict[str, int]]:
    """Return by partition ('' = default) the time limit in minutes, if any, and a node's memory."""
    limits: dict[str, dict[str, int]] = {}
    for line in _run("sinfo --noheader --Node --format=%P|%l|%m").stdout.splitlines():
        name, time, memory = line.split("|")
        most = limits.setdefault(name.rstrip("*"), {"mem_mb": 0})
        most["mem_mb"] = max(most["mem_mb"], int(memory))
        if time != "infinite":
            most["runtime"] = parse_time_to_minutes(time)
        if name.endswith("*"):
            limits[""] = most
    return limits


def _partition(job: Any) -> str:
    return job.resources.get("slurm_partition") or ""


def _too_long(job: Any, limits: dict[str, dict[str, int]]) -> str:
    """Report a job over the time limit: unless a site enforces the limit, SLURM lets it wait for ever."""
    runtime = job.resources.get("runtime") or 0
    most = limits.get(_partition(job), {}).get("runtime", runtime)
    return f"runtime {runtime} min is over the partition's limit, {most} min" if runtime > most else ""


def asked(job: Any) -> str:
    """Return the requests of a job, by rule and key as profiles name them."""
    keys = ("mem_mb", "disk_mb", "runtime", "gpu", "gres", "slurm_partition", "slurm_account", "qos")
    values = [(key, job.resources.get(key)) for key in keys]
    named = [f"{key}={value}" for key, value in [("threads", job.threads), *values] if value]
    return f"{job.name}: {', '.join(named)}"


def _fault(refusal: str, jobs: list[Any], limits: dict[str, dict[str, int]]) -> Fault:
    line = "sinfo --noheader --format '%R (cpus %c, MB %m, gres %G, time %l)'"
    offers = ", ".join(dict.fromkeys(_run(line).stdout.splitlines()))
    jobs = sorted(jobs, key=lambda job: job.name)
    remedy = "correct default-resources or set-resources in the profile (profiles/slurm/profile.yaml)"
    for job in jobs:
        most = limits.get(_partition(job), {}).get("mem_mb", 0)
        if most and (job.resources.get("mem_mb") or 0) > most:
            remedy += f", for example --set-resources {job.name}:mem_mb={most}"
            if job.name in BY_MODEL:
                remedy += f"; {BY_MODEL[job.name]}"
            break
    return Fault(
        WHERE,
        f"rejects jobs of {', '.join(job.name for job in jobs)}",
        f"nodes: {offers}",
        f"{refusal}. Asked for: {'; '.join(map(asked, jobs))}",
        remedy,
    )


def _complaint(line: str) -> str:
    """Return the error output of a SLURM command; empty on success."""
    try:
        done = _run(line)
    except subprocess.TimeoutExpired:
        return f"no answer in {PATIENCE} s"
    if done.returncode == 0:
        return ""
    return " / ".join(done.stderr.strip().splitlines()) or f"exit code {done.returncode}"


def _run(line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=PATIENCE, check=False)
