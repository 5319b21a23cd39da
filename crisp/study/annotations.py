"""Annotation files: one XML per video, in the layout of TTStroke-21.

``<video><action begin="144" end="276" move="Defensive Forehand Push"/>…</video>``: half-open
intervals of 0-based frames; ``move`` is absent where only the bounds are known. ``player`` names the region
of the video in which the stroke is. ``<video state="begun">`` says that the video is not labelled to its end.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from crisp.core import xml_files
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.files import replacing
from crisp.core.limits import MOST_FRAMES
from crisp.core.plain_text import is_plain
from crisp.core.unicode_forms import compose

LONGEST_NUMBER = len(str(MOST_FRAMES))  # digits; Python rejects numbers with thousands of them
BEGUN = "begun"
MOST_ACTIONS = 50_000  # per file: a stroke per second for 14 hours


class Stroke(NamedTuple):
    """An annotated interval ``[begin, end)`` in frames; ``label`` and ``player`` are empty if not given."""

    begin: int
    end: int
    label: str = ""
    player: str = ""

    @property
    def row(self) -> list[int | str]:
        """Return it as digests and snapshots hold it: without a player if none is given."""
        return list(self if self.player else self[:3])


class Action(NamedTuple):
    """An action as in its file: a bound that is not a frame number is None; `faults` lists all its faults."""

    begin: int | None
    end: int | None
    label: str
    faults: tuple[Fault, ...] = ()
    player: str = ""

    @property
    def stroke(self) -> Stroke | None:
        """Return its stroke, if it has no fault."""
        if self.faults or self.begin is None or self.end is None:
            return None
        return Stroke(self.begin, self.end, self.label, self.player)


def is_unknown(label: str) -> bool:
    """Return whether a label means "not annotated" (TTStroke-21 test sets write ``Unknown`` in any case)."""
    return label.lower() == "unknown"


def read_annotation(path: str | Path) -> list[Stroke]:
    """Read the strokes of one annotation file, in file order.

    Parameters
    ----------
    path : path of the XML file.

    Returns
    -------
    list of Stroke
        As written: possibly unsorted or overlapping (``crisp check`` reports this).

    Raises
    ------
    CrispError
        If the file is missing, too large, not XML, has too many strokes or a DOCTYPE, or an action has bounds
        that are not frame numbers, or an empty or negative interval. All faults are listed.
    """
    found = read_actions(path)
    faults = [fault for action in found for fault in action.faults]
    if faults:
        raise CrispError(*faults)
    return [action.stroke for action in found if action.stroke]


def read_actions(path: str | Path) -> list[Action]:
    """Read all actions of an annotation file, in file order, including those with faults.

    Raises
    ------
    CrispError
        If the file is missing, too large, not XML, has too many strokes, or holds a DOCTYPE.
    """
    root = _root(path)
    actions = list(root.iter("action"))
    if len(actions) > MOST_ACTIONS:
        raise fail(
            path,
            "too many strokes",
            f"at most {MOST_ACTIONS:,} a video",
            f"{len(actions):,}",
            "check that this is an annotation file",
        )
    return [_action(f"{path}, action {number}", action) for number, action in enumerate(actions, start=1)]


def is_begun(path: str | Path) -> bool:
    """Return whether an annotation file says that its video is not labelled to its end.

    Raises
    ------
    CrispError
        If the file is missing, too large, not XML, not an annotation, or holds a DOCTYPE.
    """
    return _root(path).get("state") == BEGUN


def _root(path: str | Path) -> Element:
    root = xml_files.read(path, "annotation file")
    if root.tag != "video":
        raise fail(path, "not an annotation file", "root element <video>", f"<{root.tag}>", "correct the XML")
    return root


def _action(where: str, found: Element) -> Action:
    faults = []
    bounds: list[int | None] = []
    for name in ("begin", "end"):
        text = found.get(name)
        bounds.append(_frame(text))
        if bounds[-1] is None:
            value = "nothing" if text is None else repr(text)
            expected = f"a frame number, 0 to {MOST_FRAMES}"
            faults.append(Fault(where, f"bad {name}", expected, value[:50], "correct the XML"))
    begin, end = bounds
    if begin is not None and end is not None and begin >= end:
        interval = f"begin={begin} end={end}"
        faults.append(Fault(where, "empty or negative interval", "begin < end", interval, "correct the XML"))
    label, player = (" ".join(compose(found.get(name, "")).split()) for name in ("move", "player"))
    for name, what, text in (("move", "class", label), ("player", "player", player)):
        if not is_plain(text):
            expected = f"a {what} without control characters"
            faults.append(Fault(where, f"bad {name}", expected, repr(text)[:50], "correct the XML"))
    return Action(begin, end, label, tuple(faults), player)


def _frame(text: str | None) -> int | None:
    """Return the frame number in an attribute, if it is one."""
    digits = (text or "").strip()
    if not digits.isdecimal() or len(digits.lstrip("0")) > LONGEST_NUMBER or int(digits) > MOST_FRAMES:
        return None
    return int(digits)


def annotation_element(strokes: Iterable[Stroke]) -> Element:
    """Return the content of an annotation file, sorted by time."""
    root = Element("video")
    for stroke in sorted(strokes):
        attributes = {"begin": str(stroke.begin), "end": str(stroke.end)}
        if stroke.label:
            attributes["move"] = stroke.label
        if stroke.player:
            attributes["player"] = stroke.player
        SubElement(root, "action", attributes)
    return root


def write_annotation(path: str | Path, strokes: list[Stroke], begun: bool = False) -> None:
    """Write an annotation file for editing by hand, sorted by time.

    Parameters
    ----------
    path : path to write.
    strokes : list of Stroke
    begun : bool
        Whether the video is not labelled to its end.
    """
    root = annotation_element(strokes)
    if begun:
        root.set("state", BEGUN)
    indent(root)
    with replacing(path) as beside:
        ElementTree(root).write(beside, encoding="UTF-8", xml_declaration=True)
