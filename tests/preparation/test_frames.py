"""Stage `frames`: sizes, steps and what is recorded."""

from __future__ import annotations

import math
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crisp.core import files, stage_files
from crisp.core.errors import CrispError
from crisp.preparation import frames, video
from crisp.preparation.frames import extract_frames
from tests.conftest import VideoMaker

sizes = st.integers(1, 8000)


@given(sizes, sizes, sizes)
def test_working_size(width: int, height: int, working: int) -> None:
    found = frames.working_size(width, height, working)
    if working >= width:
        assert found == (width, height)
    else:
        assert found == (working, max(1, math.floor(Fraction(height * working, width))))
    upscaled = frames.working_size(width, height, working, upscale=True)
    assert upscaled == (working, max(1, math.floor(Fraction(height * working, width))))


def test_the_usual_sizes() -> None:
    assert frames.working_size(1920, 1080, 320) == (320, 180)
    assert frames.working_size(640, 480, 320) == (320, 240)
    assert frames.working_size(320, 240, 320) == (320, 240)


@pytest.mark.parametrize(
    ("options", "size"),
    [({"width": 32}, (32, 24)), ({"width": 100}, (64, 48)), ({"width": 96, "upscale": True}, (96, 72))],
)
def test_values(
    tmp_path: Path, make_video: VideoMaker, options: dict[str, int], size: tuple[int, int]
) -> None:
    path = make_video(tmp_path / "a.mp4", frames=18)
    extract_frames(path, tmp_path / "frames.h5", **options)
    with stage_files.open_stage(tmp_path / "frames.h5", "frames") as file:
        for stored, image in zip(file["rgb"][:], video.frames(path), strict=True):
            expected = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if size != (64, 48) else image
            np.testing.assert_array_equal(stored, expected)


def test_step(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a.mp4", frames=20, fps=50)
    source = extract_frames(path, tmp_path / "frames.h5", frame_step=3)
    assert source.decoded == 20
    with stage_files.open_stage(tmp_path / "frames.h5", "frames") as file:
        images = list(video.frames(path))[::3]
        np.testing.assert_array_equal(file["rgb"][:], images)
        assert file.attrs["fps"] == 50 / 3
        assert (file.attrs["decoded_frames"], file.attrs["frame_step"]) == (20, 3)


def test_attributes(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a b.mp4", frames=5, fps=50, jitter=2)
    extract_frames(path, tmp_path / "frames.h5", width=32, sha256=files.sha256(path))
    with stage_files.open_stage(tmp_path / "frames.h5", "frames") as file:
        found = dict(file.attrs)
    expected = {
        "source": "a b.mp4",
        "source_size": path.stat().st_size,
        "source_sha256": files.sha256(path),
        "source_width": 64,
        "source_height": 48,
        "claimed_frames": 5,
        "decoded_frames": 5,
        "broken_packets": 0,
        "resized_frames": 0,
        "variable_frame_rate": True,
        "frame_step": 1,
        "complete": True,
    }
    assert {key: found[key] for key in expected} == expected
    assert "opencv" in found["versions"]


def test_other_file_than_scanned(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a.mp4")
    with pytest.raises(CrispError, match="video differs from the scanned one") as error:
        extract_frames(path, tmp_path / "out" / "frames.h5", sha256="0" * 64)
    assert error.value.faults[0].found == files.sha256(path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("options", [{"width": 0}, {"width": -5}, {"frame_step": 0}])
def test_bad_options(tmp_path: Path, make_video: VideoMaker, options: dict[str, int]) -> None:
    with pytest.raises(CrispError, match="at least 1"):
        extract_frames(make_video(tmp_path / "a.mp4"), tmp_path / "frames.h5", **options)


def test_no_frame_rate(tmp_path: Path, make_video: VideoMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make_video(tmp_path / "a.mp4")
    monkeypatch.setattr(video, "frames", lambda _, __: iter([np.zeros((8, 8, 3), np.uint8)]))
    with pytest.raises(CrispError, match="the video has no frame rate"):
        extract_frames(path, tmp_path / "frames.h5")
    assert not (tmp_path / "frames.h5").exists()


def test_bad_video_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="video file is missing"):
        extract_frames(tmp_path / "none.mp4", tmp_path / "frames.h5")
    (tmp_path / "empty.mp4").touch()
    with pytest.raises(CrispError, match="not a video"):
        extract_frames(tmp_path / "empty.mp4", tmp_path / "frames.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.mp4"]


def test_bytes_are_equal_from_run_to_run(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a.mp4", frames=40)
    for name in "xy":
        extract_frames(path, tmp_path / name, width=32)
    assert (tmp_path / "x").read_bytes() == (tmp_path / "y").read_bytes()


def test_kill_leaves_nothing_under_the_real_name(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a.mp4", frames=40)
    script = (
        "import sys, time\n"
        "from crisp.preparation import frames, video\n"
        "decode = video.frames\n"
        "def slowly(*arguments):\n"
        "    for index, image in enumerate(decode(*arguments)):\n"
        "        if index == 30:\n"
        "            print('half', flush=True)\n"
        "            time.sleep(60)\n"
        "        yield image\n"
        "video.frames = slowly\n"
        "frames.extract_frames(sys.argv[1], sys.argv[2])\n"
    )
    target = tmp_path / "out" / "frames.h5"
    command = [sys.executable, "-c", script, str(path), str(target)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
    assert not target.exists()
    assert len(list(target.parent.iterdir())) == 1
    extract_frames(path, target)
    assert list(target.parent.iterdir()) == [target]
