"""crisp scan: rows follow the files; faulty files are told and cost the good rows nothing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from crisp.core import files
from crisp.core.errors import MOST_ALIKE, CrispError
from crisp.preparation.picture import INTERLACED
from crisp.study.scan import measure, scan_videos
from crisp.study.tables import VideoRow, read_videos, write_videos
from tests import frame_coded
from tests.preparation.test_picture import interlaced_coding, woven, write

MakeVideo = Callable[..., Path]


def table(tmp_path: Path, *rows: VideoRow) -> Path:
    path = tmp_path / "videos.tsv"
    write_videos(path, rows)
    return path


def test_measure_counts_packets_or_frames(tmp_path: Path, make_video: MakeVideo) -> None:
    path = make_video(tmp_path / "a.mp4", frames=12, fps=50)
    found = measure(path)
    assert (found.size, found.frames, found.fps) == (path.stat().st_size, 12, 50)
    assert found.sha256 == files.sha256(path)
    assert measure(path, decode=True) == found


def test_fills_in_rows_and_keeps_what_people_wrote(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "b.mp4", frames=7)
    make_video(tmp_path / "a.mp4", frames=9, fps=50)
    path = table(
        tmp_path,
        VideoRow("b", "b.mp4", group="anna", note="left-handed"),
        VideoRow("a", "a.mp4", frame_step=2),
        VideoRow("c", "c.mp4", use=False, note="blurred"),
    )
    lines = scan_videos(path, tmp_path)
    assert [line.split(":")[0] for line in lines] == ["b", "a"]
    assert "frames (none) -> 7" in lines[0]
    b, a, c = read_videos(path)
    assert (b.video, b.frames, b.fps, b.group, b.note) == ("b", 7, 25, "anna", "left-handed")
    assert (a.frames, a.fps, a.frame_step) == (9, 50, 2)
    assert c == VideoRow("c", "c.mp4", use=False, note="blurred")


def test_second_scan_changes_and_writes_nothing(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "a.mp4", fps=29.97)
    path = table(tmp_path, VideoRow("a", "a.mp4"))
    assert scan_videos(path, tmp_path)
    before = path.stat()
    assert scan_videos(path, tmp_path) == []
    assert path.stat().st_ino == before.st_ino
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def test_replaced_video_is_told(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "a.mp4")
    path = table(tmp_path, VideoRow("a", "a.mp4"))
    scan_videos(path, tmp_path)
    make_video(tmp_path / "a.mp4", frames=21, seed=1)
    (line,) = scan_videos(path, tmp_path)
    assert "frames 20 -> 21" in line
    assert "sha256" in line


def test_faults_are_listed_after_good_rows_are_stored(tmp_path: Path, make_video: MakeVideo) -> None:
    whole = make_video(tmp_path / "good.mp4").read_bytes()
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "text.mp4").write_text("not a video at all")
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "folder.mp4").mkdir()
    names = ["empty", "gone", "text", "cut", "folder", "good"]
    path = table(tmp_path, *(VideoRow(name, f"{name}.mp4") for name in names))
    with pytest.raises(CrispError) as error:
        scan_videos(path, tmp_path)
    assert len(error.value.faults) == 5
    by_video = {fault.where.split(",")[0]: fault for fault in error.value.faults}
    assert by_video["video gone"].what == "video file is missing"
    assert by_video["video empty"].what == "not a video"
    assert by_video["video text"].what == "not a video"
    assert by_video["video folder"].what == "video file cannot be opened"
    assert all("use=no" in fault.remedy for fault in error.value.faults)
    assert {row.video: row.frames for row in read_videos(path)} == dict.fromkeys(names, 0) | {"good": 20}


def test_only_named_videos_in_use_or_not(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "a.mp4")
    path = table(tmp_path, VideoRow("a", "a.mp4", use=False, note="why"), VideoRow("b", "b.mp4"))
    scan_videos(path, tmp_path, only=["a"])
    a, b = read_videos(path)
    assert (a.frames, a.use, a.note, b.frames) == (20, False, "why", 0)
    with pytest.raises(CrispError, match="no such video") as error:
        scan_videos(path, tmp_path, only=["c"])
    assert "found: c" in str(error.value)


@pytest.mark.parametrize("decode", [False, True])
def test_a_variable_frame_rate_is_recorded_and_reported(
    tmp_path: Path, make_video: MakeVideo, decode: bool
) -> None:
    make_video(tmp_path / "a.mp4", jitter=2)
    path = table(tmp_path, VideoRow("a", "a.mp4"))
    effect = "labels in seconds go by time stamps; frames are used in order at 8.05085 frames per second"
    warning = f"warning: a: variable frame rate, up to 0.6 frames off: {effect}"
    change, told = scan_videos(path, tmp_path, decode)
    assert told == warning
    assert change.endswith("timing as in the warning")
    (row,) = read_videos(path)
    assert row.timing == "variable frame rate, up to 0.6 frames off"
    assert scan_videos(path, tmp_path, decode) == [warning]


def test_a_note_found_by_decoding_stays_until_the_file_changes(tmp_path: Path, make_video: MakeVideo) -> None:
    write(tmp_path / "a.ts", woven(range(9)), "libx264")
    with (tmp_path / "a.ts").open(
        "ab"
    ) as file:  # interlaced from the 10th frame on; its header does not say so
        file.write(write(tmp_path / "b.ts", woven(range(9)), "libx264", interlaced_coding).read_bytes())
    path = table(tmp_path, VideoRow("a", "a.ts"))
    for decode, picture in ((False, ""), (True, INTERLACED), (False, INTERLACED), (True, INTERLACED)):
        scan_videos(path, tmp_path, decode)
        assert read_videos(path)[0].picture == picture
    make_video(tmp_path / "a.mp4").replace(tmp_path / "a.ts")
    (line,) = scan_videos(path, tmp_path)
    assert f"picture {INTERLACED} -> (none)" in line


def test_many_videos_alike_are_counted(tmp_path: Path, make_video: MakeVideo) -> None:
    names = [f"v{number}" for number in range(MOST_ALIKE + 2)]
    for name in names:
        make_video(tmp_path / f"{name}.mp4", jitter=2)
    lines = scan_videos(table(tmp_path, *(VideoRow(name, f"{name}.mp4") for name in names)), tmp_path)
    warnings = [line for line in lines if line.startswith("warning: ")]
    assert warnings[0].startswith("warning: v0: variable frame rate")
    assert len(warnings) == MOST_ALIKE + 1
    assert warnings[-1].startswith("warning: and 2 more: variable frame rate")


def test_a_raw_stream_keeps_the_rate_of_its_row(tmp_path: Path) -> None:
    frame_coded.write(tmp_path / "a.mjpeg", range(20), Fraction(1, 90), "mjpeg", "mjpeg")
    path = table(tmp_path, VideoRow("a", "a.mjpeg"))
    with pytest.raises(CrispError, match="the video has no frame rate"):
        scan_videos(path, tmp_path)
    write_videos(path, [VideoRow("a", "a.mjpeg", fps=90)])
    warning = "no time stamps, frame rate as given: frames are used in order at 90 frames per second"
    assert scan_videos(path, tmp_path)[-1] == f"warning: a: {warning}"
    (row,) = read_videos(path)
    assert (row.fps, row.capture_fps, row.working_fps) == (90, 90, 90)


def test_slow_motion_keeps_its_capture_rate(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "a.mp4", fps=30)
    path = table(tmp_path, VideoRow("a", "a.mp4", frame_step=2, capture_fps=240))
    scan_videos(path, tmp_path)
    (row,) = read_videos(path)
    assert (row.fps, row.capture_fps, row.working_fps) == (30, 240, 120)


@pytest.mark.parametrize(
    "name", ["my clip.mp4", 'it\'s "a".mp4', "f%04d.mp4", "-i.mp4", "a.b.c.mp4", "clip", "http:x"]
)
def test_odd_names(tmp_path: Path, make_video: MakeVideo, name: str) -> None:
    make_video(tmp_path / name)
    path = table(tmp_path, VideoRow("a", name))
    scan_videos(path, tmp_path, decode=True)
    assert read_videos(path)[0].frames == 20


def test_interruption_and_edits_meanwhile_lose_nothing(
    tmp_path: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(tmp_path / "a.mp4")
    path = table(tmp_path, VideoRow("a", "a.mp4"), VideoRow("b", "b.mp4"))

    def edit_then_interrupt(file: Path, decode: bool, given_fps: float) -> object:
        if file.name == "b.mp4":
            write_videos(path, [VideoRow("a", "a.mp4", note="edited"), VideoRow("b", "b.mp4")])
            raise KeyboardInterrupt
        return measure(file, decode, given_fps)

    monkeypatch.setattr("crisp.study.scan.measure", edit_then_interrupt)
    with pytest.raises(KeyboardInterrupt):
        scan_videos(path, tmp_path)
    assert (read_videos(path)[0].frames, read_videos(path)[0].note) == (20, "edited")
