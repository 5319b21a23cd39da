"""When each frame of a video is shown, in files as cameras and recorders write them."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import h5py
import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.preparation import video
from crisp.preparation.frames import described, extract_frames, read_times
from tests import frame_coded

THIRTY = 3000  # ticks of 1/90000 s at 30 frames per second


def sources(path: Path, given_fps: float = 0.0) -> video.Source:
    """What counting packets finds, which must be what decoding finds; frames come in order."""
    counted, decoded = video.count_packets(path, given_fps=given_fps), video.Source(path, given_fps=given_fps)
    numbers = [frame_coded.read(image) for image in video.frames(path, decoded)]
    assert numbers == sorted(set(numbers))
    assert decoded.decoded == counted.packets
    for name in ("fps", "variable_rate", "timing_note"):
        assert getattr(decoded, name) == getattr(counted, name)
    assert list(decoded.stamps) == list(counted.stamps)
    counted.decoded = decoded.decoded
    return counted


def test_thirty_then_24(tmp_path: Path) -> None:
    ticks = [THIRTY * n for n in range(300)] + [900_000 + 3750 * n for n in range(240)]
    source = sources(frame_coded.write(tmp_path / "a.mp4", ticks))
    assert (source.fps, source.variable_rate) == (30, True)
    assert (source.times.frame_at(9.0), source.times.frame_at(15.0)) == (270, 420)
    assert source.timing_note == "variable frame rate, up to 59.8 frames off"


def test_webm_of_a_browser(tmp_path: Path) -> None:
    jitter = np.random.default_rng(1).integers(-14, 15, 300)
    ticks = [max(0, round(1000 * n / 30) + int(jitter[n])) for n in range(300)]
    path = frame_coded.write(tmp_path / "a.webm", ticks, Fraction(1, 1000), "libvpx", "webm", rate=1000)
    source = sources(path)
    assert source.fps == pytest.approx(30, rel=0.005)
    for frame in range(300):
        assert source.times.frame_at(ticks[frame] / 1000) == frame


def test_a_last_sample_of_20_seconds(tmp_path: Path) -> None:
    ticks = [THIRTY * n for n in range(300)] + [THIRTY * 900]
    source = sources(frame_coded.write(tmp_path / "a.mp4", ticks))
    assert (source.fps, source.times.frame_at(5.0)) == (30, 150)
    assert source.variable_rate


def test_picture_after_the_sound(tmp_path: Path) -> None:
    ticks = [45_000 + THIRTY * n for n in range(60)]
    for name, form in (("a.mp4", "mp4"), ("a.mkv", "matroska"), ("a.ts", "mpegts")):
        source = sources(frame_coded.write(tmp_path / name, ticks, form=form, audio=True))
        assert (source.fps, source.variable_rate) == (30, False)
        assert source.times.offset == pytest.approx(0.5, abs=0.03 if form == "mpegts" else 1e-9)
        assert source.times.frame_at(1.5) == pytest.approx(30, abs=form == "mpegts")
        assert source.timing_note.startswith("starts at 0.")


def test_a_transport_stream_starts_at_its_first_frame(tmp_path: Path) -> None:
    path = frame_coded.write(tmp_path / "a.ts", [THIRTY * n for n in range(60)], form="mpegts")
    source = sources(path)
    assert (source.fps, list(source.stamps), source.timing_note) == (30, [], "")


def test_b_frames_without_an_edit_list(tmp_path: Path) -> None:
    ticks = [THIRTY * n for n in range(60)]
    source = sources(frame_coded.write(tmp_path / "a.mp4", ticks, use_editlist="0"))
    assert source.times.offset == pytest.approx(2 / 30)
    assert source.times.frame_at(1.0) == 28
    assert source.timing_note == "starts at 0.067 s"


def test_null_frames_of_an_avi(tmp_path: Path) -> None:
    shown = [slot for slot in range(120) if slot % 10 != 7]
    path = frame_coded.write(tmp_path / "a.avi", shown, Fraction(1, 30), "mpeg4", "avi")
    source = sources(path)
    assert (source.packets, source.claimed, source.fps) == (108, 120, 30)
    assert source.times.frame_at(3.0) == shown.index(90)
    assert "claims 120 frames, has 108" in source.timing_note


def test_an_edit_list_hides_frames(tmp_path: Path) -> None:
    ticks = [THIRTY * (n - 15) for n in range(240)]
    path = frame_coded.write(
        tmp_path / "a.mp4", ticks, codec_options={"bf": "0"}, avoid_negative_ts="disabled"
    )
    source = sources(path)
    assert (source.packets, source.fps, source.times.offset) == (225, 30, 0)
    assert source.timing_note == "15 frames hidden by the edit list"
    assert source.warnings() == ["15 frames hidden by the edit list: labels in seconds go by time stamps"]


def test_spliced_transport_streams(tmp_path: Path) -> None:
    path = frame_coded.write(tmp_path / "a.ts", [THIRTY * n for n in range(60)], form="mpegts")
    path.write_bytes(2 * path.read_bytes())
    source = video.count_packets(path)
    numbers = [frame_coded.read(image) for image in video.frames(path)]
    assert numbers == [*range(60), *range(60)]
    assert (source.packets, source.fps, source.times.frame_at(3.0)) == (120, 30, 90)
    assert source.timing_note == "time stamps restart 1 time"


def test_raw_streams(tmp_path: Path) -> None:
    ticks, tick = range(30), Fraction(1, 90)
    path = frame_coded.write(tmp_path / "a.h264", ticks, tick, form="h264", rate=90)
    source = sources(path)
    assert (source.fps, source.claimed) == (90, 0)
    assert source.timing_note == "no time stamps, frame rate of its header"
    path = frame_coded.write(tmp_path / "a.mjpeg", ticks, tick, "mjpeg", "mjpeg", rate=90)
    assert sources(path, given_fps=90).fps == 90
    assert video.count_packets(path).fps == 0
    with pytest.raises(CrispError, match="the video has no frame rate") as error:
        extract_frames(path, tmp_path / "frames.h5")
    assert "crisp frames --fps" in error.value.faults[0].remedy
    extract_frames(path, tmp_path / "frames.h5", fps=90)
    assert (described(tmp_path / "frames.h5").fps, read_times(tmp_path / "frames.h5").stamps) == (90, ())


def test_stage_files_keep_irregular_times_only(tmp_path: Path) -> None:
    target = tmp_path / "frames.h5"
    regular = frame_coded.write(tmp_path / "a.mp4", [THIRTY * n for n in range(40)])
    extract_frames(regular, target, frame_step=3)
    assert read_times(target).stamps == ()
    assert (read_times(target).rate, described(target).warnings()) == (30, [])
    late = frame_coded.write(tmp_path / "b.mp4", [45_000 + THIRTY * n for n in range(40)], audio=True)
    extract_frames(late, target, frame_step=3)
    times = read_times(target)  # of the frames of the file, whatever the step
    assert (len(times.stamps), times.offset, times.rate) == (40, 0.5, 30)
    assert described(target).warnings() == ["starts at 0.500 s: labels in seconds go by time stamps"]


def test_slow_motion(tmp_path: Path) -> None:
    path, target = tmp_path / "a.mp4", tmp_path / "frames.h5"
    extract_frames(frame_coded.write(path, [THIRTY * n for n in range(40)]), target, fps=240)
    assert described(target).fps == 240
    assert (read_times(target).rate, read_times(target).frame_at(1.0)) == (30, 30)


def test_damaged_times_are_reported(tmp_path: Path) -> None:
    path, target = tmp_path / "a.mp4", tmp_path / "frames.h5"
    extract_frames(frame_coded.write(path, [THIRTY * n for n in range(40)]), target, fps=240)
    with h5py.File(target, "r+") as file:
        file["times"][7] = 0.0
    with pytest.raises(CrispError, match="damaged data"):
        read_times(target)
