"""Read the regions of clips from stage files."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import cv2
import h5py
import numpy as np

from crisp.clips import player_frame, regions, transforms_cpu
from crisp.clips.augmentation import Draw
from crisp.clips.normalisation import Normalisation
from crisp.clips.regions import Region
from crisp.core import stage_files
from crisp.core.errors import fail
from crisp.core.views import view
from crisp.preparation import roi

KINDS = {"rgb": "frames", "flow": "flow", "mask": "roi", "pose": "pose"}  # stage of each array of a region
OPEN_FILES = 192  # open files per process; a data set of trimmed clips has more files than the limit


@functools.lru_cache(maxsize=OPEN_FILES)
def _opened(path: Path, kind: str, *_: int) -> h5py.File:
    """Open a stage file; the rest of the cache key separates processes and replaced files."""
    cv2.setNumThreads(1)  # loader workers are the parallelism, and threads do not survive a fork
    return stage_files.open_stage(path, kind)


def close_files() -> None:
    """Close the stage files that this process holds open, so that deleting them frees their space."""
    _opened.cache_clear()


class Facts(NamedTuple):
    """Properties common to all regions of a video.

    Parameters
    ----------
    frames : int
        Number of frames.
    picture : (height, width)
        Size of the frames, px.
    scale : float
        px per unit of the flow.
    identities : dict of str to str
        Digest of each array, and of the ``places`` of crops.
    """

    frames: int
    picture: tuple[int, int]
    scale: float
    identities: dict[str, str]


class ClipReader:
    """Read clips of one video, opening its stage files in the reading process.

    Parameters
    ----------
    folder : path
        Folder of the stage files: ``frames.h5``, ``flow/<method>.h5``, ``roi/<method>.h5``, ``pose.h5``; of
        a region ``roi/<method>@<region>.h5``, ``pose@<region>.h5``.
    streams : iterable of {"rgb", "flow", "pose"}
        Streams that `clip` returns; the files of other streams need not exist.
    method : str
        Flow method of the flow stream and of the ROI.
    pose_norm : {"crop", "image", "player", "player-as-filmed"}
        What joint positions are relative to; see `crisp.clips.pose_stream.channels`. Regions hold the poses
        in px for the first two, otherwise in the player's frame.
    region : str
        Name of the region that the clips are of; empty for the whole picture.
    mirrored : bool
        Whether clips are mirrored, so that players who face left face right in them.
    """

    def __init__(
        self,
        folder: str | Path,
        streams: Iterable[str],
        method: str,
        pose_norm: str = "crop",
        region: str = "",
        mirrored: bool = False,
    ) -> None:
        folder = Path(folder)
        self.pose_norm = pose_norm
        self.mirrored = mirrored
        self.streams = tuple(streams)
        self._paths = {"roi": folder / "roi" / f"{view(method, region)}.h5"}
        if "rgb" in self.streams:
            self._paths["frames"] = folder / "frames.h5"
        if "flow" in self.streams:
            self._paths["flow"] = folder / "flow" / f"{method}.h5"
        if "pose" in self.streams:
            self._paths["pose"] = folder / f"{view('pose', region)}.h5"

    def in_crop(self) -> ClipReader:
        """Return a reader of the same clips with joints relative to the crop."""
        reader = copy(self)
        reader.pose_norm = "crop"
        reader.__dict__.pop("facts", None)
        return reader

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the video's (frames, height, width) at working size."""
        return self._dataset("roi", "mask").shape

    @property
    def fps(self) -> float:
        """Return the video's frame rate, in working frames per second."""
        return float(self._dataset("roi", "mask").file.attrs["fps"])

    def centres(self, size: tuple[int, int]) -> np.ndarray:
        """Return the ROI centres (x, y) for crops (height, width), (N, 2) float64, px of the working size."""
        stored = self._dataset("roi", "roi")
        return roi.read_centres(stored.file, 0, len(stored), size)

    @functools.cached_property
    def facts(self) -> Facts:
        """Return the properties common to all regions, as of the first call."""
        return self._facts()

    def _facts(self) -> Facts:
        stored = self._datasets()
        count, height, width = stored["mask"].shape
        identities = {kind: stage_files.identity(path, kind) for kind, path in self._paths.items()}
        if "pose" in identities and self.pose_norm in player_frame.NORMS:
            identities["pose"] += f" {self.pose_norm} {player_frame.VERSION}"
        places = identities["roi"]
        return Facts(
            count,
            (height, width),
            float(stored["flow"].attrs["scale"]) if "flow" in stored else 1.0,
            {
                "places": places,
                **{name: places + identities[KINDS[name]] for name in self._arrays(stored)},
            },
        )

    def confirm(self) -> None:
        """Check that the stage files are still those of `facts`.

        Raises
        ------
        CrispError
            If one has been replaced.
        """
        then, now = self.facts.identities, self._facts().identities
        for name in then:
            if then[name] != now.get(name):
                raise fail(
                    self._paths[KINDS.get(name, "roi")],
                    "file has changed since this training began",
                    "unchanged volumes",
                    "other values",
                    "run snakemake again: it starts a new training from the new volumes",
                )

    @staticmethod
    def _arrays(stored: Iterable[str]) -> list[str]:
        """Return the arrays of a region; the mask is only needed for flow."""
        return [name for name in KINDS if name in stored and (name != "mask" or "flow" in stored)]

    def _dataset(self, kind: str, name: str) -> h5py.Dataset:
        path = self._paths[kind]
        if not path.exists():
            stage_files.open_stage(path, kind)  # reports missing files
        status = path.stat()
        file = _opened(path, kind, os.getpid(), status.st_ino, status.st_mtime_ns)
        try:
            return file[name]
        except KeyError as error:
            raise stage_files.damaged(path, kind, error, f"dataset {name}") from None

    def _datasets(self) -> dict[str, h5py.Dataset]:
        """Return the datasets of the streams: `mask` and `roi`, and `rgb`, `flow` and `pose` if requested."""
        datasets = {name: self._dataset("roi", name) for name in ("mask", "roi")}
        for kind, name, axes in (("frames", "rgb", 3), ("flow", "flow", 3), ("pose", "pose", 1)):
            if kind in self._paths:
                datasets[name] = self._dataset(kind, name)
                if datasets[name].shape[:axes] != datasets["mask"].shape[:axes]:
                    raise fail(
                        self._paths["roi"],
                        f"ROI does not belong to {self._paths[kind]}",
                        f"{('frames', 'height', 'width')[:axes]} = {datasets[name].shape[:axes]}",
                        datasets["mask"].shape[:axes],
                        f"recompute the ROI: {stage_files.remake(self._paths['roi'], 'roi')}",
                    )
        return datasets

    def _rows(self, dataset: h5py.Dataset, name: str, first: int, end: int) -> np.ndarray:
        """Read frames ``[first, end)`` of an array of a region."""
        if name != "pose" or self.pose_norm not in player_frame.NORMS:
            return stage_files.read_rows(dataset, first, end)
        begin = max(0, first - player_frame.margin(self.fps))
        points = stage_files.read_rows(dataset, begin, end + player_frame.margin(self.fps))
        return player_frame.in_player_frame(points, self.fps, self.pose_norm)[first - begin : end - begin]

    def oriented(self, draw: Draw) -> Draw:
        """Return a draw with the video's own mirroring added."""
        return replace(draw, flip=draw.flip != self.mirrored)

    def clip(
        self, draw: Draw, size: tuple[int, int, int], normalised: Normalisation | None = None
    ) -> dict[str, np.ndarray]:
        """Return the clip of a draw.

        Frames outside the video repeat its first or last one; a repeated frame has no flow.
        Without augmentation, a frame's crop depends only on that frame: the clip of a whole
        stroke contains all of its windows as slices along time.

        Parameters
        ----------
        draw : Draw
        size : (frames, height, width)
        normalised : Normalisation, optional
            Normalisation of the flow; None leaves it in px per frame.

        Returns
        -------
        dict of str to ndarray, float32
            By stream: ``rgb`` in [0, 1] and ``flow`` (dx, dy), each (C, T, H, W), and ``pose`` (C, T), see
            `crisp.clips.pose_stream.channels`.

        Raises
        ------
        CrispError
            If a stage file is missing, damaged or does not belong to the others.
        """
        region = self.region(draw.begin, draw.begin + size[0], size)
        return transforms_cpu.clip(region, self.oriented(draw), size, normalised, self.pose_norm)

    def region(
        self, begin: int, end: int, size: tuple[int, int, int], reach: tuple[int, int] | None = None
    ) -> Region:
        """Read the region of existing frames in ``[begin, end)``, for clips of `size`.

        Parameters
        ----------
        begin, end : int
            May lie outside the video; the first or last frame is always included.
        size : (frames, height, width)
            Size of the clips.
        reach : (x, y), optional
            Required distance of pixels from a crop's centre, from `crisp.clips.regions.reach`;
            None = all.

        Returns
        -------
        Region

        Raises
        ------
        CrispError
            As for `clip`.
        """
        stored = self._datasets()
        count, height, width = stored["mask"].shape
        first, last = (int(np.clip(frame, 0, count - 1)) for frame in (begin, end - 1))
        taken = {name: self._rows(stored[name], name, first, last + 1) for name in self._arrays(stored)}
        centres = np.floor(roi.read_centres(stored["roi"].file, first, last + 1, size[1:]))
        if "mask" in taken:
            taken["mask"] = np.stack([roi.dilate(mask) for mask in taken["mask"]])
        reach = reach or (width, height)
        corners = regions.origins(centres, reach, (height, width))
        shape = regions.shape(reach, (height, width))
        if shape != (height, width):
            for name in taken.keys() & set(regions.PER_PIXEL):
                taken[name] = regions.cut(taken[name], corners, shape)
        scale = float(stored["flow"].attrs["scale"]) if "flow" in stored else 1.0
        return Region(first, count, (height, width), centres, corners, taken, scale)


class RegionRequest(NamedTuple):
    """Request frames ``[begin, end)`` of a video, as for `crisp.clips.reader.ClipReader.region`."""

    reader: ClipReader
    begin: int
    end: int
    size: tuple[int, int, int]
    reach: tuple[int, int]

    def read(self) -> Region:
        """Read the region from the stage files."""
        return self.reader.region(self.begin, self.end, self.size, self.reach)
