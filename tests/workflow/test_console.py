"""What the console makes of Snakemake's records; `tests/workflow/test_console_of_runs.py` has real runs."""

from __future__ import annotations

import io
import logging
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.shell import shell
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from crisp.workflow import console

SETTINGS: dict[str, Any] = {
    **dict.fromkeys(
        ("printshellcmds", "debug_dag", "verbose", "show_failed_logs", "stdout", "dryrun"), False
    ),
    "nocolor": True,
    "quiet": None,
}


class Console:
    """A console that writes into a text, and is given records."""

    def __init__(self, stream: io.StringIO | None = None, **settings: Any) -> None:
        self.stream = stream or io.StringIO()
        with redirect_stderr(self.stream):
            self.handler = console.LogHandler(SimpleNamespace(**{**SETTINGS, **settings}), None)

    @property
    def text(self) -> str:
        """All that was printed."""
        return self.stream.getvalue()

    def take(self, text: str = "", level: int = logging.INFO, at: float = 0.0, **extra: Any) -> None:
        record = logging.LogRecord("snakemake", level, "", 0, text, (), None)
        record.created = at
        record.__dict__.update(extra)
        self.handler.handle(record)

    def plan(self, **counts: int) -> None:
        self.take(event=LogEvent.WORKFLOW_STARTED, configfiles=[])
        self.take(event=LogEvent.RUN_INFO, stats={**counts, "all": 1, "total": sum(counts.values()) + 1})

    def begin(self, number: int, rule: str, at: float = 0.0, log: str = "", **wildcards: str) -> None:
        extra = {"wildcards": wildcards, "log": [log] if log else [], "benchmark": None, "reason": ""}
        self.take(event=LogEvent.JOB_INFO, jobid=number, rule_name=rule, at=at, **extra)

    def end(self, number: int, at: float) -> None:
        self.take(event=LogEvent.JOB_FINISHED, job_id=number, at=at)

    def fail(self, number: int, rule: str, at: float, message: str = "", indent: bool = False) -> None:
        extra = {"jobid": number, "rule_name": rule, "rule_msg": message, "indent": indent, "at": at}
        self.take("Error", logging.ERROR, event=LogEvent.JOB_ERROR, **extra)


@pytest.fixture(autouse=True)
def prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """The prefix of shell commands is Snakemake's again after each test."""
    monkeypatch.setattr(shell, "_process_prefix", None)


def test_snakemake_finds_it() -> None:
    assert LoggerPluginRegistry().get_plugin("crisp").log_handler is console.LogHandler  # type: ignore[attr-defined]


def test_a_job_is_named_by_its_wildcards() -> None:
    run = Console()
    run.plan(train=1)
    run.begin(7, "train", 10, variant="twin", split="main", seed="1")
    run.take("Select jobs to execute...")
    run.take("Job 7 has been submitted with SLURM jobid 12")
    run.end(7, 75)
    assert run.text.startswith("1 of 1  100 %  train twin main seed 1 ")
    assert run.text.endswith(" 1 min\n")
    assert len(run.text.splitlines()) == 1


def test_a_job_that_is_tried_again() -> None:
    run = Console()
    run.plan(flow=1)
    run.begin(3, "flow", 0, video="v1", method="dis")
    run.fail(3, "flow", 30, "SLURM-job '12' failed, SLURM status is: 'NODE_FAIL'.\nmore")
    run.take("Trying to restart job 3.")
    run.begin(3, "flow", 40, video="v1", method="dis")
    run.end(3, 45)
    run.handler.close()
    failed, again, done = run.text.splitlines()
    assert failed == "failed: flow v1 dis after 30.0 s: SLURM-job '12' failed, SLURM status is: 'NODE_FAIL'."
    assert again == "again: flow v1 dis, try 2"
    assert done.startswith("1 of 1  100 %  flow v1 dis ")
    assert done.endswith(" 5.0 s")


def test_a_group_fails_as_one() -> None:
    run = Console()
    run.plan(frames=1, flow=1)
    run.begin(1, "frames", video="v1")
    run.begin(2, "flow", video="v1", method="dis")
    run.take("Error", logging.ERROR, event=LogEvent.GROUP_ERROR, job_error_info=[{"jobid": 1}, {"jobid": 2}])
    run.fail(1, "frames", 3, indent=True)
    run.fail(2, "flow", 3, indent=True)
    assert run.text == "failed: a group of jobs: frames v1, flow v1 dis\n"


def test_warnings_of_the_jobs_stand_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "frames.log"
    log.write_text("frames: 5 in 1 s\nwarning: v1.mp4: variable frame rate\n")
    run = Console()
    run.plan(frames=1)
    run.take("WARNING of Snakemake", logging.WARNING)
    run.begin(1, "frames", log=str(log), video="v1")
    run.end(1, 2)
    run.handler.close()
    assert run.text.splitlines()[-3:] == [
        "warnings:",
        "  WARNING of Snakemake",
        "  frames v1: v1.mp4: variable frame rate",
    ]


def test_a_long_silence_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Console()
    run.plan(train=2)
    run.begin(1, "train", 0, variant="twin", split="main", seed="1")
    run.handler._show_running(100.0)
    assert run.text == ""
    monkeypatch.setattr(console.time, "monotonic", lambda: run.handler._last_line + console.SILENCE + 1)
    run.handler._show_running(7200.0)
    run.handler._show_running(7260.0)  # the next one only after twice the time
    assert run.text == "running for 2 h 00 min: train twin main seed 1\n"


def test_a_site_without_accounts_is_not_warned() -> None:
    run = Console()
    run.plan(train=1)
    run.take("Unable to guess SLURM account. Trying to proceed without.", logging.WARNING)
    run.handler.close()
    assert run.text == ""


def test_what_is_shown_outside_of_a_run() -> None:
    run = Console()
    run.take("Assuming unrestricted shared filesystem usage.")
    run.take("Unlocked working directory.")
    assert run.text == "Unlocked working directory.\n"


def test_jobs_are_quiet_unless_snakemake_speaks() -> None:
    Console()
    assert ">/dev/null" in shell._get_process_prefix("bash")
    shell._process_prefix = None
    for words in ("verbose", "printshellcmds", "debug_dag"):
        Console(**{words: True})
        assert shell._get_process_prefix("bash") == "set -euo pipefail; "


def test_quiet_all_is_silent() -> None:
    from snakemake.settings.enums import Quietness

    run = Console(quiet={Quietness.ALL})
    run.plan(frames=1)
    run.begin(1, "frames", video="v1")
    run.end(1, 2)
    run.handler.close()
    assert run.text == ""


def test_a_closed_pipe_ends_no_run() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(text)

    run = Console(Closed())
    run.plan(frames=2)
    for number in (1, 2):
        run.begin(number, "frames", video=f"v{number}")
        run.end(number, 2)
    run.handler.close()
    assert run.handler._silent


@pytest.mark.parametrize("until", [False, True])
def test_nothing_to_be_done_is_said(until: bool) -> None:
    """With ``--until`` Snakemake itself only prints an empty table."""
    run = Console()
    if until:
        run.plan()
    else:
        run.take(event=LogEvent.WORKFLOW_STARTED, configfiles=[])
        run.take("Nothing to be done (all requested files are present and up to date).")
    assert run.text.startswith("Nothing to be done")
    assert len(run.text.splitlines()) == 1
