"""Damaged and malicious label files: one message, whatever they hold, and no file they name is opened."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core.errors import CrispError
from crisp.study.importers.tools import FORMATS
from crisp.study.importers.tools.selection import Selection
from tests.study.importers.tools import refused, test_boris, test_cvat, test_elan, test_label_studio, test_via

SUFFIXES = {"elan": "eaf", "boris": "boris", "boris-events": "tsv", "cvat": "xml"}
SUFFIXES |= {"label-studio": "json", "via": "json", "subtitles": "vtt"}


def read(name: str, content: bytes) -> None:
    """Read a file of a format: either it gives labels, or a message."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{SUFFIXES[name]}")
        path.write_bytes(content)
        FORMATS[name].is_one(path)
        try:
            file = FORMATS[name].read(path)
            Selection().check([file])
            strokes = [one for medium in file.media for one in Selection().intervals(medium.events, file)]
        except CrispError as error:
            places = {fault.where for fault in error.faults}
            assert all(place.startswith(str(path)) for place in places)
            return
        assert all(0 <= one.begin < one.end and one.label for one in strokes)
        assert all(isinstance(name, str) for medium in file.media for name in medium.names)
        assert all(str(fault) for fault in file.faults)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A good file of every format."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "films").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        found = dict(_written())
    assert found.keys() == FORMATS.keys()
    return found


def _written() -> Iterator[tuple[str, bytes]]:
    note, slot = test_elan.note, test_elan.slot
    notes = note("a1", "s1", "s2", "Hit") + note("a2", "s2", "s3", "Push", 'CVE_REF="e"')
    slots = slot("s1", "0") + slot("s2") + slot("s3", "900")
    yield "elan", test_elan.handmade(Path("films"), notes, slots).read_bytes()
    seen = test_boris.observation([0.4, "A", "Push", "x|y", "c", 3], [0.8, "A", "Push", "x|y", "c", 5])
    seen["media_info"]["length"] = {"a.mp4": 4.0}
    yield "boris", test_boris.project(game=seen).read_bytes()
    yield (
        "boris-events",
        b"Subject\tBehavior\tTime\tStatus\tMedia file\nA\tHit\t0.4\tSTART\ta.mp4\nA\tHit\t0.8\tSTOP\ta.mp4\n",
    )
    boxes = [test_cvat.shape(3, who="A"), test_cvat.shape(9, 1)]
    tag = '<image id="1" name="frame_000001"><tag label="x"/></image>'
    yield "cvat", test_cvat.written(test_cvat.meta(), test_cvat.track(0, "Hit", boxes), tag).read_bytes()
    results = [test_label_studio.span(1, 9, "Hit"), test_label_studio.box((1, True), (9, False), label="x")]
    given_by = test_label_studio.annotation(*results, test_label_studio.choice("who", "A", "b"))
    yield "label-studio", test_label_studio.written(test_label_studio.task(given_by)).read_bytes()
    yield "via", test_via.project(([0.4, 0.8], {"1": "0", "2": "A"})).read_bytes()
    yield "subtitles", b"WEBVTT\n\n1\n00:00.400 --> 00:00.800\n<v A>Hit\n"


@pytest.mark.parametrize("name", FORMATS)
def test_a_good_file_is_read(whole: dict[str, bytes], name: str) -> None:
    read(name, whole[name])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{SUFFIXES[name]}")
        path.write_bytes(whole[name])
        assert [other for other, one in FORMATS.items() if one.is_one(path)] == [name]
        assert sum(len(medium.events) for medium in FORMATS[name].read(path).media) >= 1


@pytest.mark.parametrize("name", FORMATS)
@given(data=st.data())
def test_changed_bytes(whole: dict[str, bytes], name: str, data: st.DataObject) -> None:
    content = bytearray(whole[name])
    for _ in range(data.draw(st.integers(1, 3))):
        begin = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(begin, min(begin + 20, len(content))))
        content[begin:end] = data.draw(
            st.binary(max_size=6) | st.sampled_from([b"-1", b"1e999", b"NaN", b'""'])
        )
    read(name, bytes(content))


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
VALUES |= st.lists(VALUES, max_size=2) | st.dictionaries(st.text(max_size=3), VALUES, max_size=2)


def places(content: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    inner = (
        content.items()
        if isinstance(content, dict)
        else enumerate(content)
        if isinstance(content, list)
        else ()
    )
    for key, value in inner:
        yield from places(value, (*place, key))


@pytest.mark.parametrize("name", ["boris", "label-studio", "via"])
@given(data=st.data())
def test_other_values_in_json(whole: dict[str, bytes], name: str, data: st.DataObject) -> None:
    content = [copy.deepcopy(json.loads(whole[name]))]
    *path, last = data.draw(st.sampled_from(list(places(content))[1:]))
    part: Any = content
    for key in path:
        part = part[key]
    if path and isinstance(part, dict) and data.draw(st.booleans()):
        del part[last]
    else:
        part[last] = data.draw(VALUES)
    read(name, json.dumps(content[0]).encode())


@pytest.mark.parametrize("name", [name for name in FORMATS if SUFFIXES[name] in ("eaf", "xml")])
def test_entities_are_refused_at_once(films: Path, name: str) -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    root = "annotations" if name == "cvat" else "ANNOTATION_DOCUMENT"
    path = films / f"a.{SUFFIXES[name]}"
    path.write_text(f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]><{root}>&l11;</{root}>')
    refused(path, "XML with a DOCTYPE is refused", layout=name)


@pytest.mark.parametrize(
    "media", ["/etc/passwd", "../secret.mp4", "file:///etc/hostname", "..", ".", "/", "~/.bashrc"]
)
def test_files_outside_the_folder_are_not_touched(films: Path, media: str) -> None:
    Path("secret.mp4").write_bytes((films / "a.mp4").read_bytes())
    test_elan.saved(test_elan.document(media, t=[(0, 400, "A")]))
    refused(films, "the video of these labels is not below the folder")
