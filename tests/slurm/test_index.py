"""Many new videos indexed on a cluster: a job each, where the GPU is; one that is no video fails alone."""

from __future__ import annotations

import json
from pathlib import Path

from tests.indexing.test_index import model_file
from tests.slurm.cluster import GPU_NODE
from tests.slurm.conftest import Site, clone

CONFIG = ("--config", "videos=videos", "model=model.pt", "out=found")
SMALL = ("--set-threads", "index=2")  # the nodes of the cluster have four cores


def test_a_job_a_video(site: Site, tmp_path: Path, make_video) -> None:
    clone(tmp_path)
    for number, name in enumerate(("first game.mp4", "second.mp4")):
        make_video(tmp_path / "videos" / name, frames=60, seed=number)
    (tmp_path / "videos/broken.mp4").write_bytes(b"no video")
    model_file(tmp_path / "model.pt")

    head = site.index(tmp_path, *SMALL, "--retries", "0", *CONFIG)
    assert head.end().code == 1
    jobs = {one.wildcards: one.job for one in head.submissions}
    assert set(jobs) == {"first-game", "second", "broken"}
    ended = site.ended()
    assert {name: ended[job]["JobState"] for name, job in jobs.items()} == {
        "first-game": "COMPLETED",
        "second": "COMPLETED",
        "broken": "FAILED",
    }
    assert {ended[job]["NodeList"] for job in jobs.values()} == {GPU_NODE}
    for name in ("first-game", "second"):
        content = json.loads((tmp_path / f"found/{name}/index.json").read_text())
        assert content["video"]["frames"] == 60
        assert (tmp_path / f"found/{name}/viewer.html").exists()
    assert "failed: index broken (found/.logs/broken.log)" in head.text
    assert "videos/broken.mp4: not a video" in head.text
    assert "remedy" in head.text

    (tmp_path / "videos/broken.mp4").unlink()
    head = site.index(tmp_path, *SMALL, *CONFIG)
    assert head.end().code == 0
    assert head.submissions == []
