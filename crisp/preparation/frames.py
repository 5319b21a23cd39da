"""The `frames` stage: a video's frames at working size, as an HDF5 volume of RGB bytes."""

from __future__ import annotations

import os
from pathlib import Path

import av
import cv2
import h5py
import numpy as np

from crisp.core import files, layouts, stage_files
from crisp.core.errors import fail
from crisp.core.frame_times import VARIABLE, FrameTimes, deviations
from crisp.core.limits import LEAST_FPS, MOST_FPS
from crisp.core.progress import progress
from crisp.preparation import video

CHUNK = 16  # frames per chunk; the unit of memory of every preparation job
VIDEO_FACTS = {  # attributes of a stage file that describe the video
    "fps": float,
    "frame_step": int,
    "source": str,
    "source_sha256": str,
    "source_width": int,
    "source_height": int,
    "claimed_frames": int,
    "decoded_frames": int,
    "broken_packets": int,
    "resized_frames": int,
    "variable_frame_rate": bool,
}


def working_size(width: int, height: int, working_width: int, upscale: bool = False) -> tuple[int, int]:
    """Return the working size of frames: aspect ratio kept, enlarged only on request.

    Parameters
    ----------
    width, height : int
        Size of the video's frames, px.
    working_width : int
        Requested width, px.
    upscale : bool
        Whether narrower frames are enlarged.

    Returns
    -------
    (width, height) : (int, int)
        px; the height is rounded down, at least 1.
    """
    if working_width >= width and not upscale:
        return width, height
    return working_width, max(1, height * working_width // width)


def described(path: str | Path) -> video.Source:
    """Return the metadata of the video in a frames stage file.

    Raises
    ------
    CrispError
        If it is missing or damaged.
    """
    with stage_files.open_stage(path, "frames") as file:
        recorded = stage_files.facts(file, VIDEO_FACTS)
        times, picture = _times(file), str(file.attrs.get("picture", ""))
    notes = deviations(times)
    if recorded["variable_frame_rate"] and not notes:
        notes = [VARIABLE]  # a file without time stamps, of an earlier version
    return video.Source(
        Path(recorded["source"]),
        recorded["source_sha256"],
        recorded["source_width"],
        recorded["source_height"],
        recorded["fps"] * recorded["frame_step"],
        claimed=recorded["claimed_frames"],
        decoded=recorded["decoded_frames"],
        broken=recorded["broken_packets"],
        resized=recorded["resized_frames"],
        variable_rate=recorded["variable_frame_rate"],
        stamps=times.stamps,
        timing_note=", ".join(notes),
        picture=picture.split("; ") if picture else [],
    )


def read_times(path: str | Path) -> FrameTimes:
    """Return when each decoded frame of the video in a frames stage file is shown, whatever its frame step.

    Raises
    ------
    CrispError
        If the file is missing or damaged.
    """
    with stage_files.open_stage(path, "frames") as file:
        return _times(file)


def _times(file: h5py.File) -> FrameTimes:
    recorded = stage_files.facts(file, {"fps": float, "frame_step": int})
    if "times" not in file:
        return FrameTimes(recorded["fps"] * recorded["frame_step"])
    stamps, rate = file["times"][:], file["times"].attrs.get("rate")
    if (
        not layouts.is_number(rate)
        or rate <= 0
        or not (np.isfinite(stamps) & (np.diff(stamps, prepend=stamps[0]) >= 0)).all()
    ):
        raise stage_files.damaged(file.filename, "frames", "times that are not in order", "dataset times")
    return FrameTimes(float(rate), stamps.tolist())


def extract_frames(
    path: str | Path,
    target: str | Path,
    width: int = 320,
    upscale: bool = False,
    frame_step: int = 1,
    sha256: str = "",
    expected: int | None = None,
    fps: float = 0.0,
) -> video.Source:
    """Decode a video into its frames stage file.

    Dataset `rgb`: (N, H, W, 3) uint8, N the number of frames that can be decoded (every
    `frame_step`-th of them). Dataset `times`: (D,) float64, when each of all D decoded frames is shown, s;
    only if frame n is not shown at n / `fps`.

    Parameters
    ----------
    path : path-like
        The video.
    target : path-like
        Stage file to write.
    width : int
        Working width, px; the height follows from the first frame's aspect ratio.
    upscale : bool
        Whether frames narrower than `width` are enlarged.
    frame_step : int
        Keep every `frame_step`-th frame.
    sha256 : str
        Expected SHA-256 of the file; empty = any.
    expected : int, optional
        Approximate number of frames, to estimate the remaining time.
    fps : float
        Rate at which slow motion or a raw stream was recorded, frames per second; 0 = the file's.

    Returns
    -------
    crisp.preparation.video.Source
        Properties of the file.

    Raises
    ------
    CrispError
        If the video is missing, unreadable, has no decodable frame or no frame rate, or
        is not the file that was scanned; for a width or step below 1.
    """
    for name, number in (("width", width), ("frame_step", frame_step)):
        if number < 1:
            raise fail("frames", f"bad {name}", "a whole number of at least 1", number)
    if fps and not LEAST_FPS <= fps <= MOST_FPS:
        raise fail("frames", "bad fps", f"0, or {LEAST_FPS:g} to {MOST_FPS:g} frames per second", fps)
    cv2.setNumThreads(1)
    found = files.sha256(path) if Path(path).is_file() and os.access(path, os.R_OK) else ""
    if sha256 and found and found != sha256:
        what, remedy = "video differs from the scanned one", "run crisp scan, then run again"
        raise fail(path, what, f"SHA-256 {sha256}", found, remedy)
    # Videos of a study are scanned; otherwise there may be no table.
    remedy = video.IN_STUDY if sha256 else video.BY_HAND
    source = video.Source(Path(path), sha256=found, remedy=remedy, given_fps=fps)
    size = None
    with stage_files.create(target, "frames", {}) as file:
        rgb = None
        images = progress(video.frames(path, source), "frames", Path(path).name, expected)
        for index, image in enumerate(images):
            if index % frame_step:
                continue
            if size is None or rgb is None:
                source.require_rate()
                size = working_size(image.shape[1], image.shape[0], width, upscale)
                rgb = stage_files.Appender(file, "rgb", (size[1], size[0], 3), "u1", CHUNK)
            rgb.append(video.resize(image, *size)[None])
        assert rgb is not None
        rgb.close()
        source.require_rate()  # known only now if frames have time stamps
        if source.stamps or (fps and fps != source.fps):
            stamps = [source.times.time_of(frame) for frame in range(source.decoded)]
            stage_files.put(file, "times", np.array(stamps))
            file["times"].attrs["rate"] = source.fps
        for key, value in _attributes(Path(path), source, frame_step, fps or source.fps).items():
            file.attrs[key] = value
    return source


def _attributes(path: Path, source: video.Source, frame_step: int, fps: float) -> dict[str, float | str]:
    """Return the attributes of a frames stage file."""
    # Absent from files of ordinary pictures, which stay as they were.
    picture = {"picture": "; ".join(source.picture)} if source.picture else {}
    return {
        "fps": fps / frame_step,
        "frame_step": frame_step,
        "source": path.name,
        "source_size": path.stat().st_size,
        "source_sha256": source.sha256,
        "source_width": source.width,
        "source_height": source.height,
        "claimed_frames": source.claimed,
        "decoded_frames": source.decoded,
        "broken_packets": source.broken,
        "resized_frames": source.resized,
        "variable_frame_rate": source.variable_rate,
        **picture,
        "versions": f"av {av.__version__}, opencv {cv2.__version__}",
    }
