"""A data set of labels without videos: enough to decide what rules depend on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crisp.study import tables
from crisp.study.config import Study
from crisp.study.load import resolve_study
from tests.lab import CONTENT


def write_data_set(*more: str) -> None:
    """Write a labelled video for each part of the split, and `more` without labels, to the working folder."""
    rows = [tables.VideoRow(name, f"{name}.mp4", 1, 900, "", 30.0) for name in (*tables.SPLITS, *more)]
    tables.write_videos("videos.tsv", rows)
    labels = [tables.Annotation(name, f"xml/{name}.xml", split=name) for name in tables.SPLITS]
    tables.write_annotations("annotations.tsv", labels)
    Path("xml").mkdir()
    for name in tables.SPLITS:
        annotate(name, 10)


def annotate(video: str, end: int) -> None:
    """Annotate two strokes, the first of which ends at a frame."""
    actions = f'<action begin="0" end="{end}" move="Hit"/><action begin="20" end="30" move="Push"/>'
    Path(f"xml/{video}.xml").write_text(f"<video>{actions}</video>")


def labelled_study(**changes: Any) -> Study:
    """Return a study of the data set, without negatives."""
    return resolve_study(
        {**CONTENT, "classes": ["Hit", "Push"], "negatives": {"class": "", "share": 0}, **changes}
    )
