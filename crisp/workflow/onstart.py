"""Prepare a run: called once at its start, in the driver process, before any job."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from crisp.core.errors import CrispError, listed
from crisp.core.files import write_json
from crisp.study import samples, tables
from crisp.study.checks import pose_sources
from crisp.study.config import Study
from crisp.workflow import check_study, run_record


def prepare_run(study: Study, study_files: Sequence[str | Path], log: str = "") -> None:
    """Check a study, record its driver, and take snapshots of study, videos and labels for the jobs.

    Annotations or the table of videos may change while jobs run; the next run uses the changes.

    Parameters
    ----------
    study : Study
    study_files : sequence of path
        Files that the study was read from; later ones take precedence.
    log : str
        Snakemake's log file.

    Raises
    ------
    CrispError
        Listing every fault, or naming the conflicting run; no job has started then.
    """
    run_record.enter_record(study, log, ", ".join(os.path.relpath(path) for path in study_files))
    faults, warnings = check_study.check_study(study, study_files, record=True)
    for warning in listed(warnings):
        print(f"warning: {warning}", file=sys.stderr)
    if faults:
        raise CrispError(*faults)
    pose_sources.write_cache(study)
    kept = study.results / "videos.tsv"
    tables.write_videos(kept, study.videos.values())
    dataset = {**study.config["dataset"], "videos": kept.as_posix()}
    write_json(study.results / "study.json", {**study.config, "dataset": dataset})
    write_json(study.results / "labels.json", samples.labels(study))
