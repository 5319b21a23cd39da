"""What a run prints with a profile of CRISP, and ``crisp run`` and ``crisp report`` as people give them."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from crisp.study.load import load_study
from crisp.workflow import run_record
from tests.workflow.conftest import Study, environment

RUN = ("run", "--study", "study.yaml", "--cores", "2")
JOB = re.compile(r"^ *(\d+) of (\d+) +(\d+) %  (\w[^.]*?) +([\d.]+ s|\d+ min)( +(about|less) .* left)?$")


def jobs(text: str) -> list[str]:
    """The jobs of the lines that report finished ones, in order; their numbers have to fit."""
    found = [match for line in text.splitlines() if (match := JOB.match(line))]
    for number, match in enumerate(found, 1):
        assert (int(match[1]), int(match[2])) == (number, int(found[0][2]))
        assert int(match[3]) == 100 * number // int(match[2])
    return [match[4] for match in found]


def logged(study: Study) -> str:
    """Snakemake's own log of the newest run."""
    return max((study.folder / ".snakemake/log").glob("*.log"), key=os.path.getmtime).read_text()


def test_one_line_a_job_and_the_rest_in_the_log(study: Study) -> None:
    done = study.crisp(*RUN, "--", "--until", "flow")
    assert done.returncode == 0, done.stderr
    command, *lines = done.stderr.splitlines()
    assert command.startswith("$ snakemake --snakefile ")
    assert command.endswith(" --cores 2 --until flow")
    assert sorted(jobs(done.stderr)) == sorted(
        f"{job} v{number}{of}" for number in (1, 2, 3) for job, of in (("frames", ""), ("flow", " dis"))
    )
    assert "left" in done.stderr
    assert len(lines) == 6 + 2, done.stderr  # of the profile, the jobs, of the log
    assert done.stdout == ""
    log = logged(study)
    assert (study.folder / lines[-1].removeprefix("log of the run: ")).read_text() == log
    assert log.count("rule frames:\n") == 3
    assert "Job stats:" in log
    assert "ffmpeg" not in done.stderr

    nothing = study.crisp(*RUN, "--", "--until", "flow")
    assert nothing.returncode == 0
    assert "Nothing to be done" in nothing.stderr
    assert len(nothing.stderr.splitlines()) == 3, nothing.stderr


@pytest.mark.slow
def test_verbose_brings_snakemake_back(study: Study) -> None:
    done = study.crisp(*RUN, "--verbose", "--", "--until", "frames")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("rule frames:\n") == 3
    assert "Job stats:" in done.stderr
    assert "frames in" in done.stdout  # the jobs' own words
    assert jobs(done.stderr) == []


def test_a_dry_run_is_a_table(study: Study) -> None:
    done = study.crisp(*RUN, "-n")
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert rows[0] == ["rule", "jobs", "why"]
    assert rows[2] == ["frames", "3", "missing"]
    assert rows[-2] == ["total", "21"]
    assert "--verbose" in done.stdout
    assert len(rows) == 15, done.stdout  # heading, line, eleven rules, total, hint
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert not (study.folder / "results").exists()
    assert study.crisp(*RUN, "-n", "--verbose").stdout.count("rule frames:\n") == 3


@pytest.mark.slow
def test_results_and_report_of_a_study(done: Study) -> None:
    results = done.folder / "results/studies/tiny"
    (results / "summary.tsv").unlink()
    assert "summary" in done.crisp(*RUN, "-n").stdout
    run = done.crisp(*RUN)
    assert run.returncode == 0, run.stderr
    assert jobs(run.stderr) == ["summary"]
    assert run.stdout.strip() == (results / "logs/summary.log").read_text().strip()
    assert "crisp report --study study.yaml" in run.stderr
    assert run.stderr.splitlines()[-1].startswith("log of the run: .snakemake/log/")

    made = done.crisp("report", "--study", "study.yaml")
    assert made.returncode == 0, made.stderr
    assert made.stdout == "report: results/studies/tiny/report.html\n"
    assert (results / "report.html").stat().st_size > 10_000
    assert len(made.stderr.splitlines()) < 5, made.stderr


def test_a_failed_job_is_reported_with_the_end_of_its_log(study: Study) -> None:
    study.spoil("v2")
    done = study.crisp(*RUN, "--", "--until", "frames")
    assert done.returncode == 1
    assert sorted(jobs(done.stderr)) == ["frames v1", "frames v3"]
    lines = done.stderr.splitlines()
    assert re.search(r"^failed: frames v2 after [\d.]+ s$", done.stderr, re.MULTILINE)
    at = lines.index("failed: frames v2 (results/studies/tiny/logs/frames/v2.log)")
    assert "data/tiny/v2.mp4: not a video" in lines[at + 1]
    assert lines[-2].startswith("1 of 3 jobs failed; those that finished (2) are kept. ")
    assert "rule frames" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Error in rule frames:" in logged(study)


def test_faults_before_a_run(study: Study) -> None:
    missing = study.crisp("run", "--study", "nowhere.yaml")
    assert missing.returncode == 1
    assert missing.stderr.startswith("crisp: nowhere.yaml: ")
    assert study.crisp("run", "--study", "study.yaml", "--profile", "mars").returncode == 1
    unknown = study.crisp(*RUN, "--", "--no-such-option")
    assert unknown.returncode == 2
    assert "--no-such-option" in unknown.stderr
    (study.folder / "data/tiny/v2.mp4").unlink()
    faulty = study.crisp(*RUN)
    assert faulty.returncode == 1
    assert "data/tiny/v2.mp4: video v2 is missing" in faulty.stderr
    assert jobs(faulty.stderr) == []
    assert "Traceback" not in missing.stderr + faulty.stderr


@pytest.fixture
def running(study: Study):
    """A run whose head is on record."""
    command = ["crisp", *RUN]
    run = subprocess.Popen(
        command, cwd=study.folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    record = study.folder / run_record.record(load_study(study.folder / "study.yaml"))
    while not record.exists():
        assert run.poll() is None
        time.sleep(0.1)
    yield run
    run.kill()
    run.wait()


def test_a_folder_that_is_in_use(study: Study, running: subprocess.Popen[bytes]) -> None:
    second = study.crisp(*RUN)
    assert second.returncode == 1
    assert second.stderr.startswith("crisp: results/studies/tiny/head.json: another run is in progress")
    assert f"process {running.pid}" in second.stderr
    running.send_signal(signal.SIGKILL)
    running.wait()
    third = study.crisp(*RUN)
    assert third.returncode == 1
    assert "was interrupted" in third.stderr
    assert "crisp recover --study study.yaml" in third.stderr
    assert study.crisp("recover", "--study", "study.yaml", "--no-run").returncode == 0
