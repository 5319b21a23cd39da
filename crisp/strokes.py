"""Samples of a study: the annotated strokes of its videos and negatives cut from the gaps."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crisp import annotations
from crisp.errors import CrispError, Fault, fail
from crisp.files import digest, replacing
from crisp.study import Study
from crisp.tables import Annotation


class Sample(NamedTuple):
    """A row of ``strokes.tsv``: frames ``[begin, end)`` of a video, after its `frame_step`.

    `kind` is ``stroke`` or ``negative``, `sample` a unique id, `given` the split that
    ``annotations.tsv`` gives (or empty).
    """

    video: str
    begin: int
    end: int
    label: str
    kind: str
    sample: str
    given: str = ""


def read(path: str | Path) -> list[Sample]:
    """Read a ``strokes.tsv``.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
        return [Sample(**{**row, "begin": int(row["begin"]), "end": int(row["end"])}) for row in rows]
    except FileNotFoundError:
        raise fail(path, "samples are missing", remedy="run snakemake: the strokes rule makes them") from None
    except (TypeError, ValueError, KeyError) as error:
        raise fail(path, "damaged table of samples", found=error, remedy="delete it and run snakemake") from None


def write(path: str | Path, samples: Iterable[Sample]) -> None:
    """Write a ``strokes.tsv``."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(Sample._fields)
        writer.writerows(samples)


def labels_digest(study: Study) -> str:
    """One string that changes when a label, bound or split of a used video does, and only then.

    White space, comments and the files' dates play no part.
    """
    return digest([[*row, _parsed(study, row)] for row in _rows(study)])


def _parsed(study: Study, row: Annotation) -> object:
    """The strokes of a file; of one that cannot be read the message (the check stops the run)."""
    try:
        return sorted(annotations.read(study.annotation_file(row)))
    except CrispError as error:
        return str(error)


def _rows(study: Study) -> list[tuple[str, str, str, str]]:
    return [(row.video, row.path, row.task, row.split) for row in study.annotations]
