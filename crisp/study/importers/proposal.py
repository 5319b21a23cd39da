"""Propose a study for an import: classes, negatives and split from the labels, size from a preset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from crisp.core.errors import Fault
from crisp.study import tables
from crisp.study.annotations import Stroke, is_unknown
from crisp.study.importers import fitting, flow_settings, presets, published, study_template
from crisp.study.importers.presets import Choice
from crisp.study.importers.report import Report

WHOLE = 0.9  # share of a clip covered by its stroke, for clips cut around it
USUAL = 1.0  # s, stroke length if none is labelled
STROKE = "Stroke"  # the one class of the detection task


@dataclass(frozen=True)
class Data:
    """Data set properties.

    Attributes
    ----------
    folder : Path
        Folder of the tables; its name is that of the data set.
    link : Path
        Link to the videos.
    labels : list of Annotation
        Rows of ``annotations.tsv``.
    strokes : mapping
        Strokes of every annotation file, by its path.
    videos : mapping
        Rows of ``videos.tsv`` by id.
    """

    folder: Path
    link: Path
    labels: list[tables.Annotation]
    strokes: Mapping[str, list[Stroke]]
    videos: Mapping[str, tables.VideoRow]

    @cached_property
    def task(self) -> str:
        """Return ``detection`` if no video in use has a row of the other task."""
        used = {row.task for row in self.labels if self.videos[row.video].use}
        return "detection" if used == {"detection"} else "classification"

    @cached_property
    def of_task(self) -> list[tables.Annotation]:
        """Return the rows of the task whose videos are in use."""
        return [row for row in self.labels if row.task == self.task and self.videos[row.video].use]

    @cached_property
    def usable(self) -> dict[str, list[Stroke]]:
        """Return the strokes that a study can use, by path."""
        frames = {row.path: self.videos[row.video].frames for row in self.labels}
        return fitting.usable(self.strokes, frames)

    @cached_property
    def labelled(self) -> list[tuple[tables.VideoRow, Stroke]]:
        """Return the strokes with a class, each with its video; in the detection task all have one."""
        of_task = ((row, stroke) for row in self.of_task for stroke in self.usable[row.path])
        if self.task == "detection":
            return [
                (self.videos[row.video], stroke._replace(label=STROKE))
                for row, stroke in of_task
                if stroke.label != fitting.NEGATIVE
            ]
        return [
            (self.videos[row.video], stroke)
            for row, stroke in of_task
            if stroke.label and not is_unknown(stroke.label)
        ]

    @cached_property
    def classes(self) -> list[str]:
        """Return their classes, Negative first, the others by name."""
        found = {stroke.label for _, stroke in self.labelled}
        return sorted(found, key=lambda name: (name != fitting.NEGATIVE, name))

    @cached_property
    def trimmed(self) -> bool:
        """Return whether every labelled video is a clip of one stroke."""
        by_video: dict[str, list[Stroke]] = {}
        for row in self.of_task:
            by_video.setdefault(row.video, []).extend(self.usable[row.path])
        return bool(by_video) and all(
            len(strokes) == 1 and strokes[0].end - strokes[0].begin >= WHOLE * self.videos[video].frames
            for video, strokes in by_video.items()
        )

    @property
    def grouped(self) -> bool:
        """Return whether any video in use has a group."""
        return any(row.group for row in self.videos.values() if row.use)

    @property
    def short(self) -> float:
        """Return the length of a short stroke in s: three in four are as long or longer."""
        lengths = sorted((stroke.end - stroke.begin) / video.recorded_fps for video, stroke in self.labelled)
        return lengths[len(lengths) // 4] if lengths else USUAL


class Proposed(NamedTuple):
    """The text of a study file, `notes` about it, and `faults` that remain."""

    text: str
    notes: list[str]
    faults: list[Fault]


def propose(
    data: Data, rows: Sequence[tables.VideoRow], choice: Choice, report: Report, study_file: Path
) -> Proposed:
    """Propose a study for a data set whose tables are written.

    Parameters
    ----------
    data : Data
    rows : sequence of VideoRow
        Rows of its ``videos.tsv``.
    choice : Choice
        The preset, and the machine.
    report : Report
        Of the import, whose command is that which imports with another preset.
    study_file : Path
        Its future path, for messages.

    Returns
    -------
    Proposed
    """
    content = study_template.content(data.folder, data.link, data.classes, _method(data))
    if data.task == "detection":
        content["task"] = data.task
    train, notes, faults = 0, list[str](), list[Fault]()
    if data.classes:
        classes = len({fitting.NEGATIVE, *data.classes})
        usual = choice.preset in presets.AS_RECORDED and data.task == "classification"
        share = 0.1 if usual else max(0.1, round(1 / classes, 2))
        keys, train, notes, faults = fitting.fit(content, data.usable, data.trimmed, share)
        content |= keys
    if len(content["classes"]) < 2:
        faults = [_too_few_classes(data, study_file)]
        content["negatives"] = {} if data.task == "detection" else content["negatives"]
        content |= {"classes": sorted({fitting.NEGATIVE, STROKE, *data.classes})}
    faults = [*faults, *_leaking(data, content["split"])]
    size = presets.Size(len(data.labelled), train, _frames(data, rows))
    faults += presets.oversized(choice, size, str(study_file))
    keys, cost = presets.affordable(choice, content, size, rows, data.usable)
    content |= keys
    lines = [
        f"preset: {choice.preset}, {choice.why}: {presets.text(keys)}",
        f"cost: {cost or 'not known before the warnings are resolved'}; see crisp plan",
    ]
    lines += flow_settings.notes(content, rows)
    if choice.preset != "published":
        lines += _published(data, rows, choice, content, report)
    steps = {row.frame_step for row in rows if row.use}
    if steps != {1}:
        rates = sorted({f"{row.working_fps:.4g}" for row in rows if row.use})
        lines.append(
            f"frame_step: {' to '.join(rates)} frames per second are kept, see {data.folder}/videos.tsv"
        )
    text = study_template.text(content, presets.marks(content, choice.preset), lines)
    return Proposed(text, [f"note: {note}" for note in notes] + lines, faults)


def _method(data: Data) -> str:
    if data.of_task and all(row.split for row in data.of_task):
        return "given"
    return "stratified" if data.trimmed and not data.grouped else "by_video"


def _leaking(data: Data, split: dict[str, Any]) -> list[Fault]:
    """Warn of clips of unknown players that are split one by one."""
    if not data.trimmed or data.grouped or split["method"] != "stratified":
        return []
    return [
        Fault(
            f"{data.folder / 'videos.tsv'}, column group",
            "the players of the clips are not known, so clips of one player train and test: "
            "figures will be too good",
            "the player, or the source video, of each clip",
            "nothing",
            "write it there and set split.method: by_video in the study, or import again under another name "
            "with a column group in the table of strokes, or --group PATTERN",
        )
    ]


def _too_few_classes(data: Data, study_file: Path) -> Fault:
    if not data.classes:
        what, expected = "no labelled stroke found", "strokes with a class"
    else:
        what, expected = "strokes of one class only, and no time without strokes", "two classes or more"
    return Fault(
        f"{study_file}, classes",
        what,
        expected,
        ", ".join(data.classes) or "none",
        "label strokes of other classes, or clips without a stroke as Negative, then add these classes",
    )


def _frames(data: Data, rows: Sequence[tables.VideoRow]) -> int:
    """Return the working frames of a short stroke."""
    rate = next((row.working_fps for row in rows if row.use and row.fps), presets.RATE)
    return math.floor(data.short * rate + 0.5)


def _published(
    data: Data,
    rows: Sequence[tables.VideoRow],
    choice: Choice,
    content: dict[str, Any],
    report: Report,
) -> list[str]:
    """Explain how to get the published settings, and their cost here."""
    shrunk = ("preparation", "defaults", "training", "variants")
    full = {key: value for key, value in content.items() if key not in shrunk}
    full |= {**published.KEYS, "variants": study_template.variants()}
    cost = choice.cost(full, [replace(row, frame_step=1) for row in rows], data.usable, choice.machine)
    command = report.command(f"{data.folder.name}-published", "published")
    return [f"published settings: {cost or 'of unknown cost'}; type: {command}"]
