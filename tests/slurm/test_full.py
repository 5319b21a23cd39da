"""No room left for results: the files are named, none is half-written, and the same command goes on."""

from __future__ import annotations

import re
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

    # After an option that takes one word, as --configfile takes every word that follows.
    arguments = ("--retries", "0", *(f"results/volumes/tiny/v{n}/roi/dis.h5" for n in range(1, 4)))
    run = site.start(study, *arguments).end()
    assert run.code != 0
    assert re.search(r"failed: (flow|roi) v\d dis \(results/studies/tiny/logs/\S+\)", run.text)
    # In the words of the job, or of the head where there was no room for the job's log either.
    assert "then repeat the command" in run.text
    assert "Traceback" not in run.text
    assert not list(results.rglob("*.tmp-*"))

    filler.unlink()
    whole = {path: path.stat().st_mtime_ns for path in (results / "volumes").rglob("*.h5")}
    assert whole
    again = site.start(study, *arguments).end()
    assert again.code == 0, again.text
    assert all(path.stat().st_mtime_ns == written for path, written in whole.items())
