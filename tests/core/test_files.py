"""Files are written beside and put in place: a killed or failed writer leaves the old file."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core.errors import CrispError
from crisp.core.files import LOST, digest, read_json, replacing, write_json


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
        "from crisp.core.files import replacing\n"
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


WRITERS = """
import sys
from pathlib import Path

if sys.argv[2] == "limit":  # as of `ulimit -f`
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))

from xml.etree.ElementTree import Element, ElementTree

import av
import numpy as np
import torch

from crisp.core import plotting, stage_files
from crisp.core.errors import CrispError
from crisp.core.files import replacing, write_json
from crisp.demo import render
from crisp.training import checkpoints

folder = Path(sys.argv[1])
noise = np.random.default_rng(0).integers(0, 256, (20, 108, 192, 3), np.uint8)


def weights(path):
    checkpoints.save(path, {str(number): torch.zeros(1000) for number in range(40)})


def weight(path):
    checkpoints.save(path, {"weight": torch.zeros(10**6)})


def stage(path):
    with stage_files.create(path, "frames", {}) as file:
        rows = stage_files.Appender(file, "rgb", noise.shape[1:], "u1", 4)
        rows.append(noise)
        rows.close()


def array(path):
    with replacing(path) as beside, beside.open("wb") as file:
        np.save(file, noise)


def archive(path):
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez_compressed(file, noise=noise)


def picture(path):
    with plotting.picture(path, 9, 9) as figure:
        figure.figimage(noise.reshape(-1, 192, 3))


def video(path):
    with replacing(path) as beside:
        render.encode(beside, iter(noise))


def stream(path):
    with replacing(path) as beside, beside.open("wb") as file, av.open(file, "w", format="mp4") as container:
        added = container.add_stream("libx264", rate=25, options={"qp": "0"})
        added.width, added.height, added.pix_fmt = 192, 108, "yuv420p"
        for image in noise:
            container.mux(added.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        container.mux(added.encode(None))


def xml(path):
    with replacing(path) as beside:
        ElementTree(Element("video", {"name": "v" * 10**5})).write(beside)


def json(path):
    write_json(path, "v" * 10**5)


for writer in (weights, weight, stage, array, archive, picture, video, stream, xml, json):
    try:
        writer(folder / writer.__name__)
    except CrispError as error:
        assert "no room to write this file" in str(error), error
        assert f"{folder / writer.__name__}:" in str(error), error
        print(writer.__name__)
print("end")
"""


@pytest.mark.parametrize("how", ["disk", "limit"])
def test_every_writer_without_room_is_one_error(
    request: pytest.FixtureRequest, tmp_path: Path, how: str
) -> None:
    """One error of each: torch and NumPy do not pass the system's on. In a process, as HDF5 once crashed."""
    folder = request.getfixturevalue("tiny_disk") if how == "disk" else tmp_path
    (folder / "weight").write_bytes(b"PK\3\4, the old file")
    done = subprocess.run(
        [sys.executable, "-c", WRITERS, str(folder), how],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    writers = "weights weight stage array archive picture video stream xml json end"
    assert done.stdout.split() == writers.split()
    assert (folder / "weight").read_bytes() == b"PK\3\4, the old file"
    assert [path.name for path in folder.iterdir()] == ["weight"]


@pytest.mark.parametrize("age", [0, 10 * LOST])
@pytest.mark.parametrize(
    "name",
    [
        "file[1].tmp-notes.txt",
        "file[1].tmp-my-own-backup",
        "file[1].tmp-elsewhere-1-0a1b2c3d.txt",
        "file[1].tmp-elsewhere-one-0a1b2c3d",
        "file1.tmp-elsewhere-1-0a1b2c3d",  # the sign [1] stands for 1 in patterns
    ],
)
def test_what_only_looks_like_a_leftover_stays(tmp_path: Path, name: str, age: int) -> None:
    other, folder, link = (tmp_path / name for name in (name, *(f"file[1].tmp-x-1-0000000{i}" for i in "01")))
    other.write_text("thesis")
    folder.mkdir()
    link.symlink_to(other)
    for path in (other, folder):
        os.utime(path, (time.time() - age, time.time() - age))
    write_json(tmp_path / "file[1]", {})
    write_json(tmp_path / "file[1]", {})
    assert other.read_text() == "thesis"
    assert folder.is_dir()
    assert link.is_symlink()


def test_leftover_beside_a_name_with_signs_goes(tmp_path: Path) -> None:
    path = tmp_path / "file[1]"
    leftover = tmp_path / f"{path.name}.tmp-{socket.gethostname()}-{2**22 + 1}-0a1b2c3d"  # no such process
    leftover.touch()
    write_json(path, {})
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("there", "new"),
    [
        (b"\0\0\0\x20ftypisom, a match of two hours", b"\x89HDF\r\n\x1a\n"),
        (b"PK\3\4, a thesis", b"\x89PNG"),
        (b"PK\3\4, a model", b"{}"),
        (b"%PDF", b""),
        (b"frame,x,y", b"\x89HDF\r\n\x1a\n"),
    ],
)
def test_file_of_another_kind_is_spared(tmp_path: Path, there: bytes, new: bytes) -> None:
    """An input that is named as the output by mistake, say."""
    path = tmp_path / "file"
    path.write_bytes(there)
    words = "output path is a file of another kind"
    with pytest.raises(CrispError, match=words), replacing(path) as beside:
        beside.write_bytes(new)
    assert path.read_bytes() == there
    assert list(tmp_path.iterdir()) == [path]


def test_pipe_and_device_are_spared(tmp_path: Path) -> None:
    """Root would put a file in the place of /dev/null."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(CrispError, match="a pipe or device"):
        write_json(pipe, {})
    assert pipe.is_fifo()


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
