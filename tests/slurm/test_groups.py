"""Short clips, one job each: a corrupt one fails alone."""

from __future__ import annotations

from pathlib import Path

from crisp.study import tables
from tests.slurm.conftest import Site, cloned

BAD = "v2"
STAGES = ("frames.h5", "flow/dis.h5", "roi/dis.h5")


def test_corrupt_clip_fails_alone(site: Site, tmp_path: Path, make_video) -> None:
    study = cloned(tmp_path, make_video, ("train", "train", "validation", "test"))
    study.spoil(BAD)
    rows = tables.read_videos(study.folder / "tables/videos.tsv")
    head = site.start(study, "--groups", "frames=clip", "flow=clip", "roi=clip")
    run = head.end()
    assert run.code != 0
    assert f"failed: frames {BAD}" in run.text
    # A group is tried again as a whole, so that of the corrupt clip is, too.
    assert dict(head.counts) == {"clip_flow_frames_roi": len(rows) + 2}
    for row in rows:
        made = [study.stage_file(row.video, stage).exists() for stage in STAGES]
        assert all(made) if row.video != BAD else not any(made)
