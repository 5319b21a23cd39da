"""Pictures as players show them: upright, square pixels, no combs, the right colours, and no frame lost."""

from __future__ import annotations

import itertools
import shutil
import struct
import subprocess
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import h5py
import numpy as np
import pytest
from av.video.reformatter import Colorspace, VideoReformatter

from crisp.preparation import frames, picture, video
from tests.stagefiles import texture

Prepare = Callable[[av.VideoStream], object]


def write(
    path: Path, images: Iterable[np.ndarray | av.VideoFrame], codec: str, prepare: Prepare = lambda _: None
) -> Path:
    """Encode RGB images, or frames of 4:2:0, after `prepare` has set up the stream."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        assert isinstance(stream, av.VideoStream)
        stream.codec_context.bit_rate = 4_000_000
        stream.pix_fmt = "yuv420p"
        for index, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image) if isinstance(image, np.ndarray) else image
            if index == 0:
                stream.width, stream.height = frame.width, frame.height
                prepare(stream)
            frame.pts, frame.time_base = index, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def decode(path: Path) -> tuple[list[np.ndarray], list[str]]:
    source = video.Source(path)
    images = list(video.frames(path, source))
    assert (source.height, source.width) == images[0].shape[:2]
    assert all(note in source.warnings() for note in source.picture)
    return images, source.picture


ORIENTATIONS: dict[
    tuple[int, int, int, int], Callable[[np.ndarray], np.ndarray]
] = {  # a, b, c, d of the display matrix (x, y) -> (a x + c y, b x + d y)
    (1, 0, 0, 1): lambda image: image,
    (-1, 0, 0, 1): np.fliplr,
    (1, 0, 0, -1): np.flipud,
    (-1, 0, 0, -1): lambda image: np.rot90(image, 2),
    (0, 1, -1, 0): lambda image: np.rot90(image, -1),
    (0, -1, 1, 0): np.rot90,
    (0, 1, 1, 0): lambda image: image.transpose(1, 0, 2),
    (0, -1, -1, 0): lambda image: np.rot90(image.transpose(1, 0, 2), 2),
}


def oriented(path: Path, a: int, b: int, c: int, d: int) -> Path:
    matrix = [number << 16 for number in (a, b, 0, c, d, 0, 48 * (c < 0) + 64 * (a < 0), 0)] + [1 << 30]
    return write(path, [texture(48, 64)], "libx264", lambda stream: stream.set_display_matrix(matrix))


@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_orientation(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    ((stored,), _) = decode(write(tmp_path / "stored.mp4", [texture(48, 64)], "libx264"))
    (image,), notes = decode(oriented(tmp_path / "a.mp4", *matrix))
    np.testing.assert_array_equal(image, ORIENTATIONS[matrix](stored))
    assert image.flags.c_contiguous
    a, b, c, d = matrix
    assert notes == ([picture.MIRRORED] if a * d - b * c < 0 else [])
    assert video.count_packets(tmp_path / "a.mp4").picture == notes
    assert av.logging.get_level() is None, "FFmpeg is silent again"


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="needs the program ffmpeg")
@pytest.mark.parametrize("matrix", ORIENTATIONS)
def test_orientation_is_that_of_ffmpeg(tmp_path: Path, matrix: tuple[int, int, int, int]) -> None:
    path = oriented(tmp_path / "a.mp4", *matrix)
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    shown = subprocess.run(command, capture_output=True, check=True).stdout
    (image,), _ = decode(path)
    shown_image = np.frombuffer(shown, np.uint8).reshape(image.shape).astype(int)
    assert np.abs(shown_image - image).mean() < 2  # another version of FFmpeg converts the colours


def test_orientation_beside_side_data_unknown_to_pyav(tmp_path: Path) -> None:
    """A camera's JPEG in an AVI file, turned by 180 degrees in its EXIF."""
    coded = cv2.imencode(".jpg", texture(48, 64))[1].tobytes()
    tiff = b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x112, 3, 1, 3, 0)
    exif = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\0\0" + tiff
    found = []
    for name, content in (("plain.avi", coded), ("turned.avi", coded[:2] + exif + coded[2:])):
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mjpeg", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
            packet = av.Packet(content)
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 25)
            container.mux(packet)
        found.append(decode(tmp_path / name)[0][0])
    np.testing.assert_array_equal(found[1], np.rot90(found[0], 2))


@pytest.mark.parametrize(
    ("size", "aspect", "width"),
    [
        ((720, 576), Fraction(64, 45), 1024),  # DV PAL 16:9
        ((720, 576), Fraction(16, 15), 768),
        ((720, 480), Fraction(8, 9), 640),  # DV NTSC 4:3
        ((854, 480), Fraction(1280, 1281), 854),  # rounding of a width to even
        ((128, 96), Fraction(1, 100), 128),  # damage
    ],
)
def test_squares_are_square(tmp_path: Path, size: tuple[int, int], aspect: Fraction, width: int) -> None:
    side = size[1] // 2
    drawn = round(side / aspect) if width != size[0] else side
    image = np.full((size[1], size[0], 3), 60, np.uint8)
    image[side // 2 : side // 2 + side, 20 : 20 + drawn] = 220

    def prepare(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = aspect

    path = write(tmp_path / "a.mkv", [image] * 2, "mpeg4", prepare)
    images, notes = decode(path)
    assert images[0].shape == (size[1], width, 3)
    rows, columns = np.nonzero(images[0][..., 1] > 140)
    assert np.ptp(columns) + 1 == pytest.approx(np.ptp(rows) + 1, abs=2)
    stretched = [f"pixel aspect {aspect.numerator}:{aspect.denominator}: stretched to square pixels"]
    assert notes == (stretched if width != size[0] else [])
    assert video.count_packets(path).picture == notes


def moving(field: int) -> np.ndarray:
    """A bright block that moves by 4 px per field, on even ground."""
    image = np.full((96, 128, 3), 70, np.uint8)
    left = 4 * field % 80
    image[24:72, left : left + 32] = 220
    return image


def woven(numbers: Iterable[int], interlaced: Callable[[int], bool] = lambda _: True) -> list[av.VideoFrame]:
    """Frames of two fields each, the upper one first; others show one moment, and are not flagged."""
    found = []
    for number in numbers:
        image, flag = moving(2 * number), "prog"
        if interlaced(number):
            image[1::2], flag = moving(2 * number + 1)[1::2], "tff"
        graph = av.filter.Graph()
        source = graph.add_buffer(
            template=None, width=128, height=96, format=av.VideoFormat("rgb24"), time_base=Fraction(1, 25)
        )
        nodes = [graph.add("format", "yuv420p"), graph.add("setfield", flag), graph.add("buffersink")]
        graph.link_nodes(source, *nodes).configure()
        frame = av.VideoFrame.from_ndarray(image)
        frame.pts, frame.time_base = number, Fraction(1, 25)
        graph.push(frame)
        found.append(graph.vpull())
    return found


def interlaced_coding(stream: av.VideoStream) -> None:
    if stream.codec_context.name == "libx264":
        stream.codec_context.options = {"x264-params": "tff=1:bframes=2"}
    else:
        stream.codec_context.options = {"flags": "+ildct+ilme"}
    stream.codec_context.field_order = 2


def combs(image: np.ndarray) -> float:
    """Return the share of pixels that differ from both neighbouring rows in the same direction."""
    grey = image.astype(int).mean(axis=2)
    return float(((grey[:-2] - grey[1:-1]) * (grey[2:] - grey[1:-1]) > 400).mean())


def left_edge(image: np.ndarray) -> float:
    return float((image[48, :, 1] > 145).argmax())


@pytest.mark.parametrize(("codec", "name"), [("mpeg2video", "a.mkv"), ("libx264", "a.mp4")])
@pytest.mark.parametrize("count", [1, 2, 15])
def test_interlaced_video_is_deinterlaced(tmp_path: Path, codec: str, name: str, count: int) -> None:
    path = write(tmp_path / name, woven(range(count)), codec, interlaced_coding)
    with av.open(str(path)) as container:
        raw = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    images, notes = decode(path)
    assert len(images) == len(raw) == count
    assert max(combs(image) for image in raw) > 0.01, "combs in the file"
    if count > 2:  # at both ends of a video a neighbour is missing
        assert max(combs(image) for image in images) < 0.001
    for number, image in enumerate(images):
        assert left_edge(image) == pytest.approx(8 * number % 80, abs=3)
    assert notes == [picture.INTERLACED]
    assert video.count_packets(path).picture == notes


def test_frames_that_are_not_flagged_as_interlaced_stay_as_they_are(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", woven(range(12), lambda number: 4 <= number < 8), "libx264")
    with av.open(str(path)) as container:
        flags = [frame.interlaced_frame for frame in container.decode(video=0)]
    images, notes = decode(path)
    assert (flags, notes) == ([False] * 12, [])
    assert len(images) == 12
    assert max(combs(image) for image in images[4:8]) > 0.01


def test_size_changes_within_interlaced_video(tmp_path: Path) -> None:
    first = write(tmp_path / "a.ts", woven(range(9)), "libx264", interlaced_coding)
    second = write(tmp_path / "b.ts", [texture(64, 96)] * 5, "libx264")
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes() + first.read_bytes())
    images, _ = decode(path)
    assert [image.shape[:2] for image in images] == [(96, 128)] * 9 + [(64, 96)] * 5 + [(96, 128)] * 9
    for number in range(9):
        for image in (images[number], images[14 + number]):
            assert left_edge(image) == pytest.approx(8 * number % 80, abs=3)


BARS = np.array(list(itertools.product((20, 200), repeat=3)), np.uint8)  # RGB


def bars(height: int) -> np.ndarray:
    return np.tile(BARS.repeat(32, axis=0)[None], (height, 1, 1))


def of_bars(image: np.ndarray) -> np.ndarray:
    return image[image.shape[0] // 2, 16::32].astype(int)


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("matrix", "tag", "height", "note"),
    [
        (Colorspace.ITU709, 1, 96, []),
        (Colorspace.ITU709, 1, 720, []),
        (Colorspace.ITU601, 6, 96, []),
        (Colorspace.ITU601, 5, 720, []),
        (Colorspace.BT2020, 9, 720, []),
        (Colorspace.ITU601, 2, 96, []),  # without a tag
        (Colorspace.ITU601, 8, 96, [picture.ASSUMED[Colorspace.ITU601]]),  # a tag that FFmpeg cannot convert
        (Colorspace.ITU709, 2, 720, [picture.ASSUMED[Colorspace.ITU709]]),
    ],
)
def test_colours(
    tmp_path: Path, matrix: Colorspace, tag: int, height: int, note: list[str], full: bool
) -> None:
    value = 2 if full else 1
    frame = av.VideoFrame.from_ndarray(bars(height))
    coded = VideoReformatter().reformat(frame, format="yuv444p", dst_colorspace=matrix, dst_color_range=value)
    coded.colorspace = tag

    def prepare(stream: av.VideoStream) -> None:
        stream.pix_fmt = "yuv444p"
        stream.codec_context.options = {"qp": "1"}
        stream.codec_context.colorspace, stream.codec_context.color_range = tag, value

    path = write(tmp_path / "a.mp4", [coded], "libx264", prepare)
    (image,), notes = decode(path)
    np.testing.assert_allclose(of_bars(image), BARS, atol=3)
    assert notes == note
    assert video.count_packets(path).picture == note


def test_hd_of_rgb_needs_no_matrix(tmp_path: Path) -> None:
    def prepare(stream: av.VideoStream) -> None:
        stream.pix_fmt = "bgr0"

    (image,), notes = decode(write(tmp_path / "a.mkv", [bars(720)], "ffv1", prepare))
    np.testing.assert_array_equal(of_bars(image), BARS)
    assert notes == []


TO_BT2020 = np.array(  # ITU-R BT.2087
    [[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]
)
LUMA = np.array([0.2627, 0.6780, 0.0593])  # of BT.2020


def pq(light: np.ndarray) -> np.ndarray:
    """Return the signal of displayed light, cd/m2 (ITU-R BT.2100)."""
    power = (light / 10000) ** (2610 / 16384)
    return ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)


def hlg(light: np.ndarray) -> np.ndarray:
    """Return the signal of light displayed at a peak of 1000 cd/m2 (ITU-R BT.2100)."""
    light = np.maximum(light / 1000, 1e-9)
    scene = light * ((light @ LUMA) ** (1 / 1.2 - 1))[..., None]
    logarithmic = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), logarithmic)


def hdr_frame(image: np.ndarray, signal: Callable[[np.ndarray], np.ndarray]) -> av.VideoFrame:
    """Return an SDR image with white at 203 cd/m2 (ITU-R BT.2408) as HDR in BT.2020."""
    light = 203 * (image / 255) ** 2.4 @ TO_BT2020.T
    red, _, blue = np.moveaxis(signal(light), -1, 0)
    luma = signal(light) @ LUMA
    frame = av.VideoFrame(image.shape[1], image.shape[0], "yuv444p10le")
    planes = (64 + 876 * luma, 512 + 896 * (blue - luma) / 1.8814, 512 + 896 * (red - luma) / 1.4746)
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // 2), "<u2")
        padded[:, : plane.width] = values.round()
        plane.update(padded.tobytes())
    return frame


@pytest.mark.parametrize("matrix", [9, 2])  # tagged, untagged
@pytest.mark.parametrize(("name", "transfer", "signal"), [("PQ", 16, pq), ("HLG", 18, hlg)])
def test_hdr_is_converted_to_sdr(
    tmp_path: Path, name: str, transfer: int, signal: Callable[[np.ndarray], np.ndarray], matrix: int
) -> None:
    greys = np.arange(30, 256, 32)[:, None].repeat(3, axis=1)
    image = np.tile(
        np.concatenate([greys, (BARS + 40)]).astype(np.uint8).repeat(32, axis=0)[None], (96, 1, 1)
    )

    def prepare(stream: av.VideoStream) -> None:
        context = stream.codec_context
        stream.pix_fmt, context.options = "yuv444p10le", {"qp": "1"}
        context.colorspace, context.color_range = matrix, 1
        context.color_primaries, context.color_trc = 9, transfer

    path = write(tmp_path / "a.mp4", [hdr_frame(image, signal)] * 2, "libx264", prepare)
    images, notes = decode(path)
    assert len(images) == 2
    np.testing.assert_allclose(of_bars(images[1]), of_bars(image), atol=4)
    assert notes == [f"{name} (HDR): converted to SDR"]
    assert video.count_packets(path).picture == notes


def test_stage_file_records_changed_pictures(tmp_path: Path) -> None:
    frames.extract_frames(oriented(tmp_path / "a.mp4", -1, 0, 0, 1), tmp_path / "a.h5")
    frames.extract_frames(oriented(tmp_path / "b.mp4", 0, 1, -1, 0), tmp_path / "b.h5")
    with h5py.File(tmp_path / "a.h5") as mirrored, h5py.File(tmp_path / "b.h5") as turned:
        assert mirrored.attrs["picture"] == picture.MIRRORED
        assert "picture" not in turned.attrs
    assert frames.described(tmp_path / "a.h5").picture == [picture.MIRRORED]
    assert frames.described(tmp_path / "b.h5").picture == []
