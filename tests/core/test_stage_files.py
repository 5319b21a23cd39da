"""Stage files: equal bytes, verified when written, checked when read, whole or not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crisp.core import stage_files
from crisp.core.errors import CrispError
from crisp.preparation.frames import extract_frames
from tests import stagefiles
from tests.conftest import VideoMaker

ROWS = np.cumsum(np.random.default_rng(0).integers(0, 2, (37, 6, 8, 3)), axis=0).astype(np.uint8)


def write(path: Path, rows: np.ndarray = ROWS, cuts: list[int] | None = None, fps: float = 25.0) -> bytes:
    """A frames stage file of `rows`, appended in blocks that end at `cuts`; its bytes."""
    with stage_files.create(path, "frames", {"fps": fps}) as file:
        rgb = stage_files.Appender(file, "rgb", rows.shape[1:], "u1", 16)
        for block in np.split(rows, sorted(cuts or [])):
            rgb.append(block)
        rgb.close()
    return path.read_bytes()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, len(ROWS)), max_size=8))
def test_bytes_do_not_depend_on_blocks(tmp_path_factory: pytest.TempPathFactory, cuts: list[int]) -> None:
    folder = tmp_path_factory.getbasetemp()
    assert write(folder / "blocks.h5", cuts=cuts) == write(folder / "whole.h5")
    with stage_files.open_stage(folder / "blocks.h5", "frames") as file:
        np.testing.assert_array_equal(stage_files.read_rows(file["rgb"], 0, len(ROWS)), ROWS)


def test_what_does_not_read_back_is_not_put_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "frames.h5"
    before = write(path)
    verify = stage_files._verify

    def spoil_then_verify(beside: Path, target: str | Path) -> None:
        with h5py.File(beside, "r") as file:
            place = file["rgb"].id.get_chunk_info(1)
        content = bytearray(beside.read_bytes())
        content[place.byte_offset + place.size // 2] ^= 4
        beside.write_bytes(content)
        verify(beside, target)

    monkeypatch.setattr(stage_files, "_verify", spoil_then_verify)
    with pytest.raises(CrispError, match="dataset rgb differs from what was written"):
        write(path, ROWS + 1)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_failing_stage_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write(tmp_path / "a.h5", fps=object())  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("there", ["video", "flow file", "HDF5 of others", "damaged"])
def test_another_file_in_the_place_is_spared_before_the_work(
    tmp_path: Path, make_video: VideoMaker, there: str
) -> None:
    """An input that is named as the output by mistake, say."""
    path = tmp_path / "place"
    if there == "video":
        make_video(path)
    elif there == "flow file":
        stagefiles.write(tmp_path / "v", ROWS, np.zeros((*ROWS.shape[:3], 2)))
        path = tmp_path / "v/flow" / f"{stagefiles.METHOD}.h5"
    elif there == "HDF5 of others":
        with h5py.File(path, "w") as file:
            file["recordings"] = [1, 2, 3]
    else:
        path.write_bytes(write(path)[:-100])
    before = path.read_bytes()
    words = r"output path is a file of another kind[\s\S]*it is as it was"
    with pytest.raises(CrispError, match=words), stage_files.create(path, "frames", {}):
        pytest.fail("the work has begun")
    assert path.read_bytes() == before
    assert not list(tmp_path.rglob("*.tmp-*"))


@pytest.mark.parametrize(
    ("folder", "remedy"),
    [
        ("results/volumes/d/v", "run snakemake: the flow rule makes it"),
        ("game", "correct the path; crisp flow makes one"),
    ],
)
def test_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, remedy: str) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CrispError, match="stage file is missing") as error:
        stage_files.open_stage(Path(folder, "none.h5"), "flow")
    assert error.value.faults[0].remedy == remedy


@pytest.mark.parametrize("content", [b"", b"not HDF5 at all", None])
def test_unreadable(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "frames.h5"
    path.write_bytes(write(path)[:-100] if content is None else content)
    with pytest.raises(CrispError, match=r"frames\.h5: stage file cannot be read"):
        stage_files.open_stage(path, "frames")


@pytest.mark.parametrize(("key", "value"), [("complete", None), ("kind", "flow"), ("schema", 2)])
def test_unusable(tmp_path: Path, key: str, value: object) -> None:
    path = tmp_path / "frames.h5"
    write(path)
    with h5py.File(path, "r+") as file:
        if value is None:
            del file.attrs[key]
        else:
            file.attrs[key] = value
    with pytest.raises(CrispError, match="not a usable stage file") as error:
        stage_files.open_stage(path, "frames")
    fault = error.value.faults[0]
    assert fault.expected == "a complete frames file of schema 1"
    assert f"'{key}': {value!r}" in fault.found


def test_damaged_chunk_names_file_and_frames(tmp_path: Path) -> None:
    path = tmp_path / "frames.h5"
    content = bytearray(write(path))
    with h5py.File(path, "r") as file:
        place = file["rgb"].id.get_chunk_info(1)
    content[place.byte_offset + place.size // 2] ^= 1
    path.write_bytes(content)
    with stage_files.open_stage(path, "frames") as file:
        np.testing.assert_array_equal(stage_files.read_rows(file["rgb"], 0, 16), ROWS[:16])
        with pytest.raises(CrispError, match=r"frames\.h5, /rgb, frames 10 to 20: damaged data"):
            stage_files.read_rows(file["rgb"], 10, 20)


def test_any_flipped_bit_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = tmp_path / "frames.h5"
    whole = write(path)
    noticed = 0
    for index in range(0, len(whole), 23):
        spoilt = bytearray(whole)
        spoilt[index] ^= 1 << index % 8
        path.write_bytes(spoilt)
        try:
            with stage_files.open_stage(path, "frames") as file:
                rows = stage_files.read_rows(file["rgb"], 0, len(ROWS))
                assert np.array_equal(rows, ROWS), index
                assert file.attrs["fps"] == 25
        except CrispError:
            noticed += 1
    assert noticed > 100


def test_identity_is_of_values_and_rate(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    write(tmp_path / "b.h5", cuts=[5])
    with h5py.File(tmp_path / "b.h5", "r+") as file:
        file.attrs["versions"] = "another machine's"
    same = stage_files.identity(tmp_path / "a.h5", "frames")
    assert stage_files.identity(tmp_path / "b.h5", "frames") == same
    write(tmp_path / "b.h5", fps=50)
    assert stage_files.identity(tmp_path / "b.h5", "frames") != same
    write(tmp_path / "b.h5", np.where(ROWS == 3, 4, ROWS).astype(np.uint8))
    assert stage_files.identity(tmp_path / "b.h5", "frames") != same
    write(tmp_path / "b.h5", ROWS.reshape(37, 8, 6, 3))
    assert stage_files.identity(tmp_path / "b.h5", "frames") != same


def test_frame_count(tmp_path: Path) -> None:
    write(tmp_path / "a.h5")
    assert stage_files.frame_count(tmp_path / "a.h5") == len(ROWS)


@pytest.mark.parametrize("share", [0, 0.5, 0.9])  # full when HDF5 opens, writes or closes the file
def test_full_disk(tmp_path: Path, tiny_disk: Path, make_video: VideoMaker, share: float) -> None:
    make_video(tmp_path / "game.mp4", frames=40, size=(160, 120))
    extract_frames(tmp_path / "game.mp4", tmp_path / "frames.h5")
    room = int(share * (tmp_path / "frames.h5").stat().st_size) // 4096 * 4096
    (tiny_disk / "other").write_bytes(bytes(64 * 1024 - room))
    command = [sys.executable, "-c", "from crisp.cli import main; main()", "frames"]
    done = subprocess.run(
        [*command, str(tmp_path / "game.mp4"), str(tiny_disk / "frames.h5")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1  # HDF5 that met the error itself would crash the process at its end
    assert "frames.h5: no room to write this file" in done.stderr
    assert "Traceback" not in done.stderr
    assert [path.name for path in tiny_disk.iterdir()] == ["other"]


def test_full_disk_stops_the_stage_at_once(tiny_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 60, 80, 3), np.uint8)
    taken: list[int] = []

    def write_all() -> None:
        with stage_files.create(tiny_disk / "frames.h5", "frames", {"fps": 25.0}) as file:
            rgb = stage_files.Appender(file, "rgb", noise.shape[1:], "u1", 16)
            for block in range(100):
                rgb.append(noise)
                taken.append(block)

    with pytest.raises(CrispError, match="no room to write this file"):
        write_all()
    assert len(taken) < 60  # HDF5 keeps some 8 MB before it writes anything
    assert list(tiny_disk.iterdir()) == []


def test_stage_files_of_the_tests_are_good(tmp_path: Path) -> None:
    stagefiles.write(tmp_path, ROWS)
    for kind, name in (("frames", "frames.h5"), ("flow", "flow/dis.h5"), ("roi", "roi/dis.h5")):
        stage_files.open_stage(tmp_path / name, kind).close()
