"""Groups of clips that show the same player, so that no player both trains and tests.

They are given by the labels, by a pattern of the paths, or guessed from the paths of trimmed clips.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from crisp.core.errors import CrispError, Fault, fail
from crisp.core.plain_text import is_plain
from crisp.core.words import counted, few
from crisp.study.importers.discovery import FoundVideo

LEAST = 3  # groups in all, and groups in which each class must occur: for train, validation and test
MOST = 5  # names in a message
# A player, subject or recording group with its number, as in p03, player_3, S012 or UCF's g07.
NUMBERED = re.compile(
    r"(?<![^\W_])(player|subject|subj|person|athlete|actor|group|p|s|g)[-_ ]?([0-9]{1,4})(?![^\W_])",
    re.IGNORECASE,
)
LEADING = re.compile(r"[^\W\d]+")  # the word that a name begins with


def give(videos: Iterable[FoundVideo], pattern: str) -> None:
    """Set the group of each video to the part of its path that a pattern finds.

    Parameters
    ----------
    videos : iterable of FoundVideo
    pattern : str
        Regular expression, searched for in the path relative to the source folder. The group is the part
        in its first parentheses, or without any, all that it matches.

    Raises
    ------
    CrispError
        If it is no regular expression, or finds nothing in some of the paths.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        expected = r"a regular expression, for example '^([a-z]+)-'"
        raise fail("--group", "bad pattern", expected, f"{pattern!r}: {error}", "correct it") from None
    missed = []
    for video in videos:
        match = compiled.search(video.path)
        group = (match[1] if compiled.groups else match[0]) if match else None
        if not group or not is_plain(group):
            missed.append(video.path)
        video.group = (group or "").strip()
    if missed:
        raise CrispError(
            Fault(
                "--group",
                f"pattern finds no group in {counted(len(missed), 'path')}",
                "a part of the path of every video",
                f"{pattern!r} in {few(missed, MOST)}",
                "correct it, or write the groups into a column group of a table of strokes",
            )
        )


def guess(clips: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Guess the groups of trimmed clips from their paths: a numbered player, the first word, or the folder.

    Parameters
    ----------
    clips : sequence of (str, str)
        Path and class of each clip.

    Returns
    -------
    dict
        Group by path; empty if no part of the paths can be one: it is missing in some, or follows the class.
    """
    for part in (_numbered, _leading, _folder):
        groups = {path: part(path) for path, _ in clips}
        if all(groups.values()) and _plausible(groups, clips):
            return groups
    return {}


def _numbered(path: str) -> str:
    match = NUMBERED.search(path)
    return f"{match[1]}{match[2]}".lower() if match else ""


def _leading(path: str) -> str:
    match = LEADING.match(PurePosixPath(path).name)
    return match[0] if match else ""


def _folder(path: str) -> str:
    return PurePosixPath(path).parent.name


def _plausible(groups: Mapping[str, str], clips: Sequence[tuple[str, str]]) -> bool:
    """Return whether groups hold several clips each, of several classes, and each class is in several."""
    classes, found = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for path, label in clips:
        classes[groups[path]].add(label)
        found[label].add(groups[path])
    mixed = sum(len(labels) > 1 for labels in classes.values())
    several = LEAST <= len(classes) <= len(clips) / 2
    return several and mixed >= len(classes) / 2 and min(map(len, found.values())) >= LEAST
