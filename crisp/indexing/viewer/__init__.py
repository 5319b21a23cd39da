"""The viewer: one HTML file to review an indexed video, correct its strokes and save the annotation.

The page needs no server or network. It links to the video and never embeds or changes it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from crisp.core.errors import fail
from crisp.indexing.viewer import page, proxy_video
from crisp.study.index_file import EXPLAINED, IndexedVideo, read_index

PAGE = "viewer.html"


class ViewerResult(NamedTuple):
    """The written page, and its warnings."""

    page: Path
    warnings: list[str]


def make_viewer(
    index_file: str | Path,
    out: str | Path | None = None,
    video: str | Path | None = None,
    copy: bool = False,
) -> ViewerResult:
    """Write the page of an indexed video.

    Parameters
    ----------
    index_file : path-like
        ``index.json`` from `crisp index`.
    out : path-like, optional
        Page to write; ``viewer.html`` beside the index by default.
    video : path-like, optional
        The video, if it has been moved since indexing.
    copy : bool
        Make a copy of the video for browsers beside the page, and link to it.

    Returns
    -------
    ViewerResult

    Raises
    ------
    CrispError
        If the index is missing, damaged or of another kind, the given video is missing, or another file would
        be overwritten.
    """
    index = read_index(index_file)
    default = Path(index_file).with_name(PAGE)
    if out is not None:
        page.check_target(Path(out))
    out = Path(out) if out else default
    if out.is_dir():
        raise fail(out, "page cannot be written", "the name of a file", "a folder", "correct --out")
    path, proxy = Path(video or index.video.path), out.with_suffix(".mp4")
    if video and not path.is_file():
        raise fail(path, "video file is missing", "the video of this index", "nothing", "correct --video")
    # An earlier proxy beside the page is not a source to copy.
    moved = path if video and path.absolute() != proxy.absolute() else None
    warnings: list[str] = []
    if copy:
        path = proxy_video.make_proxy(path, proxy, index.video)
    else:
        words: list[str | Path] = ["crisp", "viewer", Path(index_file)]
        words += ["--out", out] if out != default else []
        warnings = _video_warnings(path, index.video, words, ["--video", moved] if moved else [])
    pictures = Path(index_file).with_name(EXPLAINED)
    links = page.Links(
        link(path, out.parent),
        link(Path(index_file), out.parent),
        link(moved, out.parent) if moved else "",
        proxy_video.is_copy(path),
        link(pictures, out.parent) if pictures.is_dir() else "",
    )
    page.write_page(out, index, links)
    return ViewerResult(out, warnings)


def _video_warnings(
    path: Path, video: IndexedVideo, command: Sequence[str | Path], moved: Sequence[str | Path]
) -> list[str]:
    """Warn if the video is missing, or may not play; with the command to type, `moved` its option."""
    if not path.is_file():
        return [
            f"{path}: video is missing; the page shows everything except its images. If it is elsewhere:"
            f" {_command(*command)} --video VIDEO"
        ]
    if reason := proxy_video.playback_problem(path, video):
        return [f"{path}: {reason}; {_command(*command, *moved, '--proxy')} makes a playable copy"]
    return []


def _command(*words: str | Path) -> str:
    """Return a command to type."""
    return shlex.join(map(str, words))


def link(video: Path, folder: Path) -> str:
    """Return the URL of a video for a page in that folder: relative, so that both can be moved together."""
    try:
        relative = os.path.relpath(video.absolute(), folder.absolute())
    except ValueError:  # another drive (Windows)
        return video.absolute().as_uri()
    return quote(Path(relative).as_posix())
