"""CVAT for video 1.1 (.xml): tracks of shapes, and tags of the frames of a video in CVAT for images.

Frames are those of the video file, whatever the step of the task. The fields of a label are its name
(``label`` and ``tier``) and attributes; where these change with time, the parts of a track are apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element

from crisp.core import xml_files
from crisp.core.errors import fail
from crisp.core.limits import MOST_FRAMES
from crisp.study.importers.tools import sniff
from crisp.study.importers.tools.label_file import LABEL, TIER, Event, LabelFile, Medium

NAME = "annotation file of CVAT"
REMEDY = "export it again as CVAT for video 1.1"
ROOT = "annotations"
MARKS = ("<track", "<image", "<meta")
NUMBERED = re.compile(r"frame_(\d+)(?:\.\w+)?$", re.IGNORECASE)  # name of a frame of a video
STEP = re.compile(r"step=([1-9]\d{0,5})")


class Task(NamedTuple):
    """A task: its video, and how many frames of that a frame of the task stands for."""

    medium: Medium
    step: int


def is_one(path: Path) -> bool:
    """Return whether an XML file begins as those of CVAT."""
    head = sniff.head(path, ".xml")
    return f"<{ROOT}>" in head and any(mark in head for mark in MARKS)


def read(path: Path) -> LabelFile:
    """Read the annotations of a task, job or project of CVAT.

    Raises
    ------
    CrispError
        If it is missing, no XML, not of CVAT, or has a frame that is no number.
    """
    parts = xml_files.parts(path, NAME)
    root = next(parts)
    if root.tag != ROOT:
        raise fail(path, f"not an {NAME}", f"root element <{ROOT}>", f"<{root.tag}>"[:100], REMEDY)
    tasks: dict[str, Task] = {}
    tags: dict[tuple[str, str, tuple[tuple[str, str], ...]], list[int]] = {}
    for part in parts:
        if part.tag == "meta":
            tasks = dict(_tasks(part))
        task = _task_of(part, tasks, path)
        if part.tag == "track":
            task.medium.events += _visible(path, part, task.step)
        for tag in part.iter("tag") if part.tag == "image" else ():
            key = part.get("task_id", ""), tag.get("label", ""), tuple(_attributes(tag).items())
            tags.setdefault(key, []).append(_frame_of_image(path, part))
    for (name, label, attributes), frames in tags.items():
        task = tasks.get(name) or next(iter(tasks.values()))
        task.medium.events += _runs(label, dict(attributes), frames, task.step)
    return LabelFile(path, [task.medium for task in tasks.values()])


def _tasks(meta: Element) -> Iterator[tuple[str, Task]]:
    """Yield the tasks of a file by their ids, each with the video that it states."""
    found = [*meta.iter("task"), *meta.iter("job")]
    for one in found:
        source = (one.findtext("source") or meta.findtext("source") or "").strip()
        step = STEP.search(one.findtext("frame_filter") or "")
        names = (source,) if source else ((one.findtext("name") or "").strip(),)
        where = f"task {one.findtext('id') or ''}".strip() if len(found) > 1 else ""
        medium = Medium(tuple(filter(None, names)), named=bool(source) or len(found) > 1, where=where)
        yield one.findtext("id") or "", Task(medium, int(step[1]) if step else 1)


def _task_of(part: Element, tasks: dict[str, Task], path: Path) -> Task:
    """Return the task of a track or image; that of a file which states none is made from its name."""
    if not tasks:
        tasks[""] = Task(Medium((path.stem,), named=False), 1)
    return tasks.get(part.get("task_id", "")) or next(iter(tasks.values()))


def _visible(path: Path, track: Element, step: int) -> list[Event]:
    """Return when the object of a track is visible, apart where its attributes change.

    A shape holds until the next one; the last, for one frame of the task.
    """
    where = f"track {track.get('id', '')}"
    shapes = [
        (_frame(path, where, shape.get("frame", "")), shape) for shape in track if "frame" in shape.attrib
    ]
    shapes.sort(key=lambda item: item[0])
    ends = [*(frame for frame, _ in shapes[1:]), shapes[-1][0] + step if shapes else 0]
    events: list[Event] = []
    for (frame, shape), end in zip(shapes, ends, strict=True):
        if _is_outside(shape):
            continue
        fields = _fields(track.get("label", ""), _attributes(shape))
        if events and (events[-1].end, events[-1].fields) == (frame, fields):
            events[-1] = events[-1]._replace(end=end)
        else:
            events.append(Event(frame, end, fields, where, seconds=False))
    return _without_single_frame(events, step)


def _is_outside(shape: Element) -> bool:
    """Return whether an object is not visible; a skeleton is not if none of its points is."""
    points = [part for part in shape if "outside" in part.attrib]
    return shape.get("outside") == "1" or (bool(points) and all(map(_is_outside, points)))


def _without_single_frame(events: list[Event], step: int) -> list[Event]:
    """Return events; one that is alone and lasts one frame is a shape or a tag, and gets no duration."""
    if len(events) == 1 and events[0].end - events[0].begin <= step:
        return [events[0]._replace(end=events[0].begin)]
    return events


def _runs(label: str, attributes: Mapping[str, str], frames: list[int], step: int) -> Iterator[Event]:
    """Yield the runs of frames, each at most a step after the one before, that have the same tag."""
    fields = _fields(label, attributes)
    frames = sorted(set(frames))
    begin = 0
    for number, frame in enumerate(frames, start=1):
        if number == len(frames) or frames[number] > frame + step:
            run = Event(frames[begin], frame + step, fields, f"frame {frames[begin]}", seconds=False)
            yield from _without_single_frame([run], step)
            begin = number


def _fields(label: str, attributes: Mapping[str, str]) -> dict[str, str]:
    return {**attributes, LABEL: label, TIER: label}


def _attributes(shape: Element) -> dict[str, str]:
    return {one.get("name", ""): (one.text or "").strip() for one in shape.iter("attribute")}


def _frame_of_image(path: Path, image: Element) -> int:
    """Return the frame of an image of a video: in its name, else its number in the task."""
    named = NUMBERED.search(image.get("name", ""))
    return _frame(path, f"image {image.get('id', '')}", named[1] if named else image.get("id", ""))


def _frame(path: Path, where: str, text: str) -> int:
    if not text.isdecimal() or len(text) > 15 or int(text) > MOST_FRAMES:
        raise fail(f"{path}, {where}", "bad frame", f"0 to {MOST_FRAMES}", repr(text)[:50], REMEDY)
    return int(text)
