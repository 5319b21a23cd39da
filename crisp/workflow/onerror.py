"""The failed jobs of a run and the ends of their logs, reported when the run ends.

On a cluster a job's own words stay on its node.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

LINES = 20  # of a log


def failure_report(jobs: Iterable[Any], results: str | Path) -> str:
    """Name each failed job and the end of its log; empty where no job failed.

    Parameters
    ----------
    jobs : of Snakemake's scheduler, or groups of them.
    results : folder that they write to.
    """
    lines: list[str] = []
    for job in jobs:
        for part in job.jobs if job.is_group() else [job]:
            log = Path(part.log[0])
            if all(Path(path).exists() for path in part.output):
                continue
            words = _last_words(log)
            if not words:
                # Snakemake in the job stopped before the work, or a full disk takes no log either.
                free = shutil.disk_usage(results).free / 1e6
                said = Path(".snakemake/slurm_logs", f"rule_{part.name}", "_".join(part.wildcards))
                words = [
                    *_last_words(*said.glob("*.log")),
                    f"it could not write its log, and {free:,.0f} MB are free for results:"
                    " if that, or your quota, is too little, make room; then give the same command again",
                ]
            lines += [f"failed: {part.name} {' '.join(part.wildcards)} ({log})", *words]
    return "\n".join(lines)


def _last_words(*logs: Path) -> list[str]:
    """The end of the newest log."""
    newest = max((log for log in logs if log.is_file()), key=os.path.getmtime, default=None)
    return newest.read_text(errors="replace").splitlines()[-LINES:] if newest else []
