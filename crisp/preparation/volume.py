"""The volume: one HDF5 file per video that joins its stage files by relative external links.

For users and other tools; no rule depends on it. ``h5py.File(volume)["rgb"]`` opens the frames.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import h5py

from crisp.core import names, stage_files
from crisp.core.errors import CrispError, fail
from crisp.core.files import TEMPORARY
from crisp.core.views import REGION, region_of, video_of, view

METHODS = names.CHOICES["method"][0]
POSE = rf"pose({REGION})?\.h5"
OTHERS = re.compile(rf"{POSE}|{stage_files.FEATURES}")

VOLUME_ATTRIBUTES = {
    "fps": float,
    "source": str,
    "source_size": int,
    "source_sha256": str,
    "claimed_frames": int,
    "decoded_frames": int,
}


def join_volume(target: str | Path, rois: Sequence[str], others: Sequence[str] = ()) -> None:
    """Write a volume that links the stage files beside it.

    Members: `rgb`, for each flow method `flow/<method>`, and for each ROI file `roi/<name>` and
    `flow_stats/<name>`; `mask` once, as it does not depend on the method; the `others`. Those of a region end
    with its name, ``@left``.

    Parameters
    ----------
    target : path-like
        Volume to write.
    rois : sequence of str
        Names of the ROI files, at least one: a flow method, with a region ``dis@left``. The first one of a
        region supplies its `mask`.
    others : sequence of str
        Names of the files of poses and features, ``pose``, ``pose@left`` or ``features/r3d_18-0a1b2c3d``.

    Raises
    ------
    CrispError
        If a stage file is missing or incomplete.
    """
    folder = Path(target).parent
    methods = list(dict.fromkeys(map(video_of, rois)))
    links = {"rgb": ("frames.h5", "rgb")}
    for method in methods:
        links[f"flow/{method}"] = (f"flow/{method}.h5", "flow")
    for roi in rois:
        for name in ("roi", "flow_stats"):
            links[f"{name}/{roi}"] = (f"roi/{roi}.h5", name)
        links.setdefault(view("mask", region_of(roi)), (f"roi/{roi}.h5", "mask"))
    for name in others:
        links[name] = (f"{name}.h5", _kind(name))
    for name in dict.fromkeys(name for name, _ in links.values()):
        stage_files.open_stage(folder / name, _kind(name)).close()
    with stage_files.open_stage(folder / "frames.h5", "frames") as frames:
        attributes = stage_files.facts(frames, VOLUME_ATTRIBUTES)
    with stage_files.create(target, "volume", {}) as file:
        for key, value in attributes.items():
            file.attrs[key] = value
        file.attrs["flow_methods"] = methods
        for name, (stage_file, dataset) in links.items():
            if "/" in name:
                stage_files.group(file, name.split("/")[0])
            file[name] = h5py.ExternalLink(stage_file, dataset)


def _kind(name: str) -> str:
    """Return the stage of a file, from its path below the folder; its dataset, for poses and features."""
    return video_of(Path(name).parts[0].removesuffix(".h5"))


def refresh_volume(target: str | Path) -> None:
    """Write a volume of all current stage files of a video.

    The ROI jobs of several methods or regions, and those of poses and features, may end at the same time:
    each checks again after writing, so that the last one includes all.
    """
    joined: tuple[list[str], list[str]] = ([], [])
    while (prepared := _prepared(Path(target).parent)) != joined and prepared[0]:
        join_volume(target, *prepared)
        joined = prepared


def _prepared(folder: Path) -> tuple[list[str], list[str]]:
    """Return the names of the ROI files whose flow is of a folder's current frames, and of other files."""
    with stage_files.open_stage(folder / "frames.h5", "frames") as frames:
        source = frames["rgb"].attrs["sha256"]

    def current(path: Path, kind: str) -> bool:
        if not path.exists():
            return False
        try:
            with stage_files.open_stage(path, kind) as file:
                return bool(file.attrs.get("frames_sha256") == source)
        except CrispError:
            if kind != "features":
                raise
            return False  # computed anew where it is needed

    rois = [path.stem for path in sorted((folder / "roi").glob("*.h5"))]
    flows = {method: current(folder / "flow" / f"{method}.h5", "flow") for method in map(video_of, rois)}
    found = [*sorted(folder.glob("pose*.h5")), *sorted(folder.glob("features/*.h5"))]
    others = {path: path.relative_to(folder).as_posix() for path in found}
    return (
        [roi for roi in rois if flows[video_of(roi)]],
        [
            name.removesuffix(".h5")
            for path, name in others.items()
            if OTHERS.fullmatch(name) and current(path, _kind(name))
        ],
    )


def remove_from(folder: str | Path, video: str, stage: str) -> list[Path]:
    """Delete a video's stage files from a stage on, and no other files.

    Parameters
    ----------
    folder : path-like
        Folder of the stage files.
    video : str
        Video id, to delete its volume as well; empty if there is none.
    stage : {"frames", "flow", "roi", "pose", "features", "volume"}
        The first stage to delete.

    Returns
    -------
    list of Path
        The deleted files.

    Raises
    ------
    CrispError
        For an unknown stage.
    """
    patterns = {
        "frames": r"frames\.h5",
        "flow": rf"flow/({METHODS})(\.part-[0-9]+-of-[0-9]+)?\.h5|flow/({METHODS})\.parts",
        "roi": rf"roi/({METHODS})({REGION})?\.h5",
        "pose": POSE,
        "features": stage_files.FEATURES,
        "volume": re.escape(f"{video}.h5"),
    }
    if stage not in patterns:
        raise fail("redo", "unknown stage", ", ".join(patterns), stage, "choose one of them")
    later = re.compile(f"({'|'.join(list(patterns.values())[list(patterns).index(stage) :])})({TEMPORARY})?")
    folder = Path(folder)
    there = [path for part in ("", "flow", "roi", "features") for path in sorted((folder / part).glob("*"))]
    found = [path for path in there if not path.is_dir()]
    paths = [path for path in found if later.fullmatch(path.relative_to(folder).as_posix())]
    for path in paths:
        path.unlink()
    return paths


def pack_volume(volume: str | Path, target: str | Path) -> None:
    """Copy a volume and all linked files into one self-contained file.

    Raises
    ------
    CrispError
        If the volume or a linked file is missing, or it links to files other than the stage files beside it.
    """
    with stage_files.open_stage(volume, "volume") as joined, stage_files.create(target, "volume", {}) as file:
        for key, value in joined.attrs.items():
            file.attrs[key] = value
        names: list[str] = []
        joined.visit_links(names.append)
        for name in names:
            _copy(joined, name, file)


def _copy(joined: h5py.File, name: str, file: h5py.File) -> None:
    link = joined.get(name, getlink=True)
    if isinstance(link, h5py.ExternalLink):
        stage_file = Path(joined.filename).parent / link.filename
        kind = _kind(link.filename)
        with stage_files.open_stage(stage_file, kind) as stage:
            if link.path not in stage:
                raise stage_files.damaged(stage_file, kind, "nothing of that name", f"dataset {link.path}")
    if isinstance(joined[name], h5py.Dataset):
        if "/" in name:
            stage_files.group(file, name.split("/")[0])
        joined.copy(name, file, name, expand_external=True)
