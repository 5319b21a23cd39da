"""What the workflow does once at its start, in the head process, before any job."""

from __future__ import annotations

import sys

from crisp import check, head
from crisp.errors import CrispError
from crisp.files import write_json
from crisp.study import Study


def start(study: Study, study_file: str, log: str = "") -> None:
    """Check a study, go on record as its head, and keep it as it is now for the jobs of this run.

    Parameters
    ----------
    study : Study
    study_file : str
        Name of its file, for messages.
    log : str
        Snakemake's log file.

    Raises
    ------
    CrispError
        Listing every fault, or naming the run that is in the way; no job has started then.
    """
    head.enter(study, log, study_file)
    faults, warnings = check.check(study, study_file, record=True)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if faults:
        raise CrispError(*faults)
    write_json(study.results / "study.json", study.config)
