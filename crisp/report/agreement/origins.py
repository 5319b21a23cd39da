"""Which annotators each label of a study comes from."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from crisp.core.csv_table import write_table
from crisp.study.annotators import ADJUDICATED, by_video
from crisp.study.config import Study
from crisp.study.samples import Labels, merged_strokes, strokes_of


class LabelOrigin(NamedTuple):
    """A row of ``merged_labels.tsv``: frames ``[begin, end)`` of the file.

    `rule` is ``majority``, ``first``, ``adjudicated``, or ``only`` of a video of one annotator; `label` and
    bounds are those of the rule, `kept` is whether the stroke is a label of the study; `annotators` are those
    who have it, and `labels` the class that each gives it.
    """

    video: str
    begin: int
    end: int
    player: str
    label: str
    kept: bool
    rule: str
    annotators: str
    labels: str


def label_origins(study: Study, label_snapshot: Labels | None = None) -> list[LabelOrigin]:
    """Return where the strokes of a study's task come from, including those that a majority rejects.

    Parameters
    ----------
    study : Study
    label_snapshot : Labels, optional
        Snapshot of strokes to use instead of the files.

    Returns
    -------
    list of LabelOrigin
        By row of ``annotations.tsv`` and time.

    Raises
    ------
    CrispError
        If an annotation file is invalid, or the study's rule does not apply to its annotators.
    """
    snapshot = label_snapshot or {}
    several = {key for key, of in by_video(study.annotator_rows).items() if len(of) > 1}
    found = []
    for row in (row for row in study.annotations if row.task == study.task):
        if row.sources:
            for one in merged_strokes(study, row, snapshot):
                classes = "; ".join(f"{name}={stroke.label}" for name, stroke in one.group.items())
                begin, end, label, player = one.stroke
                names = "; ".join(one.group)
                found.append(
                    LabelOrigin(row.video, begin, end, player, label, one.kept, "majority", names, classes)
                )
            continue
        rule = "first" if (row.video, row.task) in several else "only"
        rule = ADJUDICATED if row.annotator == ADJUDICATED else rule
        for begin, end, label, player in sorted(strokes_of(study, row, snapshot)):
            classes = f"{row.annotator}={label}" if row.annotator else ""
            found.append(
                LabelOrigin(row.video, begin, end, player, label, True, rule, row.annotator, classes)
            )
    return found


def write_label_origins(path: str | Path, origins: Iterable[LabelOrigin]) -> None:
    """Write ``merged_labels.tsv``."""
    write_table(path, LabelOrigin._fields, origins)
