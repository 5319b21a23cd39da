"""Export the output of `crisp.indexing.index` for other software.

Each module writes one format from the content of an ``index.json``. Its bounds are frames of the video
file, ends exclusive; times are those at which the file shows its frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from crisp.core import files
from crisp.core.errors import fail
from crisp.core.files import read_cache, write_json
from crisp.indexing.exports import boris, csv_table, elan, ttstroke_xml, webvtt
from crisp.study.index_file import IndexFile

FORMATS: dict[str, Callable[[Path, IndexFile], None]] = {
    "strokes.xml": ttstroke_xml.write,
    "strokes.csv": csv_table.write,
    "strokes.eaf": elan.write,
    "strokes.boris": boris.write,
    "strokes.vtt": webvtt.write,
}
OVERLAY = "overlay.mp4"
RECORD = ".written.json"  # SHA-256 of each file as written: users correct them in other software


def write_exports(folder: Path, index: IndexFile, overlay: bool) -> None:
    """Write the formats that a folder lacks; the overlay video only on request.

    Parameters
    ----------
    folder : path-like
        Folder of the video's results.
    index : IndexFile
        A whole one, as written by `crisp index`.
    overlay : bool
        Whether to make the overlay video, which is slow.

    Raises
    ------
    CrispError
        If the disk is full or, for the overlay, if the video is missing.
    """
    write_formats(folder, index, [name for name in FORMATS if not (folder / name).exists()])
    if overlay and not (folder / OVERLAY).exists():
        from crisp.indexing.exports import overlay_video

        overlay_video.write(folder / OVERLAY, index)


def write_formats(folder: Path, index: IndexFile, names: Sequence[str]) -> None:
    """Write files of a folder, and record what was written.

    Parameters
    ----------
    folder : path-like
    index : IndexFile
    names : sequence of str
        Their names, of `FORMATS`.

    Raises
    ------
    CrispError
        If a file cannot be written.
    """
    for name in names:
        FORMATS[name](folder / name, index)
    if names:
        written = {name: files.sha256(folder / name) for name in names}
        write_json(folder / RECORD, {**read_cache(folder / RECORD), **written})


def check_unchanged(folder: Path) -> None:
    """Refuse to rewrite files that a user has changed since they were written.

    Raises
    ------
    CrispError
        If there is one.
    """
    for name, digest in read_cache(folder / RECORD).items():
        path = folder / name
        if name in FORMATS and path.is_file() and files.sha256(path) != digest:
            raise fail(
                path,
                "was changed since CRISP wrote it, and would be overwritten",
                "the file as it was written",
                "other content",
                "move it to another folder, then repeat the command; --annotations accepts a corrected"
                " strokes.xml",
            )
