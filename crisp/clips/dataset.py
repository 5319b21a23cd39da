"""Clips: the input of a model for a sample, read from a video's stage files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import Dataset

from crisp.clips import augmentation, normalisation, regions, transforms_cpu, transforms_gpu
from crisp.clips.augmentation import Draw
from crisp.clips.normalisation import Normalisation
from crisp.clips.reader import ClipReader, RegionRequest
from crisp.clips.regions import Region
from crisp.core.errors import fail
from crisp.core.files import read_json
from crisp.core.views import region_of, video_of
from crisp.study.annotations import is_unknown
from crisp.study.config import Study
from crisp.study.samples import Sample
from crisp.study.training_samples import read_training_samples
from crisp.study.variants import Variant

if TYPE_CHECKING:
    from crisp.clips.cache import Cache

UNLABELLED = -1


class ClipDataset(Dataset):
    """The clips of samples, for a ``torch.utils.data.DataLoader``.

    Item `i` is (dict of stream to float32 tensor, as from `ClipReader.clip`, class index or -1, i). Set
    `epoch` before each pass: draws depend only on (seed, epoch, i). Indices beyond the length start again at
    the first sample with other draws, for samples used several times per epoch.

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
        Seed of the draws.
    augment : bool
        If False, each clip is the middle of its sample.
    cache : Cache, optional
        Cache for regions.
    defer_crop : bool
        Whether items are inputs for `crisp.clips.transforms_gpu.clip`, which makes the clips on
        another device.

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
        cache: Cache | None = None,
        defer_crop: bool = False,
    ) -> None:
        self.samples = list(samples)
        self.labels = [_label(sample, classes) for sample in self.samples]
        self.readers = readers
        self.variant = variant
        self.normalised = normalised
        self.seed = seed
        self.augment = augment
        self.cache = cache
        self.defer_crop = defer_crop
        self.reach = regions.reach(variant.size, augment)
        for sample in self.samples:
            if sample.video not in readers:
                raise fail(
                    f"sample {sample.sample}",
                    "its video has no stage files",
                    sample.video,
                    ", ".join(readers),
                )
        # Shared memory, so that persistent workers see the next epoch.
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()

    @property
    def epoch(self) -> int:
        """Return the current epoch, part of the seed of each draw."""
        return int(self._epoch)

    @epoch.setter
    def epoch(self, epoch: int) -> None:
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.samples)

    def sample(self, index: int) -> Sample:
        """Return the sample of an index."""
        return self.samples[index % len(self.samples)]

    def draw(self, index: int) -> Draw:
        """Return the draw of a sample in the current epoch, with the mirroring of its video."""
        return self.readers[self.sample(index).video].oriented(self._drawn(index))

    def _drawn(self, index: int) -> Draw:
        sample, size = self.sample(index), self.variant.size
        if not self.augment:
            return augmentation.centred(sample.begin, sample.end, size[0])
        generator = augmentation.generator(self.seed, self.epoch, index)
        flip, spread = self.variant.flip, self._spread(sample)
        return augmentation.draw(generator, sample.begin, sample.end, size, flip, spread)

    def _spread(self, sample: Sample) -> float:
        if self.variant.spread and sample.kind == "negative":
            return 1.0  # all of it is as negative as its middle
        return self.variant.spread

    def wanted(self, index: int) -> RegionRequest:
        """Return the region that contains all draws of a sample."""
        sample, size = self.sample(index), self.variant.size
        begin, end = regions.span(sample.begin, sample.end, size[0], self._spread(sample), self.augment)
        return RegionRequest(self.readers[sample.video], begin, end, size, self.reach)

    def _region(self, index: int, draw: Draw) -> Region:
        """Return the frames of a draw. The cache only changes where they are read from."""
        wanted = self.wanted(index)
        kept = self.cache.region(wanted) if self.cache else None
        if kept is not None:
            return kept
        return wanted._replace(begin=draw.begin, end=draw.begin + self.variant.size[0]).read()

    def __getitem__(self, index: int) -> tuple[dict[str, torch.Tensor], int, int]:
        draw, size = self.draw(index), self.variant.size
        region, pose_norm = self._region(index, draw), self.variant.pose_norm
        label = self.labels[index % len(self.samples)]
        if self.defer_crop:
            return transforms_gpu.region_item(region, draw, size, pose_norm), label, index
        clip = transforms_cpu.clip(region, draw, size, self.normalised, pose_norm)
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


def clip_readers(study: Study, variant: Variant, views: Iterable[str]) -> dict[str, ClipReader]:
    """Return a clip reader of a variant for every view.

    Parameters
    ----------
    study : Study
    variant : Variant
        Sets the streams, the flow method and the normalisation of poses.
    views : iterable of str
        Videos, or regions of them; may repeat.

    Returns
    -------
    dict of str to ClipReader
        By view. No file is opened yet.
    """
    return {
        view: ClipReader(
            study.volumes / video_of(view),
            variant.streams,
            variant.flow,
            variant.pose_norm,
            region_of(view),
            study.is_mirrored(view),
        )
        for view in dict.fromkeys(views)
    }


def read_scale(study: Study, variant: Variant, split: str) -> dict[str, Any]:
    """Read a variant's normalisation file.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split.

    Returns
    -------
    dict
        For `crisp.clips.normalisation.from_json`; empty for a variant without flow.

    Raises
    ------
    CrispError
        If the file is missing or damaged.
    """
    return read_json(study.normalisation_file(variant, split)) if "flow" in variant.streams else {}


def study_dataset(
    study: Study, variant: Variant, split: str, part: str, seed: int, augment: bool = True
) -> ClipDataset:
    """Return the clips of a part of a split.

    Parameters
    ----------
    study : Study
    variant : Variant
    split : str
        Name of the split.
    part : {"train", "validation", "test"}
    seed : int
        Seed of the augmentation.
    augment : bool
        Whether training samples are augmented as configured; others never are.

    Returns
    -------
    ClipDataset

    Raises
    ------
    CrispError
        If a table or the normalisation is missing or damaged.
    """
    samples = read_training_samples(study, split, part)
    scale = read_scale(study, variant, split)
    return ClipDataset(
        samples,
        study.classes,
        clip_readers(study, variant, (sample.video for sample in samples)),
        variant,
        normalisation.from_json(scale) if scale else None,
        seed=seed,
        augment=augment and part == "train" and variant.augmentation,
    )
