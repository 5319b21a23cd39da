"""Several annotators of one video: the rows of ``annotations.tsv`` whose strokes a study uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from crisp.core.errors import CrispError, Fault
from crisp.core.words import few
from crisp.study.tables import Annotation

ADJUDICATED = "adjudicated"  # who decided where others disagreed, and is not one of them
SHOWN = 5  # videos per message


@dataclass(frozen=True)
class Merging:
    """How the strokes of several annotators become the labels of a study.

    Attributes
    ----------
    merge : str
        ``majority`` or ``first``; empty: several annotators are an error.
    order : tuple of str
        Annotators, the one who decides first.
    iou : float
        Smallest temporal intersection over union of the same stroke.
    """

    merge: str
    order: tuple[str, ...]
    iou: float

    @classmethod
    def from_config(cls, given: Mapping[str, Any]) -> Self:
        """Create it from the section `annotators` of a study."""
        return cls(**{**given, "order": tuple(given["order"])})

    def ranked(self, names: Iterable[str]) -> list[str]:
        """Return the names of annotators by rank: those in `order` first, the others as they come."""
        known = list(dict.fromkeys(names))
        return [name for name in self.order if name in known] + [
            name for name in known if name not in self.order
        ]


def by_video(rows: Iterable[Annotation]) -> dict[tuple[str, str], dict[str, list[Annotation]]]:
    """Group rows by their video and task, and each group by annotator.

    Parameters
    ----------
    rows : iterable of Annotation

    Returns
    -------
    dict of (str, str) to dict of str to list of Annotation
    """
    found: dict[tuple[str, str], dict[str, list[Annotation]]] = {}
    for row in rows:
        found.setdefault((row.video, row.task), {}).setdefault(row.annotator, []).append(row)
    return found


def label_rows(rows: Sequence[Annotation], merging: Merging, table: str) -> list[Annotation]:
    """Return the rows whose strokes are the labels, each video and task once.

    The adjudicated rows of a video are its labels if there are any, otherwise the rows of the first annotator
    in the order (rule ``first``), or one row with the others as sources (``majority``), whose path is that
    of an adjudicated annotation.

    Parameters
    ----------
    rows : sequence of Annotation
    merging : Merging
    table : str
        Path of ``annotations.tsv``, for messages.

    Returns
    -------
    list of Annotation
        In the order of the table. Those of a table without annotators are its rows.

    Raises
    ------
    CrispError
        If a video has several annotators and the rule is missing or does not apply to them.
    """
    groups = by_video(rows)
    faults = [*_unnamed(groups, table), *_without_rule(groups, merging, table)]
    chosen: dict[tuple[str, str], list[Annotation]] = {}
    for key, of in groups.items() if not faults else ():
        where = f"{table}, video {key[0]}"
        if len(of) == 1 or ADJUDICATED in of:
            chosen[key] = of.get(ADJUDICATED) or next(iter(of.values()))
        elif merging.merge == "majority":
            faults += _unlike_splits(of, where)
            chosen[key] = _merged(of, merging)
        elif first := next((name for name in merging.order if name in of), ""):
            chosen[key] = of[first]
        else:
            remedy = "add one of them to annotators.order, or choose annotators.merge: majority"
            expected = f"one of annotators.order: {', '.join(merging.order) or 'nobody'}"
            faults.append(Fault(where, "no annotator in the order", expected, ", ".join(of), remedy))
    if faults:
        raise CrispError(*faults)
    several = {key for key, of in groups.items() if len(of) > 1}
    firsts = {key: next(iter(of.values()))[0] for key, of in groups.items()}
    found: list[Annotation] = []
    for row in rows:
        key = (row.video, row.task)
        if key not in several:
            found.append(row)
        elif row is firsts[key]:
            found += chosen[key]
    return found


def _merged(of: Mapping[str, Sequence[Annotation]], merging: Merging) -> list[Annotation]:
    """Return a row for each split of a video, with the rows of all annotators as sources, by rank."""
    rows = [row for name in merging.ranked(of) for row in of[name]]
    first = rows[0]
    return [
        Annotation(
            first.video,
            "/".join(filter(None, ["annotations", ADJUDICATED, first.task, split, f"{first.video}.xml"])),
            first.task,
            split,
            sources=tuple(row for row in rows if row.split == split),
        )
        for split in dict.fromkeys(row.split for row in rows)
    ]


Groups = Mapping[tuple[str, str], Mapping[str, Sequence[Annotation]]]


def _unnamed(groups: Groups, table: str) -> Iterator[Fault]:
    for (video, task), of in groups.items():
        if "" in of and len(of) > 1:
            named = ", ".join(name for name in of if name)
            what = f"some rows of task {task} name an annotator, others do not"
            yield Fault(
                f"{table}, video {video}", what, "a name in each", named, "fill in the column annotator"
            )


def _without_rule(groups: Groups, merging: Merging, table: str) -> Iterator[Fault]:
    """Yield one fault for all videos that need a rule."""
    several = {video: of for (video, _), of in groups.items() if len(of) > 1 and ADJUDICATED not in of}
    if merging.merge or not several:
        return
    names = dict.fromkeys(name for of in several.values() for name in of if name)
    yield Fault(
        f"{table}, {'video' if len(several) == 1 else 'videos'} {few(list(several), SHOWN)}",
        "several annotators, and no rule to merge their strokes",
        "annotators.merge in the study file: majority or first",
        few(list(names), SHOWN),
        "set annotators.merge, or remove rows; crisp agree shows where the annotators differ",
    )


def _unlike_splits(of: Mapping[str, Sequence[Annotation]], where: str) -> Iterator[Fault]:
    splits = {name: sorted({row.split for row in rows}) for name, rows in of.items()}
    if len(set(map(tuple, splits.values()))) > 1:
        found = "; ".join(f"{name}: {', '.join(map(repr, given))}" for name, given in splits.items())
        what = "annotators of one video with different splits"
        yield Fault(where, what, "the same for each", found, "correct the column split")
