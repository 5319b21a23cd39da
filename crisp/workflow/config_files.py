"""Check that Snakemake's config files exist: it opens them before any Snakefile, and fails if one is missing.

CRISP's logger plugin, which every ``snakemake`` loads first, runs this check.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.unreadable import counted_from


def look(words: Sequence[str]) -> None:
    """Exit with a message if a Snakemake command for a CRISP workflow names a missing config file."""
    try:
        check(words)
    except CrispError as error:
        print(f"crisp: {error}", file=sys.stderr)
        sys.exit(1)


def check(words: Sequence[str]) -> None:
    """Reject a Snakemake command with a missing config file; ignore commands for other workflows.

    Raises
    ------
    CrispError
        For each missing config file.
    """
    if not words or Path(words[0]).name != "snakemake":
        return
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", action="extend", default=[])
    parser.add_argument("--snakefile", "-s", default="Snakefile")
    try:
        given, _ = parser.parse_known_args(words[1:])
    except argparse.ArgumentError:
        return  # Snakemake reports it
    root = Path(given.snakefile).parent
    if not any((folder / "rules/common.smk").is_file() for folder in (root, root / "workflow")):
        return
    missing = [path for path in given.configfile if not Path(path).exists()]
    if missing:
        remedy = "correct the path after --configfile, or change to the folder that it is relative to"
        raise CrispError(
            *(
                Fault(path, "study file is missing", "a YAML file", f"nothing{counted_from(path)}", remedy)
                for path in missing
            )
        )
