"""Decoding: right frames and counts, or one clear error, whatever file comes."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import cv2
import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.preparation import video
from tests.conftest import VideoMaker
from tests.stagefiles import texture


def encode(
    path: Path,
    codec: str = "libx264",
    form: str = "mp4",
    pixels: str = "yuv420p",
    size: tuple[int, int] = (64, 48),
    frames: int = 20,
    streams: int = 1,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video whose frames show a moving part of one picture; stream n begins at part 10 n."""
    width, height = size
    picture = texture(height, width + frames + 10 * streams)
    with path.open("wb+") as file, av.open(file, "w", format=form, options=options or {}) as container:
        made = [container.add_stream(codec, rate=25, options={"g": "6"}) for _ in range(streams)]
        for stream in made:
            stream.width, stream.height = size
            stream.pix_fmt = pixels
            stream.codec_context.thread_count = 1
        for index in range(frames):
            for number, stream in enumerate(made):
                left = index + 10 * number
                image = np.ascontiguousarray(picture[:, left : left + width])
                frame = av.VideoFrame.from_ndarray(image, format="rgb24")
                frame.pts = index
                frame.time_base = Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in made:
            container.mux(stream.encode(None))
    return path


def decode(path: Path) -> tuple[list[np.ndarray], video.Source]:
    source = video.Source(path)
    return list(video.frames(path, source)), source


def error_of(path: Path) -> str:
    """What decoding says is wrong; counting packets must end as well."""
    with pytest.raises(CrispError) as error:
        decode(path)
    (fault,) = error.value.faults
    assert fault.where == str(path)
    assert fault.remedy
    with contextlib.suppress(CrispError):
        video.count_packets(path)
    return fault.what


def test_counts_and_content(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a.mp4", frames=23, size=(64, 48), fps=50)
    images, source = decode(path)
    assert (len(images), source.decoded, source.packets, source.claimed) == (23, 23, 23, 23)
    assert (source.width, source.height, source.fps, source.broken) == (64, 48, 50, 0)
    assert source.warnings() == []
    counted = video.count_packets(path)
    assert (counted.packets, counted.fps, counted.decoded) == (23, 50, 0)
    assert images[0].dtype == np.uint8
    # RGB, not BGR: the square of frame 0 is (220, 160, 60).
    np.testing.assert_allclose(images[0][6, 6], (220, 160, 60), atol=12)


@pytest.mark.parametrize(
    "name",
    [
        "a b.mp4",
        'it\'s "quoted".mp4',
        "%04d.mp4",
        "-i.mp4",
        "a.b.c.mp4",
        "no extension",
        "file:x",
        "é\udcff.mp4",
    ],
)
def test_names(tmp_path: Path, make_video: VideoMaker, name: str) -> None:
    assert len(decode(make_video(tmp_path / name, frames=4))[0]) == 4


def test_relative_name_with_a_dash(
    tmp_path: Path, make_video: VideoMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(decode(make_video("-y", frames=3))[0]) == 3


def test_missing_folder_empty_and_text(tmp_path: Path) -> None:
    assert error_of(tmp_path / "none.mp4") == "video file is missing"
    assert error_of(tmp_path) == "video file cannot be opened"
    for name, content in (("empty.mp4", b""), ("text.mp4", b"not a video\n" * 50), ("zero.mp4", bytes(5000))):
        (tmp_path / name).write_bytes(content)
        assert error_of(tmp_path / name) == "not a video"


def test_pipe_is_never_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "a.mp4")
    # To open it would wait for ever.
    monkeypatch.setattr(video, "open", lambda *_: pytest.fail("opened"), raising=False)
    assert error_of(tmp_path / "a.mp4") == "video file cannot be opened"


def test_sound_only(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with path.open("wb+") as file, av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=8000, layout="mono")
        for _ in range(4):
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
            sound.sample_rate = 8000
            container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    assert error_of(path) == "file has no video stream"


def with_cover(path: Path, codec: str, **more: int) -> Path:
    """A Matroska file whose first stream is a cover picture, the second (if any) moves."""
    with path.open("wb+") as file, av.open(file, "w", format="mp4") as container:
        cover = container.add_stream("png", rate=25)
        cover.width, cover.height, cover.pix_fmt = 30, 30, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        moving = container.add_stream(codec, rate=25) if more["frames"] else None
        if moving:
            moving.width, moving.height, moving.pix_fmt = 64, 48, "yuv420p"
        picture = av.VideoFrame.from_ndarray(texture(30, 30), format="rgb24")
        container.mux(cover.encode(picture))
        container.mux(cover.encode(None))
        for index in range(more["frames"]):
            frame = av.VideoFrame.from_ndarray(texture(48, 64, index), format="rgb24")
            frame.pts = index
            container.mux(moving.encode(frame))
        if moving:
            container.mux(moving.encode(None))
    return path


def test_cover_picture_is_no_video(tmp_path: Path) -> None:
    images, source = decode(with_cover(tmp_path / "covered.mp4", "libx264", frames=6))
    assert (len(images), source.width, source.height) == (6, 64, 48)
    assert error_of(with_cover(tmp_path / "cover.mp4", "libx264", frames=0)) == "file has no video stream"


@pytest.mark.parametrize("form", ["mp4", "matroska", "mpegts"])
@pytest.mark.parametrize("share", [0.9, 0.5])
def test_cut_off_file_gives_what_is_there(tmp_path: Path, form: str, share: float) -> None:
    options = {"movflags": "faststart"} if form == "mp4" else {}
    path = encode(tmp_path / "a", form=form, size=(320, 240), frames=60, options=options)
    whole = decode(path)[0]
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    images, source = decode(path)
    assert 5 < len(images) < 60
    # The last packet is cut as well: its frame may fail or be spoilt.
    assert source.packets - source.decoded in (0, 1)
    for before, after in zip(whole, images[:-5], strict=False):
        np.testing.assert_array_equal(before, after)
    if form != "mpegts":  # has no index, so it claims what its last time stamp says
        assert source.warnings()[0] == f"claims 60 frames, {len(images)} decoded"


def test_cut_off_before_its_index(tmp_path: Path, make_video: VideoMaker) -> None:
    path = make_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert error_of(path) == "not a video"


class Failing(io.FileIO):
    """A file whose second half cannot be read."""

    number = errno.EIO

    def readinto(self, buffer: bytearray, /) -> int:  # type: ignore[override]
        self._fail()
        return super().readinto(buffer)

    def read(self, size: int = -1, /) -> bytes:  # type: ignore[override]
        self._fail()
        return super().read(size)

    def _fail(self) -> None:
        if self.tell() > Path(str(self.name)).stat().st_size // 2:
            raise OSError(self.number, "Input/output error")


def test_failing_disk_is_not_a_short_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(tmp_path / "a.mkv", "ffv1", "matroska", "bgr0", size=(320, 240))
    monkeypatch.setattr(video, "_opened", lambda source: Failing(source.path))
    assert error_of(path) == "video file cannot be read completely"


def test_frames_held_back_are_given_where_the_data_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = encode(tmp_path / "a.mp4", size=(640, 480), frames=30, options={"movflags": "faststart"})
    monkeypatch.setattr(video, "_opened", lambda source: Failing(source.path))
    monkeypatch.setattr(Failing, "number", errno.EINVAL)  # as a seek beyond the end of the file
    images, source = decode(path)
    assert 0 < len(images) == source.packets < 30
    assert source.broken == 1


def test_nothing_decodes(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.mp4", frames=12)
    content = bytearray(path.read_bytes())
    begin = content.index(b"mdat") + 4
    end = content.index(b"moov") - 4
    content[begin:end] = b"\xff" * (end - begin)
    path.write_bytes(content)
    assert error_of(path) == "no frame of this video can be decoded"


def test_a_damaged_frame_is_skipped_and_told(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.avi", "mjpeg", "avi", "yuvj420p")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 300] = bytes(300)
    path.write_bytes(content)
    images, source = decode(path)
    assert (len(images), source.packets, source.broken) == (19, 20, 1)
    assert source.warnings()[:2] == ["claims 20 frames, 19 decoded", "skipped 1 damaged packet"]


MATRICES = {  # of the track header: what turns the stored picture of 64 x 48 px upright, clockwise
    0: (1, 0, 0, 1, 0, 0),
    90: (0, 1, -1, 0, 48, 0),
    180: (-1, 0, 0, -1, 64, 48),
    270: (0, -1, 1, 0, 0, 64),
}


@pytest.mark.parametrize("degrees", MATRICES)
def test_rotation_flag(tmp_path: Path, degrees: int) -> None:
    path = encode(tmp_path / "a.mp4", frames=2)
    stored = decode(path)[0][0]
    content = path.read_bytes()
    a, b, c, d, x, y = (65536 * number for number in MATRICES[degrees])
    plain = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", a, b, 0, c, d, 0, x, y, 1 << 30)
    place = content.index(plain, content.index(b"tkhd"))
    path.write_bytes(content[:place] + turned + content[place + len(plain) :])
    images, source = decode(path)
    np.testing.assert_array_equal(images[0], np.rot90(stored, -degrees // 90))
    assert (source.height, source.width) == images[0].shape[:2]
    assert images[0].flags.c_contiguous
    ok, seen = cv2.VideoCapture(str(path)).read()
    assert ok
    assert seen.shape == images[0].shape
    np.testing.assert_allclose(seen[..., ::-1].astype(int), images[0], atol=3)


@pytest.mark.parametrize(
    ("codec", "form", "pixels"),
    [
        ("ffv1", "matroska", "bgr0"),
        ("rawvideo", "avi", "bgr24"),
        ("mpeg4", "avi", "yuv420p"),
        ("libx264", "mp4", "yuv444p"),
    ],
)
def test_odd_sizes(tmp_path: Path, codec: str, form: str, pixels: str) -> None:
    images, source = decode(encode(tmp_path / "a", codec, form, pixels, size=(63, 47)))
    assert {image.shape for image in images} == {(47, 63, 3)}
    assert len(images) == source.claimed == 20
    exact = codec in ("ffv1", "rawvideo")
    picture = texture(47, 63 + 30)
    for index, image in enumerate(images):
        difference = np.abs(image.astype(int) - picture[:, index : index + 63])
        assert difference.max() == 0 if exact else difference.mean() < 16


@pytest.mark.parametrize("form", ["h264", "mpegts"])
def test_size_changes_in_mid_file(tmp_path: Path, form: str) -> None:
    first = encode(tmp_path / "a", form=form, frames=10)
    second = encode(tmp_path / "b", form=form, frames=7, size=(96, 64))
    path = tmp_path / "joined"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    images, source = decode(path)
    assert [image.shape[:2] for image in images] == [(48, 64)] * 10 + [(64, 96)] * 7
    assert (source.width, source.height, source.resized) == (64, 48, 7)
    assert any("7 frames have another size" in line for line in source.warnings())


def test_variable_frame_rate(tmp_path: Path, make_video: VideoMaker) -> None:
    images, source = decode(make_video(tmp_path / "a.mp4", frames=20, jitter=2))
    assert (len(images), source.variable_rate) == (20, True)
    effect = "labels in seconds go by time stamps; frames are used in order at 8.05085 frames per second"
    assert source.warnings() == [f"variable frame rate, up to 0.6 frames off: {effect}"]
    assert not decode(make_video(tmp_path / "b.mp4", fps=29.97))[1].variable_rate
    # Matroska rounds time stamps to milliseconds, which is no unevenness.
    assert not decode(encode(tmp_path / "c.mkv", form="matroska"))[1].variable_rate


def test_frame_rate_of_an_avi_whose_time_stamps_are_out_of_order(tmp_path: Path) -> None:
    path = encode(tmp_path / "a.avi", form="avi", frames=60)
    with av.open(path.as_posix()) as container:
        stamps = [frame.pts for frame in container.decode(video=0)]
    assert stamps != sorted(stamps), "B-frames in an AVI file"
    images, source = decode(path)
    assert (len(images), source.variable_rate) == (60, False)


@pytest.mark.parametrize("gap", [5, 30, 58])
def test_one_pause_is_a_variable_frame_rate(tmp_path: Path, gap: int) -> None:
    path = tmp_path / "a.mkv"
    with av.open(path.as_posix(), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for index in range(60):
            frame = av.VideoFrame.from_ndarray(texture(48, 64), format="rgb24")
            frame.pts, frame.time_base = index + 3 * (index > gap), Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert decode(path)[1].variable_rate


def test_ten_bits(tmp_path: Path) -> None:
    images, _ = decode(encode(tmp_path / "a.mkv", form="matroska", pixels="yuv420p10le"))
    eight, _ = decode(encode(tmp_path / "b.mkv", form="matroska"))
    assert images[0].dtype == np.uint8
    assert np.abs(images[5].astype(int) - eight[5]).mean() < 4


def test_first_of_two_video_streams(tmp_path: Path) -> None:
    images, source = decode(encode(tmp_path / "a.mkv", "ffv1", "matroska", "bgr0", streams=2))
    assert len(images) == source.packets == 20
    np.testing.assert_array_equal(images[0], texture(48, 64 + 40)[:, :64])


def test_resize_is_area_averaging() -> None:
    image = texture(40, 60)
    np.testing.assert_array_equal(
        video.resize(image, 33, 22), cv2.resize(image, (33, 22), interpolation=cv2.INTER_AREA)
    )
    halved = image.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(video.resize(image, 30, 20), halved, atol=0.5001)
    assert video.resize(image, 60, 40) is image


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:2.0,\n{}\n"
MPD = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet mimeType="video/mp4">
<Representation id="1" bandwidth="1000" codecs="avc1"><BaseURL>{}</BaseURL>
<SegmentList duration="1"><SegmentURL media="{}"/></SegmentList>
</Representation></AdaptationSet></Period></MPD>
"""
SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=x
c=IN IP4 127.0.0.1
t=0 0
m=video 15004 RTP/AVP 96
a=rtpmap:96 H264/90000
"""
PLAYLISTS = {
    "m3u8": HLS + "#EXT-X-ENDLIST\n",
    "live m3u8": HLS,
    "mpd": MPD,
    "concat": "ffconcat version 1.0\nfile {}\n",
    "sdp": SDP,
}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, list[str]]]:
    """The address of a server on this machine, and the paths it was asked for."""
    asked: list[str] = []

    class Noting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Noting) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/part.ts", asked
        server.shutdown()


@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8", "list.mpd", "list"])
@pytest.mark.parametrize("kind", PLAYLISTS)
def test_playlists_are_refused_and_nothing_they_name_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: tuple[str, list[str]], kind: str, name: str
) -> None:
    """FFmpeg would read any file or address of a playlist, and wait for ever for more of a live one."""
    monkeypatch.chdir(tmp_path)
    encode(tmp_path / "part.ts", form="mpegts")
    address, asked = served
    for named in ("part.ts", tmp_path / "part.ts", (tmp_path / "part.ts").as_uri(), address):
        Path(name).write_text(PLAYLISTS[kind].format(named, named))
        for read in (decode, video.count_packets):
            with pytest.raises(CrispError, match="a playlist that names other files, not a video") as error:
                read(Path(name))
            assert "ffmpeg" not in error.value.faults[0].remedy, "it would open what the list names"
        with Path(name).open("rb") as file, pytest.raises((av.error.FFmpegError, ValueError)):
            video.container_of(file)  # also where the first bytes do not show what it is
    assert asked == []


def boxes(content: bytes, begin: int, end: int, wanted: tuple[bytes, ...]) -> list[int]:
    """Where the boxes of a path lie in an MP4 file, outermost first."""
    while begin < end:
        size, kind = struct.unpack(">I4s", content[begin : begin + 8])
        if kind == wanted[0]:
            return [begin, *(boxes(content, begin + 8, begin + size, wanted[1:]) if wanted[1:] else [])]
        begin += size
    raise ValueError(wanted)


def pictures_elsewhere(path: Path, target: Path) -> Path:
    """A QuickTime file whose pictures lie in another file, by an alias of its data reference."""
    content = bytearray(encode(path, form="mov").read_bytes())
    places = boxes(content, 0, len(content), (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"))
    named = str(target).encode()
    padded = named + b"\0" * (len(named) % 2)
    record = struct.pack(">4x 10x B27s 12x B63s 16x hh 16x", 4, b"disk", len(target.name), b"x", -1, -1)
    record += struct.pack(">hh", 2, len(padded)) + padded + struct.pack(">hh", -1, 0)
    entry = struct.pack(">I4s", len(record) + 8, b"alis") + record
    begin = places[-1] + 16  # after version and number of entries
    (before,) = struct.unpack(">I", content[begin : begin + 4])
    content[begin : begin + before] = entry
    for place in places:
        (size,) = struct.unpack(">I", content[place : place + 4])
        content[place : place + 4] = struct.pack(">I", size + len(entry) - before)
    path.write_bytes(content)
    return path


def test_pictures_in_another_file_are_not_read(tmp_path: Path) -> None:
    target = encode(tmp_path / "whole.mov", form="mov")
    path = pictures_elsewhere(tmp_path / "alias.mov", target)
    follow = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(path), options=follow) as container:
        assert len(list(container.decode(video=0))) == 20, "as FFmpeg does where it is allowed to"
    assert error_of(path) == "no frame of this video can be decoded"
    with path.open("rb") as file, av.open(file, options={**follow, **video.ALONE}) as container:
        assert list(container.decode(video=0)) == []


def test_only_one_place_opens_videos_for_reading() -> None:
    """All others would have to think of playlists, too."""
    for path in Path(video.__file__).parent.rglob("*.py"):
        reading = [line for line in path.read_text().splitlines() if "av.open(" in line and '"w"' not in line]
        assert len(reading) == (path.name == "video.py"), path
