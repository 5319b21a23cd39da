"""Complete the splits of a list: a study needs train, validation and test, many data sets have only two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from crisp.core.files import digest
from crisp.core.words import counted
from crisp.study.importers.discovery import FoundVideo, Labels

SHARE = 5  # one group in so many of each class, for validation


def complete(videos: Sequence[FoundVideo]) -> list[str]:
    """Give videos the splits that a study needs, where labels have two or one; return notes on it.

    Of ``train`` and ``validation`` alone, ``validation`` becomes ``test``, as it is used so. Without
    ``validation``, a fifth of the groups of each class (a group, or else a video) is taken from ``train``,
    chosen by a digest of their names. A single split is none.
    """
    parts = {label.split for video in videos for label in video.labels if _is_labelled(label)}
    notes = []
    if parts == {"train", "validation"}:
        _rename(videos, {"validation": "test"})
        notes.append("note: the lists have no labelled test part; their validation part is the test part")
        parts = {"train", "test"}
    if parts == {"train", "test"} and (chosen := _held_out(videos)):
        for video in videos:
            if _group(video) in chosen:
                _rename([video], {"train": "validation"})
        groups = counted(len(chosen), "group") if any(video.group for video in videos) else ""
        what = groups or counted(len(chosen), "video")
        notes.append(
            f"note: the lists have no validation part; {what} of the training part are for validation"
        )
    elif len(parts) == 1 and parts != {""}:
        _rename(videos, dict.fromkeys(parts, ""))
        notes.append(
            f"note: the lists have the part {parts.pop()} alone, so the study splits the videos itself"
        )
    return notes


def _is_labelled(label: Labels) -> bool:
    return bool(label.whole or label.intervals)


def _group(video: FoundVideo) -> str:
    return video.group or video.path


def _rename(videos: Iterable[FoundVideo], names: Mapping[str, str]) -> None:
    for video in videos:
        video.labels = [replace(one, split=names.get(one.split, one.split)) for one in video.labels]


def _held_out(videos: Iterable[FoundVideo]) -> set[str]:
    """Return the training groups to validate with; each class keeps one to train with."""
    classes, groups = defaultdict[str, set[str]](set), defaultdict[str, set[str]](set)
    for video in videos:
        for label in video.labels:
            if label.split == "train":
                for name in filter(None, [label.whole, *(one.label for one in label.intervals)]):
                    classes[_group(video)].add(name)
                    groups[name].add(_group(video))
    taken = set[str]()
    for name in sorted(groups):
        wanted = max(1, len(groups[name]) // SHARE)
        for group in sorted(groups[name] - taken, key=digest):
            if len(groups[name] & taken) >= wanted:
                break
            if all(len(groups[other] - taken) > 1 for other in classes[group]):
                taken.add(group)
    return taken
