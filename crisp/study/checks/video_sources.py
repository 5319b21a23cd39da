"""Check whether a raw video is unchanged since the scan: by size, then date, then content.

A file is hashed only if its date differs from a small cache, so a check costs one
``stat`` per video. It imports no video library: the Snakefile calls it for every video.
"""

from __future__ import annotations

from pathlib import Path

from crisp.core import files
from crisp.study.config import Study
from crisp.study.tables import VideoRow

Seen = dict[str, list[object]]


def read_cache(study: Study) -> Seen:
    """Read path, size (bytes) and date (ns) by video, as last seen; empty if damaged (only costs time)."""
    return files.read_cache(_cache_file(study))


def write_cache(study: Study, seen: Seen) -> None:
    """Record the state of the videos."""
    files.write_json(_cache_file(study), seen)


def _cache_file(study: Study) -> Path:
    return study.volumes / ".sources.json"


def stamp(study: Study, row: VideoRow) -> list[object]:
    """Return the cache entry of a video: path, size in bytes, date in ns.

    Raises
    ------
    OSError
        If the file is missing or inaccessible.
    """
    status = study.source(row.video).stat()
    return [row.path, status.st_size, status.st_mtime_ns]


def found_instead(study: Study, row: VideoRow, seen: Seen) -> str:
    """Describe a video's file if it differs from the table.

    A file unknown to the cache is checked by size only: its frames job hashes it.

    Parameters
    ----------
    study : Study
    row : VideoRow
    seen : dict
        Cache entries by video, of `read_cache`.

    Returns
    -------
    str
        Size or SHA-256 of the other file; empty if the file is unchanged.

    Raises
    ------
    OSError
        If the file is missing or inaccessible.
    """
    now = stamp(study, row)
    before = seen.get(row.video)
    if now[1] != row.size:
        return f"{now[1]} bytes"
    if before is None or before == now or before[0] != row.path:
        return ""
    found = files.sha256(study.source(row.video))
    return "" if found == row.sha256 else f"SHA-256 {found}"
