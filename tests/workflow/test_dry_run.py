"""The table of a dry run."""

from __future__ import annotations

from collections import Counter

from crisp.workflow import dry_run


def test_the_telling_reason_counts() -> None:
    follows = "Input files updated by another job: a.h5"
    assert dry_run.reason(follows) == "depends on jobs above"
    assert dry_run.reason(f"Missing output files: b.h5; {follows}") == "missing"
    assert dry_run.reason(f"{follows}; Params have changed since last execution: a") == (
        "settings or labels changed"
    )
    assert dry_run.reason("Something new") == "Something new"


def test_a_line_a_rule() -> None:
    why = {"frames": Counter({"missing": 3}), "train": Counter({"missing": 1, "asked for": 2})}
    assert dry_run.table({"frames": 3, "train": 3}, why) == [
        "rule    jobs  why",
        "-" * 40,
        "frames     3  missing",
        "train      3  asked for (2), missing (1)",
        "total      6",
    ]
