"""Decode a video file in order, independent of the metadata in its container."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import av
import cv2
import numpy as np

from crisp.core.errors import CrispError, fail
from crisp.core.frame_times import (
    RESOLUTION,
    UNSTAMPED,
    FrameTimes,
    deviations,
    nominal_rate,
    timing_effect,
)
from crisp.core.limits import LEAST_FPS, MOST_FPS
from crisp.core.unreadable import PLAYLIST, counted_from, denied, kind_of
from crisp.core.words import counted
from crisp.preparation import picture
from crisp.preparation.time_stamps import TimeStamps

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

RATE_UNKNOWN = (
    "write the rate at which it was recorded to the column fps of videos.tsv, or give it: "
    "crisp import --fps, crisp frames --fps"
)


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
        Nominal frame rate, frames per second; 0 = unknown.
    claimed : int
        Frame count in the container, less the hidden ones; 0 = none.
    packets : int
        Video packets read so far.
    decoded : int
        Frames decoded so far.
    broken : int
        Packets that failed to decode so far.
    resized : int
        Frames whose size differed from the first one's.
    variable_rate : bool
        Whether any frame is shown over half a frame away from its time at a constant rate.
    picture : list of str
        Changes to the decoded pictures, as `crisp.preparation.picture.Pictures.notes`.
    remedy : str
        Remedy if the file cannot be used.
    stamps : sequence of float
        Time of each frame in the order shown, s; empty = frame n is shown at ``n / fps``.
    timing_note : str
        How the times of the frames differ from a constant rate that starts at 0; empty if they do not.
    given_fps : float
        Rate of a raw stream whose header has none, frames per second; 0 = unknown.
    rate_given : bool
        Whether `fps` is the given one.
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
    stamps: Sequence[float] = ()
    timing_note: str = ""
    given_fps: float = 0.0
    rate_given: bool = False

    @property
    def times(self) -> FrameTimes:
        """Return when each frame is shown."""
        return FrameTimes(self.fps, self.stamps)

    def warnings(self) -> list[str]:
        """List unusual properties of the file; none for a sound one."""
        found = []
        if self.claimed not in (0, self.decoded):
            found.append(f"claims {counted(self.claimed, 'frame')}, {self.decoded} decoded")
        if self.broken:
            found.append(f"skipped {counted(self.broken, 'damaged packet')}")
        if self.resized:
            others = f"{counted(self.resized, 'frame')} {'has' if self.resized == 1 else 'have'}"
            found.append(f"{others} another size than the first; all are resized to one size")
        if self.timing_note:
            found.append(f"{self.timing_note}: {timing_effect(self.timing_note, self.fps)}")
        return found + self.picture

    def require_rate(self, remedy: str = RATE_UNKNOWN) -> None:
        """Raise CrispError with a remedy if the frame rate is unknown or impossible."""
        if not LEAST_FPS <= self.fps <= MOST_FPS:
            rates = f"{LEAST_FPS:g} to {MOST_FPS:g} frames per second"
            raise fail(self.path, "the video has no frame rate", rates, f"{self.fps:g}", remedy)

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


def count_packets(path: str | Path, remedy: str = BY_HAND, given_fps: float = 0.0) -> Source:
    """Read a file's packets without decoding: a fast frame count, frame rate and time stamps.

    Parameters
    ----------
    path : path-like
        The video file.
    remedy : str
        Remedy in errors.
    given_fps : float
        Rate of a raw stream whose header has none, frames per second.

    Returns
    -------
    Source

    Raises
    ------
    CrispError
        If the file is missing, empty, not a video, or has no packet.
    """
    source = Source(Path(path), remedy=remedy, given_fps=given_fps)
    with _opened(source) as file:
        packets = _packets(file, source)
        if first := next((packet for packet in packets if packet.is_keyframe), None):
            source.picture += picture.matrix_notes(first)
        for _ in packets:
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
        RGB, as players show it (`crisp.preparation.picture`). H and W may change within a file.

    Raises
    ------
    CrispError
        If the file is missing, empty, not a video, or has no decodable frame.
    """
    source = source if source is not None else Source(Path(path))
    source.path = Path(path)
    shown: list[int | None] = []
    pictures = picture.Pictures()
    with _opened(source) as file:
        for packet in _packets(file, source, shown):
            try:
                decoded = packet.decode()
            except av.error.FFmpegError:
                source.broken += 1
                decoded = []
            shown += [frame.pts for frame in decoded]
            for image in pictures.images(packet, decoded):
                if source.decoded == 0:
                    source.picture = pictures.notes  # replaces what the header claims
                    source.height, source.width = image.shape[:2]
                source.decoded += 1
                source.resized += image.shape[:2] != (source.height, source.width)
                yield image
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
        raise fail(path, "video file is missing", "a video", f"nothing{counted_from(path)}", remedy) from None
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


def container_of(file: BinaryIO) -> av.container.InputContainer:
    """Open a file as a video, reading only its own bytes, whatever other files or addresses it names.

    Raises
    ------
    av.error.FFmpegError, OSError or ValueError
        If it is not a video, or is a file type that names others.
    """
    return av.open(file, mode="r", metadata_errors="ignore", options=ALONE)


def _packets(file: BinaryIO, source: Source, shown: Sequence[int | None] = ()) -> Iterator[av.Packet]:
    """Yield the video packets of an open file, ending with the empty one that flushes the decoder.

    Then set the timing of `source`; `shown` are the time stamps of the frames decoded by then, ticks.

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
        stamps = TimeStamps(container, stream)
        source.picture = picture.notes(stream)
        source.fps = float(stream.average_rate or stream.guessed_rate or 0)
        seconds = (container.duration or 0) / av.time_base
        source.claimed = stream.frames or int(seconds * source.fps + 0.5)
        if not stamps.present:  # FFmpeg then claims 25 frames per second
            header = float(stream.codec_context.framerate or 0)
            source.fps, source.claimed, source.rate_given = header or source.given_fps, 0, not header
            source.timing_note = f"{UNSTAMPED}, frame rate {'of its header' if header else 'as given'}"
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
                break
            if packet is None:
                break
            if packet.size:
                source.packets += not packet.is_discard
                stamps.add(packet)
            yield packet
    if stamps.present:
        _set_timing(source, stamps, shown, stream.frames)


def _set_timing(source: Source, stamps: TimeStamps, shown: Sequence[int | None], claimed: int) -> None:
    """Set frame rate, times and timing note of a video by the time stamps of its packets or frames."""
    times = stamps.seconds()
    if source.decoded and len(times) != source.decoded:  # packets that do not decode have no frame
        known = [stamp for stamp in shown if stamp is not None]
        times = stamps.from_ticks(known if len(known) == len(shown) and not stamps.restarts else [])
    rate = nominal_rate(times, source.fps)
    source.fps = rate if rate == source.fps else float(f"{rate:.6g}")
    found = FrameTimes(source.fps, times)
    source.variable_rate = not found.constant
    # Within the resolution of labels, frame n is shown at n / fps.
    exact = source.fps > 0 and all(abs(time - n / source.fps) <= RESOLUTION for n, time in enumerate(times))
    source.stamps = () if exact else times
    notes = deviations(found)
    if stamps.hidden:
        notes.append(f"{counted(stamps.hidden, 'frame')} hidden by the edit list")
    if stamps.restarts:
        notes.append(f"time stamps restart {counted(stamps.restarts, 'time')}")
    if stamps.missing:
        notes.append(f"{counted(stamps.missing, 'frame')} without a time stamp")
    if claimed:
        source.claimed = max(0, claimed - stamps.hidden)
        if source.claimed != source.packets:
            notes.append(f"claims {counted(source.claimed, 'frame')}, has {source.packets}")
    elif source.variable_rate:
        source.claimed = 0  # it was estimated by the mean rate
    source.timing_note = ", ".join(notes)


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
