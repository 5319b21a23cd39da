"""What the workflow does once at its start, in the head process, before any job."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from crisp import check
from crisp.errors import CrispError
from crisp.files import write_json
from crisp.study import Study


def start(study: Study, study_files: Sequence[str | Path]) -> None:
    """Check a study, and keep it as it is now for the jobs of this run.

    Parameters
    ----------
    study : Study
    study_files : sequence of path
        What it was read from; of several the later go before the earlier.

    Raises
    ------
    CrispError
        Listing every fault; no job has started then.
    """
    faults, warnings = check.check(study, study_files, record=True)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if faults:
        raise CrispError(*faults)
    write_json(study.results / "study.json", study.config)
