"""Failed jobs are named with the end of their logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crisp.workflow import onerror


@dataclass
class Job:
    """As Snakemake's: a job, or a group of them."""

    name: str = "group"
    wildcards: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    output: tuple[str, ...] = ()
    jobs: list[Job] = field(default_factory=list)

    def is_group(self) -> bool:
        return bool(self.jobs)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_end_of_the_log_is_reported(folder: Path) -> None:
    (folder / "flow.log").write_text("".join(f"line {number}\n" for number in range(50)))
    lines = onerror.failure_report(
        [Job("flow", ("v1", "dis"), ("flow.log",), ("flow.h5",))], folder
    ).splitlines()
    assert lines == ["failed: flow v1 dis (flow.log)", *(f"line {number}" for number in range(30, 50))]


def test_of_a_group_what_failed_is_reported(folder: Path) -> None:
    for name in ("frames.log", "flow.log", "frames.h5"):
        (folder / name).write_text(name)
    done = Job("frames", ("v1",), ("frames.log",), ("frames.h5",))
    failed = Job("flow", ("v1",), ("flow.log",), ("flow.h5",))
    assert (
        onerror.failure_report([Job(jobs=[done, failed])], folder) == "failed: flow v1 (flow.log)\nflow.log"
    )


def test_job_without_a_log(folder: Path) -> None:
    kept = folder / ".snakemake/slurm_logs/rule_flow/v1_dis"
    kept.mkdir(parents=True)
    (kept / "7.log").write_text("slurmstepd: error: No space left on device\n")
    said = onerror.failure_report([Job("flow", ("v1", "dis"), ("flow.log",), ("flow.h5",))], folder)
    assert "slurmstepd: error: No space left on device" in said
    assert "MB are free for results" in said


def test_nothing_failed(folder: Path) -> None:
    assert onerror.failure_report([], folder) == ""
