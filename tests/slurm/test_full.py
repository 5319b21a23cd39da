"""No room left for results: the files are named, none is half-written, and the same command goes on."""

from __future__ import annotations

from pathlib import Path

from tests.slurm.conftest import Site, cloned

SPLITS = ("train", "validation", "test")
LEFT = 300_000  # bytes: room for the logs and some stage files


def test_full_file_system(site: Site, tmp_path: Path, make_video) -> None:
    study = cloned(tmp_path, make_video, SPLITS)
    results = site.cluster.small
    (study.folder / "results").symlink_to(results)
    filler = results / "filler"
    with open(filler, "wb") as file:
        file.write(bytes(site.cluster.room - LEFT))

    head = site.start(study)
    run = head.end()
    assert run.code != 0
    assert "no room to write this file" in run.text
    assert "free some space (or quota), then give the same command again" in run.text
    assert "Traceback" not in run.text
    assert not (results / "studies/tiny/summary.tsv").exists()
    assert not list(results.rglob("*.tmp-*"))

    filler.unlink()
    whole = {path: path.stat().st_mtime_ns for path in (results / "volumes").rglob("*.h5")}
    second = site.run(study)
    assert second.process.returncode == 0, second.text
    assert (results / "studies/tiny/summary.tsv").exists()
    assert all(path.stat().st_mtime_ns == written for path, written in whole.items())
