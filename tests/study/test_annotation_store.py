"""Saves of annotations: versions, backups, conflicts, and ends of the process at any time."""

from __future__ import annotations

import multiprocessing
import random
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from crisp.core.errors import CrispError
from crisp.core.files import sha256
from crisp.study.annotation_store import BACKUPS, ConflictError, load, parse, save, version_of
from crisp.study.annotations import Stroke, is_begun, read_annotation, write_annotation

ONE, TWO = [Stroke(1, 5, "a")], [Stroke(1, 5, "a"), Stroke(7, 9, "b", "left")]


def test_first_save_needs_no_version(tmp_path: Path) -> None:
    path = tmp_path / "new/match.xml"
    assert load(path) == ([], True, "")
    version = save(path, ONE, True, "")
    assert load(path) == (ONE, True, version)
    assert version == sha256(path)
    assert not (path.parent / BACKUPS).exists()


def test_each_version_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "match.xml"
    versions = [save(path, ONE, True, "")]
    for strokes in (TWO, ONE, []):
        versions.append(save(path, strokes, False, versions[-1]))
    assert len(set(versions)) == 4
    backups = sorted((tmp_path / BACKUPS).iterdir())
    assert {sha256(backup) for backup in backups} == set(versions[:-1])
    assert all(backup.name.startswith("match.xml.") for backup in backups)


def test_unchanged_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "match.xml"
    path.write_text('<video><action end="5" begin="1" move="a"/></video>')  # as somebody else wrote it
    version = version_of(path)
    assert save(path, ONE, False, version) == version
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("version", ["", "0" * 64])
def test_another_version_is_a_conflict(tmp_path: Path, version: str) -> None:
    path = tmp_path / "match.xml"
    now = save(path, ONE, False, "")
    with pytest.raises(ConflictError) as raised:
        save(path, TWO, False, version)
    assert raised.value.saved == (ONE, False, now)
    assert version_of(path) == now


def test_file_that_was_deleted_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "match.xml"
    version = save(path, ONE, False, "")
    path.unlink()
    with pytest.raises(ConflictError):
        save(path, TWO, False, version)
    assert not path.exists()


def test_a_link_is_no_place_to_save(tmp_path: Path) -> None:
    target = tmp_path / "elsewhere.xml"
    write_annotation(target, ONE)
    (tmp_path / "match.xml").symlink_to(target)
    with pytest.raises(CrispError, match="annotation file is a link"):
        save(tmp_path / "match.xml", TWO, False, version_of(target))
    assert read_annotation(target) == ONE


def test_damaged_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "match.xml"
    path.write_text("<video>")
    with pytest.raises(CrispError, match="not well-formed XML"):
        save(path, ONE, False, version_of(path))
    assert path.read_text() == "<video>"


def test_bytes_are_read_as_a_file_is(tmp_path: Path) -> None:
    path = tmp_path / "match.xml"
    write_annotation(path, TWO, begun=True)
    assert parse(path.read_bytes(), "match.xml") == (TWO, True, "")
    with pytest.raises(CrispError, match=r"^sent, action 1: bad begin"):
        parse(b'<video><action begin="x" end="2"/></video>', "sent")


def test_state_of_an_annotation(tmp_path: Path) -> None:
    for begun in (True, False):
        for strokes in (TWO, []):
            write_annotation(tmp_path / "a.xml", strokes, begun)
            assert is_begun(tmp_path / "a.xml") == begun
            assert read_annotation(tmp_path / "a.xml") == strokes
    assert (tmp_path / "a.xml").read_text().endswith("<video />")


def _save_for_ever(path: Path, started: object) -> None:
    strokes = [Stroke(number, number + 1, "x" * 200) for number in range(200)]
    version = version_of(path)
    while True:
        strokes = [stroke._replace(label="xy"[stroke.label[0] == "x"] * 200) for stroke in strokes]
        version = save(path, strokes, False, version)
        started.set()  # type: ignore[attr-defined]


def _started(path: Path) -> BaseProcess:
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=_save_for_ever, args=(path, started))
    process.start()
    assert started.wait(30)
    return process


def test_killed_at_any_time(tmp_path: Path) -> None:
    """The file is always one whole version, and so is every backup."""
    path = tmp_path / "match.xml"
    chance = random.Random(1)
    for _ in range(40):
        process = _started(path)
        process.join(chance.uniform(0, 0.03))
        process.kill()
        process.join()
        found = read_annotation(path)
        assert len(found) == 200
        assert len({stroke.label for stroke in found}) == 1
    for backup in (tmp_path / BACKUPS).glob("*.bak"):
        assert len(read_annotation(backup)) == 200
    save(path, ONE, False, version_of(path))  # whatever a killed one left, the next goes on
    assert read_annotation(path) == ONE
    assert not list(tmp_path.glob("*.tmp-*"))
