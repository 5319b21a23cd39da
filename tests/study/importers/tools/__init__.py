"""Files of annotation tools, imported with real videos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.core.errors import CrispError, Fault
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers.tools.selection import Selection
from crisp.study.importers.writer import Report
from crisp.study.tables import VideoRow, read_videos
from crisp.workflow import importing

Xml = tuple[int, int, str]


def imported(source: Path, layout: str = "auto", regions: str = "", **selection: Any) -> Report:
    """Import a source as the data set ``tt`` in the working folder."""
    chosen = Selection(**selection) if selection else None
    return importing.import_dataset(source, "tt", layout=layout, regions=regions, selection=chosen)


def rows() -> dict[str, VideoRow]:
    return {row.path: row for row in read_videos("config/tt/videos.tsv")}


def strokes(video: str = "a") -> list[Stroke]:
    """The imported strokes of a video, by its id."""
    return read_annotation(f"config/tt/annotations/classification/{video}.xml")


def about(report: Report, words: str) -> list[Fault]:
    """The warnings whose text holds these words."""
    return [fault for fault in report.warnings if words in str(fault)]


def refused(source: Path, words: str, **options: Any) -> None:
    """Check that an import ends with one message, and writes nothing."""
    with pytest.raises(CrispError, match=words):
        imported(source, **options)
    assert not Path("config").exists()
    assert not Path("data").exists()
