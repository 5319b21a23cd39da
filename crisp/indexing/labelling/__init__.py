"""Labelling from nothing: the viewer's page without a model, as a file or from a server of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from crisp.core.errors import CrispError, Fault
from crisp.core.progress import progress
from crisp.indexing.labelling.subjects import Subject, described, index_of
from crisp.indexing.viewer import link, page, proxy_video
from crisp.study import annotation_store


def make_pages(subjects: Sequence[Subject], command: str, copy: bool = False) -> tuple[list[Path], list[str]]:
    """Write a page for each video, with the strokes of its annotation file if there is one.

    Parameters
    ----------
    subjects : sequence of Subject
    command : str
        The command that makes them, for messages.
    copy : bool
        Make a copy of each video for browsers beside its page, and link to it.

    Returns
    -------
    list of path, list of str
        The pages, and warnings.

    Raises
    ------
    CrispError
        If a page would overwrite another file, or a video or annotation cannot be read; after the other
        pages are written.
    """
    pages: list[Path] = []
    warnings: list[str] = []
    faults: list[Fault] = []
    for subject in progress(subjects, "videos", "annotate", len(subjects)):
        try:
            warnings += _make_page(subject, command, copy)
            pages.append(subject.page)
        except CrispError as error:
            faults += error.faults
    if faults:
        raise CrispError(*faults)
    return pages, warnings


def _make_page(subject: Subject, command: str, copy: bool) -> list[str]:
    """Write the page of a video; return its warnings."""
    page.check_target(subject.page)
    saved, about = annotation_store.load(subject.annotation), described(subject)
    shown, warnings = subject.video, []
    if copy:
        shown = proxy_video.make_proxy(subject.video, subject.copy, about)
    elif subject.copy.is_file() and proxy_video.is_copy(subject.copy):
        shown = subject.copy
    elif reason := proxy_video.playback_problem(subject.video, about):
        warnings = [f"{subject.video}: {reason}; {command} --proxy makes a playable copy"]
    links = page.Links(link(shown, subject.page.parent), proxy=shown == subject.copy)
    labelling = page.Labelling(subject.marks, saved.version, saved.begun, command=command)
    page.write_page(subject.page, index_of(subject, about, saved.strokes), links, labelling)
    return warnings
