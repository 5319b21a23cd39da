"""The stage `features`: what a frozen network computes of each window of a video, once."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crisp import models
from crisp.clips import windows
from crisp.clips.augmentation import Draw
from crisp.clips.dataset import clip_readers
from crisp.clips.reader import ClipReader
from crisp.core import stage_files
from crisp.core.errors import CrispError, fail
from crisp.core.files import digest, sha256, write_json
from crisp.core.parallel import ahead
from crisp.core.progress import progress
from crisp.core.versions import STAGES
from crisp.core.views import video_of
from crisp.core.words import counted
from crisp.models.network import start_pretrained
from crisp.models.torchvision_networks import weights_file
from crisp.preparation.volume import refresh_volume
from crisp.study.config import Study
from crisp.study.variants import Variant
from crisp.training.devices import choose_device, make_deterministic
from crisp.training.forward import forward

CHUNK = 64  # windows


class FrozenNetwork:
    """The frozen network of a variant, and the features of videos that it has computed.

    Features of a view are in its volume, ``features/<network>.h5``, and computed anew only if the file is
    missing, damaged, or of other weights, frames or regions of interest.

    Parameters
    ----------
    study : Study
    variant : Variant
        A `frozen` one.
    device : torch.device
        Where features are computed.

    Attributes
    ----------
    computed : int
        Number of views computed so far; those of the others were there.

    Raises
    ------
    CrispError
        If the weights cannot be had.
    """

    def __init__(self, study: Study, variant: Variant, device: torch.device) -> None:
        self.study, self.variant, self.device = study, variant, device
        self.weights = weights_file(variant.model, variant.weights)
        self._sha256 = sha256(self.weights)
        self.computed = 0

    @cached_property
    def model(self) -> nn.Module:
        """Return the whole model in evaluation mode, with an untrained last layer."""
        model = models.build(self.variant, len(self.study.classes))
        start_pretrained(model, self.variant)
        return model.to(self.device).eval()

    def of(self, view: str) -> NDArray[np.float32]:
        """Return the features of the windows of a view, computed if need be.

        Parameters
        ----------
        view : str
            A video, or one of its regions.

        Returns
        -------
        ndarray, (windows, D) float32
            Of the windows of `crisp.clips.windows.grid`.

        Raises
        ------
        CrispError
            If a stage file is missing or damaged, or the weights are of another network.
        """
        path, inputs = self.study.stage_file(view, "features", self.variant.backbone), self._inputs(view)
        found = _read(path, inputs)
        if found is None:
            self._compute(view, path, inputs)
            self.computed += 1
            found = _read(path, inputs)
        if found is None:
            raise fail(path, "file has changed since it was written", "the features of this run", "others")
        return found

    def _inputs(self, view: str) -> str:
        """Return a digest of all that decides the features of a view."""
        files = self.study.variant_files(self.variant, view)
        identities = {stage: stage_files.identity(path, stage) for stage, path in files.items()}
        mirrored = self.study.is_mirrored(view)
        return digest([STAGES["features"], self.variant.backbone, self._sha256, mirrored, identities])

    def _compute(self, view: str, path: Path, inputs: str) -> None:
        reader = clip_readers(self.study, self.variant, [view])[view]
        frames = self.variant.size[0]
        with stage_files.open_stage(self.study.stage_file(view, "frames"), "frames") as file:
            source = str(file["rgb"].attrs["sha256"])
        attributes = {
            "fps": reader.fps,
            "frames_sha256": source,
            "inputs": inputs,
            "model": self.variant.model,
            "weights": self.weights.name,
            "weights_sha256": self._sha256,
            "versions": {"torch": torch.__version__},
        }
        with stage_files.create(path, "features", attributes) as file:
            rows = stage_files.Appender(file, "features", (models.widths(self.model),), "f4", CHUNK)
            rows.dataset.attrs["window"], rows.dataset.attrs["stride"] = frames, windows.stride(frames)
            for batch in self._batches(reader, view):
                rows.append(self.features(batch))
            rows.close()
        refresh_volume(self.study.volumes / video_of(view) / f"{video_of(view)}.h5")

    def features(self, clips: Tensor) -> NDArray[np.float32]:
        """Return the features of clips (B, 3, T, H, W), (B, D).

        Raises
        ------
        CrispError
            If they are not finite, or a clip does not fit into memory.
        """
        features: Any = self.model.features
        found = forward(lambda streams: features(streams)[0], {"rgb": clips.to(self.device)})
        if not found.isfinite().all():
            what, remedy = "the network has no finite features", "give other weights"
            raise fail(self.weights, what, "numbers", "NaN or an infinite number", remedy)
        return found.float().numpy()

    def _batches(self, reader: ClipReader, view: str) -> Iterator[Tensor]:
        """Yield the windows of a view in batches; frames that windows share are read once a batch."""
        (frames, *crop), size = self.variant.size, self.study.training_of(self.variant).batch_size
        begins, step = windows.grid(reader.shape[0], frames), windows.stride(frames)

        def batch(first: int) -> Tensor:
            several = begins[first : first + size]
            length = int(several[-1] - several[0]) + frames
            clip = reader.clip(Draw(int(several[0])), (length, crop[0], crop[1]))["rgb"]
            return windows.sliding(torch.from_numpy(clip), frames, step).contiguous()

        firsts = range(0, len(begins), size)
        name = f"{self.variant.name} {view}"
        return progress(ahead(map(batch, firsts)), f"blocks of {size} windows", name, len(firsts))


def write_features(study: Study, variant: Variant, views: Iterable[str], device: str = "auto") -> None:
    """Compute the missing features of a frozen variant, and write which there are to its record.

    Parameters
    ----------
    study : Study
    variant : Variant
    views : iterable of str
        Videos, or regions of them.
    device : str
        ``auto``, ``cpu``, ``cuda``, …

    Raises
    ------
    CrispError
        As by `FrozenNetwork`. The features computed so far are kept.
    """
    make_deterministic(study.training.threads)
    network = FrozenNetwork(study, variant, choose_device(device))
    counts = {view: len(network.of(view)) for view in views}
    windows_of = f"{counted(sum(counts.values()), 'window')} of {counted(len(counts), 'video')}"
    print(f"{variant.name}: {windows_of}, {network.computed} computed now", file=sys.stderr)
    write_json(study.features_record(variant), {"features": variant.backbone, "windows": counts})


def _read(path: Path, inputs: str) -> NDArray[np.float32] | None:
    """Return the features in a file; None if it is missing, damaged or of other inputs."""
    if not path.exists():
        return None
    try:
        with stage_files.open_stage(path, "features") as file:
            if file.attrs.get("inputs") != inputs:
                return None
            return stage_files.read_rows(file["features"], 0, len(file["features"]))
    except CrispError as error:
        print(f"{error.faults[0].where}: {error.faults[0].what}, computed anew", file=sys.stderr)
        return None
