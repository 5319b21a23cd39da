"""A tiny study of real videos in a folder of its own, run by the real Snakemake."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from crisp.core import files
from crisp.preparation import video
from crisp.study import tables
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.tables import Annotation, VideoRow

ROOT = Path(__file__).parents[2]
CLASSES = ("Offensive Forehand Hit", "Defensive Backhand Push")
SPLITS = ("train", "validation", "test")
FRAMES = 60

STUDY = {
    "study": "tiny",
    "dataset": {"name": "tiny", "videos": "tables/videos.tsv", "annotations": "tables/annotations.tsv"},
    "preparation": {"width": 48, "flow_methods": ["dis"]},
    "classes": [*CLASSES, "Negative"],
    "negatives": {"share": 0.3, "seconds": 0.4},
    "split": {"method": "given"},
    "defaults": {"model": "twin", "size": [8, 16, 16], "flow": "dis"},
    "variants": [{"name": "rgb", "model": "rgb"}, {"name": "twin"}],
    "seeds": [1],
    "training": {"epochs": 3, "batch_size": 4, "threads": 1},
}


@dataclass
class Study:
    """A study folder: ``study.yaml``, ``tables/``, ``data/tiny/`` and, once run, ``results/``."""

    folder: Path

    @property
    def config(self) -> dict:
        return yaml.safe_load((self.folder / "study.yaml").read_text())

    def configure(self, **changes: object) -> None:
        """Replace top-level keys of the study file."""
        (self.folder / "study.yaml").write_text(yaml.safe_dump({**self.config, **changes}))

    def xml(self, name: str) -> Path:
        return self.folder / "tables" / "annotations" / f"{name}.xml"

    def stage_file(self, name: str, stage: str) -> Path:
        return self.folder / "results/volumes/tiny" / name / stage

    def run(self, *arguments: str, study: str = "study.yaml", check: bool = True) -> Run:
        """``snakemake --configfile study.yaml -j 2`` with more arguments, in the study's folder."""
        # In this order: --configfile takes every word up to the next option.
        command = ["snakemake", "-s", str(ROOT / "Snakefile"), "--configfile", study, "-j", "2", *arguments]
        done = subprocess.run(
            command, cwd=self.folder, env=environment(), capture_output=True, text=True, timeout=300
        )
        run = Run(done.returncode, done.stdout + done.stderr)
        if check:
            assert run.code == 0, run.text + self.logs()
        return run

    def spoil(self, name: str) -> None:
        """Overwrite a video with zeros, and let the table know it as such."""
        path = self.folder / f"data/tiny/{name}.mp4"
        path.write_bytes(b"\0" * path.stat().st_size)
        self.edit(name, sha256=files.sha256(path))

    def leave_out(self, name: str) -> None:
        """Take a video out of use in the table."""
        self.edit(name, use=False, note="corrupt")

    def edit(self, name: str, **cells: Any) -> None:
        """Change cells of a video's row in the table."""
        table = self.folder / "tables/videos.tsv"
        rows = tables.read_videos(table)
        tables.write_videos(table, [replace(row, **cells) if row.video == name else row for row in rows])

    def logs(self) -> str:
        paths = sorted(self.folder.glob("results/studies/*/logs/**/*.log"))
        return "\n".join(f"--- {path}\n{path.read_text()}" for path in paths)

    def crisp(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A verb of ``crisp`` in the study's folder."""
        return subprocess.run(
            ["crisp", *arguments],
            cwd=self.folder,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )


@dataclass
class Run:
    """How a Snakemake run ended, and what it said."""

    code: int
    text: str

    @property
    def jobs(self) -> Counter[str]:
        """Jobs started (or planned, in a dry run) per rule."""
        return Counter(re.findall(r"^(?:local)?rule (\w+):$", self.text, re.MULTILINE)) - Counter(["all"])


def environment() -> dict[str, str]:
    """The environment of this Python, with its ``snakemake`` and ``crisp`` first on the path."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}


def scanned(path: Path) -> VideoRow:
    """The row of a video whose id is its file's name."""
    source = video.count_packets(path)
    size = path.stat().st_size
    return VideoRow(path.stem, path.name, size, source.packets, files.sha256(path), source.fps)


def build(folder: Path, make_video, splits: tuple[str, ...] = SPLITS) -> Study:
    """Write a study of one video for each entry of `splits`."""
    (folder / "tables").mkdir()
    tables.write_videos(folder / "tables/videos.tsv", [])
    tables.write_annotations(folder / "tables/annotations.tsv", [])
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    study = Study(folder)
    for split in splits:
        add_video(study, make_video, split)
    return study


def add_video(study: Study, make_video, split: str) -> None:
    """Add a video ``v<number>`` of five strokes at the end of the tables."""
    videos, rows = (study.folder / "tables" / name for name in ("videos.tsv", "annotations.tsv"))
    before = tables.read_videos(videos)
    number = len(before) + 1
    path = make_video(study.folder / f"data/tiny/v{number}.mp4", frames=FRAMES, seed=number)
    tables.write_videos(videos, [*before, scanned(path)])
    strokes = [Stroke(begin, begin + 6, CLASSES[begin // 8 % 2]) for begin in range(0, 40, 8)]
    write_annotation(study.xml(path.stem), strokes)
    row = Annotation(path.stem, f"annotations/{path.stem}.xml", "classification", split)
    tables.write_annotations(rows, [*tables.read_annotations(rows), row])


@pytest.fixture
def study(tmp_path: Path, make_video) -> Study:
    """A study that has never run."""
    return build(tmp_path, make_video)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, make_video, worker_id: str) -> Study:
    """A study that has run to its end; not to be changed (see `done`). All test processes share it."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "finished"
    with open(folder.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "results/studies/tiny/summary.tsv").exists():
            folder.mkdir()
            build(folder, make_video).run()
    return Study(folder)


@pytest.fixture
def done(finished: Study, tmp_path: Path) -> Study:
    """A finished study of one's own: a copy, dates and Snakemake's records included."""
    return Study(Path(shutil.copytree(finished.folder, tmp_path / "study", symlinks=True)))
