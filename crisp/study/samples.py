"""Samples of a study: annotated strokes of its videos, and negatives cut from the gaps."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crisp.core import json_file, json_schema
from crisp.core.cells import plain
from crisp.core.csv_table import read_table
from crisp.core.errors import CrispError, Fault
from crisp.core.files import digest
from crisp.core.limits import frame_bounds
from crisp.core.unreadable import remade
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.config import Study
from crisp.study.groups import kept_apart
from crisp.study.players import unknown_player, view_of
from crisp.study.tables import SPLITS, Annotation, write_rows

if TYPE_CHECKING:
    from crisp.study.merging import MergedStroke

UNKNOWN = "Unknown"  # label of a sample whose class is not annotated
# Strokes, (begin, end, label) or with their player, by their file's path in ``annotations.tsv``.
Labels = Mapping[str, Sequence[Any]]


class Sample(NamedTuple):
    """A row of ``strokes.tsv``: frames ``[begin, end)`` of a view, after the `frame_step` of its video.

    `video` is the id of the view (`crisp.core.views`), `kind` ``stroke`` or ``negative``, `sample` a unique
    id, `given` the split in ``annotations.tsv`` (or empty).
    """

    video: str
    begin: int
    end: int
    label: str
    kind: str
    sample: str
    given: str = ""


def read_samples(path: str | Path, rule: str = "strokes") -> list[Sample]:
    """Read a ``strokes.tsv``, or another table of this form.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    columns = [name for name in Sample._fields if name not in Sample._field_defaults]
    return read_table(path, "table of samples", columns, _sample, rule)


def _sample(cells: dict[str, str]) -> Sample:
    begin, end = frame_bounds(cells["begin"], cells["end"])
    values: dict[str, Any] = {**cells, "begin": begin, "end": end, "label": plain(cells["label"])}
    return Sample(**values)


def write_samples(path: str | Path, samples: Iterable[Sample]) -> None:
    """Write a ``strokes.tsv``."""
    write_rows(path, Sample._fields, samples)


def labels(study: Study) -> Labels:
    """Return the current strokes of every annotation file, and those merged from several annotators."""
    rows = dict.fromkeys([*study.annotations, *study.annotator_rows])
    return {row.path: [stroke.row for stroke in strokes_of(study, row, {})] for row in rows}


def read_labels(path: str | Path) -> Labels:
    """Read the snapshot of `labels` from the start of a run.

    Raises
    ------
    CrispError
        If the file is missing or damaged.
    """
    remedy = remade(path, by_hand="a run of the study writes one")
    snapshot = json_file.read(path, json_schema.schema("labels"), "file of labels", remedy)
    found = (
        (f"$[{name!r}][{number}]", "empty or negative interval")
        for name, strokes in snapshot.items()
        for number, (begin, end, *_) in enumerate(strokes)
        if begin >= end
    )
    json_file.refuse(path, found, remedy)
    return snapshot


def labels_digest(parsed: Iterable[tuple[Annotation, list[Stroke] | str]]) -> str:
    """Return a digest that changes only with a label, bound, player or split of a used video.

    White space, comments and file dates are ignored.

    Parameters
    ----------
    parsed : iterable of (Annotation, strokes)
        As returned by `parsed_labels`.

    Returns
    -------
    str
    """
    return digest([(row.video, row.task, row.split, content(found)) for row, found in parsed])


def content(parsed: list[Stroke] | str) -> list[list[int | str]] | str:
    """Return what digests hold of parsed strokes, or of the error message for a bad file."""
    return parsed if isinstance(parsed, str) else [stroke.row for stroke in parsed]


def parsed_labels(study: Study) -> list[tuple[Annotation, list[Stroke] | str]]:
    """Return the sorted current strokes of every annotation row; the error message for a bad file."""
    return [(row, parsed(study, row)) for row in study.annotations]


def annotated(study: Study, view: str, label_snapshot: Labels | None = None) -> list[Stroke]:
    """Return the annotated strokes of a view for all tasks, in frames of the volume and time order.

    An interval annotated in several rows appears once, with its class if any row has one.

    Parameters
    ----------
    study : Study
    view : str
        A video, or one of its regions.
    label_snapshot : dict
        Snapshot of strokes to use instead of the files (see `labels`).

    Returns
    -------
    list of Stroke

    Raises
    ------
    CrispError
        If an annotation file is invalid.
    """
    video = study.video(view)
    found: dict[tuple[int, int], Stroke] = {}
    for row in study.annotations:
        if row.video != video.video:
            continue
        for stroke in strokes_of(study, row, label_snapshot or {}):
            if view_of(stroke, video) != view:
                continue
            interval = working_interval(stroke.begin, stroke.end, video.frame_step)
            known = found.get(interval, Stroke(*interval))
            found[interval] = Stroke(*interval, stroke.label or known.label, stroke.player or known.player)
    return sorted(found.values())


def strokes_of(study: Study, row: Annotation, label_snapshot: Labels) -> list[Stroke]:
    """Return the strokes of an annotation row, from a snapshot if it has them, merged if it has sources.

    Parameters
    ----------
    study : Study
    row : Annotation
    label_snapshot : Labels

    Returns
    -------
    list of Stroke

    Raises
    ------
    CrispError
        If its file is read and invalid.
    """
    if row.path in label_snapshot:
        return [Stroke(*given) for given in label_snapshot[row.path]]
    if row.sources:
        return [one.stroke for one in merged_strokes(study, row, label_snapshot) if one.kept]
    return read_annotation(study.annotation_file(row))


def merged_strokes(study: Study, row: Annotation, label_snapshot: Labels) -> list[MergedStroke]:
    """Return the strokes of all annotators of a row with sources, merged.

    Parameters
    ----------
    study : Study
    row : Annotation
    label_snapshot : Labels

    Returns
    -------
    list of MergedStroke

    Raises
    ------
    CrispError
        If a file is read and invalid.
    """
    from crisp.study.merging import merge_strokes  # needs numpy, which is slow to import

    strokes: dict[str, list[Stroke]] = {}
    for source in row.sources:
        strokes.setdefault(source.annotator, []).extend(strokes_of(study, source, label_snapshot))
    video = study.video(row.video)
    return merge_strokes(strokes, study.merging.iou, lambda stroke: view_of(stroke, video))


def parsed(study: Study, row: Annotation) -> list[Stroke] | str:
    """Return the sorted current strokes of a row, or the error message for a bad file.

    Parameters
    ----------
    study : Study
    row : Annotation

    Returns
    -------
    list of Stroke or str
        A message is not shown, as the check stops the run.
    """
    try:
        return sorted(strokes_of(study, row, {}))
    except CrispError as error:
        return str(error)


def collect_samples(
    study: Study, frames: dict[str, int], label_snapshot: Labels | None = None
) -> list[Sample]:
    """Collect all samples of a study, by video and time.

    Parameters
    ----------
    study : Study
    frames : dict
        Number of working frames of each view (as decoded).
    label_snapshot : dict
        Snapshot of strokes to use instead of the files (see `labels`).

    Returns
    -------
    list of Sample
        The strokes of the rows of the study's task, and negatives: the gaps between all annotated
        strokes of a video (including those at its start and end), cut into consecutive blocks. Their number
        follows the study's share, minus strokes annotated as negative, and no label of a test video
        changes a training sample. A video without a row of the task has none:
        nothing is known about its gaps. A test video of the detection task without annotation is cut into
        blocks of `detection.block` of unknown class.

    Raises
    ------
    CrispError
        If an annotation file is invalid, a stroke ends after its video, or an interval occurs twice.
    """
    samples: list[Sample] = []
    faults: list[Fault] = []
    share = _Share(study)
    for name, rows in _by_view(study).items():
        strokes, busy = _view_strokes(study, name, rows, frames[name], label_snapshot or {}, faults)
        samples += strokes
        own = [row for row in rows if row.task == study.task]
        given = next((row.split for row in own), None)
        if own and not strokes and all(map(study.is_unannotated, own)):
            samples += _proposals(study, name, frames[name])
        elif study.negative_class and study.negative_share and given is not None:
            blocks = _negatives(study, name, frames[name], busy, strokes, given)
            samples += share.take(strokes, blocks)
    if faults:
        raise CrispError(*faults)
    order = {name: position for position, name in enumerate(study.views)}
    return sorted(samples, key=lambda sample: (order[sample.video], sample.begin, sample.end))


def _by_view(study: Study) -> dict[str, list[Annotation]]:
    rows: dict[str, list[Annotation]] = {video: [] for video in study.used}
    for row in study.annotations:
        rows[row.video].append(row)
    return {name: rows[video.video] for name, video in study.views.items()}


def _view_strokes(
    study: Study, name: str, rows: list[Annotation], count: int, snapshot: Labels, faults: list[Fault]
) -> tuple[list[Sample], list[tuple[int, int]]]:
    """Return the samples of a view's rows of the task, and every annotated interval of any row."""
    video = study.video(name)
    step = video.frame_step
    strokes: dict[str, Sample] = {}
    busy = []
    for row in rows:
        for stroke in strokes_of(study, row, snapshot):
            given = f"{study.annotations_table}, merged" if row.sources else study.annotation_file(row)
            where = f"{given}, action begin={stroke.begin} end={stroke.end}"
            placed = view_of(stroke, video)
            if placed is None and name == video.views[0]:  # once a video
                faults.append(unknown_player(where, stroke.player, video))
            if placed != name:
                continue
            begin, end = working_interval(stroke.begin, stroke.end, step)
            busy.append((begin, end))
            if end > count:
                faults.append(
                    Fault(
                        where,
                        "stroke ends after the video",
                        f"end <= {count * step}",
                        str(stroke.end),
                        "correct the XML",
                    )
                )
            if row.task != study.task:
                continue
            sample = f"{name}:{begin}-{end}"
            if sample in strokes:
                among = f" among the frames that frame_step {step} keeps" if step > 1 else ""
                faults.append(
                    Fault(
                        where,
                        f"interval is annotated twice{among}",
                        "one label",
                        remedy="delete one of the two",
                    )
                )
            kind = "negative" if stroke.label == study.negative_class else "stroke"
            strokes[sample] = Sample(name, begin, end, study.class_of(stroke), kind, sample, row.split)
    return list(strokes.values()), sorted(busy)


def working_interval(begin: int, end: int, step: int) -> tuple[int, int]:
    """Convert an interval of a video to frames of its volume.

    Frame i of the volume is frame i * `step` of the video. A stroke that lies between two of them gets the
    earlier one.

    Parameters
    ----------
    begin, end : int
        Frames of the video, end excluded.
    step : int
        `frame_step` of the video.

    Returns
    -------
    (int, int)
        Frames of the volume, end excluded.
    """
    last = -(-end // step)
    return min(-(-begin // step), last - 1), last


def _negatives(
    study: Study, video: str, count: int, busy: list[tuple[int, int]], strokes: list[Sample], given: str
) -> list[Sample]:
    """Cut the gaps of a view into negative blocks, in the seeded order of selection.

    `given` is the split of the blocks of a video annotated as empty.
    """
    length = negative_length(study, video)
    blocks = []
    for begin, end in gaps(busy, count):
        for start in range(begin, end - length + 1, length):
            name = f"{video}:{start}-{start + length}"
            part = _nearest(strokes, start) if strokes else given
            blocks.append(Sample(video, start, start + length, study.negative_class, "negative", name, part))
    return sorted(blocks, key=lambda block: digest([study.split_seed, block.sample]))


def _proposals(study: Study, video: str, count: int) -> list[Sample]:
    """Cut a test video into consecutive blocks of unknown class, as the campaign's baseline does."""
    length = min(count, max(1, math.floor(study.detection.block * study.video(video).working_fps + 0.5)))
    return [
        Sample(video, begin, begin + length, UNKNOWN, "stroke", f"{video}:{begin}-{begin + length}", "test")
        for begin in range(0, count - length + 1, length)
    ]


class _Share:
    """The remaining number of negatives, with videos in table order.

    Targets are cumulative, so that the share holds over the table and a new last row changes no other.
    Sets and folds assigned from the table of videos are counted separately. A sample of a given set only
    counts for this and later sets (train, validation, test), so that no label of a test video changes a
    training sample.
    """

    def __init__(self, study: Study) -> None:
        self.study, self.parts = study, kept_apart(study)
        self.wanted: dict[str, float] = defaultdict(float)
        self.there: dict[str, int] = defaultdict(int)

    def take(self, strokes: list[Sample], blocks: list[Sample]) -> list[Sample]:
        """Choose from the blocks of a video with these strokes."""
        ratio = self.study.negative_share / (1 - self.study.negative_share)
        for stroke in strokes:
            for part in self._counting(stroke):
                self.wanted[part] += 0 if stroke.kind == "negative" else ratio
                self.there[part] += stroke.kind == "negative"
        chosen = []
        for block in blocks:
            own, *_ = counting = self._counting(block)
            if math.floor(self.wanted[own] - self.there[own] + 0.5) > 0:
                chosen.append(block)
                for part in counting:
                    self.there[part] += 1
        return chosen

    def _counting(self, sample: Sample) -> tuple[str, ...]:
        """Return the part of a sample, and the parts that it also counts for."""
        if self.study.split_method != "given":
            return (self.parts.get(self.study.group_of(sample.video), ""),)
        return SPLITS[SPLITS.index(sample.given) :] if sample.given in SPLITS else (sample.given,)


def negative_length(study: Study, video: str) -> int:
    """Return the working frames of a negative of a video."""
    return max(1, math.floor(study.negative_seconds * study.video(video).working_fps + 0.5))


def gaps(busy: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """Return intervals of ``[0, count)`` that no interval of `busy` (sorted by begin) touches."""
    free, reached = [], 0
    for begin, end in [*busy, (count, count)]:
        if begin > reached:
            free.append((reached, begin))
        reached = max(reached, end)
    return free


def _nearest(strokes: list[Sample], frame: int) -> str:
    """Return the given split of the stroke nearest to a frame, as a video's strokes may be in several."""
    return min(strokes, key=lambda stroke: abs(stroke.begin - frame)).given
