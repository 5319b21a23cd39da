"""The clip cache: uncompressed, memory-mapped regions of samples in local files.

Stage files are compressed, and only a region of their frames is used. A training reads each sample's
region once; then the operating system's page cache keeps what fits into memory, shared by all trainings
on a machine. Each file is an array, named by a digest of all its inputs, so that none is ever stale.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from crisp.clips import cache_folder, regions
from crisp.clips.reader import RegionRequest
from crisp.clips.regions import Region
from crisp.core.errors import CrispError
from crisp.core.files import digest, replacing
from crisp.core.skeleton import pose_channels

GIB = 2**30
FREE = 0.5  # maximum share of the free space that a cache takes
LAYOUT = 1  # version of the arrays and of how they are computed; increase it with any change
PER_PIXEL = {"rgb": 3, "flow": 4, "mask": 1}  # bytes
PLACES = 32  # bytes per frame


def names(wanted: RegionRequest) -> dict[str, str]:
    """Return the file name of each array of a region, by array; equal content has equal names."""
    about = [LAYOUT, wanted.begin, wanted.end, wanted.size[1:], wanted.reach]
    digests = {
        name: digest([name, identity, *about]) for name, identity in wanted.reader.facts.identities.items()
    }
    return {name: f"{found[:2]}/{found}.npy" for name, found in digests.items()}


def bytes_of(wanted: RegionRequest) -> int:
    """Return the bytes of all arrays of a region."""
    facts = wanted.reader.facts
    frames = max(1, min(wanted.end, facts.frames) - max(wanted.begin, 0))
    pixels = math.prod(regions.shape(wanted.reach, facts.picture))
    of = {"places": PLACES, "pose": 4 * pose_channels(wanted.reader.pose_norm)}
    return frames * sum(of.get(name, 0) + PER_PIXEL.get(name, 0) * pixels for name in facts.identities)


class Cache:
    """Regions stored in files of a folder.

    Parameters
    ----------
    path : Path
        The folder.
    limit : int
        Maximum bytes of all its files.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        self._reserved: set[str] = set()
        # Time of the last scan of all files, its duration, and their bytes.
        self._seen: tuple[float, float, int] = -math.inf, 0.0, 0

    @classmethod
    def of_size(cls, gigabytes: float) -> Cache | None:
        """Return the user's cache, limited to a number of GiB and half of the free space; None for 0."""
        if gigabytes == 0:
            return None
        path = cache_folder.folder()
        room = shutil.disk_usage(path).free + sum(file.size for file in cache_folder.files(path))
        return cls(path, int(min(gigabytes * GIB, FREE * room)))

    def reserve(self, wanted: Iterable[RegionRequest]) -> None:
        """Choose the regions to store: in this order, as many as fit.

        Other files are deleted to make room, least recently used first.
        """
        room, count, total = self.limit, 0, 0
        for one in dict.fromkeys(wanted):
            total += 1
            needed = bytes_of(one)
            if needed <= room:
                room -= needed
                count += 1
                self._reserved.update(names(one).values())
        # Files with other names, less than a day old, may be being written.
        young = time.time() - 86400
        others = [
            file
            for file in cache_folder.files(self.path)
            if file.name not in self._reserved and (file.whole or file.used < young)
        ]
        excess = sum(file.size for file in others) - room
        for file in sorted(others):
            if excess <= 0:
                break
            cache_folder.remove(self.path, file.name)
            excess -= file.size
        if count < total:
            print(
                f"clip cache: {count} of {total} regions fit into {self.limit / GIB:.3g} GiB of {self.path}; "
                "the others are read from the volumes in each epoch (training.cache_gb)",
                file=sys.stderr,
            )

    def region(self, wanted: RegionRequest) -> Region | None:
        """Return a reserved region from its files, or read it from the volume and store it; None for others.

        Raises
        ------
        CrispError
            If a stage file is missing, damaged or was replaced since the training began.
        """
        files = names(wanted)
        if not self._reserved.issuperset(files.values()):
            return None
        try:
            arrays = {name: self._mapped(file) for name, file in files.items()}
        except (OSError, ValueError):
            region = wanted.read()
            wanted.reader.confirm()
            self._keep(files, region)
            return region
        facts, places = wanted.reader.facts, arrays.pop("places")
        first = min(max(wanted.begin, 0), facts.frames - 1)
        corners = places[:, 1].astype(np.int64)
        return Region(first, facts.frames, facts.picture, places[:, 0], corners, arrays, facts.scale)

    def _taken(self) -> int:
        """Return the bytes of all files, cached: scanning takes a tenth of the time at most."""
        when, cost, size = self._seen
        begin = time.monotonic()
        if begin - when > 10 * cost:
            size = sum(file.size for file in cache_folder.files(self.path))
            self._seen = time.monotonic(), time.monotonic() - begin, size
        return size

    def _mapped(self, name: str) -> np.ndarray:
        if not cache_folder.is_kept(self.path, name):
            raise FileNotFoundError(name)
        os.utime(self.path / name)  # time of use
        return np.load(self.path / name, mmap_mode="r", allow_pickle=False)

    def _keep(self, files: dict[str, str], region: Region) -> None:
        arrays = region.stored()
        size = sum(array.nbytes for array in arrays.values())
        if self._taken() + size > self.limit:
            self._reserved.difference_update(files.values())  # other trainings have filled it meanwhile
            return
        self._seen = *self._seen[:2], self._seen[2] + size
        try:
            for name, array in arrays.items():
                cache_folder.make_room_for(self.path, files[name])
                with replacing(self.path / files[name]) as beside, beside.open("wb") as file:
                    np.save(file, array)
        except (CrispError, OSError) as error:
            self._reserved.clear()
            print(f"warning: {error}\n    training continues without the clip cache", file=sys.stderr)
