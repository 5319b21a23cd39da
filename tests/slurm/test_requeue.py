"""A node is lost under a frames job, which Snakemake never retries: SLURM itself starts it again."""

from __future__ import annotations

from pathlib import Path

import psutil

from tests.slurm.cluster import NODES
from tests.slurm.conftest import Site, cloned

VIDEOS = ("v1", "v2", "v3")


def test_frames_job_of_a_lost_node_starts_again(site: Site, tmp_path: Path, make_video) -> None:
    study = cloned(tmp_path, make_video, ("train", "validation", "test"))
    wanted = [f"results/volumes/tiny/{video}/frames.h5" for video in VIDEOS]
    # After an option that takes one word, as --configfile takes every word that follows.
    head = site.start(study, "--jobs", "3", *wanted)
    held: dict[str, psutil.Process] = {}

    def under_way() -> bool:
        for node in NODES[:2]:
            if not held and (process := site.process(node, " frames ")):
                process.suspend()
                held[node] = process
        return bool(held)

    head.until(under_way, "a frames job is under way")
    (lost,) = held
    hit = site.jobs_on(lost)
    site.cluster.crash(lost)
    # SLURM lets two minutes pass before it starts such a job again; the test does not.
    head.until(lambda: hit <= site.pending(), "SLURM has put the jobs back into the queue")
    for job in hit:
        site.cluster.call("scontrol", "update", f"jobid={job}", "starttime=now")
    run = head.end()
    site.cluster.boot(lost)
    assert run.code == 0, run.text
    assert head.counts == {"frames": len(VIDEOS)}
    ended = site.ended()
    assert hit
    assert all(ended[job]["JobState"] == "COMPLETED" and ended[job]["NodeList"] != lost for job in hit)
    assert all((study.folder / path).exists() for path in wanted)
