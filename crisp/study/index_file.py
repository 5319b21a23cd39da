"""The content of an ``index.json``, and its reader, which reports all faults before the content is used.

Bounds and strides are frames of the video file, ends exclusive. Parts that an earlier version or
`crisp label-errors` does not write are None.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from crisp.core import files, json_file, json_schema
from crisp.core.frame_times import FrameTimes
from crisp.core.limits import LARGEST_SIDE
from crisp.core.views import WHOLE
from crisp.core.words import counted
from crisp.preparation.video import Source
from crisp.study.annotations import Stroke

NAME = "index.json"
EXPLAINED = "explained"  # folder beside it with pictures of what the model looks at
REMEDY = "make it again with crisp index"
LONGEST = 1e9  # s; bound of a time stamp
RARE = ("times", "player", "players")  # keys that the file lacks where there is nothing

Part = TypeVar("Part")


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedVideo:
    """The indexed video: frames per second, number of frames, size in px, end of its last frame in seconds.

    `times` are the time stamps of its frames, s; None if frame n is shown at ``n / fps``.
    """

    id: str
    path: str
    sha256: str | None = None
    fps: float
    frames: int
    width: int
    height: int
    duration: float | None = None
    variable_rate: bool = False
    times: Sequence[float] | None = None

    @classmethod
    def of(cls, name: str, path: Path, source: Source, sha256: str | None = None) -> Self:
        """Describe a decoded video, its time stamps rounded to microseconds.

        Parameters
        ----------
        name : str
            Id of the video.
        path : path-like
            The file.
        source : Source
            Its properties.
        sha256 : str, optional
            SHA-256 of its bytes.

        Returns
        -------
        IndexedVideo
        """
        timing = {**source.timing(), "duration": round(source.times.time_of(source.decoded), 3)}
        stamps = [round(stamp, 6) for stamp in source.stamps] or None
        return cls(id=name, path=str(path.absolute()), sha256=sha256, **timing, times=stamps)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedModel:
    """The model that found the strokes; `fps` is its working frame rate, 0 if its file stores none."""

    path: str | None = None
    sha256: str | None = None
    variant: str | None = None
    classes: Sequence[str]
    negative: str = "Negative"
    decision: str | None = None
    fps: float | None = None
    frame_step: int | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedStroke:
    """A found stroke.

    `probability` is that of its class, `score` that of any stroke, `scores` those of all classes; `cut` is
    ``begin``, ``end`` or ``both`` if the unknown first or last frames of the video cut it off, else empty.
    `player` is empty where the video was indexed without regions. A stroke that a person gave has no
    `probability`.
    """

    begin: int
    end: int
    label: str
    player: str = ""
    probability: float | None = None
    score: float
    cut: str | None = None
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedProbabilities:
    """Class probabilities of every `stride`-th frame from frame `first` on, `values` (rows, classes)."""

    stride: int
    first: int
    classes: Sequence[str]
    values: Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedPlayer:
    """A player: the region of the picture, and what the model found in it.

    `box` is (left, top, right, bottom) in shares of the picture, from its top left corner; the rest is as in
    `IndexFile`, which holds it itself where it has no players.
    """

    name: str
    box: Sequence[float]
    probabilities: IndexedProbabilities | None = None
    roi: Sequence[Sequence[float]] | None = None
    roi_size: Sequence[float] | None = None
    roi_stride: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainGap:
    """Differences from the model's training data, and whether they make the results meaningless."""

    words: Sequence[str]
    meaningless: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexFile:
    """The content of an ``index.json``, with the keys of the file in their order.

    `roi` holds the centre (x, y) of the crop in every `roi_stride`-th frame, `roi_size` its (width, height),
    both px; each of the `players` has its own. `truth` holds the annotated strokes from the file
    `annotations`; `digest` identifies the inputs.
    """

    schema: int
    crisp: str | None = None
    video: IndexedVideo
    model: IndexedModel
    strokes: tuple[IndexedStroke, ...]
    probabilities: IndexedProbabilities | None = None
    roi: Sequence[Sequence[float]] | None = None
    roi_size: Sequence[float] | None = None
    roi_stride: int | None = None
    players: tuple[IndexedPlayer, ...] = ()
    unlike: DomainGap | None = None
    warnings: Sequence[str] = ()
    truth: tuple[Stroke, ...] | None = None
    annotations: str | None = None
    digest: str | None = None

    @property
    def times(self) -> FrameTimes:
        """Return when each frame of the video is shown."""
        return FrameTimes(self.video.fps, self.video.times or ())

    @property
    def tracks(self) -> tuple[IndexedPlayer, ...]:
        """Return the players, or one without a name in the whole picture."""
        whole = {name: getattr(self, name) for name in ("probabilities", "roi", "roi_size", "roi_stride")}
        return self.players or (IndexedPlayer(name="", box=WHOLE, **whole),)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the classes of the model, then other labels of its strokes, which people gave."""
        return tuple(dict.fromkeys([*self.model.classes, *(one.label for one in self.strokes if one.label)]))

    @property
    def player_names(self) -> tuple[str, ...]:
        """Return the names of the players, then others of strokes; empty for strokes of nobody."""
        names = [track.name for track in self.tracks]
        return tuple(dict.fromkeys([*names, *(one.player for one in self.strokes)]))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Convert content that satisfies the schema; skip keys of other versions."""
        truth, unlike = content.get("truth"), content.get("unlike")
        parts = {
            "video": _known(IndexedVideo, content["video"]),
            "model": _known(IndexedModel, content["model"]),
            "strokes": tuple(_known(IndexedStroke, one) for one in content["strokes"]),
            "probabilities": _probabilities(content),
            "players": tuple(
                _known(IndexedPlayer, {**one, "probabilities": _probabilities(one)})
                for one in content.get("players", ())
            ),
            "unlike": unlike and _known(DomainGap, unlike),
            "truth": None
            if truth is None
            else tuple(Stroke(**{key: one[key] for key in Stroke._fields if key in one}) for one in truth),
        }
        return _known(cls, {**content, **parts})

    def to_json(self) -> dict[str, Any]:
        """Convert to the content of the file: with null for None only if `crisp index` made it (a digest)."""
        return _as_json(self, self.digest is not None)


def _known(kind: type[Part], content: Mapping[str, Any]) -> Part:
    return kind(**{name: content[name] for name in kind.__annotations__ if name in content})


def _probabilities(content: Mapping[str, Any]) -> IndexedProbabilities | None:
    given = content.get("probabilities")
    return _known(IndexedProbabilities, given) if given else None


def _as_json(part: Any, nulls: bool) -> Any:
    if isinstance(part, Stroke):
        values = part._asdict()
    elif is_dataclass(part):
        values = {each.name: getattr(part, each.name) for each in fields(part)}
    else:
        return [_as_json(each, nulls) for each in part] if isinstance(part, tuple) else part
    return {
        name: _as_json(value, nulls)
        for name, value in values.items()
        if (nulls or value is not None) and (value or name not in RARE)
    }


def read_index(path: str | Path, whole: bool = False) -> IndexFile:
    """Read an ``index.json``.

    Parameters
    ----------
    path : path-like
        ``index.json`` of this or an earlier version.
    whole : bool
        Whether to require all that ``crisp index`` writes and other files are made from.

    Returns
    -------
    IndexFile

    Raises
    ------
    CrispError
        If it is missing, damaged, or not an index of this version; lists all faults.
    """
    by_hand = "crisp index makes an index.json for each video"
    schema = json_schema.schema("index")
    if whole:
        schema = {**schema, "$ref": "#/$defs/whole"}
    index = json_file.read(path, schema, "index", REMEDY, by_hand, "an index.json of crisp index")
    json_file.refuse(path, _contradictions(index), REMEDY)
    return IndexFile.from_json(index)


def write_index(path: str | Path, index: IndexFile) -> None:
    """Write an ``index.json``, on one line."""
    files.write_json(path, index.to_json(), indent=None)


def _contradictions(index: dict[str, Any]) -> Iterator[tuple[str, str]]:
    frames, classes = index["video"]["frames"], index["model"]["classes"]
    for key in ("strokes", "truth"):
        for number, stroke in enumerate(index.get(key) or []):
            if stroke["begin"] >= stroke["end"]:
                yield f"$.{key}[{number}]", "empty or negative interval"
    for number, stroke in enumerate(index["strokes"]):
        if stroke["end"] > frames:
            yield f"$.strokes[{number}].end", f"{stroke['end']} is after the last frame, {frames - 1}"
        if stroke["label"] not in classes:
            yield f"$.strokes[{number}].label", f"{stroke['label']!r} is no class of the model"
        if stroke.get("scores", dict.fromkeys(classes)).keys() != set(classes):
            yield f"$.strokes[{number}].scores", "not those of the classes of the model"
    yield from _of_players(index)
    for where, track in (("$", index), *_numbered_players(index)):
        yield from _of_track(where, track, frames)
    stamps = index["video"].get("times")
    if stamps is not None and not _ascends(stamps, frames):
        yield "$.video.times", f"not {frames} ascending numbers, s, one for each frame"
        return
    seconds = FrameTimes(index["video"]["fps"], stamps or ()).time_of(frames)
    if not math.isclose(index["video"].get("duration", seconds), seconds, rel_tol=0.01, abs_tol=1):
        yield "$.video.duration", f"not that of {counted(frames, 'frame')}, {seconds:g} s"


def _numbered_players(index: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for number, player in enumerate(index.get("players", ())):
        yield f"$.players[{number}]", player


def _of_players(index: dict[str, Any]) -> Iterator[tuple[str, str]]:
    names = [player["name"] for player in index.get("players", ())]
    for where, player in _numbered_players(index):
        left, top, right, bottom = player["box"]
        if left >= right or top >= bottom:
            yield f"{where}.box", f"an empty region {player['box']}"
        if names.count(player["name"]) > 1:
            yield f"{where}.name", f"{player['name']!r} is the name of two players"
    for number, stroke in enumerate(index["strokes"]):
        if stroke.get("player", "") not in (names or [""]):
            yield f"$.strokes[{number}].player", f"{stroke.get('player', '')!r} is none of the players"


def _of_track(where: str, track: dict[str, Any], frames: int) -> Iterator[tuple[str, str]]:
    """Check the curves and places of the index itself, or of a player."""
    if probabilities := track.get("probabilities"):
        rows, columns = probabilities["values"], len(probabilities["classes"])
        if not _is_table(rows, columns, 0, 1):
            yield f"{where}.probabilities.values", f"not rows of {columns} numbers from 0 to 1"
        if probabilities["first"] + (len(rows) - 1) * probabilities["stride"] >= frames:
            yield f"{where}.probabilities", f"more than {counted(frames, 'frame')} can have"
    places = track.get("roi") or []
    if not _is_table(places, 2, -LARGEST_SIDE, LARGEST_SIDE):
        yield f"{where}.roi", f"not pairs of numbers, px, at most {LARGEST_SIDE}"
    if (len(places) - 1) * (track.get("roi_stride") or 1) >= frames:
        yield f"{where}.roi", f"more than {counted(frames, 'frame')} can have"


def _ascends(stamps: list[Any], count: int) -> bool:
    numbers = all(type(stamp) in (int, float) and abs(stamp) <= LONGEST for stamp in stamps)
    return numbers and len(stamps) == count and all(one <= other for one, other in pairwise(stamps))


def _is_table(rows: list[Any], columns: int, least: float, most: float) -> bool:
    if not rows:
        return True
    try:
        table = np.asarray(rows)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return False
    if table.dtype.kind not in "iuf" or table.shape != (len(rows), columns):
        return False
    return bool(np.isfinite(table).all() and table.min() >= least and table.max() <= most)
