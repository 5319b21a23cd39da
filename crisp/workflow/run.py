"""``crisp run`` and ``crisp report``: print and execute the Snakemake commands that they stand for."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from crisp.core.errors import fail
from crisp.study.config import Study
from crisp.workflow import run_record
from crisp.workflow.run_record import read_record

PROFILE = "local"
CLONE = Path(__file__).parents[2]
# Where Snakemake looks up a profile name, besides the working directory.
PROFILES = (
    Path(os.environ.get("XDG_CONFIG_HOME", "~/.config")).expanduser() / "snakemake",
    Path("/etc/xdg/snakemake"),
)


def command(
    study_file: Path,
    profile: str = PROFILE,
    cores: int | None = None,
    options: Sequence[str] = (),
) -> list[str]:
    """Build the Snakemake command that runs a study, as a user would type it.

    Parameters
    ----------
    study_file : Path
    profile : str
        Name of one of CRISP's profiles, or any profile that Snakemake accepts.
    cores : int, optional
        By default the profile's value.
    options : sequence of str
        Further options and targets, passed on unchanged.

    Returns
    -------
    list of str
        The words of the command.

    Raises
    ------
    CrispError
        If there is no workflow here or beside the package, or no such profile.
    """
    root = workflow_root()
    words = ["snakemake"]
    if root != Path():
        words += ["--snakefile", str(root / "Snakefile")]
    # Not last: --configfile takes all words up to the next option, and targets may follow.
    words += ["--configfile", str(study_file), "--profile", _profile(root, profile)]
    if cores is not None:
        words += ["--cores", str(cores)]
    return [*words, *options]


def workflow_root() -> Path:
    """Return the folder of the workflow: the working directory, else the clone with this package."""
    for folder in (Path(), CLONE):
        if (folder / "Snakefile").is_file() and (folder / "workflow/rules/common.smk").is_file():
            return folder
    raise fail(
        Path.cwd() / "Snakefile",
        "no CRISP workflow in this folder",
        "the root of a clone of CRISP",
        f"none here, and the package in {CLONE} lies in no clone",
        "change to the root of a clone and repeat the command",
    )


def _profile(root: Path, name: str) -> str:
    own = root / "profiles" / name
    if own.is_dir():
        return str(own)
    if name == "none" or Path(name).exists() or any((folder / name).exists() for folder in PROFILES):
        return name
    there = ", ".join(sorted(path.name for path in (root / "profiles").iterdir()))
    raise fail("--profile", "profile is missing", f"{there}, or a folder with a profile.yaml", name)


def check_free(study: Study, study_file: Path) -> None:
    """Fail if a run is active or was interrupted.

    Raises
    ------
    CrispError
        Naming the run and the remedy.
    """
    path = run_record.record(study)
    head = read_record(path)
    if head is None:
        return
    if run_record.alive(head):
        raise run_record.busy(path, head)
    raise fail(
        path,
        "the last run of this study was interrupted",
        "a run that exited normally, or none",
        head,
        f"crisp recover --study {study_file} cancels its remaining jobs, unlocks and resumes the run",
    )


def check_begun(study: Study, study_file: Path) -> None:
    """Fail if the study of a report was never run.

    Raises
    ------
    CrispError
        Naming the command that runs it.
    """
    if not (study.results / "study.json").exists():
        raise fail(
            study.results,
            "this study has no results yet",
            "those of a finished run",
            "nothing",
            f"crisp run --study {shlex.quote(str(study_file))}, then crisp report",
        )


def become(words: Sequence[str]) -> None:
    """Print a Snakemake command and replace this process with it, so that its exit code is returned."""
    _announce(words)
    os.execvpe(words[0], list(words), run_record.environment())


def call(words: Sequence[str]) -> int:
    """Print a Snakemake command, run it and return its exit code."""
    _announce(words)
    return subprocess.run(words, env=run_record.environment(), check=False).returncode


def _announce(words: Sequence[str]) -> None:
    print(f"$ {shlex.join(words)}", file=sys.stderr, flush=True)
