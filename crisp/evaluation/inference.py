"""Inference: window probabilities of samples for a trained model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from crisp.clips.augmentation import centred
from crisp.clips.dataset import ClipDataset
from crisp.clips.windows import sliding
from crisp.study.samples import Sample
from crisp.training.forward import forward


def window_probabilities(model: nn.Module, clips: ClipDataset, sample: Sample, batch_size: int) -> np.ndarray:
    """Predict every window of a sample.

    The crop follows the ROI frame by frame independent of the window, so the sample's frames are read
    once, and the windows are slices of them.

    Parameters
    ----------
    model : Module
        In evaluation mode; its inputs are streams of (B, C, T, H, W).
    clips : ClipDataset
        For the sample's part of the split, without augmentation.
    sample : Sample
    batch_size : int
        Windows per forward pass.

    Returns
    -------
    ndarray
        Softmax, (windows, classes) float64.

    Raises
    ------
    CrispError
        If a stage file is missing or damaged.
    """
    frames, *crop = clips.variant.size
    length = max(sample.end - sample.begin, frames)
    draw = centred(sample.begin, sample.end, length)
    clip = clips.readers[sample.video].clip(draw, (length, crop[0], crop[1]), clips.normalised)
    device = next(model.parameters()).device
    streams = {name: torch.from_numpy(array).to(device) for name, array in clip.items()}
    rows = [model_rows(model, batch) for batch in _batches(streams, frames, batch_size)]
    return np.concatenate(rows)


def _batches(
    streams: dict[str, torch.Tensor], frames: int, batch_size: int
) -> Iterator[dict[str, torch.Tensor]]:
    """Yield batches of windows (B, C, T, ...) sliding over streams (C, length, ...)."""
    slices = {name: sliding(clip, frames) for name, clip in streams.items()}
    count = len(next(iter(slices.values())))
    for begin in range(0, count, batch_size):
        yield {name: windows[begin : begin + batch_size].contiguous() for name, windows in slices.items()}


def model_rows(model: nn.Module, streams: dict[str, torch.Tensor]) -> np.ndarray:
    """Return the softmax of a batch, (B, classes) float64."""
    return forward(lambda batch: torch.softmax(model(batch).double(), dim=1), streams).numpy()
