"""Turn decoded frames into the pictures that players show: upright, square pixels, progressive, SDR.

All readers of a video get its pictures from here. Progressive, upright SDR frames of square pixels with
tagged colours are only converted to RGB.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
from av.video.reformatter import Colorspace, ColorTrc, VideoReformatter

ROUNDING = Fraction(1, 100)  # pixel aspects so close to 1 come from rounding a video's size
WIDEST = 4  # pixel aspects above it, or below its inverse, are damage
HD_HEIGHT = 720  # px; from this on untagged colours are BT.709, else BT.601, as in browsers
UNTAGGED = 2  # AVCOL_SPC_UNSPECIFIED
MATRICES = (0, 1, 4, 5, 6, 7, 9)  # AVColorSpace that FFmpeg converts: not reserved values, YCgCo or ICtCp
PROGRESSIVE = 1  # AV_FIELD_PROGRESSIVE; 0 = unknown
HDR: dict[int, str] = {ColorTrc.SMPTE2084: "PQ", ColorTrc.ARIB_STD_B67: "HLG"}
DEINTERLACER = "bwdif" if "bwdif" in av.filter.filters_available else "yadif"
SMALLEST = 4  # px; smaller frames cannot be deinterlaced

MIRRORED = "mirrored by its display matrix: shown mirrored"
INTERLACED = "frames flagged as interlaced: deinterlaced"
ASSUMED = {
    Colorspace.ITU601: "colours without a usable tag: read as BT.601",
    Colorspace.ITU709: "colours without a usable tag: read as BT.709",
}

# SDR shows the light up to HDR's reference white (ITU-R BT.2408), brighter light is clipped.
WHITE, HLG_PEAK = 203, 1000  # cd/m2
BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
BT2020_TO_BT709 = np.array(  # of linear RGB (ITU-R BT.2407)
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
# Signal of each 16-bit light on a display of gamma 2.4 (ITU-R BT.1886).
SDR_SIGNAL = (255 * np.linspace(0, 1, 1 << 16) ** (1 / 2.4)).round().astype(np.uint8)


def notes(stream: av.VideoStream) -> list[str]:
    """List what the header of a video reveals of the changes that its pictures need.

    Parameters
    ----------
    stream : av.VideoStream

    Returns
    -------
    list of str
        As `Pictures.notes`; without the display matrix (see `matrix_notes`). No frame may be flagged as
        interlaced in spite of the header.
    """
    context = stream.codec_context
    found = [_aspect_note(aspect)] if (aspect := _pixel_aspect(stream)) != 1 else []
    if context.field_order > PROGRESSIVE:
        found.append(INTERLACED)
    return found + _colour_notes(context)


def matrix_notes(packet: av.Packet) -> list[str]:
    """List the changes that the display matrix of a video needs.

    PyAV only gives the matrix of a decoded frame. A frame is decoded only if the file has a matrix.

    Parameters
    ----------
    packet : av.Packet
        First key frame of the video; the decoder of its stream is then used up.

    Returns
    -------
    list of str
        As `Pictures.notes`.
    """
    stream = packet.stream
    level = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)  # that of FFmpeg's description of a file
    try:
        described = stream.container.dumps_format()
    finally:
        av.logging.set_level(level)
    if "Display Matrix" not in described:
        return []
    try:
        frames = packet.decode() or stream.codec_context.decode(None)
        return [MIRRORED] if any(_is_mirrored(_matrix(frame)) for frame in frames) else []
    except (av.error.FFmpegError, ValueError):  # damaged, or side data that PyAV does not know
        return []


class Pictures:
    """Pictures of one video, in the order of its frames and as many.

    Attributes
    ----------
    notes : list of str
        Each kind of change made so far beyond upright RGB, with its reason: ``reason: change``.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._to_rgb = VideoReformatter()  # one for all frames: a frame's own is set up anew each time
        self._aspect: Fraction | None = None
        self._graph: av.filter.Graph | None = None
        self._form: tuple[object, ...] = ()

    def images(self, packet: av.Packet, frames: Iterable[av.VideoFrame]) -> Iterator[np.ndarray]:
        """Convert the frames decoded from a packet; deinterlacing delays them by one.

        Parameters
        ----------
        packet : av.Packet
            An empty one ends the video, so that no frame is kept back.
        frames : iterable of av.VideoFrame

        Yields
        ------
        ndarray, (H, W, 3) uint8
            RGB; the width is stretched so that pixels are square.
        """
        if self._aspect is None:
            self._aspect = _pixel_aspect(packet.stream)
        for frame in frames:
            for picture in self._progressive(frame):
                yield self._rgb(picture, self._aspect)
        if packet.size == 0:
            for picture in self._rest():
                yield self._rgb(picture, self._aspect)

    def _note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def _progressive(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Deinterlace from the first frame flagged as interlaced on; the filter passes others as they are."""
        if self._graph and self._form != _form(frame):
            yield from self._rest()
        if self._graph is None:
            if not frame.interlaced_frame or min(frame.width, frame.height) < SMALLEST:
                yield frame
                return
            self._note(INTERLACED)
            self._graph, self._form = _deinterlacer(frame), _form(frame)
        self._graph.push(frame)
        yield from _ready(self._graph)

    def _rest(self) -> Iterator[av.VideoFrame]:
        """End the deinterlacer, if there is one, and yield the frames that it keeps back."""
        if self._graph:
            self._graph.push(None)
            yield from _ready(self._graph)
            self._graph = None

    def _rgb(self, frame: av.VideoFrame, aspect: Fraction) -> np.ndarray:
        width = None
        if aspect != 1:
            width = max(1, round(frame.width * aspect))
            self._note(_aspect_note(aspect))
        for note in _colour_notes(frame):
            self._note(note)
        hdr = HDR.get(frame.color_trc)
        form, matrix = "rgb48le" if hdr else "rgb24", _assumed_matrix(frame)
        shown = self._to_rgb.reformat(frame, width=width, format=form, src_colorspace=matrix, threads=1)
        rgb = shown.to_ndarray()
        return np.ascontiguousarray(self._upright(frame, _sdr(rgb, hdr) if hdr else rgb))

    def _upright(self, frame: av.VideoFrame, image: np.ndarray) -> np.ndarray:
        """Turn and mirror by the display matrix, to 90 degrees."""
        try:
            matrix = _matrix(frame)
        except ValueError:  # PyAV does not know another kind of this frame's side data, such as EXIF
            return np.rot90(image, round(frame.rotation / 90))
        a, b, c, d = matrix
        if _is_mirrored(matrix):
            self._note(MIRRORED)
        if abs(b) + abs(c) > abs(a) + abs(d):
            image, a, d = image.transpose(1, 0, 2), c, b
        return image[:: -1 if d < 0 else 1, :: -1 if a < 0 else 1]


def _matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Return a, b, c, d of the display matrix (x, y) -> (a x + c y, b x + d y); without one, the identity."""
    found: Any = frame.side_data.get("DISPLAYMATRIX")
    if found is None:
        return 1, 0, 0, 1
    a, b, _, c, d = struct.unpack_from("=5i", found)
    return a, b, c, d


def _is_mirrored(matrix: tuple[int, int, int, int]) -> bool:
    a, b, c, d = matrix
    return a * d < b * c


def _pixel_aspect(stream: av.VideoStream) -> Fraction:
    """Return width / height of a stream's pixels; 1 if unknown, square up to rounding, or impossible."""
    aspect = stream.sample_aspect_ratio or Fraction(1)
    known = Fraction(1, WIDEST) <= aspect <= WIDEST and abs(aspect - 1) > ROUNDING
    return aspect if known else Fraction(1)


def _aspect_note(aspect: Fraction) -> str:
    return f"pixel aspect {aspect.numerator}:{aspect.denominator}: stretched to square pixels"


def _colour_notes(described: av.VideoFrame | av.VideoCodecContext) -> list[str]:
    if described.color_trc in HDR:
        return [f"{HDR[described.color_trc]} (HDR): converted to SDR"]
    matrix = _assumed_matrix(described)
    if matrix is None or (matrix == Colorspace.ITU601 and described.colorspace == UNTAGGED):
        return []
    return [ASSUMED[matrix]]


def _assumed_matrix(described: av.VideoFrame | av.VideoCodecContext) -> Colorspace | None:
    """Return the matrix of Y'CbCr pictures that have no usable tag; None = as tagged, or not Y'CbCr."""
    form = described.format
    if described.colorspace in MATRICES or form is None or form.is_rgb or len(form.components) < 3:
        return None
    if described.color_trc in HDR:
        return Colorspace.BT2020
    return Colorspace.ITU709 if described.height >= HD_HEIGHT else Colorspace.ITU601


@cache
def _light(transfer: str) -> np.ndarray:
    """Return the light of each 16-bit PQ or HLG signal (ITU-R BT.2100), (65536,) float32.

    1 = reference white displayed for PQ, the peak of the scene for HLG.
    """
    signal = np.linspace(0, 1, 1 << 16)
    if transfer == "PQ":
        power = signal ** (32 / 2523)
        light = np.maximum(power - 3424 / 4096, 0) / (2413 / 128 - 2392 / 128 * power)
        light = light ** (16384 / 2610) * (10000 / WHITE)
    else:
        bright = (np.exp((signal - 0.55991073) / 0.17883277) + 0.28466892) / 12
        light = np.where(signal <= 0.5, signal**2 / 3, bright)
    return light.astype(np.float32)


def _sdr(rgb: np.ndarray, transfer: str) -> np.ndarray:
    """Convert HDR in BT.2020, (H, W, 3) uint16, to SDR in BT.709, (H, W, 3) uint8."""
    light = np.take(_light(transfer), rgb)
    if transfer == "HLG":  # from the scene to the display
        luminance = cv2.transform(light, BT2020_LUMA[None])
        light *= (HLG_PEAK / WHITE) * cv2.pow(luminance, 0.2)[..., None]
    shown = np.clip(cv2.transform(light, BT2020_TO_BT709), 0, 1)
    return np.take(SDR_SIGNAL, (shown * 65535 + 0.5).astype(np.uint16))


def _form(frame: av.VideoFrame) -> tuple[object, ...]:
    """Return the properties of a frame that a filter is set up for."""
    return frame.width, frame.height, frame.format.name


def _deinterlacer(frame: av.VideoFrame) -> av.filter.Graph:
    """Return a filter for frames like this one, with one output per input."""
    graph = av.filter.Graph()
    graph.threads = 1
    source = graph.add(
        "buffer",
        video_size=f"{frame.width}x{frame.height}",
        pix_fmt=frame.format.name,
        time_base=str(frame.time_base or Fraction(1, 1000)),
        pixel_aspect="1/1",
    )
    deinterlace = graph.add(DEINTERLACER, mode="send_frame", parity="auto", deint="interlaced")
    graph.link_nodes(source, deinterlace, graph.add("buffersink")).configure()
    return graph


def _ready(graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
