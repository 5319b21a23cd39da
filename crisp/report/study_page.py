"""Provenance of a study's results: versions, excluded and unusual videos, and every key of its config."""

from __future__ import annotations

import json
import platform
from collections import defaultdict
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from crisp import __version__
from crisp.core import stage_files
from crisp.core.html_table import write_page
from crisp.core.words import few
from crisp.study.config import Study

PACKAGES = (
    "torch",
    "numpy",
    "scipy",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "av",
    "h5py",
    "hdf5plugin",
    "numba",
    "matplotlib",
    "snakemake",
)
NAMED = 5  # videos in a row
NOTE = (
    "Versions on the machine that made this summary, and the config with all defaults. A key that changes no "
    "result, such as a backend or the number of workers, has its value at the time of the summary."
)


def versions() -> dict[str, str]:
    """Return the versions of CRISP, Python and the installed packages that results depend on."""
    found = {"crisp": __version__, "Python": platform.python_version(), "system": platform.platform()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def flatten(part: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Flatten to dotted keys with JSON values; the key of an object in a list is its `name` or number."""
    if isinstance(part, Mapping) and part:
        for key, value in part.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(part, list) and part and all(isinstance(item, Mapping) for item in part):
        for number, item in enumerate(part):
            yield from flatten(item, f"{prefix}.{item.get('name', number)}")
    else:
        yield prefix, part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)


def _nobody(study: Study) -> Iterator[tuple[str, str]]:
    """Say in how many frames poses have nobody: in all videos, and in those with the largest shares."""
    empty: dict[str, tuple[int, int]] = {}
    for video in study.used if study.takes_pose else ():
        path = study.stage_file(video, "pose")
        if path.exists():
            with stage_files.open_stage(path, "pose") as file:
                empty[video] = int(file.attrs.get("frames_without_person", 0)), len(file["pose"])
    if not empty:
        return
    totals = [sum(counts) for counts in zip(*empty.values(), strict=True)]
    yield "frames without a person", _share(*totals)
    worst = sorted(empty, key=lambda video: -empty[video][0] / empty[video][1])[:NAMED]
    yield from ((f"without a person: {video}", _share(*empty[video])) for video in worst if empty[video][0])


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({100 * part / whole:.3g} %)"


def write_study_page(path: str | Path, study: Study) -> None:
    """Write the provenance as a self-contained HTML page."""
    rows = [["Version", *item] for item in versions().items()]
    excluded = [row for row in study.videos.values() if not row.use]
    rows.append(["Videos", "in use", f"{len(study.used)} of {len(study.videos)}"])
    rows += [["Videos", f"excluded: {row.video}", row.note or "no reason given"] for row in excluded]
    alike = defaultdict[str, list[str]](list)
    for row in study.used.values():
        if row.remark:
            alike[row.remark].append(row.video)
    rows += [["Videos", f"unusual: {few(videos, NAMED)}", remark] for remark, videos in alike.items()]
    rows += [["Poses", *item] for item in _nobody(study)]
    rows += [["Config", *item] for item in flatten(study.config)]
    write_page(path, f"Study {study.name}", NOTE, ["Part", "Key", "Value"], rows)
