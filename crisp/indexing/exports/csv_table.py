"""CSV: one row per stroke, in frames and seconds, for spreadsheets and statistics."""

from __future__ import annotations

import csv
from pathlib import Path

from crisp.core.cells import guarded
from crisp.core.files import replacing
from crisp.study.importers.indexed import COLUMNS, PLAYER
from crisp.study.index_file import IndexFile


def write(path: Path, index: IndexFile) -> None:
    """Write the strokes of an index.

    `probability` belongs to the label, ``p:<class>`` to each class, and `any_stroke` is the score. There is a
    column `player` if the video was indexed by regions, or strokes have players. A stroke that a person gave
    has no probabilities.
    """
    times, classes = index.times, index.model.classes
    player = [PLAYER] if any(index.player_names) else []
    with replacing(path) as beside, beside.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*COLUMNS, *player, *(f"p:{name}" for name in classes)])
        for one in index.strokes:
            bounds = one.begin, one.end
            seconds = (f"{times.time_of(frame):.3f}" for frame in bounds)
            scores = (one.scores.get(name, "") for name in classes)
            sure = ("", "", "") if one.probability is None else (one.probability, one.score, one.cut)
            whose = [one.player] if player else []
            writer.writerow([index.video.id, *bounds, *seconds, guarded(one.label), *sure, *whose, *scores])
