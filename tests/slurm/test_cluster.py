"""The test cluster itself: what a crash takes, what a stop leaves, and what it says where it cannot start."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.slurm import cluster as clusters
from tests.slurm.cluster import NODES, Cluster, ClusterError, command_of, lives, running, wait_until

# Where SLURM and munge would write by themselves.
ELSEWHERE = ("/etc/slurm", "/etc/munge", "/run", "/var/lib", "/var/log", "/var/run", "/var/spool", "/dev/shm")


def outside() -> set[Path]:
    return {path for folder in ELSEWHERE for pattern in ("*", "*/*") for path in Path(folder).glob(pattern)}


def belonging(folder: Path) -> list[psutil.Process]:
    """Processes that know the folder by command line or environment."""
    found = []
    for process in psutil.process_iter():
        try:
            known = [*process.cmdline(), *process.environ().values()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(folder) in text for text in known):
            found.append(process)
    return found


def test_stopped_cluster_leaves_nothing_behind() -> None:
    before = outside()
    folder = Path(tempfile.mkdtemp(prefix="crisp-slurm-"))
    with running(folder) as cluster:
        cluster.call("sbatch", "--output=/dev/null", "--wrap", "sleep 1000")
        wait_until(lambda: cluster.call("squeue", "-h", "-t", "R"), "a job runs", 20)
        assert set(cluster.pids()) == {"munged", "slurmctld", *NODES}
        assert len(belonging(folder)) > len(cluster.pids())
    assert belonging(folder) == []
    assert not folder.exists()
    assert outside() - before == set()


def test_crash_takes_a_node_and_its_jobs_alone(cluster: Cluster) -> None:
    def sleeping(node: str) -> list[psutil.Process]:
        return [one for one in cluster.processes(node) if command_of(one) == ["sleep", "1234"]]

    line = ("--output=/dev/null", "--no-requeue", "--wrap", "exec sleep 1234")
    try:
        for node in NODES[:2]:
            cluster.call("sbatch", "-w", node, *line)
        wait_until(lambda: all(map(sleeping, NODES[:2])), "both jobs run", 20)
        doomed = [*cluster.processes(NODES[0])]
        cluster.crash(NODES[0])
        assert not any(map(lives, doomed))
        assert sleeping(NODES[1])
        state = ("sinfo", "-h", "-n", NODES[0], "-o", "%T")
        wait_until(lambda: "down" in cluster.call(*state), "it is missed", 40)
    finally:
        cluster.call("scancel", "--user", "root")
        if NODES[0] not in cluster.pids():
            cluster.boot(NODES[0])


@pytest.mark.parametrize("lacking", [[], ["slurmd"]])
def test_without_rights_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, lacking: list[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(clusters, "missing", lambda: lacking)
    with pytest.raises(ClusterError, match="sudo make test-slurm") as error:
        clusters.install()
    assert ("apt-get install --no-install-recommends slurmd" in str(error.value)) == bool(lacking)


def test_second_cluster_in_a_folder_is_refused(cluster: Cluster) -> None:
    command = [sys.executable, "-m", "tests.slurm.cluster", "start", "--folder", str(cluster.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "holds a cluster" in done.stderr
    assert "Traceback" not in done.stderr
