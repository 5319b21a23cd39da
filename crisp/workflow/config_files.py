"""Config files that Snakemake is to read: it opens them before any Snakefile, and fails over a missing one.

So Snakemake's logger plugin of CRISP, which every ``snakemake`` loads first, looks whether they are there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.unreadable import counted_from


def look(words: Sequence[str]) -> None:
    """End with a message where a command of Snakemake for a workflow of CRISP names a config file in vain."""
    try:
        check(words)
    except CrispError as error:
        print(f"crisp: {error}", file=sys.stderr)
        sys.exit(1)


def check(words: Sequence[str]) -> None:
    """Refuse a command of Snakemake with a missing config file; commands for other workflows are let pass.

    Raises
    ------
    CrispError
        For each config file that is missing.
    """
    if not words or Path(words[0]).name != "snakemake":
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[])
    parser.add_argument("--snakefile", "-s", default="Snakefile")
    try:
        given, _ = parser.parse_known_args(words[1:])
    except argparse.ArgumentError:
        return  # for Snakemake to tell
    root = Path(given.snakefile).parent
    if not any((folder / "rules/common.smk").is_file() for folder in (root, root / "workflow")):
        return
    missing = [path for path in given.configfile if not Path(path).exists()]
    if missing:
        remedy = "correct the path after --configfile, or go to the folder that it counts from"
        raise CrispError(
            *(
                Fault(path, "study file is missing", "a YAML file", f"nothing{counted_from(path)}", remedy)
                for path in missing
            )
        )
