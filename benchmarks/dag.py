"""What planning costs: wall time and peak memory of a dry run of studies of 100, 1,000 and 10,000 videos.

    python benchmarks/dag.py [--videos 100 1000 10000] [--limits]

Each study has its tables, an XML of two strokes a video and empty files of the right size for videos;
one flow method, three variants. The dry run is that of the real Snakefile, as the profiles print it.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import yaml

from crisp.study import tables

ROOT = Path(__file__).parents[1]
FRAMES, SIZE = 1200, 1_000_000  # of each video: ten seconds at 120 fps; bytes
CLASSES = ("Negative", "Hit", "Push")
LIMIT_MS, LIMIT_KB = 2.5, 25.0  # a planned job
LIMIT_SECONDS, LIMIT_GB = 90.0, 1.2  # the largest study
LIMIT_GROWTH = 12.0  # of the time, for ten times the videos


class Cost(NamedTuple):
    """Wall and processor time (s) and peak resident memory (kB) of a command, and what it printed."""

    seconds: float
    processor: float
    kilobytes: float
    printed: str


def generate(folder: Path, count: int) -> Path:
    """Write a study of `count` videos and return its file."""
    names = [f"v{number:05d}" for number in range(count)]
    data, xml = folder / "data" / "many", folder / "xml"
    data.mkdir(parents=True)
    xml.mkdir()
    for number, name in enumerate(names):
        with open(data / f"{name}.mp4", "wb") as file:
            file.truncate(SIZE)  # a hole: it takes no disk
        strokes = "".join(
            f'<action begin="{begin}" end="{begin + 200}" move="{CLASSES[1 + (number + begin) % 2]}"/>'
            for begin in (100, 601)
        )
        (xml / f"{name}.xml").write_text(f"<video>{strokes}</video>")
    tables.write_videos(
        folder / "videos.tsv",
        [
            tables.VideoRow(name, f"{name}.mp4", SIZE, FRAMES, f"{int(name[1:]):064x}", 120.0)
            for name in names
        ],
    )
    tables.write_annotations(
        folder / "annotations.tsv", [tables.Annotation(name, f"xml/{name}.xml") for name in names]
    )
    study = {
        "study": "many",
        "dataset": {"name": "many", "videos": "videos.tsv", "annotations": "annotations.tsv"},
        "classes": list(CLASSES),
        "variants": [{"name": model, "model": model, "size": [8, 8, 8]} for model in ("rgb", "flow", "twin")],
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def measure(folder: Path, command: list[str]) -> Cost:
    """Run a command in a folder; a failure ends the benchmark with what was printed."""
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(printed[-3000:])
    # Kilobytes on Linux, bytes on macOS.
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return Cost(time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, kilobytes, printed)


def dry_run(folder: Path, study: Path) -> tuple[int, Cost]:
    """Number of planned jobs, and what planning them costs."""
    arguments = ["--snakefile", str(ROOT / "Snakefile"), "--configfile", study.name, "--dry-run"]
    cost = measure(folder, ["-m", "snakemake", *arguments, "--quiet", "host", "rules"])
    found = re.search(r"^total\s+(\d+)", cost.printed, re.MULTILINE)
    assert found is not None, cost.printed
    return int(found[1]), cost


def main() -> None:
    """Print a table; with --limits end with 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--videos", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--limits", action="store_true", help="end with 1 where a limit is passed")
    options = parser.parse_args()
    print("videos    jobs       s   cpu s      MB  ms/job  kB/job  growth")
    before = None
    for count in options.videos:
        with tempfile.TemporaryDirectory() as name:
            jobs, cost = dry_run(Path(name), generate(Path(name), count))
        each, memory = 1000 * cost.seconds / jobs, cost.kilobytes / jobs
        growth = cost.seconds / before if before else 0.0
        print(
            f"{count:>6} {jobs:>7} {cost.seconds:7.1f} {cost.processor:7.1f} {cost.kilobytes / 1024:7.0f}"
            f" {each:7.2f} {memory:7.1f}"
            f" {f'{growth:6.1f}x' if growth else ''}",
            flush=True,
        )
        before = cost.seconds
    if options.limits and (
        each > LIMIT_MS
        or memory > LIMIT_KB
        or cost.seconds > LIMIT_SECONDS
        or cost.kilobytes > LIMIT_GB * 2**20
        or growth > LIMIT_GROWTH
    ):
        sys.exit(
            f"wanted of the largest study: at most {LIMIT_MS} ms and {LIMIT_KB} kB a job, {LIMIT_SECONDS} s, "
            f"{LIMIT_GB} GB, {LIMIT_GROWTH}x the time of the one before"
        )


if __name__ == "__main__":
    main()
