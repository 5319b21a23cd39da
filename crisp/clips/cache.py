"""The clip cache: regions of samples, uncompressed in files of this machine, mapped into memory.

Stage files are compressed, and of their frames a region alone is ever seen. A training reads each sample's
region once; what fits into memory then stays there by the system's own means, and all trainings of a
machine share it. A file is an array, named by all that it depends on, so that none is ever stale.
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

GIB = 2**30
FREE = 0.5  # share of the room that is free which a cache takes at most
LAYOUT = 1  # of the arrays, and how they are made of a volume; one more whenever they differ
PER_PIXEL = {"rgb": 3, "flow": 4, "mask": 1}  # bytes
PER_FRAME = {"places": 32, "pose": 14 * 3 * 4}


def names(wanted: RegionRequest) -> dict[str, str]:
    """The file of each array of a region, by its name; equal content has equal names."""
    about = [LAYOUT, wanted.begin, wanted.end, wanted.size[1:], wanted.reach]
    digests = {
        name: digest([name, identity, *about]) for name, identity in wanted.reader.facts.identities.items()
    }
    return {name: f"{found[:2]}/{found}.npy" for name, found in digests.items()}


def bytes_of(wanted: RegionRequest) -> int:
    """Bytes of all arrays of a region."""
    facts = wanted.reader.facts
    frames = max(1, min(wanted.end, facts.frames) - max(wanted.begin, 0))
    pixels = math.prod(regions.shape(wanted.reach, facts.picture))
    return frames * sum(PER_FRAME.get(name, 0) + PER_PIXEL.get(name, 0) * pixels for name in facts.identities)


class Cache:
    """Regions in files of a folder.

    Parameters
    ----------
    path : folder
    limit : int
        Bytes that all its files may take.
    """

    def __init__(self, path: Path, limit: int) -> None:
        self.path, self.limit = path, limit
        self._reserved: set[str] = set()
        # When all files were looked at, how long that took, and their bytes.
        self._seen: tuple[float, float, int] = -math.inf, 0.0, 0

    @classmethod
    def of_size(cls, gigabytes: float) -> Cache | None:
        """The user's cache, of at most so many GiB and half of the room there is; None for 0."""
        if gigabytes == 0:
            return None
        path = cache_folder.folder()
        room = shutil.disk_usage(path).free + sum(file.size for file in cache_folder.files(path))
        return cls(path, int(min(gigabytes * GIB, FREE * room)))

    def reserve(self, wanted: Iterable[RegionRequest]) -> None:
        """Choose the regions that are kept: in this order, as many as there is room for.

        Files of others make room, those first that were not used for longest.
        """
        room, count, total = self.limit, 0, 0
        for one in dict.fromkeys(wanted):
            total += 1
            needed = bytes_of(one)
            if needed <= room:
                room -= needed
                count += 1
                self._reserved.update(names(one).values())
        # What has another name for a day at most may be being written.
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
        """A reserved region from its files, or read from the volume and kept; None of any other.

        Raises
        ------
        CrispError
            If a stage file is missing, damaged or another one than when the training began.
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
        """Bytes of all files, of a while ago: looking at them is to take a tenth of the time at most."""
        when, cost, size = self._seen
        begin = time.monotonic()
        if begin - when > 10 * cost:
            size = sum(file.size for file in cache_folder.files(self.path))
            self._seen = time.monotonic(), time.monotonic() - begin, size
        return size

    def _mapped(self, name: str) -> np.ndarray:
        if not cache_folder.is_kept(self.path, name):
            raise FileNotFoundError(name)
        os.utime(self.path / name)  # when it was used
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
            print(f"warning: {error}\n    the training goes on without the clip cache", file=sys.stderr)
