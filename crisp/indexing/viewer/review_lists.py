"""What lists of samples to review in viewer pages share: their folder, their links, and their pages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from crisp.core.errors import fail
from crisp.core.unreadable import made_by_workflow
from crisp.core.views import region_of
from crisp.indexing.viewer import make_viewer
from crisp.study.config import Study
from crisp.study.index_file import IndexFile, write_index
from crisp.study.players import view_of
from crisp.study.samples import strokes_of, working_interval
from crisp.study.tables import Annotation


class Listed(Protocol):
    """A listed sample: frames ``[begin, end)`` of the volume of a view."""

    @property
    def sample(self) -> str:
        """Return its id."""

    @property
    def video(self) -> str:
        """Return the id of its view."""

    @property
    def begin(self) -> int:
        """Return its first frame."""

    @property
    def end(self) -> int:
        """Return the frame after its last."""


One = TypeVar("One", bound=Listed)


class ReviewPages(NamedTuple):
    """The list's page, the relative URL of each sample, and warnings."""

    page: Path
    links: dict[str, str]
    warnings: list[str]


def check_folder(table: Path) -> None:
    """Refuse a folder with other files, some of which might be overwritten.

    Parameters
    ----------
    table : path-like
        The table that marks a folder as that of a list.

    Raises
    ------
    CrispError
        If the folder holds files, but not this table.
    """
    folder = table.parent
    if made_by_workflow(table) or table.exists() or not folder.is_dir() or not any(folder.iterdir()):
        return
    expected = f"a new or empty folder, or an earlier list with its {table.name}"
    raise fail(folder, "folder holds other files", expected, "other files", "choose another --out")


def fragment(one: Listed, step: int) -> str:
    """Return the fragment of a sample's URL: its first frame, and its player if it is in a region.

    Parameters
    ----------
    one : Listed
    step : int
        `frame_step` of its video.

    Returns
    -------
    str
    """
    player = region_of(one.video)
    return f"#frame={one.begin * step}" + (f"&player={player}" if player else "")


def by_file(study: Study, video: str, listed: Sequence[One]) -> dict[Annotation, list[One]]:
    """Group the samples of a video by annotation file; those in no file go to the first.

    Parameters
    ----------
    study : Study
    video : str
    listed : sequence of Listed
        Samples of the video, or of its regions.

    Returns
    -------
    dict of Annotation to list of Listed
        Empty if the video has no annotation for the study's task.

    Raises
    ------
    CrispError
        If an annotation file is missing or damaged.
    """
    of = study.videos[video]
    rows = [row for row in study.annotations if row.video == video and row.task == study.task]
    files: dict[Annotation, list[One]] = {row: [] for row in rows}
    holders = {
        (view_of(stroke, of), *working_interval(stroke.begin, stroke.end, of.frame_step)): row
        for row in rows
        for stroke in strokes_of(study, row, {})
    }
    for one in listed if rows else ():
        files[holders.get((one.video, one.begin, one.end), rows[0])].append(one)
    return files


def write_page(
    study: Study, folder: Path, index: IndexFile, number: int, listed: Sequence[Listed]
) -> tuple[dict[str, str], list[str]]:
    """Write the viewer page of an annotation file.

    Parameters
    ----------
    study : Study
    folder : Path
        Output folder.
    index : IndexFile
        What the page shows.
    number : int
        Of the annotation file among those of the video, from 1.
    listed : sequence of Listed
        Samples of the file.

    Returns
    -------
    links : dict of str to str
        The relative URL of each sample, by its id.
    warnings : list of str
        About the page.
    """
    video = index.video.id
    path = folder / (f"{video}.json" if number == 1 else f"{video}.{number}.json")
    write_index(path, index)
    made = make_viewer(path, path.with_suffix(".html"))
    step = study.videos[video].frame_step
    return {one.sample: f"{made.page.name}{fragment(one, step)}" for one in listed}, made.warnings
