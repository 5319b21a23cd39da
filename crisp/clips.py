"""Clips: what a model sees of a sample, read from a video's stage files."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
import torch
from torch.utils.data import Dataset

from crisp import augmentation, normalisation, pose, roi, storage
from crisp import flow as flows
from crisp.annotations import is_unknown
from crisp.augmentation import Draw
from crisp.errors import fail
from crisp.normalisation import Normalisation
from crisp.strokes import Sample
from crisp.study import Variant

UNLABELLED = -1
OPEN_FILES = 192  # kept open per process; a data set of trimmed clips has more than a process may open


@functools.lru_cache(maxsize=OPEN_FILES)
def _opened(path: Path, kind: str, *_: int) -> h5py.File:
    """An open stage file; the rest of the key tells processes and replaced files apart."""
    cv2.setNumThreads(1)  # loader workers are the parallelism, and threads do not survive a fork
    return storage.open_stage(path, kind)


def close_files() -> None:
    """Close the stage files that this process holds open, so that deleting them frees their room."""
    _opened.cache_clear()


class ClipReader:
    """Reads clips of one video, opening its stage files in the process that reads.

    Parameters
    ----------
    folder : path
        Of the video's stage files: ``frames.h5``, ``flow/<method>.h5``, ``roi/<method>.h5``, ``pose.h5``.
    streams : iterable of {"rgb", "flow", "pose"}
        What :meth:`clip` gives; the files of other streams need not exist.
    method : str
        Flow method of the flow stream and of the ROI.
    pose_norm : {"crop", "image"}
        What places of joints are divided by: the size of the crop, or of the working image.
    """

    def __init__(
        self, folder: str | Path, streams: Iterable[str], method: str, pose_norm: str = "crop"
    ) -> None:
        folder = Path(folder)
        self.pose_norm = pose_norm
        self.streams = tuple(streams)
        self._paths = {"roi": folder / "roi" / f"{method}.h5"}
        if "rgb" in self.streams:
            self._paths["frames"] = folder / "frames.h5"
        if "flow" in self.streams:
            self._paths["flow"] = folder / "flow" / f"{method}.h5"
        if "pose" in self.streams:
            self._paths["pose"] = folder / "pose.h5"

    @property
    def shape(self) -> tuple[int, int, int]:
        """The video's (frames, height, width) at working size."""
        return self._dataset("roi", "mask").shape

    @property
    def fps(self) -> float:
        """The video's frame rate, working frames per second."""
        return float(self._dataset("roi", "mask").file.attrs["fps"])

    def centres(self) -> np.ndarray:
        """The video's smoothed ROI centres (x, y), unclamped, (N, 2) float64, px of the working size."""
        stored = self._dataset("roi", "roi")
        return storage.read_rows(stored, 0, len(stored)).astype(np.float64)

    def _dataset(self, kind: str, name: str) -> h5py.Dataset:
        path = self._paths[kind]
        if not path.exists():
            storage.open_stage(path, kind)  # tells what is missing
        status = path.stat()
        file = _opened(path, kind, os.getpid(), status.st_ino, status.st_mtime_ns)
        try:
            return file[name]
        except KeyError as error:
            raise fail(
                path, "damaged stage file", f"dataset {name}", error, "delete it and run snakemake again"
            ) from None

    def _datasets(self) -> dict[str, h5py.Dataset]:
        """What the streams are read from: `mask` and `roi`, and `rgb`, `flow` and `pose` as asked for."""
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
                        "delete both and run snakemake again",
                    )
        return datasets

    def clip(
        self, draw: Draw, size: tuple[int, int, int], normalised: Normalisation | None = None
    ) -> dict[str, np.ndarray]:
        """The clip of a draw.

        Frames outside the video repeat its first or last one; a repeated frame has no flow.
        Without augmentation a frame's crop depends on that frame alone: the clip of a whole
        stroke holds all of its windows as slices along time.

        Parameters
        ----------
        draw : Draw
        size : (frames, height, width)
        normalised : Normalisation, optional
            Of the flow; None leaves it in px per frame.

        Returns
        -------
        dict of str to ndarray, float32
            By stream: ``rgb`` in [0, 1] and ``flow`` (dx, dy), each (C, T, H, W), and ``pose`` (42, T), see
            :func:`crisp.pose.channels`.

        Raises
        ------
        CrispError
            If a stage file is missing, damaged or does not belong to the others.
        """
        stored = self._datasets()
        count, height, width = stored["mask"].shape
        wanted = np.arange(draw.begin, draw.begin + size[0])
        index = np.clip(wanted, 0, count - 1)
        first, last = int(index[0]), int(index[-1]) + 1
        rows = index - first
        centres = storage.read_rows(stored["roi"], first, last).astype(np.float64)
        centres = np.floor(roi.clamp(centres, size[1:], width, height))
        clip = {}
        for stream in self.streams:
            if stream == "rgb":
                source = storage.read_rows(stored["rgb"], first, last)
                crops = np.empty((*size, 3), np.uint8)
                for target, row in zip(crops, rows, strict=True):
                    warp(source[row], draw, centres[row], target)
                clip[stream] = _planes(crops, 255)
            elif stream == "pose":
                points = storage.read_rows(stored["pose"], first, last)[rows]
                divisor = (size[2], size[1]) if self.pose_norm == "crop" else (width, height)
                clip[stream] = pose.channels(points, centres[rows], draw, size, divisor)
            else:
                source = roi.masked(
                    flows.read(stored["flow"].file, first, last),
                    storage.read_rows(stored["mask"], first, last),
                )
                moving = np.zeros((*size, 2), np.float32)
                part = augmentation.linear(draw)
                for position in np.flatnonzero(wanted == index):
                    warp(source[rows[position]], draw, centres[rows[position]], moving[position])
                    moving[position] = cv2.transform(moving[position], part)
                clip[stream] = _planes(normalisation.apply(moving, normalised) if normalised else moving, 1)
        return clip


def warp(image: np.ndarray, draw: Draw, centre: np.ndarray, out: np.ndarray) -> None:
    """Write a frame's crop into `out`: bilinear, zero outside the image.

    Parameters
    ----------
    image : ndarray, (H, W, C) uint8 or float32
    draw : Draw
    centre : (x, y)
        ROI centre, whole px.
    out : ndarray, (h, w, C), dtype of `image`
    """
    height, width = out.shape[:2]
    if not draw.is_copy:
        out[...] = cv2.warpAffine(image, augmentation.matrix(draw, centre, (height, width)), (width, height))
        return
    left = int(centre[0]) - draw.shift[0] - width // 2
    top = int(centre[1]) - draw.shift[1] - height // 2
    inside = image[max(0, top) : max(0, top + height), max(0, left) : max(0, left + width)]
    y, x = max(0, -top), max(0, -left)
    out[...] = 0
    out[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    if draw.flip:
        out[...] = out[:, ::-1].copy()


def _planes(frames: np.ndarray, divisor: float) -> np.ndarray:
    """Frames (T, H, W, C) to planes (C, T, H, W) float32, divided."""
    channels = np.moveaxis(frames, -1, 0)
    return np.divide(channels, np.float32(divisor), out=np.empty(channels.shape, np.float32))


class ClipDataset(Dataset):
    """The clips of samples, for a ``torch.utils.data.DataLoader``.

    Item `i` is (dict of stream to float32 tensor, as of `ClipReader.clip`, class index or -1, i). Set `epoch`
    before each pass: draws depend on (seed, epoch, i) alone. From its length on the indices begin again: they
    are the same samples with other draws, for those that come several times in an epoch.

    Parameters
    ----------
    samples : sequence of Sample
    classes : sequence of str
        In the order of the model's outputs.
    readers : mapping of video id to ClipReader
    variant : Variant
    normalised : Normalisation or None
        None for a model without flow.
    seed : int
    augment : bool
        Off, each clip is the middle of its sample.

    Raises
    ------
    CrispError
        If a sample's label is neither a class nor unknown, or its video has no reader.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        classes: Sequence[str],
        readers: Mapping[str, ClipReader],
        variant: Variant,
        normalised: Normalisation | None,
        seed: int = 0,
        augment: bool = False,
    ) -> None:
        self.samples = list(samples)
        self.labels = [_label(sample, classes) for sample in self.samples]
        self.readers = readers
        self.variant = variant
        self.normalised = normalised
        self.seed = seed
        self.augment = augment
        for sample in self.samples:
            if sample.video not in readers:
                raise fail(
                    f"sample {sample.sample}",
                    "its video has no stage files",
                    sample.video,
                    ", ".join(readers),
                )
        # Shared memory, so that workers that outlive an epoch see the next one.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """The pass over the data, part of the seed of each draw."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int) -> Sample:
        """The sample of an index."""
        return self.samples[index % len(self.samples)]

    def draw(self, index: int) -> Draw:
        """The draw of a sample in the current epoch."""
        sample, size = self.sample(index), self.variant.size
        if not self.augment:
            return augmentation.centred(sample.begin, sample.end, size[0])
        generator = augmentation.generator(self.seed, self.epoch, index)
        spread = self.variant.spread
        if spread and sample.kind == "negative":
            spread = 1.0  # all of it is as negative as its middle
        return augmentation.draw(generator, sample.begin, sample.end, size, self.variant.flip, spread)

    def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], int, int]:
        clip = self.readers[self.sample(index).video].clip(
            self.draw(index), self.variant.size, self.normalised
        )
        label = self.labels[index % len(self.samples)]
        return {stream: torch.from_numpy(array) for stream, array in clip.items()}, label, index


def _label(sample: Sample, classes: Sequence[str]) -> int:
    if not sample.label or is_unknown(sample.label):
        return UNLABELLED
    if sample.label not in classes:
        raise fail(
            f"sample {sample.sample}",
            "label is not a class of the study",
            ", ".join(classes),
            sample.label,
            "run crisp check",
        )
    return list(classes).index(sample.label)
