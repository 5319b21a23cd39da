"""Check video files: present, unchanged, scanned, with one frame rate."""

from __future__ import annotations

import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from crisp.core import unreadable
from crisp.core.errors import CrispError, Fault
from crisp.core.progress import progress
from crisp.core.unreadable import denied
from crisp.core.words import counted
from crisp.study.checks import video_sources
from crisp.study.config import Study
from crisp.study.tables import VideoRow

if TYPE_CHECKING:
    from crisp.preparation import video

TOLERANCE = 0.01  # maximum relative difference of equal frame rates (29.97 and 30)


def check_videos(
    study: Study, study_file: str | Path, decode: bool = False, look: bool = False
) -> tuple[list[Fault], list[Fault]]:
    """Check the video files of a study.

    Parameters
    ----------
    study : Study
    study_file : path-like
        Named in the command of a remedy.
    decode : bool
        Also decode every frame of every used video (slow).
    look : bool
        Decode the first frame of each video.

    Returns
    -------
    faults, warnings : list of Fault
    """
    command = f"crisp scan --study {shlex.quote(str(study_file))}"
    faults: list[Fault] = []
    warnings: list[Fault] = []
    if study.data.is_dir():
        faults += _files(study, command, create=not look)
        if decode:
            _decode(study, command, faults, warnings)
        elif look and not study.generate:
            _look(study, command, faults, warnings)
    elif not study.generate:
        faults.append(
            Fault(
                str(study.data),
                "folder of the raw videos is missing",
                "a folder, or a link to one",
                "a broken link"
                if study.data.is_symlink()
                else f"nothing{unreadable.counted_from(study.data)}",
                f"ln -sfn /path/to/the/videos {study.data}",
            )
        )
    warnings += _remarks(study)
    faults += _unscanned(study, command)
    faults += _mixed_rates(study)
    return faults, warnings


def _files(study: Study, command: str, create: bool) -> list[Fault]:
    """Report missing and replaced files. A missing generated video is made again.

    Only a run creates the results: with a check's umask, they could be closed to the user who runs the study.
    """
    if study.generate:
        return []
    known = video_sources.read_cache(study)
    seen = dict(known)
    faults = []
    for row in study.used.values():
        path = study.source(row.video)
        try:
            if path.exists() and not path.is_file():
                raise OSError(None, "not a regular file")
            found = video_sources.found_instead(study, row, known) if row.sha256 else ""
            now = video_sources.stamp(study, row)
        except OSError as error:
            faults.append(_missing(study, row, error))
            continue
        if not os.access(path, os.R_OK):
            why, remedy = denied(path)
            faults.append(Fault(str(path), "video file cannot be opened", "a readable file", why, remedy))
        elif found:
            expected = f"{row.size} bytes" if found.endswith("bytes") else f"SHA-256 {row.sha256}"
            what = f"video {row.video} was replaced"
            faults.append(Fault(str(path), what, expected, found, f"if that is meant, type: {command}"))
        elif row.sha256:
            seen[row.video] = now
    if seen != known and create:
        video_sources.write_cache(study, seen)
    elif seen != known:
        with suppress(CrispError, PermissionError):  # another user's results
            if study.volumes.is_dir():
                video_sources.write_cache(study, seen)
    return faults


def _look(study: Study, command: str, faults: list[Fault], warnings: list[Fault]) -> None:
    """Report files whose first frame cannot be decoded, or whose picture is not that of the scan."""
    # Imported here, as login nodes that start a run may not be able to load OpenCV.
    from crisp.preparation import video

    rows = [row for row in study.used.values() if _is_readable(study.source(row.video))]
    for row in rows:
        source = video.Source(study.source(row.video), remedy=video.IN_STUDY)
        try:
            next(video.frames(source.path, source))
            faults += _small_regions(study, row, source.width, source.height)
            if missing := _unrecorded(row, source):
                by_header = set(missing) <= set(video.count_packets(source.path).picture)
                warnings.append(_other_picture(row, source, command if by_header else f"{command} --decode"))
        except CrispError as error:
            faults += error.faults


def _small_regions(study: Study, row: VideoRow, width: int, height: int) -> list[Fault]:
    """Report regions that are smaller than the crop of a variant."""
    from crisp.preparation.frames import working_size

    size = working_size(width, height, study.width, study.upscale)
    faults = []
    for name, box in row.boxes.items():
        left, top, right, bottom = box.pixels(*size)
        for crop in study.crop_sizes:
            if right - left < crop[1] or bottom - top < crop[0]:
                faults.append(
                    Fault(
                        f"{study.videos_table}, video {row.video}",
                        f"region {name} is smaller than a crop",
                        f"at least {crop[1]}x{crop[0]} px, the size of a variant",
                        f"{right - left}x{bottom - top} px of {size[0]}x{size[1]}",
                        "enlarge the region or preparation.width, or choose a smaller size",
                    )
                )
    return faults


def _unrecorded(row: VideoRow, source: video.Source) -> list[str]:
    """Return the changes to the pictures of a scanned video that the table does not list."""
    return [note for note in source.picture if row.sha256 and note not in row.picture.split("; ")]


def _other_picture(row: VideoRow, source: video.Source, command: str) -> Fault:
    what = f"pictures of video {row.video} are not prepared as videos.tsv says"
    remedy = f"{command}; the next run then prepares this video again"
    return Fault(str(source.path), what, row.picture or "unchanged", "; ".join(source.picture), remedy)


def _is_readable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.R_OK)


def _missing(study: Study, row: VideoRow, error: OSError) -> Fault:
    return Fault(
        str(study.source(row.video)),
        f"video {row.video} is missing",
        f"the video file listed in {study.videos_table}",
        f"{error.strerror or error}{unreadable.counted_from(study.source(row.video))}",
        "restore the file, correct its path, or set use=no for this video",
    )


def _unscanned(study: Study, command: str) -> list[Fault]:
    """Report rows without scan results. The bytes of a generated video differ between machines."""
    needed = ("frames", "fps") if study.generate else ("size", "frames", "sha256", "fps")
    return [
        Fault(
            f"{study.videos_table}, video {row.video}",
            "video has not been scanned",
            ", ".join(needed),
            f"no {', '.join(missing)}",
            command,
        )
        for row in study.used.values()
        if (missing := [name for name in needed if not getattr(row, name)])
    ]


def _remarks(study: Study) -> list[Fault]:
    """Report videos in which the scan found unusual times or pictures."""
    return [Fault(str(study.source(row.video)), row.remark) for row in study.used.values() if row.remark]


def _mixed_rates(study: Study) -> list[Fault]:
    """Report mixed frame rates: all clips of a study must show the same time per frame."""
    clusters: list[list[VideoRow]] = []
    for row in sorted(study.used.values(), key=lambda row: row.working_fps):
        if not row.fps:
            continue
        if clusters and row.working_fps <= clusters[-1][0].working_fps * (1 + TOLERANCE):
            clusters[-1].append(row)
        else:
            clusters.append([row])
    if len(clusters) < 2:
        return []
    most = max(clusters, key=len)
    found = [
        f"{cluster[0].working_fps:g} fps: "
        + (
            f"the other {len(cluster)}"
            if cluster is most and len(cluster) > 1
            else ", ".join(row.video for row in cluster)
        )
        for cluster in clusters
    ]
    return [
        Fault(
            f"{study.videos_table}, column fps",
            "videos of different frame rates",
            "one frame rate (fps / frame_step) in all used videos",
            "; ".join(found),
            _rate_remedy(clusters),
        )
    ]


def _rate_remedy(clusters: list[list[VideoRow]]) -> str:
    slowest = clusters[0][0].working_fps
    steps = []
    for cluster in clusters[1:]:
        ratio = cluster[0].working_fps / slowest
        if abs(ratio / round(ratio) - 1) > TOLERANCE:
            return "set use=no for the videos of other rates, or make a data set of each rate"
        for step in sorted({row.frame_step for row in cluster}):
            steps.append(f"frame_step {step * round(ratio)} for those of {cluster[0].recorded_fps:g} fps")
    return f"in a column frame_step write {', '.join(steps)} (1 elsewhere), or set use=no"


def _decode(study: Study, command: str, faults: list[Fault], warnings: list[Fault]) -> None:
    # Imported here, as login nodes that start a run may not be able to load OpenCV.
    from crisp.preparation import video

    rows = [row for row in study.used.values() if _is_readable(study.source(row.video))]
    for row in progress(rows, "videos", "decode", len(rows)):
        path = study.source(row.video)
        source = video.Source(path, remedy=video.IN_STUDY, given_fps=row.recorded_fps)
        try:
            for _ in video.frames(path, source):
                pass
        except CrispError as error:
            faults += error.faults
            continue
        if source.decoded != row.frames:
            faults.append(
                Fault(
                    f"{study.videos_table}, video {row.video}",
                    "number of frames differs from the decoded ones",
                    counted(source.decoded, "frame"),
                    str(row.frames),
                    f"{command} --decode",
                )
            )
        warnings += _oddities(path, source)
        if _unrecorded(row, source):
            warnings.append(_other_picture(row, source, f"{command} --decode"))
        if source.timing_note != row.timing:
            found = source.timing_note or "constant frame rate"
            warnings.append(
                Fault(str(path), "timing differs from videos.tsv", row.timing, found, f"{command} --decode")
            )


def _oddities(path: Path, source: video.Source) -> list[Fault]:
    found = []
    if source.decoded < source.claimed:
        claim = f"{counted(source.claimed, 'frame')} claimed"
        found.append(Fault(str(path), "video is shorter than it claims", claim, f"{source.decoded} decode"))
    if source.broken:
        found.append(Fault(str(path), "damaged packets", "0", str(source.broken)))
    return found
