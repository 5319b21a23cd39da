"""What the workflow does once at its start, in the head process, before any job."""

from __future__ import annotations

import sys

from crisp import check
from crisp.errors import CrispError
from crisp.files import write_json
from crisp.study import Study


def start(study: Study, study_file: str) -> None:
    """Check a study, and keep it as it is now for the jobs of this run.

    Parameters
    ----------
    study : Study
    study_file : str
        Name of its file, for messages.

    Raises
    ------
    CrispError
        Listing every fault; no job has started then.
    """
    faults, warnings = check.check(study, study_file, record=True)
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if faults:
        raise CrispError(*faults)
    write_json(study.results / "study.json", study.config)
