"""On nodes of little memory small models run, and of a large one the message says what was asked for."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.slurm.cluster import install, running
from tests.slurm.conftest import ROOT, Site, clone, cloned

MEMORY = 4000  # MB a node


@pytest.fixture(scope="module")
def small() -> Iterator[Site]:
    """A site of small nodes."""
    install()
    with running(Path(tempfile.mkdtemp(prefix="crisp-small-")), MEMORY) as nodes:
        site = Site(nodes)
        yield site
        site.stop()


def test_small_models_run_on_small_nodes(small: Site, tmp_path: Path, make_video) -> None:
    head = small.run(cloned(tmp_path, make_video, ("train", "validation", "test")))
    run = head.end()
    assert run.code == 0, run.text
    assert head.counts["train"] == head.counts["evaluate"] == 1


def test_the_demo_is_taken_by_small_nodes(small: Site, tmp_path: Path) -> None:
    """All of its jobs, also those of detection; the first are submitted, so no request was refused."""
    clone(tmp_path)
    (tmp_path / "config").symlink_to(ROOT / "config")
    command = ("snakemake", "--profile", "slurm", "--configfile", "config/demo/detection.yaml")
    head = small._launch(tmp_path, *command, "--jobs", "1")
    head.until(lambda: head.submissions, "the first job is submitted")
    head.process.send_signal(signal.SIGINT)  # which cancels its jobs
    run = head.end(120)
    assert "would not take" not in run.text


def test_what_is_too_large_is_named(small: Site, tmp_path: Path, make_video) -> None:
    study = cloned(tmp_path, make_video, ("train", "validation", "test"))
    study.configure(variants=[{"name": "large", "model": "twin", "size": [100, 120, 120]}])
    head = small.start(study)
    run = head.end(120)
    assert run.code != 0
    assert "SLURM: rejects jobs of evaluate, train\n" in run.text
    assert "MB 4000" in run.text
    for rule in ("evaluate", "train"):
        assert f"{rule}: threads=" in run.text
    assert "mem_mb=" in run.text
    assert "--set-resources evaluate:mem_mb=4000; a smaller size" in run.text
    assert "Traceback" not in run.text
    assert not head.submissions
