"""Whether a raw video is still the one that was scanned: by size, then date, then content.

A file is hashed only where a small cache says that its date has changed, so a look costs one
``stat`` a video. It imports no video library: the Snakefile calls it for every video.
"""

from __future__ import annotations

from pathlib import Path

from crisp.core import files
from crisp.study.config import Study
from crisp.study.tables import Video

Seen = dict[str, list[object]]


def read_cache(study: Study) -> Seen:
    """Path, size (bytes) and date (ns) by video, as last seen; damaged, it is empty and only costs time."""
    return files.read_cache(_cache_file(study))


def write_cache(study: Study, seen: Seen) -> None:
    """Keep what was seen of the videos."""
    files.write_json(_cache_file(study), seen)


def _cache_file(study: Study) -> Path:
    return study.volumes / ".sources.json"


def stamp(study: Study, row: Video) -> list[object]:
    """What the cache holds of a video: path, size in bytes, date in ns.

    Raises
    ------
    OSError
        If the file is missing or out of reach.
    """
    status = study.source(row.video).stat()
    return [row.path, status.st_size, status.st_mtime_ns]


def found_instead(study: Study, row: Video, seen: Seen) -> str:
    """What a video's file is now, where it is not the one in the table; empty where it is.

    A file that the cache does not know is taken by its size: its frames job hashes it.

    Raises
    ------
    OSError
        If the file is missing or out of reach.
    """
    now = stamp(study, row)
    before = seen.get(row.video)
    if now[1] != row.size:
        return f"{now[1]} bytes"
    if before is None or before == now or before[0] != row.path:
        return ""
    found = files.sha256(study.source(row.video))
    return "" if found == row.sha256 else f"SHA-256 {found}"
