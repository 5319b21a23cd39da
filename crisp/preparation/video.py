"""Decode a video file in order, independent of the metadata in its container."""

from __future__ import annotations

import contextlib
import errno
import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import cv2
import numpy as np

from crisp.core.errors import CrispError, fail
from crisp.core.unreadable import PLAYLIST, denied, kind_of
from crisp.core.words import counted
from crisp.preparation import picture

# Remedies for an unusable video: in general, and for a video of a study.
BY_HAND = "use a video file that plays on this machine, or convert it: ffmpeg -i VIDEO new.mp4"
IN_STUDY = "replace the file, then run crisp scan; or set use=no for this video in videos.tsv"

# File types (FFmpeg demuxers) that contain their images. Others, such as playlists and
# stream descriptions, name files or addresses that FFmpeg would open.
SELF_CONTAINED = (
    "mov,matroska,webm,avi,mpegts,mpegtsraw,mpeg,mpegvideo,m4v,flv,live_flv,asf,ogg,mxf,gxf,nut,nuv,nsv,ivf,"
    "ivr,rm,wtv,dv,dhav,kux,lmlm4,pva,ty,vc1,vc1test,h261,h263,h264,hevc,vvc,evc,av1,obu,apv,avs,avs2,avs3,"
    "cavsvideo,dirac,dnxhd,mjpeg,mjpeg_2000,mpjpeg,yuv4mpegpipe,gif,apng,amv,cine,ser,mlv,r3d"
)
# No protocol is enabled, so that videos that refer to other files, as MOV may, cannot open them.
ALONE = {"format_whitelist": SELF_CONTAINED, "protocol_whitelist": "none"}

REORDERED = 16  # frames; maximum reordering delay between decoding and display in any codec


@dataclass
class Source:
    """Properties of a video file. `decoded` and the counts grow while its frames are read.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        SHA-256 of its bytes, if computed.
    width, height : int
        Size of the first frame as displayed (upright, square pixels), px.
    fps : float
        Mean frame rate, frames per second.
    claimed : int
        Frame count in the container; 0 = none.
    packets : int
        Video packets read so far.
    decoded : int
        Frames decoded so far.
    broken : int
        Packets that failed to decode so far.
    resized : int
        Frames whose size differed from the first one's.
    variable_rate : bool
        Whether time stamps are unevenly spaced.
    picture : list of str
        Changes to the decoded pictures, as :attr:`crisp.preparation.picture.Pictures.notes`.
    remedy : str
        Remedy if the file cannot be used.
    """

    path: Path
    sha256: str = ""
    width: int = 0
    height: int = 0
    fps: float = 0.0
    claimed: int = 0
    packets: int = 0
    decoded: int = 0
    broken: int = 0
    resized: int = 0
    variable_rate: bool = False
    picture: list[str] = field(default_factory=list)
    remedy: str = BY_HAND

    def warnings(self) -> list[str]:
        """List unusual properties of the file; none for a sound one."""
        found = []
        if self.claimed != self.decoded:
            found.append(f"claims {counted(self.claimed, 'frame')}, {self.decoded} decoded")
        if self.broken:
            found.append(f"skipped {counted(self.broken, 'damaged packet')}")
        if self.resized:
            others = f"{counted(self.resized, 'frame')} {'has' if self.resized == 1 else 'have'}"
            found.append(f"{others} another size than the first; all are resized to one size")
        if self.variable_rate:
            found.append("variable frame rate: frames are used in order, at the mean rate")
        return found + self.picture

    def timing(self) -> dict[str, Any]:
        """Return rate, count and size of the frames for an index; duration in seconds."""
        return {
            "fps": self.fps,
            "frames": self.decoded,
            "width": self.width,
            "height": self.height,
            "duration": round(self.decoded / self.fps, 3),
            "variable_rate": self.variable_rate,
        }


def count_packets(path: str | Path, remedy: str = BY_HAND) -> Source:
    """Read a file's packets without decoding: a fast frame count, and the frame rate.

    Raises
    ------
    CrispError
        If the file is missing, empty, not a video, or has no packet.
    """
    source = Source(Path(path), remedy=remedy)
    with _opened(source) as file:
        for _ in _packets(file, source):
            pass
    if source.packets == 0:
        raise fail(path, "video has no frames", "at least one video packet", "none", remedy)
    return source


def frames(path: str | Path, source: Source | None = None) -> Iterator[np.ndarray]:
    """Decode a video's frames in display order.

    Decoding continues after a damaged packet and ends with the data, so the loop is bounded
    by the file, never by a count from its header.

    Parameters
    ----------
    path : path-like
        The video file, under any name.
    source : Source, optional
        Updated while reading.

    Yields
    ------
    ndarray, (H, W, 3) uint8
        RGB, as players show it (:mod:`crisp.preparation.picture`). H and W may change within a file.

    Raises
    ------
    CrispError
        If the file is missing, empty, not a video, or has no decodable frame.
    """
    source = source if source is not None else Source(Path(path))
    source.path = Path(path)
    stamps: list[Fraction] = []
    pictures = picture.Pictures()
    with _opened(source) as file:
        for packet in _packets(file, source):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                source.broken += 1
                decoded = []
            for frame in decoded:
                if frame.pts is not None and frame.time_base is not None:
                    heapq.heappush(stamps, frame.pts * frame.time_base)
                    if len(stamps) > REORDERED:
                        source.variable_rate |= _uneven(stamps, source.fps)
            for image in pictures.images(packet, decoded):
                if source.decoded == 0:
                    source.picture = pictures.notes  # replaces what the header claims
                    source.height, source.width = image.shape[:2]
                source.decoded += 1
                source.resized += image.shape[:2] != (source.height, source.width)
                yield image
    while len(stamps) > 1:
        source.variable_rate |= _uneven(stamps, source.fps)
    if source.decoded == 0:
        raise fail(
            path,
            "no frame of this video can be decoded",
            "at least one frame",
            f"0 of {source.claimed} claimed",
            source.remedy,
        )


def _opened(source: Source) -> BinaryIO:
    path = source.path
    try:
        if path.exists() and not path.is_file():  # opening a pipe would block for ever
            raise OSError(None, "a folder, pipe or device")
        return open(path, "rb")
    except FileNotFoundError:
        remedy = "correct the path" if source.remedy == BY_HAND else source.remedy
        raise fail(path, "video file is missing", "a video", "nothing", remedy) from None
    except PermissionError:
        found, remedy = denied(path)
        raise fail(path, "video file cannot be opened", "a readable file", found, remedy) from None
    except OSError as error:
        raise fail(
            path, "video file cannot be opened", "a regular, readable file", error.strerror, source.remedy
        ) from None


def _unreadable(source: Source, error: OSError) -> CrispError:
    what = "video file cannot be read completely"
    return fail(source.path, what, "a readable file", error.strerror, source.remedy)


def _uneven(stamps: list[Fraction], fps: float) -> bool:
    """Pop the smallest stamp (s): return whether the next deviates from mean spacing by over half a frame.

    Sorted, because AVI files store no display times: FFmpeg guesses them in decoding order.
    """
    first = heapq.heappop(stamps)
    return fps > 0 and abs(float(stamps[0] - first) * fps - 1) > 0.5


def container_of(file: BinaryIO) -> av.container.InputContainer:
    """Open a file as a video, reading only its own bytes, whatever other files or addresses it names.

    Raises
    ------
    av.error.FFmpegError, OSError or ValueError
        If it is not a video, or is a file type that names others.
    """
    return av.open(file, mode="r", metadata_errors="ignore", options=ALONE)


def _packets(file: BinaryIO, source: Source) -> Iterator[av.Packet]:
    """Yield the video packets of an open file, ending with the empty one that flushes the decoder.

    FFmpeg gets the open file, not its name, so that no name (``%04d``, a leading dash, a
    protocol) can be misinterpreted.
    """
    try:
        container = container_of(file)
    except (av.error.FFmpegError, OSError, ValueError) as error:  # OSError: a seek in an empty file
        found = f"{source.path.stat().st_size} bytes; {error}"
        with contextlib.suppress(OSError):
            found = kind_of(source.path) or found
        remedy = "give the video itself" if found == PLAYLIST else source.remedy
        raise fail(source.path, "not a video", "a file FFmpeg can open", found, remedy) from None
    with container:
        stream = _picture_stream(container)
        if stream is None:
            raise fail(source.path, "file has no video stream", "moving pictures", "none", source.remedy)
        stream.thread_type = "NONE"
        source.picture = picture.notes(stream)
        source.fps = float(stream.average_rate or stream.guessed_rate or 0)
        seconds = (container.duration or 0) / av.time_base
        source.claimed = stream.frames or int(seconds * source.fps + 0.5)
        packets = container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (av.error.FFmpegError, OSError) as error:
                if not isinstance(error, av.error.FFmpegError) and error.errno != errno.EINVAL:
                    raise _unreadable(source, error) from None  # the disk's error: its frames exist
                # The data are damaged, or (EINVAL) refer beyond the end of a truncated file.
                source.broken += 1
                last = av.Packet()  # flushes the decoder, which delays some frames
                last.stream = stream
                yield last
                return
            if packet is None:
                return
            source.packets += packet.size > 0
            yield packet


def _picture_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the first video stream that is not a cover image."""
    for stream in container.streams.video:
        if not stream.disposition & av.stream.Disposition.attached_pic:
            return stream
    return None


def resize(image: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resize an image to the working size by area averaging (INTER_AREA).

    Parameters
    ----------
    image : ndarray, (H, W, 3) uint8
    width, height : int
        New size, px.

    Returns
    -------
    ndarray, (height, width, 3) uint8
        The image itself if it has this size.
    """
    if image.shape[:2] == (height, width):
        return image
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
