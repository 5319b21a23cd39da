"""``crisp recover``: cancel what a killed driver left, unlock the working directory and resume the run.

The driver's record is stored with the results, which people share. Commands in it are never executed: the
command is rebuilt from the given study file and CRISP's own workflow and profiles. Only recorded
options for parallelism, or for a part of the study, are reused.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from crisp.core.errors import CrispError, fail
from crisp.study.config import Study
from crisp.workflow import run, run_record
from crisp.workflow.run_record import Head, read_record

DEMO = Path("config/config.yaml")  # the study of a command without --configfile
COUNT = re.compile(r"[0-9]{1,9}|all")
# Snakemake evaluates resource values as Python: without brackets and quotes nothing is called.
RESOURCE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(:[A-Za-z_][A-Za-z0-9_]*)?=[A-Za-z0-9_.:/+-]*")
TARGET = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./-]*")
FLAGS = (
    *("--keep-going -k", "--rerun-incomplete --ri", "--show-failed-logs", "--verbose", "--printshellcmds -p"),
    *("--nocolor", "--notemp --no-temp --nt", "--force -f", "--forceall -F"),
)
COUNTS = (
    *("--cores -c", "--jobs -j", "--local-cores", "--max-threads", "--retries --restart-times -T"),
    *("--latency-wait --output-wait -w", "--slurm-init-seconds-before-status-checks"),
)
LISTS = {
    "--until -U": TARGET,
    "--omit-from -O": TARGET,
    "--forcerun -R": TARGET,
    "--rerun-triggers": TARGET,
    "--quiet -q": TARGET,
    "--logger": re.compile("crisp"),
    "--executor -e": re.compile("local|slurm"),
    "--resources --res": RESOURCE,
    "--set-resources": RESOURCE,
    "--set-threads": RESOURCE,
    "--default-resources --default-res": RESOURCE,
}


class _Parser(argparse.ArgumentParser):
    """A parser that raises its errors and accepts no abbreviations."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def _parser() -> _Parser:
    parser = _Parser(prog="snakemake", add_help=False, allow_abbrev=False)
    for names in FLAGS:
        parser.add_argument(*names.split(), action="store_true")
    for names in COUNTS:
        parser.add_argument(*names.split(), type=_one_of(COUNT))
    for names, pattern in LISTS.items():
        parser.add_argument(*names.split(), nargs="*", type=_one_of(pattern))
    parser.add_argument("--profile", default="none")
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[DEMO])
    parser.add_argument("--snakefile", "-s", type=Path)
    parser.add_argument("targets", nargs="*", type=_one_of(TARGET))
    return parser


def _one_of(pattern: re.Pattern[str]) -> Callable[[str], str]:
    def plain(word: str) -> str:
        if not pattern.fullmatch(word):
            raise ValueError
        return word

    return plain


def command(head: Head, study_file: Path) -> list[str]:
    """Build the command that resumes a killed driver's run, for the given study file.

    Raises
    ------
    CrispError
        If the run used another study file or workflow, a profile that is not CRISP's or the user's, or
        an option that is not reused from a file.
    """
    try:
        given = _parser().parse_intermixed_args(head.arguments)
    except ValueError as error:
        raise _by_hand(study_file, "options known to crisp recover", str(error)) from None
    if [path.resolve() for path in given.configfile] != [study_file.resolve()]:
        raise _by_hand(study_file, f"--configfile {study_file}", ", ".join(map(str, given.configfile)))
    root = run.workflow_root()
    if given.snakefile and given.snakefile.resolve() != (root / "Snakefile").resolve():
        raise _by_hand(study_file, str(root / "Snakefile"), str(given.snakefile))
    return run.command(study_file, _profile(given.profile, study_file), None, _words(given))


def _profile(name: str, study_file: Path) -> str:
    """Return the name of one of CRISP's or the user's profiles; folders from elsewhere may contain code."""
    profiles = run.workflow_root() / "profiles"
    path = Path(name)
    own = path.name if path.resolve().parent == profiles.resolve() else name
    if own == "none" or (
        len(Path(own).parts) == 1 and any((at / own).is_dir() for at in (profiles, *run.PROFILES))
    ):
        return own
    raise _by_hand(study_file, f"a profile in {profiles} or of Snakemake's folders", name)


def _words(given: argparse.Namespace) -> list[str]:
    """Return the reused options, and the option to redo files that killed jobs left incomplete."""
    words = []
    for names in FLAGS:
        name = names.split()[0]
        if getattr(given, _key(name)) or name == "--rerun-incomplete":
            words.append(name)
    for names in (*COUNTS, *LISTS):
        name = names.split()[0]
        if (value := getattr(given, _key(name))) is not None:
            words += [name, *([value] if isinstance(value, str) else value)]
    return [*words, *(["--", *given.targets] if given.targets else [])]


def _key(option: str) -> str:
    return option.strip("-").replace("-", "_")


def _by_hand(study_file: Path, expected: str, found: str) -> CrispError:
    return fail(
        f"--study {study_file}",
        "the interrupted run's command cannot be repeated from its record",
        expected,
        found,
        f"crisp recover --no-run --study {study_file} cancels the remaining jobs and unlocks;"
        " then repeat your command",
    )


def recover(study: Study, study_file: Path, go_on: bool = True) -> list[str] | None:
    """Cancel the jobs that a killed driver left, and unlock the working directory.

    Parameters
    ----------
    study : Study
    study_file : Path
        File of the study, as given by the user.
    go_on : bool
        Whether to build the command that resumes the run.

    Returns
    -------
    list of str or None
        That command, empty if not requested; None if no run was interrupted.

    Raises
    ------
    CrispError
        If a driver is still running here, the killed one was another user's, its command cannot be rebuilt,
        a job does not end, or the directory cannot be unlocked. Only in the last two cases has anything been
        changed.
    """
    # Unlocking removes the locks of every study in this folder, so none may run.
    for path, other in run_record.living(study).items():
        raise run_record.busy(path, other)
    head = read_record(run_record.record(study))
    if head is None:
        return None
    run_record.check_own(run_record.record(study), head)
    words = command(head, study_file) if go_on else []
    ended = run_record.end(head)
    print(
        f"the run of {head} was interrupted; {ended} of its jobs were still running and have been cancelled"
    )
    sys.stdout.flush()
    if run.call(run.command(study_file, "none", 1, ["--unlock"])):
        raise fail(Path.cwd(), "cannot be unlocked", "snakemake --unlock", "an error, above")
    run_record.record(study).unlink()
    return words
