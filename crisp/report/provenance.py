"""What computed the flow of a study's videos: backends give equal digits only by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from crisp.core import stage_files
from crisp.core.html_table import write_page
from crisp.study.config import Study

NOTE = (
    "Optical flow is equal to the byte only where method, backend and versions are. Between backends of "
    "DeepFlow few values differ by a stored unit, seldom a reason to compute it again; to make all alike, "
    "type crisp redo --from flow VIDEO and run again."
)


class Maker(NamedTuple):
    """What computed a flow file."""

    method: str
    backend: str
    versions: str


def flow_makers(study: Study) -> dict[Maker, list[str]]:
    """The videos of a study by what computed their flow; those without flow are left out.

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
                    told = (str(file.attrs.get(key, "unknown")) for key in ("backend", "versions"))
                    maker = Maker(method, *told)
                makers.setdefault(maker, []).append(video)
    return makers


def mixed(makers: Mapping[Maker, list[str]]) -> list[str]:
    """The flow methods that more than one backend, or more than one version of it, computed."""
    methods = [maker.method for maker in makers]
    return sorted({method for method in methods if methods.count(method) > 1})


def write_flow_page(path: str | Path, makers: Mapping[Maker, list[str]]) -> None:
    """Write them as a page of HTML that needs no other file."""
    body = [[*maker, str(len(videos)), videos[0]] for maker, videos in sorted(makers.items())]
    headings = ["Method", "Backend", "Versions", "Videos", "First"]
    write_page(path, "What computed the flow", NOTE, headings, body)
