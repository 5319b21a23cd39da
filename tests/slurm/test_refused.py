"""What SLURM cannot do is told before any job, with what to change."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import GPU_NODE
from tests.slurm.conftest import Site, Study, cloned

FRAMES = "results/volumes/tiny/v1/frames.h5"


@pytest.fixture
def study(tmp_path: Path, make_video) -> Study:
    return cloned(tmp_path, make_video, ("train", "validation", "test"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("--default-resources", "slurm_partition=nowhere"),
            ("jobs of evaluate, flow, frames", "invalid partition specified: nowhere", "main (cpus"),
        ),
        (
            ("--set-resources", "train:gpu=9"),
            ("jobs of train\n", "node configuration is not available", "Asked for: train: threads=", "gpu=9"),
        ),
        (
            ("--set-resources", "roi:mem_mb=999999"),
            (
                "jobs of roi\n",
                "node configuration is not available",
                "Asked for: roi: threads=1, mem_mb=999999, ",
                "--set-resources roi:mem_mb=64000",
            ),
        ),
        (("--slurm-status-command", "sacct"), ("when a job ends\n", "accounting storage is disabled")),
    ],
    ids=["partition", "gpu", "memory", "accounting"],
)
def test_impossible_request_ends_before_any_job(
    site: Site, study: Study, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    head = site.start(study, *arguments)
    run = head.end(60)
    assert run.code != 0
    for word in (*words, "profiles/slurm/profile.yaml"):
        assert word in run.text
    assert "Traceback" not in run.text
    assert not head.submissions


@pytest.fixture
def short_partition(site: Site) -> Iterator[None]:
    site.cluster.limit(60)
    yield
    site.cluster.limit(None)


@pytest.mark.usefixtures("short_partition")
def test_job_too_long_for_its_partition_does_not_wait_for_ever(site: Site, study: Study) -> None:
    head = site.start(study)
    run = head.end(60)
    assert run.code != 0
    assert "rejects jobs of train\n" in run.text
    assert "runtime 720 min is over the partition's limit, 60 min" in run.text
    assert not head.submissions


@pytest.fixture
def drained(site: Site) -> Iterator[None]:
    """The node with the GPU under repair."""
    site.cluster.call("scontrol", "update", f"nodename={GPU_NODE}", "state=drain", "reason=test")
    yield
    site.cluster.call("scontrol", "update", f"nodename={GPU_NODE}", "state=resume")


@pytest.mark.usefixtures("drained")
def test_node_under_repair_is_waited_for(site: Site, study: Study) -> None:
    head = site.start(study)
    head.until(lambda: head.counts["frames"] == 3, "frames jobs are submitted")
    head.process.terminate()
    run = head.end(60)
    assert re.search(r"no node can run jobs of (\w+, )*train(, \w+)* now; they will wait", run.text)
    assert "crisp-check" not in site.cluster.call("squeue", "-h", "-o", "%j")


def test_silent_slurm_is_named(site: Site, study: Study) -> None:
    site.cluster.stop_controller()
    try:
        run = site.start(study).end(60)
    finally:
        site.cluster.start_controller()
    assert run.code != 0
    assert "SLURM: does not answer" in run.text
    assert "Unable to contact slurm controller" in run.text
    assert "Traceback" not in run.text


def test_missing_commands_are_named(site: Site, study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without SLURM, as far as its PATH goes."""
    programs = study.folder / "bin"
    programs.mkdir()
    for name in ("bash", "sh", "which", Path(site.environment["PATH"].split(":")[0], "snakemake")):
        found = shutil.which(name)
        assert found
        (programs / Path(name).name).symlink_to(found)
    monkeypatch.setitem(site.environment, "PATH", str(programs))
    run = site.start(study).end(60)
    assert run.code != 0
    assert "SLURM: commands are missing" in run.text
    assert "profiles/local" in run.text
    assert "Traceback" not in run.text
