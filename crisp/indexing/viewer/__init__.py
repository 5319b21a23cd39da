"""The viewer: one HTML file to review an indexed video, correct its strokes and save the annotation.

The page needs no server or network. It links to the video and never embeds or changes it.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from crisp.core.errors import fail
from crisp.core.files import replacing
from crisp.indexing.viewer import page, proxy_video
from crisp.study.index_file import read_index

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
    index_file : path
        ``index.json`` from `crisp index`.
    out : path, optional
        Page to write; ``viewer.html`` beside the index by default.
    video : path, optional
        The video, if it has been moved since indexing.
    copy : bool
        Make a copy of the video for browsers beside the page, and link to it.

    Raises
    ------
    CrispError
        If the index is missing, damaged or of another kind, the given video is missing, or another file would
        be overwritten.
    """
    index = read_index(index_file)
    if out is not None:
        page.spare(Path(out))
    out = Path(out) if out else Path(index_file).with_name(PAGE)
    if out.is_dir():
        raise fail(out, "page cannot be written", "the name of a file", "a folder", "correct --out")
    path = Path(video or index.video.path)
    if video and not path.is_file():
        raise fail(path, "video file is missing", "the video of this index", "nothing", "correct --video")
    warnings: list[str] = []
    words: list[str | Path] = ["crisp", "viewer", Path(index_file)]
    if out != Path(index_file).with_name(PAGE):
        words += ["--out", out]
    again = [*words, "--proxy"]
    if video and path != out.with_suffix(".mp4"):
        again[-1:] = ["--video", path, "--proxy"]
    if copy:
        path = proxy_video.make_proxy(path, out.with_suffix(".mp4"), index.video)
    elif not path.is_file():
        warnings.append(
            f"{path}: video is missing; the page shows all but pictures. Where it is elsewhere:"
            f" {_command(*words)} --video VIDEO"
        )
    elif reason := proxy_video.doubts(path, index.video):
        warnings.append(f"{path}: {reason}; {_command(*again)} makes a copy that plays")
    # An earlier proxy beside the page is not a source to copy.
    moved = Path(video) if video and Path(video).absolute() != out.with_suffix(".mp4").absolute() else None
    links = page.Links(
        link(path, out.parent), link(Path(index_file), out.parent), link(moved, out.parent) if moved else ""
    )
    content = page.build(index, links)
    with replacing(out) as beside:
        beside.write_text(content, encoding="utf-8")
    return ViewerResult(out, warnings)


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
