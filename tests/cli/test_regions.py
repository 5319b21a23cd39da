"""The verb that proposes regions: a page and a table, from a study and back into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from crisp.study import tables
from tests.lab import CONTENT, Lab

SMALL = {**CONTENT, "variants": [{"name": "rgb", "size": [8, 10, 10]}]}


def regions(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from crisp.cli import main; main()", "regions", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_proposed_corrected_and_given_back(lab: Lab) -> None:  # noqa: ARG001 the working folder
    Path("study.yaml").write_text(yaml.safe_dump(SMALL))
    before = Path("videos.tsv").read_bytes()
    done = regions("--study", "study.yaml")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line.split("\t")[0] for line in lines] == list(tables.SPLITS)
    assert "crisp regions --from regions.tsv" in done.stderr
    assert "<title>Regions of players</title>" in Path("regions.html").read_text()
    assert Path("videos.tsv").read_bytes() == before

    Path("regions.tsv").write_text("\n".join(["video\tregions", *lines]) + "\n")
    done = regions("--study", "study.yaml", "--from", "regions.tsv")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(tables.SPLITS)
    assert all(list(row.boxes) == ["left", "right"] for row in tables.read_videos("videos.tsv"))
    assert regions("--study", "study.yaml", "--from", "regions.tsv").stdout == "nothing has changed\n"

    done = regions("--study", "study.yaml", "--out", "other.html")
    assert done.returncode == 1
    assert "no video without regions" in done.stderr
    assert not Path("other.html").exists()


def test_bad_input(lab: Lab) -> None:  # noqa: ARG001
    Path("study.yaml").write_text(yaml.safe_dump(SMALL))
    Path("regions.tsv").write_text("video\tregions\ntrain\tleft=0,0,3,1\n")
    for arguments, words in (
        (["--from", "regions.tsv"], "regions.tsv, line 2: bad regions"),
        (["--from", "none.tsv"], "none.tsv: table is missing"),
        (["nobody"], "no video 'nobody'"),
    ):
        done = regions("--study", "study.yaml", *arguments)
        assert done.returncode == 1
        assert words in done.stderr
        assert "Traceback" not in done.stderr
