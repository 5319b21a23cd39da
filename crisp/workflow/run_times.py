"""Run times of a study's jobs, from Snakemake's benchmark files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import NamedTuple

from crisp.core.progress import duration

NOTE = (
    "Wall time and memory (largest resident set) of each job when it last ran to its end, as Snakemake "
    "measured them; jobs that share a machine slow each other down. Jobs that the study no longer has are "
    "counted as well."
)


class Times(NamedTuple):
    """The jobs of a rule: wall times in seconds; `megabytes` is None if no job was long enough to sample."""

    rule: str
    jobs: int
    total: float
    middle: float
    longest: float
    slowest: str
    megabytes: float | None


def collect_run_times(folder: Path) -> list[Times]:
    """Read a study's benchmarks, ``<rule>/<job>.tsv``, by rule; skip damaged files."""
    found = []
    for rule in sorted(path for path in folder.glob("*") if path.is_dir()):
        jobs = {path.stem: row for path in sorted(rule.glob("*.tsv")) if (row := _row(path))}
        if not jobs:
            continue
        seconds = {name: wall for name, (wall, _) in jobs.items()}
        slowest = max(seconds, key=lambda name: seconds[name])
        known = [memory for _, memory in jobs.values() if memory is not None]
        walls = list(seconds.values())
        found.append(
            Times(
                rule.name, len(jobs), sum(walls), median(walls), max(walls), slowest, max(known, default=None)
            )
        )
    return found


def wall_time(benchmark: Path) -> float | None:
    """Return the seconds that a job took; None if its benchmark is missing or damaged."""
    row = _row(benchmark)
    return row[0] if row else None


def _row(path: Path) -> tuple[float, float | None] | None:
    """Read wall time and memory of a job; a killed one may leave half a file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            row = next(csv.DictReader(file, delimiter="\t"))
        return float(row["s"]), _number(row["max_rss"])
    except (OSError, StopIteration, KeyError, TypeError, ValueError):
        return None


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:  # "-" or "NA": too short to be sampled
        return None


def write_run_times_page(path: str | Path, times: Iterable[Times]) -> None:
    """Write the run times as a self-contained HTML page."""
    from crisp.core.html_table import (
        write_page,  # slow to import, and every start of Snakemake imports this module
    )

    headings = ["Rule", "Jobs", "All together", "Median", "Longest", "Longest job", "Most memory"]
    body = [
        [
            one.rule,
            f"{one.jobs:,}",
            duration(one.total),
            duration(one.middle),
            duration(one.longest),
            one.slowest,
            "\u2013" if one.megabytes is None else f"{one.megabytes:,.0f} MB",
        ]
        for one in times
    ]
    write_page(path, "Run times of the rules", NOTE, headings, body)
