"""Import a folder of videos and labels: tables, annotation files and an initial study file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from crisp.core import names
from crisp.core.errors import CrispError, Fault, fail
from crisp.core.unicode_forms import compose, existing
from crisp.core.unreadable import counted_from
from crisp.study.importers import (
    class_changes,
    class_folders,
    contradictions,
    indexed,
    player_groups,
    player_regions,
    presets,
    preview,
    stroke_table,
    tools,
    ttstroke20,
    ttstroke22,
    video_folder,
    writer,
)
from crisp.study.importers.class_changes import ClassChanges
from crisp.study.importers.discovery import Found
from crisp.study.importers.lists import activitynet, deepethogram, hmdb51, kinetics, ucf101, video_list
from crisp.study.importers.presets import CostOf, Machine
from crisp.study.importers.report import Report
from crisp.study.importers.tools.selection import Selection


class Layout(NamedTuple):
    """Folder layout of a data set; `text` is its description."""

    text: str
    matches: Callable[[Path], bool]
    read: Callable[[Path], Found]


def _of_tools(*names: str) -> dict[str, Layout]:
    return {
        name: Layout(
            f"videos and {tools.FORMATS[name].text}",
            partial(tools.matches, name),
            partial(tools.read, name=name, selection=Selection(), with_regions=False),
        )
        for name in names
    }


# The order matters: a folder of an earlier layout also matches later ones.
LAYOUTS = {
    "ttstroke20": Layout(
        "videos/*.mp4 and {classification,detection}Task/<split>/<video>.xml",
        ttstroke20.matches,
        ttstroke20.read,
    ),
    "ttstroke22": Layout("both of the next two", ttstroke22.matches_both, ttstroke22.read_both),
    "ttstroke22-classification": Layout(
        "classificationTask/{train,validation}/<Class>/<id>.mp4, .../test/<id>.mp4, .../test.xml",
        ttstroke22.matches_classification,
        ttstroke22.read_classification,
    ),
    "ttstroke22-detection": Layout(
        "detectionTask/<split>/<id>.mp4 and <id>.xml", ttstroke22.matches_detection, ttstroke22.read_detection
    ),
    "index": Layout(
        "strokes.csv and index.json, as crisp index writes them, or a folder of such folders",
        indexed.matches,
        indexed.read,
    ),
    **_of_tools("boris-events"),
    "ucf101": Layout("UCF101: trainlist01.txt, testlist01.txt, classInd.txt", ucf101.matches, ucf101.read),
    "hmdb51": Layout("HMDB51: <class>_test_split1.txt", hmdb51.matches, hmdb51.read),
    "kinetics": Layout(
        "Kinetics: a CSV with columns label, youtube_id, time_start, time_end, split",
        kinetics.matches,
        kinetics.read,
    ),
    "activitynet": Layout(
        "ActivityNet: a JSON of videos with subset and annotations (segment, label)",
        activitynet.matches,
        activitynet.read,
    ),
    "deepethogram": Layout(
        "DeepEthogram: <video>_labels.csv, a row for each frame, columns background and behaviours",
        deepethogram.matches,
        deepethogram.read,
    ),
    "csv": Layout(
        "a CSV, TSV or XLSX with columns video, begin, end (or begin_seconds, end_seconds), label; split, "
        "group, region; or one for each video, named as it",
        stroke_table.matches,
        stroke_table.read,
    ),
    **_of_tools("elan", "boris", "cvat", "label-studio", "via"),
    "video-list": Layout(
        "a list with a video and its class in each line, as of mmaction2", video_list.matches, video_list.read
    ),
    "class-folders": Layout(
        "{train,validation,test}/<Class>/<clip>; if asked for, <Class>/<clip>",
        class_folders.matches,
        class_folders.read,
    ),
    **_of_tools("subtitles"),
    "videos": Layout(
        "videos, each with the XML of its name if it is labelled", video_folder.matches, video_folder.read
    ),
}


def detect_layout(folder: str | Path) -> str:
    """Return the name of the layout of a folder, or of a file of labels.

    Raises
    ------
    CrispError
        If the folder is missing or has no known layout.
    """
    folder = Path(folder)
    if not folder.exists():
        raise _missing(folder)
    for name, layout in LAYOUTS.items():
        if layout.matches(folder):
            return name
    if folder.is_file():
        return "csv"  # says what the file is
    known = "; ".join(f"{name}: {layout.text}" for name, layout in LAYOUTS.items())
    inside = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "an empty folder"
    if tables := stroke_table.unlike(folder):
        inside += f"; {tables}"
    remedy = "give the folder that holds these, write a table of the strokes, or import with --layout videos"
    raise fail(folder, "layout not recognised", known, inside, remedy)


def _missing(source: Path) -> CrispError:
    found = f"nothing{counted_from(source)}"
    return fail(source, "source folder is missing", "a folder of videos", found, "correct the path")


def import_folder(
    source: str | Path,
    dataset: str,
    config_folder: str | Path = "config",
    layout: str = "auto",
    decode: bool = False,
    data_folder: str | Path = "data",
    preset: str = presets.AUTO,
    fps: float = 0.0,
    group: str = "",
    regions: str = "",
    selection: Selection | None = None,
    *,
    classes: ClassChanges | None = None,
    update: bool = False,
    preview_only: bool = False,
    machine: Callable[[], Machine],
    cost: CostOf,
) -> Report:
    """Import a folder: tables, annotation files, a study, and the link to the videos.

    Importing again adds what is new; existing files are changed only with `update`. The source is only read.

    Parameters
    ----------
    source : path-like
        Folder of the raw data, or a file of labels in it.
    dataset : str
        Name of the data set; tables go to ``<config_folder>/<dataset>``. May be empty for a preview.
    config_folder : path-like
        As named in the study (relative to the folder in which snakemake runs).
    layout : str
        A key of `LAYOUTS`, or ``auto``.
    decode : bool
        Count decoded frames (slow) instead of packets.
    data_folder : path-like
        Where to create the link ``<dataset>`` to the source.
    preset : str
        One of `crisp.study.importers.presets.PRESETS`, or ``auto``: by machine and data.
    fps : float
        Rate of raw streams whose header has none, frames per second; 0 = unknown.
    group : str
        Regular expression that finds the group (player) in a video's path; empty = from labels or names.
    regions : str
        Regions of every video, as in ``videos.tsv``; of a video whose strokes name players, theirs only.
    selection : Selection, optional
        Which labels of an annotation tool are strokes, their classes and players.
    classes : ClassChanges, optional
        Classes to rename or leave out, besides those of earlier imports.
    update : bool
        Change annotation files and splits that differ from the source; the old ones are kept beside them.
    preview_only : bool
        Report what would be imported, and write nothing.
    machine : callable
        Returns the target machine.
    cost : callable
        Cost of a study on it; see `CostOf`.

    Returns
    -------
    Report
        Added and existing files, notes and warnings.

    Raises
    ------
    CrispError
        If the source, its paths or the names cannot be used, or no video can; nothing has been written then.
    """
    source = Path(source)
    if not names.is_id(dataset) and (dataset or not preview_only):
        expected = "letters, digits, _ and -, at most 100"
        remedy = "choose another name" if dataset else "give it with --name"
        raise fail("data set", "bad name", expected, repr(dataset), remedy)
    if layout not in ("auto", *LAYOUTS):
        raise fail("layout", "no such layout", f"auto, {', '.join(LAYOUTS)}", layout, "choose one of them")
    if preset not in (presets.AUTO, *presets.PRESETS):
        known = ", ".join([presets.AUTO, *presets.PRESETS])
        raise fail("preset", "no such preset", known, preset, "choose one of them")
    name = detect_layout(source) if layout == "auto" else layout
    if not source.exists():
        raise _missing(source)
    if name in tools.FORMATS:
        found = tools.read(source, name, selection or Selection(), with_regions=bool(regions))
    elif selection:
        options, known = "--tier, --label-from, --player-from, --label-fps", ", ".join(tools.FORMATS)
        raise fail(options, "only for labels of annotation tools", f"layout {known}", name, "omit them")
    else:
        found = LAYOUTS[name].read(source)
    folder = found.folder or (source.parent if source.is_file() else source)
    faults = [fault for video in found.videos if (fault := _bad_path(folder, video.path))]
    if not found.videos:
        faults.append(Fault(str(source), f"no video in layout {name}", LAYOUTS[name].text, "none"))
    if faults:
        raise CrispError(*faults)
    tables_folder, given = Path(config_folder, dataset), classes or ClassChanges()
    changes = given.after(class_changes.recorded(tables_folder) if dataset else ClassChanges())
    class_changes.apply(found, changes, given)
    contradictions.check(found.videos)
    if group:
        player_groups.give(found.videos, group)
    player_regions.give(found.videos, regions)
    stated = {"layout": "" if layout == "auto" else layout, "fps": fps, "group": group, "regions": regions}
    repeated = [text for key, value in stated.items() if value for text in (f"--{key}", str(value))]
    repeated += [*(selection.options() if selection else ()), *changes.options()]
    report = Report(name, source, repeated)
    if preview_only:
        preview.show(found, folder, fps, report)
        return report
    link = Path(data_folder, dataset)
    _check_link(link, folder)
    writer.write_dataset(
        found, folder, tables_folder, link, decode, preset, fps, machine, cost, report, update
    )
    if class_changes.record(tables_folder, changes):
        report.added.append(f"{tables_folder / class_changes.FILE}: changes of classes for the next imports")
    if link.exists():
        report.kept.append(str(link))
    else:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.realpath(folder), target_is_directory=True)
        report.added.append(f"{link} -> {os.path.realpath(folder)}")
    return report


def _bad_path(folder: Path, path: str) -> Fault | None:
    """Report paths that cannot be stored in a table (one row per line, tabs, UTF-8), or name two files."""
    file = existing(folder / path)
    if not file.name.isascii() and file.exists():
        names = [other.name for other in file.parent.iterdir() if compose(other.name) == compose(file.name)]
        if len(names) > 1:
            what = "two files differ only in the Unicode form of their names"
            return Fault(str(file), what, "one file", ", ".join(map(ascii, names)), "rename one")
    try:
        path.encode()
        good = not re.search(r"[\x00-\x1f]", path)
    except UnicodeEncodeError:
        good = False
    if good:
        return None
    what = "path cannot be written to a table"
    # repr, for both places: a raw line break would split the message.
    return Fault(
        repr(str(folder / path)),
        what,
        "UTF-8 without tab or line break (or other control character)",
        repr(path),
        "rename the file",
    )


def _check_link(link: Path, folder: Path) -> None:
    if link.is_symlink() or link.exists():
        target, wanted = os.path.realpath(link), os.path.realpath(folder)
        if target != wanted:
            remedy = "choose another data set name"
            raise fail(link, "data set name is taken", f"a link to {wanted}", target, remedy)
        return
    # Checked first, as the link is made after the tables.
    place = next(folder for folder in link.absolute().parents if folder.exists())
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        expected = "a folder that can be written to"
        raise fail(link, "link to the videos cannot be made", expected, place, "correct its permissions")
