"""What an import has written, in short."""

from __future__ import annotations

from pathlib import Path

from crisp.study.annotations import Stroke, read_annotation
from crisp.study.tables import read_annotations, read_videos


def labels(name: str = "tt") -> dict[tuple[str, str], list[Stroke]]:
    """The strokes by the path of their video and split."""
    folder = Path("config", name)
    paths = {row.video: row.path for row in read_videos(folder / "videos.tsv")}
    rows = read_annotations(folder / "annotations.tsv")
    return {(paths[row.video], row.split): read_annotation(folder / row.path) for row in rows}


def classes(name: str = "tt") -> dict[str, tuple[str, str]]:
    """The class and split of each clip that is labelled as a whole."""
    found = {}
    for (path, split), strokes in labels(name).items():
        (stroke,) = strokes
        assert stroke[:2] == (0, 12)
        found[path] = (stroke.label, split)
    return found


def groups(name: str = "tt") -> dict[str, str]:
    """The group of each video."""
    return {row.path: row.group for row in read_videos(f"config/{name}/videos.tsv")}
