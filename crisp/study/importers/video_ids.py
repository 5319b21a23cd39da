"""Assign video ids from file names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from pathlib import PurePosixPath

from crisp.core import files
from crisp.core.names import LONGEST_ID
from crisp.core.unicode_forms import compose
from crisp.study.importers.discovery import FoundVideo, stem
from crisp.study.tables import RESERVED


def assign(videos: list[FoundVideo], taken: dict[str, str]) -> dict[str, str]:
    """Give each video an id.

    Parameters
    ----------
    videos : list of FoundVideo
        In order: of two with the same name, the first gets the plain id; split, task or a number is
        appended to the other one's.
    taken : dict
        Existing ids, by path; they are kept.

    Returns
    -------
    dict
        Path to id, including those of `taken`.
    """
    ids = dict(taken)
    used = {*RESERVED, *(video.lower() for video in taken.values())}
    for video in videos:
        if video.path not in ids:
            ids[video.path] = next(name for name in _candidates(video) if name.lower() not in used)
            used.add(ids[video.path].lower())
    return ids


def plain(name: str) -> str:
    """Return the id for a file name: its stem, with all but letters, digits, ``_`` and ``-`` as ``-``.

    A long one ends in a digest: names that differ only in their last characters have ids of their own.
    """
    found = re.sub(r"[^A-Za-z0-9_-]", "-", stem(compose(name))).strip("-_") or "video"
    return found if len(found) <= LONGEST_ID else _appended(found, files.digest(found)[:8])


def _candidates(video: FoundVideo) -> Iterator[str]:
    base = plain(PurePosixPath(video.path).name)
    yield base
    endings = [re.sub(r"[^A-Za-z0-9_-]", "-", hint) for hint in video.hints]
    yield from (_appended(base, ending) for ending in endings)
    yield from (_appended(base, "-".join([*endings[:1], str(number)])) for number in count(2))


def _appended(base: str, ending: str) -> str:
    ending = f"-{ending[:40]}"
    return base[: LONGEST_ID - len(ending)] + ending
