"""Studies run through the profile on a real SLURM cluster, as users run them."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from tests.slurm.cluster import Cluster, ClusterError, command_of, install, running, wait_until
from tests.workflow.conftest import ROOT, Run, Study, build, environment

# What `snakemake --profile slurm` needs of the clone, beside the study.
CLONE = ("Snakefile", "workflow", "crisp", "profiles", "slurm")
# The first look at a job after so many seconds, for tiny jobs.
QUICK = ("--slurm-init-seconds-before-status-checks", "3")


class Submission(NamedTuple):
    """A job that Snakemake gave to SLURM; `wildcards` are joined by ``_``."""

    job: str
    rule: str
    wildcards: str


@dataclass
class Head:
    """A Snakemake process on the "login node", and all it says; `before` are the logs of earlier runs."""

    process: subprocess.Popen[str]
    output: Path
    before: frozenset[Path]

    @property
    def text(self) -> str:
        return self.output.read_text()

    @property
    def logged(self) -> str:
        """Snakemake's own log: submissions are in it, and not on the console."""
        logs = sorted(set(_logs(self.output.parent)) - self.before)
        return "".join(log.read_text() for log in logs)

    @property
    def submissions(self) -> list[Submission]:
        pattern = r"with SLURM jobid (\d+) \(log: \S+/slurm_logs/(?:rule|group)_(\w+)/(?:(\S+)/)?\d+\.log\)"
        return [Submission(*found) for found in re.findall(pattern, self.logged)]

    @property
    def counts(self) -> Counter[str]:
        """Submissions per rule."""
        return Counter(one.rule for one in self.submissions)

    def alive(self) -> bool:
        return self.process.poll() is None

    def until(self, holds: Callable[[], object], what: str, seconds: float = 180) -> None:
        """Wait until a condition holds, while the run goes on."""
        wait_until(lambda: holds() or not self.alive(), f"{what}\n{self.text[-3000:]}", seconds)
        assert holds(), f"the run ended before {what}\n{self.text}"

    def end(self, seconds: float = 420) -> Run:
        """Wait for the end."""
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGTERM)
            pytest.fail(f"no end after {seconds} s\n{self.text}")
        return Run(code, self.text)


def _logs(folder: Path) -> list[Path]:
    return list((folder / ".snakemake/log").glob("*.snakemake.log"))


class Site:
    """A login node: starts runs on the cluster, and knows what became of their jobs."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.environment = {**environment(), "SLURM_CONF": cluster.environment["SLURM_CONF"]}
        self._heads: list[Head] = []

    def start(self, study: Study, *arguments: str) -> Head:
        """``snakemake --profile slurm --configfile study.yaml …`` in the study's folder."""
        command = ("snakemake", "--profile", "slurm", "--configfile", "study.yaml", *QUICK)
        return self._launch(study.folder, *command, *arguments)

    def recover(self, study: Study) -> Head:
        """``crisp recover --study study.yaml``, which becomes the run that was interrupted."""
        return self._launch(study.folder, "crisp", "recover", "--study", "study.yaml")

    def index(self, folder: Path, *arguments: str) -> Head:
        """``snakemake -s workflow/index.smk --profile slurm …`` in a folder."""
        command = ("snakemake", "-s", "workflow/index.smk", "--profile", "slurm", *QUICK)
        return self._launch(folder, *command, *arguments)

    def _launch(self, folder: Path, *command: str) -> Head:
        output = folder / f"head-{len(self._heads)}.txt"
        before = frozenset(_logs(folder))
        with open(output, "w") as file:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
            )
        head = Head(process, output, before)
        self._heads.append(head)
        return head

    def run(self, study: Study, *arguments: str) -> Head:
        """Run to the end."""
        head = self.start(study, *arguments)
        head.end()
        return head

    def stop(self) -> None:
        """End the runs that a failed test has left."""
        for head in self._heads:
            if head.alive():
                head.process.kill()

    def ended(self) -> dict[str, dict[str, str]]:
        """What SLURM recorded of every ended job, by its id: state, node, and more."""
        path = self.cluster.folder / "log/jobs.txt"
        lines = path.read_text().splitlines() if path.exists() else []
        jobs = [dict(pair.split("=", 1) for pair in line.split() if "=" in pair) for line in lines]
        return {job["JobId"]: job for job in jobs}

    def jobs_on(self, node: str) -> set[str]:
        """Ids of the jobs that run on a node."""
        return set(self.cluster.call("squeue", "-h", "-w", node, "-t", "R", "-o", "%i").split())

    def queued(self) -> set[str]:
        """Ids of the jobs that have not ended."""
        return set(self.cluster.call("squeue", "-h", "-o", "%i").split())

    def pending(self) -> set[str]:
        """Ids of the jobs that wait."""
        return set(self.cluster.call("squeue", "-h", "-t", "PD", "-o", "%i").split())

    def process(self, node: str, *words: str) -> psutil.Process | None:
        """The ``crisp`` process on a node whose command line has these words."""
        for process in self.cluster.processes(node):
            line = command_of(process)
            if len(line) > 1 and line[1].endswith("/crisp") and all(word in " ".join(line) for word in words):
                return process
        return None


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running cluster. Where there can be none the tests fail; they are never skipped."""
    try:
        install()
    except ClusterError as error:
        pytest.exit(f"test cluster: {error}", returncode=1)
    with running(Path(tempfile.mkdtemp(prefix="crisp-slurm-"))) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def site(cluster: Cluster) -> Iterator[Site]:
    site = Site(cluster)
    yield site
    site.stop()


def clone(folder: Path) -> None:
    """Make a folder that is like a clone."""
    folder.mkdir(exist_ok=True)
    for part in CLONE:
        (folder / part).symlink_to(ROOT / part)


def cloned(folder: Path, make_video: Callable[..., Path], splits: tuple[str, ...]) -> Study:
    """A study of few and small jobs, in a folder that is like a clone."""
    clone(folder)
    study = build(folder, make_video, splits)
    study.configure(
        variants=[{"name": "rgb", "model": "rgb"}],
        training={**study.config["training"], "epochs": 1},
        report={"videos": 0},
    )
    return study
