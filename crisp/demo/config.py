"""Write the tracked tables and annotations of the demo. For developers: users only read or edit them."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.files import replacing
from crisp.demo.render import generate
from crisp.demo.script import FPS, VIDEOS, actions, strokes
from crisp.study.annotations import write_annotation


def write_config(folder: str | Path) -> None:
    """Write ``videos.tsv``, ``annotations.tsv`` and ``annotations/<video>.xml``.

    Parameters
    ----------
    folder : path-like
        The demo's configuration folder.

    Raises
    ------
    CrispError
        If an annotation file or a table already exists, as a user may have corrected it.
    """
    folder = Path(folder)
    files = {video: folder / "annotations" / f"{video.id}.xml" for video in VIDEOS}
    tables = [folder / name for name in ("annotations.tsv", "videos.tsv")]
    faults = [
        Fault(str(path), "annotation file or table exists", "no file", remedy="write to an empty folder")
        for path in (*files.values(), *tables)
        if path.exists()
    ]
    if faults:
        raise CrispError(*faults)
    with tempfile.TemporaryDirectory() as scratch:
        rows = video_rows(scratch)
    for video, path in files.items():
        write_annotation(path, strokes(video))
    _write(folder / "annotations.tsv", annotation_rows())
    _write(folder / "videos.tsv", rows)


def annotation_rows() -> list[tuple[str, ...]]:
    """Return the rows of ``annotations.tsv``, header first."""
    rows: list[tuple[str, ...]] = [("video", "path", "task", "split")]
    for video in VIDEOS:
        tasks = ("classification", "detection") if video.detection else ("classification",)
        rows += [(video.id, f"annotations/{video.id}.xml", task, video.split) for task in tasks]
    return rows


def video_rows(folder: str | Path) -> list[tuple[str, ...]]:
    """Generate all videos in a folder and return the rows of ``videos.tsv``, header first."""
    rows: list[tuple[str, ...]] = [
        ("video", "path", "size", "frames", "sha256", "fps", "group", "use", "note")
    ]
    for video in VIDEOS:
        data = generate(video.id, folder).read_bytes()
        length, digest = actions(video)[-1].end, hashlib.sha256(data).hexdigest()
        note = f"{video.hand}-handed, facing {'right' if video.facing > 0 else 'left'}"
        path = f"{video.id}.mp4"
        rows.append((video.id, path, str(len(data)), str(length), digest, str(FPS), video.id, "yes", note))
    return rows


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    text = "".join("\t".join(row) + "\n" for row in rows)
    with replacing(path) as beside:
        beside.write_text(text, encoding="utf-8", newline="\n")
