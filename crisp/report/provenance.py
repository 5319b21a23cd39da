"""Report which backend computed the flow of each video, as results differ between backends."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from crisp.core import stage_files
from crisp.core.html_table import write_page
from crisp.study.config import Study

NOTE = (
    "Optical flow is byte-identical only if method, backend and versions are equal. Between backends of "
    "DeepFlow few values differ, by one stored unit: rarely a reason to compute it again. To make it "
    "uniform, run crisp redo --from flow VIDEO, then the workflow."
)


class Maker(NamedTuple):
    """The software and hardware that computed a flow file."""

    method: str
    backend: str
    versions: str


def flow_makers(study: Study) -> dict[Maker, list[str]]:
    """Group the videos of a study by flow backend; skip those without flow.

    Raises
    ------
    CrispError
        If a flow file is damaged.
    """
    makers: dict[Maker, list[str]] = {}
    for method in study.flow_methods:
        for video in study.used:
            path = study.stage_file(video, "flow", method)
            if path.exists():
                with stage_files.open_stage(path, "flow") as file:
                    attributes = (str(file.attrs.get(key, "unknown")) for key in ("backend", "versions"))
                    maker = Maker(method, *attributes)
                makers.setdefault(maker, []).append(video)
    return makers


def mixed_methods(makers: Mapping[Maker, list[str]]) -> list[str]:
    """Return the flow methods computed by more than one backend, or more than one version of it."""
    methods = [maker.method for maker in makers]
    return sorted({method for method in methods if methods.count(method) > 1})


def write_flow_page(path: str | Path, makers: Mapping[Maker, list[str]]) -> None:
    """Write the flow backends as a self-contained HTML page."""
    body = [[*maker, str(len(videos)), videos[0]] for maker, videos in sorted(makers.items())]
    headings = ["Method", "Backend", "Versions", "Videos", "First"]
    write_page(path, "What computed the flow", NOTE, headings, body)
