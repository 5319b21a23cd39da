"""A small good data set for the tests of the check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from crisp.core.errors import Fault
from crisp.study import config, load, tables
from crisp.study.annotations import Stroke
from crisp.study.scan import scan_videos
from crisp.study.tables import Annotation, VideoRow
from crisp.workflow.check_study import Findings, check_study

MakeVideo = Callable[..., Path]
CONTENT: dict[str, Any] = {
    "study": "s",
    "dataset": {"name": "d", "videos": "videos.tsv", "annotations": "annotations.tsv"},
    "classes": ["Negative", "Hit", "Push"],
    "negatives": {"share": 0.3, "seconds": 0.2},
    "split": {"method": "given"},
    "variants": [{"name": "rgb"}],
}
# One of a class's three samples for each set.
STRATIFIED = {"method": "stratified", "shares": [0.4, 0.3, 0.3]}
STROKES = [Stroke(0, 10, "Hit"), Stroke(20, 30, "Push")]


class Lab:
    """A small good data set in the working folder, to be spoilt by a test."""

    def __init__(self, make_video: MakeVideo) -> None:
        self.make_video = make_video
        self.rows = [VideoRow(split, f"{split}.mp4") for split in tables.SPLITS]
        self.labels = [Annotation(split, f"xml/{split}.xml", split=split) for split in tables.SPLITS]
        for number, row in enumerate(self.rows):
            make_video(f"data/d/{row.path}", frames=40, seed=number)
            self.strokes(row.video, *STROKES)
        self.write()
        scan_videos("videos.tsv", "data/d")
        self.rows = tables.read_videos("videos.tsv")

    def write(self) -> None:
        tables.write_videos("videos.tsv", self.rows)
        tables.write_annotations("annotations.tsv", self.labels)

    def strokes(self, video: str, *strokes: Stroke) -> None:
        """Write a video's XML in the given order."""
        actions = "".join(
            f'<action begin="{one.begin}" end="{one.end}" move="{one.label}"/>' for one in strokes
        )
        self.xml(video, f"<video>{actions}</video>")

    def xml(self, video: str, text: str) -> None:
        Path("xml").mkdir(exist_ok=True)
        Path("xml", f"{video}.xml").write_text(text)

    def change(self, video: str, **changes: Any) -> None:
        self.rows = [replace(row, **changes) if row.video == video else row for row in self.rows]
        self.write()

    def study(self, **changes: Any) -> config.Study:
        return load.resolve_study({**CONTENT, **changes})

    def check(self, decode: bool = False, record: bool = False, **changes: Any) -> Findings:
        """Check the data set for a study whose file is ``my/study.yaml``."""
        Path("my").mkdir(exist_ok=True)
        Path("my/study.yaml").write_text(yaml.safe_dump({**CONTENT, **changes}))
        return check_study(self.study(**changes), ["my/study.yaml"], decode, record)


def told(findings: list[Fault]) -> list[tuple[str, str]]:
    """Where and what, without the details."""
    return [(fault.where, fault.what) for fault in findings]
