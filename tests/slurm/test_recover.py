"""The head is killed, twice: `crisp recover` goes on, and no file ever has two writers."""

from __future__ import annotations

import signal
from pathlib import Path

from crisp.study import tables
from tests.slurm.cluster import NODES
from tests.slurm.conftest import Head, Site, cloned

VIDEOS = ("v1", "v2", "v3")


def hold_flow(site: Site, head: Head, before: int) -> str:
    """Wait for a flow job that began after `before` submissions, and stop it half-way; its id."""

    def held() -> bool:
        for node in NODES:
            if process := site.process(node, " flow "):
                process.suspend()
                return True
        return False

    head.until(lambda: len(head.submissions) > before and held(), "a flow is under way")
    return next(one.job for one in reversed(head.submissions) if one.rule == "flow")


def test_killed_head_is_recovered_from(site: Site, tmp_path: Path, make_video) -> None:
    study = cloned(tmp_path, make_video, tables.SPLITS)
    head = site.start(study)
    hold_flow(site, head, 0)
    refused = site.recover(study)
    assert refused.process.wait(60) == 1
    assert "another run is in progress" in refused.text

    head.process.kill()
    head.process.wait()
    orphans = site.queued()
    assert orphans
    locked = site.start(study)
    assert locked.end().code != 0
    assert "crisp recover --study study.yaml" in locked.text
    assert site.queued() <= orphans, "a second head submits nothing"

    second = site.recover(study)
    hold_flow(site, second, 0)
    assert not orphans & site.queued()
    second.process.send_signal(signal.SIGHUP)
    second.process.wait()
    assert site.queued()

    third = site.recover(study)
    assert third.end().code == 0, third.text
    assert (study.folder / "results/studies/tiny/summary.tsv").exists()
    assert not list((study.folder / "results").rglob("*.tmp-*"))
    assert not (study.folder / "results/studies/tiny/head.json").exists()
    assert all(study.stage_file(video, "roi/dis.h5").exists() for video in VIDEOS)
    ended = site.ended()
    assert {ended[job]["JobState"] for job in orphans} <= {"CANCELLED", "COMPLETED"}
