"""Summarise failed jobs, with the tail of each log, when a run ends (onerror).

On a cluster, a job's output stays on its node.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LINES = 20  # per log


def failure_report(jobs: Iterable[Any], results: str | Path) -> str:
    """List each failed job with the tail of its log.

    Parameters
    ----------
    jobs : iterable
        Jobs of Snakemake's scheduler, or groups of them.
    results : path-like
        Folder that they write to.

    Returns
    -------
    str
        Empty if no job failed.
    """
    lines: list[str] = []
    for job in jobs:
        for part in job.jobs if job.is_group() else [job]:
            log = Path(part.log[0])
            if all(Path(path).exists() for path in part.output):
                continue
            words = _last_words(log)
            if not words:
                # Snakemake stopped inside the job before the work, or a full disk has no room for a log.
                free = shutil.disk_usage(results).free / 1e6
                said = Path(".snakemake/slurm_logs", f"rule_{part.name}", "_".join(part.wildcards))
                words = [
                    *_last_words(*said.glob("*.log")),
                    f"it could not write its log, and {free:,.0f} MB are free for results:"
                    " if that, or your quota, is too little, free some space, then repeat the command",
                ]
            lines += [f"failed: {part.name} {' '.join(part.wildcards)} ({log})", *words]
    return "\n".join(lines)


def _last_words(*logs: Path) -> list[str]:
    """Return the tail of the newest log."""
    newest = max((log for log in logs if log.is_file()), key=os.path.getmtime, default=None)
    return newest.read_text(errors="replace").splitlines()[-LINES:] if newest else []
