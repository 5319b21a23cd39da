"""Indexing: find the strokes of new videos with a trained model.

Videos are prepared as in a study. Their stage files stay in the results folder until everything is
written, so that a killed run can resume. Memory is bounded by chunks of frames;
only a few numbers per frame are kept for the whole video.
"""

from __future__ import annotations

import fcntl
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from crisp import __version__
from crisp.clips.reader import close_files
from crisp.core import files
from crisp.core.errors import CrispError, fail
from crisp.core.plain_text import is_plain
from crisp.core.versions import INDEX, STAGES
from crisp.core.views import format_regions
from crisp.core.words import counted
from crisp.evaluation.explain import check_explicable
from crisp.indexing import exports, viewer
from crisp.indexing.explained import explain_strokes
from crisp.indexing.exports import write_exports
from crisp.indexing.index_document import build_document, with_annotation
from crisp.indexing.model import Model, Options
from crisp.indexing.video_preparation import (
    PREPARATION,
    check_regions,
    frame_step,
    prepare_video,
    remove_stages,
)
from crisp.indexing.viewer import make_viewer
from crisp.preparation import video
from crisp.preparation.video import Source
from crisp.study import index_file
from crisp.study.annotations import Stroke, read_annotation
from crisp.study.importers import video_ids
from crisp.study.index_file import IndexFile


def index_videos(videos: Sequence[Path], model: Model, options: Options) -> None:
    """Index videos one after the other; one that fails does not stop the others.

    Parameters
    ----------
    videos : sequence of path
        Video files.
    model : Model
    options : Options

    Raises
    ------
    CrispError
        If two videos would share a folder, the model cannot be explained or, after the others are
        done, if one failed.
    """
    names = [video_ids.plain(path.name) for path in videos]
    twice = [name for name, number in Counter(map(str.lower, names)).items() if number > 1]
    if twice:
        raise fail(
            "videos",
            "two have the same name",
            "names that differ by more than their folder, ending, case and special characters",
            ", ".join(twice),
            "index them with another --out, or rename one",
        )
    if len(videos) > 1 and options.annotated and not options.annotated.is_dir():
        raise fail(
            options.annotated,
            "one annotation file for several videos",
            "a folder of <video>.xml",
            "a file",
            "give the folder, or one video",
        )
    if options.explain:
        remedy = "leave out --explain, or choose another model"
        check_explicable(model.path, model.network, model.variant, remedy)
    failed = []
    for path, name in zip(videos, names, strict=True):
        try:
            index_video(path, name, model, options)
        except CrispError as error:
            if len(videos) == 1:
                raise
            print(f"crisp: {error}", file=sys.stderr)
            failed.append(str(path))
    if failed:
        raise fail(
            f"{len(failed)} of {counted(len(videos), 'video')}",
            "could not be indexed",
            found=", ".join(failed),
            remedy="see the messages above; repeat the command to index the others",
        )


def index_video(path: Path, name: str, model: Model, options: Options) -> IndexFile:
    """Index one video: write ``index.json``, a viewer page, and exports to its folder.

    Files that are up to date are not rewritten.

    Parameters
    ----------
    path : path-like
        Video file.
    name : str
        Id of the video, and name of its folder.
    model : Model
    options : Options

    Returns
    -------
    IndexFile
        The content of ``index.json``.

    Raises
    ------
    CrispError
        If the video or its annotation cannot be read, a region is smaller than the model's crop, its folder
        holds other files or is in use, a user has changed a file that would be rewritten, or the disk is
        full.
    """
    folder = options.out / name
    source = _read_source(path, options.fps)
    check_regions(path, model, options.regions)
    annotation = _read_truth(options.annotated, name)
    _check_folder(folder, source)
    with _locked(folder):
        return _index(source, folder, annotation, model, options)


def _index(
    source: Source,
    folder: Path,
    annotation: tuple[Path | None, tuple[Stroke, ...] | None],
    model: Model,
    options: Options,
) -> IndexFile:
    """Index a probed video in a folder locked by this process."""
    began = time.monotonic()
    name = folder.name
    annotated, truth = annotation
    identity = _identity(source, model, options)
    content = _current(folder, identity)
    if options.explain and not (folder / index_file.EXPLAINED).is_dir():
        content = None
    where = str(annotated.absolute()) if annotated else None
    if content is not None and (content.truth, content.annotations) != (truth, where):
        exports.check_unchanged(folder)
        content = with_annotation(content, truth, where)
        _write(folder, content, options.overlay)
        print(f"{name}: already indexed; the annotation is updated", file=sys.stderr)
    elif content is not None:
        write_exports(folder, content, options.overlay)
        if not (folder / viewer.PAGE).exists():
            _make_page(folder)
        print(f"{name}: already indexed", file=sys.stderr)
    if content is not None:
        remove_stages(folder, options.keep)
        return content
    exports.check_unchanged(folder)
    step, warnings = frame_step(options.fps or source.fps, model.preparation["fps"])
    warnings += prepare_video(source, folder, step, model, options)
    try:
        content = build_document(source, name, folder, step, model, options)
        if options.explain:
            explain_strokes(folder, content, step, model, options)
    finally:
        close_files()
    content = replace(content, warnings=[*content.warnings, *warnings], digest=identity)
    content = with_annotation(content, truth, where)
    for warning in content.warnings:
        print(f"warning: {source.path}: {warning}", file=sys.stderr)
    _write(folder, content, options.overlay)
    remove_stages(folder, options.keep)
    seconds = time.monotonic() - began
    found, count = len(content.strokes), content.video.frames
    print(
        f"{name}: {counted(found, 'stroke') if found else 'no strokes'} found in {counted(count, 'frame')}, "
        f"{seconds:.1f} s, {count / seconds:.1f} frames/s; review: {folder / viewer.PAGE}",
        file=sys.stderr,
    )
    return content


def _write(folder: Path, content: IndexFile, overlay: bool) -> None:
    """Write ``index.json`` and all files made from it; a later run completes an interrupted one."""
    stale = [*exports.FORMATS, viewer.PAGE]
    if files.read_cache(folder / index_file.NAME).get("digest") != content.digest:
        stale.append(exports.OVERLAY)  # it is slow, and does not show the annotation
    for name in (exports.RECORD, *stale):
        (folder / name).unlink(missing_ok=True)
    index_file.write_index(folder / index_file.NAME, content)
    write_exports(folder, content, overlay)
    _make_page(folder)


def _make_page(folder: Path) -> None:
    """Make the viewer page, and print its warnings."""
    proxy = folder / Path(viewer.PAGE).with_suffix(".mp4")
    for warning in make_viewer(folder / index_file.NAME, video=proxy if proxy.exists() else None).warnings:
        print(f"warning: {warning}", file=sys.stderr)


def _read_source(path: Path, fps: float) -> Source:
    """Return the properties of a video file, without decoding it.

    Raises
    ------
    CrispError
        If it is not a video, or its name cannot be stored in its index.
    """
    if not is_plain(str(path.absolute())):
        expected, remedy = "one line without control characters", "rename it, or link to it: ln -s"
        raise fail(repr(str(path)), "name of the video cannot be written", expected, "others", remedy)
    source = video.count_packets(path, given_fps=fps)
    source.require_rate("give it: --fps")
    source.sha256 = files.sha256(path)
    return source


def _read_truth(given: Path | None, name: str) -> tuple[Path | None, tuple[Stroke, ...] | None]:
    """Return the annotation file of a video and its strokes; none if there is no file."""
    path = given / f"{name}.xml" if given and given.is_dir() else given
    if path is None or (path != given and not path.exists()):
        return None, None
    return path, tuple(sorted(read_annotation(path)))


def _check_folder(folder: Path, source: Source) -> None:
    """Reject a folder with results of another video, or with other files."""
    if not folder.is_dir():
        return
    video = files.read_cache(folder / index_file.NAME).get("video")
    sha256 = (video if isinstance(video, dict) else files.read_cache(folder / PREPARATION)).get("sha256")
    if sha256 is None and any(".tmp-" not in path.name for path in folder.iterdir()):
        raise fail(
            folder, "folder holds other files", "an empty folder, or none", "files", "choose another --out"
        )
    if sha256 not in (None, source.sha256):
        raise fail(
            folder,
            "folder holds the results of another video",
            f"of {source.path}, SHA-256 {source.sha256}",
            f"SHA-256 {sha256}",
            "choose another --out; or move that folder away if the video was replaced",
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Create and lock a folder against other commands; released when the process ends.

    Raises
    ------
    CrispError
        If another command has locked it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(place)
        raise fail(
            folder,
            "another crisp index is running in this folder",
            remedy="wait until it ends, or choose another --out",
        ) from None
    except OSError:  # the file system does not support locking
        pass
    try:
        yield
    finally:
        os.close(place)


def _identity(source: Source, model: Model, options: Options) -> str:
    """Return a digest of all inputs of an index except the annotation, which is only shown."""
    return files.digest(
        [
            [INDEX, __version__, {stage: STAGES[stage] for stage in ("frames", "flow", "roi", "detect")}],
            [str(source.path.absolute()), source.sha256],
            [str(model.path.absolute()), model.sha256, vars(model.settings), model.decision],
            *([options.fps] if options.fps else []),
            *([format_regions(options.regions)] if options.regions else []),
            *([f"facing {options.facing}"] if options.facing else []),
        ]
    )


def _current(folder: Path, identity: str) -> IndexFile | None:
    """Return the content of ``index.json``, if it exists and its inputs are unchanged."""
    content = files.read_cache(folder / index_file.NAME)
    if content.get("digest") != identity:
        return None
    try:
        return index_file.read_index(folder / index_file.NAME, whole=True)
    except CrispError:  # recreated, as if damaged
        return None
