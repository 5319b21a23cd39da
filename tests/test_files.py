"""Files are written beside and put in place: a killed or failed writer leaves the old file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.errors import CrispError
from crisp.files import LOST, digest, read_json, replacing, write_json


def test_replaces_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file"
    with replacing(path) as beside:
        beside.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_reader_of_the_old_file_is_not_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with path.open() as reader:
        with replacing(path) as beside:
            beside.write_text("new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("name", ["a file/file", "a folder", "/dev/null/file"])
def test_place_that_cannot_be_written_is_one_fault(tmp_path: Path, name: str) -> None:
    (tmp_path / "a file").write_text("kept")
    (tmp_path / "a folder").mkdir()
    with pytest.raises(CrispError, match=r"file cannot be written[\s\S]*remedy: "):
        write_json(tmp_path / name, {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a file", "a folder"]
    assert (tmp_path / "a file").read_text() == "kept"


def test_failing_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(path) as beside:
        beside.write_text(str(1 / beside.write_text("")))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    script = (
        "import sys, time\n"
        "from crisp.files import replacing\n"
        "with replacing(sys.argv[1]) as beside:\n"
        "    beside.write_text('half')\n"
        "    print('written', flush=True)\n"
        "    time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": "."}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"written\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    # The next writer sweeps up what the killed one left.
    with replacing(path) as beside:
        beside.write_text("new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("age", "stays"), [(LOST + 10, False), (LOST - 10, True)])
def test_leftover_of_a_lost_machine_goes_when_the_file_is_whole(
    tmp_path: Path, age: int, stays: bool
) -> None:
    path, leftover = tmp_path / "file", tmp_path / "file.tmp-elsewhere-1-0a1b2c3d"
    leftover.touch()
    changed = time.time() - age
    os.utime(leftover, (changed, changed))
    with replacing(path) as beside:
        beside.write_text("new")
        assert leftover.exists(), "until then it may be another writer's"
    assert leftover.exists() == stays


@pytest.mark.parametrize("age", [0, LOST + 10])
def test_leftover_of_a_living_process_stays(tmp_path: Path, age: int) -> None:
    path = tmp_path / "file"
    with replacing(path) as first:
        first.write_text("first")
        os.utime(first, (time.time() - age, time.time() - age))
        with replacing(path) as second:
            second.write_text("second")
        assert first.exists()
    assert path.read_text() == "first"


def test_full_disk_leaves_the_old_file(tiny_disk: Path) -> None:
    path = tiny_disk / "file"
    path.write_text("old")
    with (
        pytest.raises(CrispError, match=r"no room to write this file[\s\S]*free some space"),
        replacing(path) as beside,
    ):
        beside.write_bytes(bytes(10**6))
    assert path.read_text() == "old"
    assert list(tiny_disk.iterdir()) == [path]


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(blacklist_categories=["Cs"])),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text("ab", max_size=3), children, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(json_like)
def test_json_round_trip(tmp_path_factory: pytest.TempPathFactory, content: object) -> None:
    path = tmp_path_factory.getbasetemp() / "round.json"
    write_json(path, content)
    assert read_json(path) == content


def test_bad_json(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="file is missing"):
        read_json(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(CrispError, match="JSON file cannot be read"):
        read_json(tmp_path / "bad.json")


def test_digest_sees_content_not_order() -> None:
    assert digest({"a": 1, "b": (2, 3)}) == digest({"b": [2, 3], "a": 1})
    assert digest(["1"]) != digest([1])
