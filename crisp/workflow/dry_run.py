"""Output of a dry run: one line per rule, with the number of jobs and why they run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

# Words in Snakemake's reasons, most informative first, and their meaning in a plan.
REASONS = {
    "Forced execution": "asked for",
    "Missing output files": "missing",
    "Incomplete output files": "interrupted",
    "Params have changed": "settings or labels changed",
    "Code has changed": "command changed",
    "Software environment definition": "environment changed",
    "Updated input files": "an input is newer",
    "Set of input files": "set of inputs changed",
    "Input files updated by another job": "depends on jobs above",
}


def reason(words: str) -> str:
    """Return in a few words why a job runs."""
    return next((short for long, short in REASONS.items() if long in words), words[:40])


def table(jobs: Mapping[str, int], reasons: Mapping[str, Counter[str]]) -> list[str]:
    """Format the plan of a dry run: one line per rule, with its jobs and why they run."""
    rows = [("rule", "jobs", "why")]
    for rule, count in jobs.items():
        why = reasons.get(rule, Counter())
        rows.append((rule, f"{count:,}", ", ".join(_counted(why)) or "-"))
    rows.append(("total", f"{sum(jobs.values()):,}", ""))
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    lines = [f"{rule:<{first}}  {count:>{second}}  {why}".rstrip() for rule, count, why in rows]
    return [lines[0], "-" * max(map(len, lines)), *lines[1:]]


def _counted(why: Counter[str]) -> list[str]:
    if len(why) == 1:
        return list(why)
    return [f"{words} ({count:,})" for words, count in why.most_common()]
