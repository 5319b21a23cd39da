"""What the workflow does once at its start, in the head process, before any job."""

from __future__ import annotations

import sys

from crisp import check, strokes
from crisp.errors import CrispError
from crisp.files import write_json
from crisp.study import Study


def start(study: Study, study_file: str) -> None:
    """Check a study, and keep it and its labels as they are now for the jobs of this run.

    An annotation may be corrected while they run; the next run sees it.

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
    write_json(study.results / "labels.json", strokes.labels(study))
