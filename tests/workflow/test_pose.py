"""Poses in real Snakemake runs: made for those who take them, and again when what they say has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.workflow.conftest import FRAMES, SPLITS, Study
from tests.workflow.test_rerun import ONE_VIDEO, members, older, planned

pytestmark = pytest.mark.slow

COUNT = len(SPLITS)
VARIANTS = [{"name": "pose", "model": "pose"}, {"name": "three-stream", "model": "three-stream"}]
TRAINED = {"train": 2, "evaluate": 2, "summary": 1}


def write_poses(folder: Path, video: str, seed: int) -> Path:
    """Joints that wander about the middle of a picture of 64x48."""
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(seed)
    steps = random.normal(0, 0.5, (FRAMES, 13, 2)).cumsum(axis=0)
    path = folder / f"{video}.npz"
    np.savez(path, joints=random.uniform(20, 30, (13, 2)) + steps)
    return path


def test_poses_run_settle_and_follow_their_files(done: Study) -> None:
    poses = done.folder / "poses"
    first, *_ = [write_poses(poses, f"v{number}", number) for number in range(1, COUNT + 1)]
    done.configure(
        dataset={**done.config["dataset"], "poses": "poses"}, variants=[*done.config["variants"], *VARIANTS]
    )
    assert dict(done.run().jobs) == {"pose": COUNT} | TRAINED
    assert planned(done) == {}
    assert "pose" in members(done)

    model = done.folder / "results/studies/tiny/models/three-stream/main/seed-1"
    before = (model / "predictions.csv").read_bytes()
    assert done.crisp("evaluate", "--study", "study.yaml", "three-stream").returncode == 0
    assert (model / "predictions.csv").read_bytes() == before, "the same in a process of its own"

    first.touch()
    assert planned(done) == {}
    write_poses(poses, "v1", 9)
    older(first)
    assert planned(done) == {"pose": 1} | TRAINED
    write_poses(poses, "v1", 1)
    assert planned(done) == {}

    done.stage_file("v2", "pose.h5").unlink()
    assert planned(done) == {"pose": 1} | TRAINED
    done.configure(preparation={**done.config["preparation"], "pose": {"joints": {"nose": ""}}})
    assert planned(done) == {"pose": COUNT} | TRAINED


def test_others_neither_need_nor_make_poses(done: Study) -> None:
    done.configure(dataset={**done.config["dataset"], "poses": "nowhere"})
    assert planned(done) == {}


def test_faulty_poses_stop_before_and_in_their_job(study: Study) -> None:
    poses = study.folder / "poses"
    study.configure(dataset={**study.config["dataset"], "poses": "poses"}, variants=VARIANTS)
    run = study.run(check=False)
    assert run.code != 0
    assert "folder of the pose files is missing" in run.text
    assert not run.jobs
    write_poses(poses, "v1", 1)
    write_poses(poses, "v2", 2)
    run = study.run(check=False)
    assert "pose file of video v3 is missing" in run.text
    assert not run.jobs
    np.savez(poses / "v3.npz", joints=np.ones((FRAMES + 1, 13, 2)))
    run = study.run("--keep-going", check=False)
    assert run.code != 0
    assert "the number of frames with poses differs from the video" in run.text
    assert "Traceback" not in run.text
    assert run.jobs["pose"] == COUNT
    assert not {"evaluate", "summary"} & run.jobs.keys()  # v3 is tested; the others train without it
    assert study.stage_file("v1", "pose.h5").exists()
    assert ONE_VIDEO.keys() <= run.jobs.keys()


def test_poses_made_by_hand_are_kept(done: Study) -> None:
    """As by `crisp estimate-all`, beside the workflow."""
    poses = done.folder / "poses"
    done.configure(dataset={**done.config["dataset"], "poses": "poses"}, variants=VARIANTS[:1])
    for number in range(1, COUNT + 1):
        source, video = write_poses(poses, f"v{number}", number), f"v{number}"
        (roi,) = done.stage_file(video, "roi").glob("*.h5")
        paths = [done.stage_file(video, "frames.h5"), roi, source, done.stage_file(video, "pose.h5")]
        assert done.crisp("pose", *map(str, paths)).returncode == 0
    assert planned(done) == {"train": 1, "evaluate": 1, "summary": 1}
