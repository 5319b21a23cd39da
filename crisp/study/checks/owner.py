"""Check that two study files with the same name do not share results."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crisp.core import files, strict_yaml
from crisp.core.errors import CrispError, Fault
from crisp.study.config import Study


def check_owner(study: Study, study_files: Sequence[str | Path]) -> list[Fault]:
    """Read the study files again, strictly, and check whether the results belong to another one.

    A study file that was renamed or moved, or now has another study name, no longer owns the results.

    Parameters
    ----------
    study : Study
    study_files : sequence of path-like
        Files that the study was read from; later ones take precedence.

    Returns
    -------
    list of Fault
    """
    faults: list[Fault] = []
    for path in study_files:
        try:
            strict_yaml.read_yaml(path)  # Snakemake's own reader uses the last of duplicate keys
        except CrispError as error:
            faults += error.faults
    return faults + _of_another(study, study_files)


def _of_another(study: Study, study_files: Sequence[str | Path]) -> list[Fault]:
    record = _record_file(study)
    if not record.exists() or _snapshot(study) in map(_identity, study_files):
        return []
    try:
        owner = Path(files.read_json(record)["study_file"])
    except CrispError as error:
        return list(error.faults)
    except (KeyError, TypeError):
        return [Fault(str(record), "not a record of a study file", remedy="delete it and run again")]
    if _identity(owner) in map(_identity, study_files) or not _names(owner, study):
        return []
    return [
        Fault(
            str(study.results),
            f"the results of study {study.name!r} belong to another study file",
            str(owner),
            ", ".join(map(str, study_files)),
            "give one of them another study name",
        )
    ]


def record(study: Study, study_files: Sequence[str | Path]) -> None:
    """Record which file names the study; nothing if none does (a name from ``--config``)."""
    naming = [path for path in study_files if _names(path, study)]
    if naming and _identity(naming[-1]) != _snapshot(study):
        # Relative, so that it stays valid if the folder is moved or copied with the study file.
        files.write_json(_record_file(study), {"study_file": os.path.relpath(_identity(naming[-1]))})


def _record_file(study: Study) -> Path:
    return study.results / "owner.json"


def _snapshot(study: Study) -> Path:
    """Return the study snapshot of a run; to use it as a study file is to use its owner."""
    return (study.results / "study.json").resolve()


def _identity(path: str | Path) -> Path:
    return Path(path).resolve()


def _names(path: str | Path, study: Study) -> bool:
    """Return whether a file exists and gives the study its name; True for an unreadable one."""
    try:
        content: Any = strict_yaml.read_yaml(path) if Path(path).exists() else None
    except CrispError:
        return True
    return isinstance(content, dict) and content.get("study") == study.name
