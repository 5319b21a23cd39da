"""Campaign XML: the annotation format of TTStroke-21, read by the viewer, the importer and studies."""

from __future__ import annotations

from pathlib import Path

from crisp.study.annotations import Stroke, write_annotation
from crisp.study.index_file import IndexFile


def write(path: Path, index: IndexFile) -> None:
    """Write the strokes of an index as an annotation file."""
    write_annotation(path, [Stroke(one.begin, one.end, one.label, one.player) for one in index.strokes])
