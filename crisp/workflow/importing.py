"""Import a folder of videos as a study scaled to this machine."""

from __future__ import annotations

import copy
import importlib.util
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crisp.core.errors import CrispError
from crisp.core.signals import provisional
from crisp.study import load, tables
from crisp.study.importers import import_folder
from crisp.study.importers.class_changes import ClassChanges
from crisp.study.importers.fitting import Labels
from crisp.study.importers.presets import AUTO, ESTIMATOR, Cost, Machine
from crisp.study.importers.report import Report
from crisp.study.importers.tools.selection import Selection
from crisp.workflow.plan import plan_study


def this_machine() -> Machine:
    """Return the number of usable cores, and whether torch has a GPU and poses can be estimated."""
    from crisp.training.devices import choose_device  # it loads torch

    pose = importlib.util.find_spec(ESTIMATOR) is not None
    return Machine(len(os.sched_getaffinity(0)), choose_device().type == "cuda", pose)


def study_cost(
    content: dict[str, Any], rows: Sequence[tables.VideoRow], label_snapshot: Labels, machine: Machine
) -> Cost | None:
    """Return the cost of a study with these videos.

    Parameters
    ----------
    content : dict
        Content of the study file; its table of videos need not exist.
    rows : sequence of VideoRow
        Rows of that table.
    label_snapshot : mapping
        Strokes to use instead of the annotation files, by their path.
    machine : Machine
        Machine that the study would run on.

    Returns
    -------
    Cost or None
        Hours; None if the data allow no split yet.
    """
    with tempfile.TemporaryDirectory() as folder, provisional(Path(folder)):
        videos = Path(folder, "videos.tsv")
        tables.write_videos(videos, rows)
        trial = copy.deepcopy(content)
        trial["dataset"]["videos"] = str(videos)
        # If the labels do not allow this split yet, another one costs about the same.
        for split in (content["split"], {"method": "stratified", "shares": [0.4, 0.3, 0.3]}):
            try:
                made = load.resolve_study({**trial, "split": split})
                planned = plan_study(made, everything=True, label_snapshot=label_snapshot)
            except CrispError:
                continue
            core, gpu = planned.total("core_hours"), planned.total("gpu_hours")
            wall = core / machine.cores
            if machine.gpu:
                return Cost(core, gpu, wall + gpu)
            core += planned.core_hours_without_gpu
            # profiles/local trains one model at a time.
            models = planned.core_hours_without_gpu / min(machine.cores, made.training.threads)
            return Cost(core, 0.0, wall + models)
    return None


def import_dataset(
    source: str | Path,
    dataset: str,
    config_folder: str | Path = "config",
    layout: str = "auto",
    decode: bool = False,
    data_folder: str | Path = "data",
    preset: str = AUTO,
    fps: float = 0.0,
    group: str = "",
    regions: str = "",
    selection: Selection | None = None,
    classes: ClassChanges | None = None,
    update: bool = False,
    preview_only: bool = False,
) -> Report:
    """Import a folder as a study scaled to this machine.

    Parameters
    ----------
    source, dataset, config_folder, layout, decode, data_folder, preset, fps, group, regions, selection
        As for `crisp.study.importers.import_folder`.
    classes, update, preview_only
        As there.

    Returns
    -------
    Report
        Added and existing files, notes and warnings.

    Raises
    ------
    CrispError
        As for `crisp.study.importers.import_folder`.
    """
    return import_folder(
        source,
        dataset,
        config_folder,
        layout,
        decode,
        data_folder,
        preset,
        fps,
        group,
        regions,
        selection,
        classes=classes,
        update=update,
        preview_only=preview_only,
        machine=this_machine,
        cost=study_cost,
    )


def selection(
    tiers: Sequence[str] = (), label_from: str = "", player_from: str = "", fps: float = 0.0
) -> Selection | None:
    """Return the selection that options of the command line state; None if there is none.

    Parameters
    ----------
    tiers : sequence of str
        Tiers, each perhaps several separated by commas.
    label_from : str
        Fields of the class, separated by commas; empty = as usual.
    player_from : str
        Field of the player; empty = as usual.
    fps : float
        As in `Selection`.

    Returns
    -------
    Selection or None
    """
    usual = Selection()
    chosen = Selection(
        _names(",".join(tiers)), _names(label_from) or usual.label_from, player_from or usual.player_from, fps
    )
    return None if chosen == usual else chosen


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())
