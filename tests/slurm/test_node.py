"""A study inside one allocation: one SLURM job for everything, and a corrupt clip fails alone."""

from __future__ import annotations

import subprocess

import pytest

from tests.slurm.cluster import GPU_NODE, wait_until
from tests.slurm.conftest import Site, Study, cloned

BAD = "v2"
VIDEOS = ("v1", BAD, "v3", "v4")
STAGES = ("frames.h5", "flow/dis.h5", "roi/dis.h5")
# As profiles/node/profile.yaml and docs/cluster.md have it, smaller.
ALLOCATION = ("--ntasks=1", "--cpus-per-task=4", "--mem=9000", "--gpus=1", "--time=1:00:00")
COMMAND = "snakemake --profile profiles/node --configfile study.yaml"


def submit(site: Site, study: Study) -> tuple[dict[str, str], str]:
    """Run the study in an allocation to the end; what SLURM recorded of the job, and what it said."""
    submitted = subprocess.run(
        ["sbatch", "--parsable", "--output=said-%j.txt", *ALLOCATION, "--wrap", COMMAND],
        cwd=study.folder,
        env=site.environment,
        capture_output=True,
        text=True,
        check=True,
    )
    job = submitted.stdout.strip()
    wait_until(lambda: job not in site.queued(), "the allocation has ended", 240, every=0.5)
    return site.ended()[job], (study.folder / f"said-{job}.txt").read_text()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, make_video) -> Study:
    study = cloned(tmp_path_factory.mktemp("node"), make_video, ("train", "train", "validation", "test"))
    study.spoil(BAD)
    return study


def test_corrupt_clip_fails_alone_in_one_job(site: Site, study: Study) -> None:
    before = set(site.ended())
    job, said = submit(site, study)
    assert job["JobState"] == "FAILED"
    assert job["NodeList"] == GPU_NODE
    assert set(site.ended()) - before == {job["JobId"]}
    assert f"failed: frames {BAD}" in said
    assert f"data/tiny/{BAD}.mp4" in said
    assert "Traceback" not in said
    for video in VIDEOS:
        made = [study.stage_file(video, stage).exists() for stage in STAGES]
        assert all(made) if video != BAD else not any(made)


def test_left_out_the_same_line_goes_on(site: Site, study: Study) -> None:
    """Comes second: it goes on with what the first has made."""
    frames = study.stage_file("v1", "frames.h5")
    made = frames.stat().st_mtime_ns
    study.leave_out(BAD)
    job, said = submit(site, study)
    assert job["JobState"] == "COMPLETED", said
    assert frames.stat().st_mtime_ns == made
    assert (study.folder / "results/studies/tiny/summary.tsv").exists()
