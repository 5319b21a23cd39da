"""Reading an index.json: each part that would freeze a page or break an export is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crisp.core import json_file, json_schema, limits
from crisp.core.errors import CrispError
from crisp.study import index_file
from crisp.study.annotations import Stroke
from tests.indexing.viewer.sample import CLASSES, index, of_players

WRITTEN = Path(__file__).with_name("index-0.1.0.json")
Spoil = Callable[[dict[str, Any]], None]


def at(*place: str | int, value: Any) -> Spoil:
    """A change of one part of an index."""

    def spoil(content: dict[str, Any]) -> None:
        part: Any = content
        for key in place[:-1]:
            part = part[key]
        part[place[-1]] = value

    return spoil


SPOILT = {
    "1e15 frames": at("video", "frames", value=10**15),
    "a whole number with a point": at("video", "frames", value=40.0),
    "no rate": at("video", "fps", value=1e-308),
    "NaN": at("video", "fps", value=float("nan")),
    "infinite": at("strokes", 0, "score", value=float("inf")),
    "more than a float": at("video", "fps", value=10**400),
    "true for a number": at("video", "width", value=True),
    "a mile wide": at("video", "width", value=10**9),
    "another duration": at("video", "duration", value=9.0),
    "NUL in a path": at("video", "path", value="a\0b"),
    "line break in an id": at("video", "id", value="a\nb"),
    "escape in a class": at("model", "classes", 0, value="\x1b[31m"),
    "control character in a key": at("more", value={"a\x07": 1}),
    "class twice": at("model", "classes", value=["Hit", "Hit"]),
    "label of no class": at("strokes", 0, "label", value="Smash"),
    "scores of other classes": at("strokes", 0, "scores", value={"Smash": 1}),
    "stroke after the video": at("strokes", 0, "end", value=41),
    "truth without end": at("truth", 0, "end", value=10**18),
    "probability": at("strokes", 0, "probability", value=7),
    "no stride": at("probabilities", "stride", value=0),
    "rows after the video": at("probabilities", "first", value=39),
    "row of texts": at("probabilities", "values", 0, value=["0"] * 6),
    "row of lists": at("probabilities", "values", 0, value=[[0]] * 6),
    "true for a row": at("roi", value=[[True, True]] * 4),
    "place far away": at("roi", 0, value=[1e300, 0]),
    "places after the video": at("roi_stride", value=10**6),
    "a gap without verdict": at("unlike", value={"words": []}),
    "a long text": at("strokes", 0, "label", value="x" * 10**6),
}


SPOILT_PLAYERS = {
    "region outside": (at("players", 0, "box", 0, value=-0.1), "players[0].box[0]"),
    "empty region": (at("players", 0, "box", 2, value=0), "players[0].box"),
    "three sides": (at("players", 1, "box", value=[0, 0, 1]), "players[1].box"),
    "one name twice": (at("players", 1, "name", value="left"), "players[0].name"),
    "name that is a path": (at("players", 1, "name", value="../right"), "players[1].name"),
    "stroke of nobody": (at("strokes", 0, "player", value=""), "strokes[0].player"),
    "stroke of another": (at("strokes", 0, "player", value="middle"), "strokes[0].player"),
    "rows after the video": (
        at("players", 1, "probabilities", "first", value=39),
        "players[1].probabilities",
    ),
    "row of texts": (
        at("players", 1, "probabilities", "values", 0, value=["0"] * 6),
        "players[1].probabilities",
    ),
    "places after the video": (at("players", 0, "roi_stride", value=10**6), "players[0].roi"),
    "place far away": (at("players", 0, "roi", 0, value=[1e300, 0]), "players[0].roi"),
}


def written(folder: Path, spoil: Spoil, players: bool = False) -> Path:
    strokes = [Stroke(4, 14, "Offensive Forehand Hit")]
    made = of_players(folder / "v.mp4", {"left": strokes, "right": strokes}, 40) if players else None
    content = copy.deepcopy(made or index(folder / "v.mp4", strokes, 40))
    spoil(content)
    path = folder / "index.json"
    path.write_text(json.dumps(content))
    return path


def test_good_index(tmp_path: Path) -> None:
    assert index_file.read_index(written(tmp_path, lambda _: None)).video.frames == 40


@pytest.mark.parametrize("nulls", [(), ("truth", "annotations", "unlike")])
def test_index_of_version_0_1_0_is_written_as_it_was(tmp_path: Path, nulls: tuple[str, ...]) -> None:
    content = json.loads(WRITTEN.read_text()) | dict.fromkeys(nulls)
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(json.dumps(content) + "\n")
    assert nulls or before.read_bytes() == WRITTEN.read_bytes()
    index_file.write_index(after, index_file.read_index(before, whole=True))
    assert after.read_bytes() == before.read_bytes()


def test_index_without_optional_parts(tmp_path: Path) -> None:
    """Not even those of schema 2; nothing that was not there is written."""
    content = json.loads(WRITTEN.read_text())
    least = {
        "schema": 1,
        "video": {key: content["video"][key] for key in ("id", "path", "fps", "frames", "width", "height")},
        "model": {"classes": CLASSES},
        "strokes": [{"begin": 1, "end": 2, "label": CLASSES[0], "score": 0.5}],
        "of another version": {"begin": 1},
    }
    path = tmp_path / "index.json"
    path.write_text(json.dumps(least))
    index = index_file.read_index(path)
    assert index.truth is index.probabilities is index.roi is index.unlike is index.digest is None
    assert (index.model.negative, index.strokes[0].scores) == ("Negative", {})
    assert set(index.to_json()) == {"schema", "video", "model", "strokes", "warnings"}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_spoilt_index(tmp_path: Path, spoil: Spoil) -> None:
    path = written(tmp_path, spoil)
    with pytest.raises(CrispError) as error:
        index_file.read_index(path)
    said = str(error.value)
    assert all(fault.where.startswith(f"{path}, $") for fault in error.value.faults)
    assert index_file.REMEDY in said
    assert len(said) < 5000
    said.encode()  # can be printed


@pytest.mark.parametrize(("spoil", "where"), SPOILT_PLAYERS.values(), ids=SPOILT_PLAYERS)
def test_spoilt_players(tmp_path: Path, spoil: Spoil, where: str) -> None:
    path = written(tmp_path, spoil, players=True)
    with pytest.raises(CrispError) as error:
        index_file.read_index(path)
    assert any(fault.where.startswith(f"{path}, $.{where}") for fault in error.value.faults)


def test_players_are_read_and_written(tmp_path: Path) -> None:
    path = written(tmp_path, lambda _: None, players=True)
    content = json.loads(path.read_text())
    found = index_file.read_index(path)
    assert [(player.name, list(player.box)) for player in found.tracks] == [
        ("left", [0, 0, 0.5, 1]),
        ("right", [0.5, 0, 1, 1]),
    ]
    assert found.players == found.tracks
    assert [stroke.player for stroke in found.strokes] == ["left", "right"]
    assert found.truth is not None
    assert [stroke.player for stroke in found.truth] == ["left", "right"]
    index_file.write_index(path, found)
    again = json.loads(path.read_text())
    assert all(again[key] == content[key] for key in ("schema", "strokes", "truth", "players"))


def test_without_players_there_is_one_track_and_no_key_of_theirs(tmp_path: Path) -> None:
    path = written(tmp_path, lambda _: None)
    found = index_file.read_index(path)
    (track,) = found.tracks
    assert (track.name, track.probabilities, track.roi) == ("", found.probabilities, found.roi)
    assert '"player' not in json.dumps(found.to_json())


def test_many_faults_are_counted(tmp_path: Path) -> None:
    stroke = {"begin": 5, "end": 1, "label": "Smash", "score": 1}
    with pytest.raises(CrispError) as error:
        index_file.read_index(written(tmp_path, at("strokes", value=[stroke] * 50)))
    assert len(error.value.faults) == json_file.MOST + 1
    assert error.value.faults[-1].what == "80 more faults"


def test_whole_index_has_all_that_other_files_are_made_of(tmp_path: Path) -> None:
    path = written(tmp_path, lambda _: None)
    with pytest.raises(CrispError, match="'digest' is a required property"):
        index_file.read_index(path, whole=True)


def test_schema_has_the_limits_of_recordings() -> None:
    schema = json_schema.schema("index")
    video, parts = schema["properties"]["video"]["properties"], schema["$defs"]
    assert (video["fps"]["minimum"], video["fps"]["maximum"]) == (limits.LEAST_FPS, limits.MOST_FPS)
    assert parts["side"]["maximum"] == limits.LARGEST_SIDE
    frames = (video["frames"], parts["stride"], *parts["interval"]["properties"].values())
    assert {rule["maximum"] for rule in frames if "maximum" in rule} == {limits.MOST_FRAMES}
