"""Console output of a run: one line per job, then warnings and results. Snakemake logger plugin ``crisp``.

Snakemake's log file in ``.snakemake/log/`` keeps everything that is hidden here, and ``--verbose`` restores
Snakemake's own console. Jobs on a cluster load no plugin.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from logging import ERROR, WARNING, LogRecord
from pathlib import Path
from typing import Any, TextIO

from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter, logger
from snakemake.settings.enums import Quietness
from snakemake.shell import shell
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from tqdm import tqdm

from crisp.core.errors import CrispError
from crisp.core.progress import duration
from crisp.core.words import counted, few
from crisp.study.config import Study
from crisp.workflow import dry_run
from crisp.workflow.run_times import wall_time
from crisp.workflow.time_left import TimeLeft

GPU = Path("/dev/nvidiactl")  # exists if an NVIDIA driver is loaded
EXPECTED = "crisp_expected"  # attribute of a log record: expected seconds per job, by rule
RESULT = "summary"  # the rule whose log holds the results of a run
MOST = 20  # maximum number of warnings at the end
NAMES = 3  # maximum number of running jobs to name
SILENCE = 300.0  # seconds without output before the running jobs are named
ONE_AT_A_TIME = ("features", "train", "evaluate", "detect")  # if the machine has at most one GPU

# Snakemake's messages without an event: those to print, and those to hide before a run.
SHOWN = ("Nothing to be done", "Terminating processes", "Will exit after finishing")
HIDDEN = (
    "Using profile",
    "Assuming unrestricted shared filesystem",
    "Building DAG",
    "Creating report",
    "Adding ",
    "Loading ",
    "Downloading ",
    "Report created",
)
# Errors that repeat the lines of failed jobs, and the SLURM plugin's messages at sites without
# accounts.
KNOWN = (
    "CalledProcessError in file",
    "Exiting because a job execution failed",
    "At least one job did not",
    "No SLURM account given",
    "No account was given",
    "Unable to guess SLURM account",
)
AGAIN = re.compile(r"Trying to restart job (\d+)\.")


def expect(study: Study, local: bool) -> None:
    """Pass the expected job durations of a study to the console; `local`: the jobs run on this machine."""
    from crisp.workflow import plan  # only needed by the driver process

    gpu = not local or GPU.exists()
    try:
        seconds = plan.seconds(study, gpu, os.cpu_count() or 1)
    except CrispError:
        return  # a failed estimate must not stop a run
    words = ", ".join(f"{rule} {each:.0f}" for rule, each in seconds.items())
    logger.info(f"Expected seconds per job: {words}", extra={EXPECTED: seconds})


@dataclass
class Job:
    """A running job; `began` in seconds since 1970."""

    rule: str
    name: str
    began: float
    logs: tuple[str, ...]
    benchmark: str

    @classmethod
    def of(cls, record: Any) -> Job:
        """Read a job from its log record."""
        return cls(
            record.rule_name,
            " ".join([record.rule_name, *_named(record.wildcards)]),
            record.created,
            tuple(record.log or ()),
            record.benchmark or "",
        )

    def seconds(self, now: float) -> float:
        """Return the duration; on a cluster without queue time, if there is a benchmark."""
        measured = wall_time(Path(self.benchmark)) if self.benchmark else None
        return max(0.0, now - self.began) if measured is None else measured

    def warnings(self) -> list[str]:
        """Return the warnings in its log."""
        lines: list[str] = []
        for log in self.logs:
            try:
                text = Path(log).read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            lines += [line for line in text.splitlines() if line.startswith("warning: ")]
        return lines


def _named(wildcards: Mapping[str, str]) -> list[str]:
    """Return the values of wildcards, with names if they are numbers."""
    return [
        f"{name} {value}" if str(value).isdigit() else str(value) for name, value in (wildcards or {}).items()
    ]


class LogHandler(LogHandlerBase):
    """Print the progress of jobs, and hide Snakemake's other messages."""

    def __post_init__(self) -> None:
        settings = self.common_settings
        self._stream: TextIO = sys.stdout if settings.stdout else sys.stderr
        self._snakemake = ColorizingTextHandler(settings.nocolor, self._stream)
        self._as_snakemake = bool(settings.verbose or settings.printshellcmds or settings.debug_dag)
        if self._as_snakemake:
            self._snakemake.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
            self._snakemake.addFilter(
                DefaultFilter(
                    settings.quiet,
                    settings.debug_dag,
                    settings.verbose,
                    settings.dryrun,
                    settings.printshellcmds,
                )
            )
        else:
            # Local jobs write to their logs; the rules copy the output to the console with `tee`.
            shell.prefix("set -euo pipefail; exec >/dev/null; ")
        quiet = set(settings.quiet or ())
        self._silent = Quietness.ALL in quiet and not settings.dryrun
        self._lines = Quietness.PROGRESS not in quiet
        self._run = False
        self._closed = False
        self._study = ""
        self._log = ""
        self._jobs: dict[int, Job] = {}  # running jobs by Snakemake's id
        self._tries: Counter[int] = Counter()
        self._counts: dict[str, int] = {}  # jobs by rule
        self._reasons: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._expected: dict[str, float] = {}
        self._alone: tuple[str, ...] = ()
        self._time_left: TimeLeft | None = None
        self._begin = 0.0
        self._done = 0
        self._failed: dict[int, str] = {}
        self._warnings: dict[str, None] = {}  # in order, without duplicates
        self._result: Job | None = None
        self._bar: tqdm[Any] | None = None
        self._last_line = time.monotonic()
        self._silence = SILENCE
        self._end = threading.Event()

    writes_to_stream = True
    writes_to_file = False
    has_filter = True
    has_formatter = True
    needs_rulegraph = False

    def emit(self, record: LogRecord) -> None:
        """Print a record according to its event."""
        try:
            if self._as_snakemake:
                self._snakemake.handle(record)
            elif not self._silent:
                self._take(record)
        except BrokenPipeError:
            self._silent = True  # the pipe is closed; the run continues
        except Exception:
            self.handleError(record)

    def _take(self, record: Any) -> None:
        event = getattr(record, "event", None)
        if event is LogEvent.WORKFLOW_STARTED:
            self._run = True
            self._study = " ".join(map(os.path.relpath, _listed(getattr(record, "configfiles", ""))))
        elif event is LogEvent.RUN_INFO:
            stats = {rule: count for rule, count in record.stats.items() if rule not in ("all", "total")}
            self._counts = stats
            if not stats:
                self._print("Nothing to be done: all requested files are up to date.")
        elif event is LogEvent.RESOURCES_INFO:
            if getattr(record, "provided_resources", {}).get("gpu") == 1:
                self._alone = ONE_AT_A_TIME
        elif event is LogEvent.JOB_INFO:
            self._job_begins(record)
        elif event is LogEvent.JOB_FINISHED:
            self._job_ends(record.job_id, record.created)
        elif event is LogEvent.JOB_ERROR:
            self._job_fails(record)
        elif event is LogEvent.GROUP_ERROR:
            self._group_fails(record)
        elif event is None or event is LogEvent.ERROR:
            self._other(record)

    def _other(self, record: Any) -> None:
        text = record.getMessage()
        if hasattr(record, EXPECTED):
            self._expected = getattr(record, EXPECTED)
        elif again := AGAIN.match(text):
            number = int(again[1])
            if number in self._failed:
                self._tries[number] += 1
                self._print(f"again: {self._failed.pop(number)}, try {self._tries[number] + 1}")
        elif text.startswith("Complete log"):
            self._log = os.path.relpath(text.partition(": ")[2])
        elif record.levelno >= WARNING:
            if text.strip() and not any(known in text for known in KNOWN):
                self._print(self._snakemake.decorate(record, text))
                if record.levelno < ERROR:
                    self._warnings[text] = None
        elif text.startswith(SHOWN) or not (self._run or text.startswith(HIDDEN)):
            self._print(text)

    def _job_begins(self, record: Any) -> None:
        job = Job.of(record)
        if self.common_settings.dryrun:
            self._reasons[job.rule][dry_run.reason(record.reason)] += 1
            return
        if job.rule not in self._counts:
            return  # rule `all`
        if self._time_left is None:
            self._begin = record.created
            self._time_left = TimeLeft(self._counts, self._expected, self._alone)
            if self._lines:
                self._show_progress()
        self._jobs[record.jobid] = job

    def _job_ends(self, number: int, now: float) -> None:
        job = self._jobs.pop(number, None)
        if job is None:
            return
        self._done += 1
        seconds = job.seconds(now)
        if self._time_left:
            self._time_left.finished(job.rule, seconds)
        for warning in job.warnings():
            self._warnings[f"{job.name}: {warning.removeprefix('warning: ')}"] = None
        if job.rule == RESULT:
            self._result = job
        if self._lines:
            total = sum(self._counts.values())
            place = f"{self._done:>{len(str(total))}} of {total}  {100 * self._done // total:>3} %"
            self._print(f"{place}  {job.name:<28} {duration(seconds):>9}   {self._left(now)}".rstrip())

    def _left(self, now: float) -> str:
        """Return the estimated remaining time as text."""
        if not self._time_left or self._done >= sum(self._counts.values()):
            return ""
        running = [(job.rule, now - job.began) for job in self._jobs.values()]
        seconds = self._time_left.seconds(now - self._begin, running)
        if seconds is None:
            return ""
        return "less than a minute left" if seconds < 60 else f"about {duration(seconds)} left"

    def _job_fails(self, record: Any) -> None:
        job = self._jobs.pop(record.jobid, None)
        name = job.name if job else record.rule_name
        if record.indent:  # member of a group: the failed ones are reported at the end
            return
        took = f" after {duration(max(0.0, record.created - job.began))}" if job else ""
        self._failed[record.jobid] = name
        self._print(self._snakemake.decorate(record, f"failed: {name}{took}{_because(record.rule_msg)}"))

    def _group_fails(self, record: Any) -> None:
        jobs = [self._jobs.get(one["jobid"]) for one in record.job_error_info]
        names = ", ".join(job.name for job in jobs if job)
        self._print(self._snakemake.decorate(record, f"failed: a group of jobs: {names}"))

    def _show_progress(self) -> None:
        """Update the progress bar on a terminal; elsewhere report running jobs after a long silence."""
        if self._snakemake.is_tty:
            self._bar = tqdm(
                total=sum(self._counts.values()),
                file=self._stream,
                leave=False,
                dynamic_ncols=True,
                bar_format="|{bar:20}| {n_fmt} of {total_fmt}{postfix}",
            )
        threading.Thread(target=self._watch, name="crisp-console", daemon=True).start()

    def _watch(self) -> None:
        while not self._end.wait(1.0):
            self.acquire()
            try:
                if not self._silent and not self._closed:
                    self._show_running(time.time())
            except BrokenPipeError:
                self._silent = True
            finally:
                self.release()

    def _show_running(self, now: float) -> None:
        names = [job.name for job in sorted(self._jobs.values(), key=lambda job: job.began)]
        if self._bar is not None:
            self._bar.set_postfix_str("; ".join(filter(None, [self._left(now), few(names, NAMES)])))
        elif names and time.monotonic() - self._last_line > self._silence:
            silence = 2 * self._silence
            self._print(f"running for {duration(now - self._begin)}: {few(names, NAMES)}")
            self._silence = silence

    def _print(self, text: str, stream: TextIO | None = None) -> None:
        """Print a line above the progress bar."""
        stream = stream or self._stream
        if self._bar is not None:
            self._bar.clear()
        print(text, file=stream, flush=True)
        if self._bar is not None:
            self._bar.n = self._done
            self._show_running(time.time())
        self._last_line, self._silence = time.monotonic(), SILENCE

    def close(self) -> None:
        """Print warnings, results and the path of the log; Snakemake calls this last."""
        self.acquire()
        try:
            if not self._closed and not self._silent and not self._as_snakemake:
                self._conclude()
        except BrokenPipeError:
            self._silent = True
        finally:
            self._closed = True
            self._end.set()
            self.release()
        super().close()

    def _conclude(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        if self.common_settings.dryrun:
            if self._reasons:
                for line in dry_run.table(self._counts, self._reasons):
                    self._print(line)
                self._print("Dry run: nothing was run. --verbose lists each job with its files and reason.")
            return
        if self._warnings:
            self._print("warnings:")
            for line in list(self._warnings)[:MOST]:
                self._print(f"  {line}")
            if len(self._warnings) > MOST:
                self._print(f"  and {len(self._warnings) - MOST} more, in the logs")
        if self._result:
            self._print_result(self._result)
        if self._failed:
            total = sum(self._counts.values())
            self._print(
                f"{len(self._failed)} of {counted(total, 'job')} failed; those that finished"
                f" ({self._done}) are kept. Correct the faults above and repeat the command."
            )
        if self._log and (self._done or self._failed):
            self._print(f"log of the run: {self._log}")

    def _print_result(self, job: Job) -> None:
        log = Path(job.logs[0])
        self._print(log.read_text(encoding="utf-8", errors="replace").rstrip(), sys.stdout)
        folder = log.parents[1]
        study = f" --study {self._study}" if self._study else ""
        self._print(f"results: {folder}; crisp report{study} writes them to {folder / 'report.html'}")


def _listed(files: Any) -> list[str]:
    """Format paths of config files as Snakemake does."""
    return [files] if isinstance(files, str) and files else [str(path) for path in files or ()]


def _because(message: str | None) -> str:
    """Return the first line of an executor's message about a failed job."""
    return f": {message.strip().splitlines()[0]}" if message and message.strip() else ""
