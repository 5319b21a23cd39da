"""The volume: one HDF5 file per video that joins its stage files by relative external links.

For users and other tools; no rule depends on it. ``h5py.File(volume)["rgb"]`` opens the frames.
"""

from __future__ import annotations

import re
from pathlib import Path

import h5py

from crisp.core import names, stage_files
from crisp.core.errors import fail
from crisp.core.files import TEMPORARY

METHODS = names.CHOICES["method"][0]

VOLUME_ATTRIBUTES = {
    "fps": float,
    "source": str,
    "source_size": int,
    "source_sha256": str,
    "claimed_frames": int,
    "decoded_frames": int,
}


def join_volume(target: str | Path, methods: list[str], pose: bool = False) -> None:
    """Write a volume that links the stage files beside it.

    Members: `rgb`, and for each flow method `flow/<method>`, `roi/<method>`,
    `flow_stats/<method>`; `mask` once, as it does not depend on the method; `pose` if
    requested.

    Parameters
    ----------
    target : path-like
        Volume to write.
    methods : list of str
        Flow methods, at least one; the first one's ROI stage file supplies `mask`.
    pose : bool
        Whether to link the poses.

    Raises
    ------
    CrispError
        If a stage file is missing or incomplete.
    """
    folder = Path(target).parent
    links = {"rgb": ("frames.h5", "rgb")}
    for method in methods:
        links[f"flow/{method}"] = (f"flow/{method}.h5", "flow")
        for name in ("roi", "flow_stats"):
            links[f"{name}/{method}"] = (f"roi/{method}.h5", name)
    links["mask"] = (f"roi/{methods[0]}.h5", "mask")
    if pose:
        links["pose"] = ("pose.h5", "pose")
    for name in dict.fromkeys(name for name, _ in links.values()):
        stage_files.open_stage(folder / name, Path(name).parts[0].removesuffix(".h5")).close()
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


def refresh_volume(target: str | Path) -> None:
    """Write a volume of all current stage files of a video.

    The ROI jobs of several methods, and the pose job, may end at the same time: each checks again after
    writing, so that the last one includes all.
    """
    joined: tuple[list[str], bool] = ([], False)
    while (prepared := _prepared(Path(target).parent)) != joined and prepared[0]:
        join_volume(target, *prepared)
        joined = prepared


def _prepared(folder: Path) -> tuple[list[str], bool]:
    """Return methods with flow and ROI of a folder's current frames, and whether there are poses for them."""
    with stage_files.open_stage(folder / "frames.h5", "frames") as frames:
        source = frames["rgb"].attrs["sha256"]
    methods = []
    for path in sorted((folder / "roi").glob("*.h5")):
        if (folder / "flow" / path.name).exists():
            with stage_files.open_stage(folder / "flow" / path.name, "flow") as flow:
                if flow.attrs.get("frames_sha256") == source:
                    methods.append(path.stem)
    if not (folder / "pose.h5").exists():
        return methods, False
    with stage_files.open_stage(folder / "pose.h5", "pose") as pose:
        return methods, bool(pose.attrs.get("frames_sha256") == source)


def remove_from(folder: str | Path, video: str, stage: str) -> list[Path]:
    """Delete a video's stage files from a stage on, and no other files.

    Parameters
    ----------
    folder : path-like
        Folder of the stage files.
    video : str
        Video id, to delete its volume as well; empty if there is none.
    stage : {"frames", "flow", "roi", "pose", "volume"}
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
        "roi": rf"roi/({METHODS})\.h5",
        "pose": r"pose\.h5",
        "volume": re.escape(f"{video}.h5"),
    }
    if stage not in patterns:
        raise fail("redo", "unknown stage", ", ".join(patterns), stage, "choose one of them")
    later = re.compile(f"({'|'.join(list(patterns.values())[list(patterns).index(stage) :])})({TEMPORARY})?")
    folder = Path(folder)
    there = [path for part in ("", "flow", "roi") for path in sorted((folder / part).glob("*"))]
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
        kind = Path(link.filename).parts[0].removesuffix(".h5")
        with stage_files.open_stage(stage_file, kind) as stage:
            if link.path not in stage:
                raise stage_files.damaged(stage_file, kind, "nothing of that name", f"dataset {link.path}")
    if isinstance(joined[name], h5py.Dataset):
        if "/" in name:
            stage_files.group(file, name.split("/")[0])
        joined.copy(name, file, name, expand_external=True)
