"""Inference: window probabilities of samples for a trained model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crisp.clips.augmentation import centred
from crisp.clips.dataset import ClipDataset
from crisp.clips.windows import sliding as slices
from crisp.models import sliding
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
    return window_rows(model, streams, np.arange(length - frames + 1), frames, batch_size)


def window_rows(
    model: nn.Module, streams: Mapping[str, Tensor], starts: NDArray[np.intp], frames: int, batch_size: int
) -> np.ndarray:
    """Predict windows of longer streams; they share convolutions where the model allows and it is less work.

    Parameters
    ----------
    model : Module
        In evaluation mode.
    streams : mapping of str to Tensor, float32
        (C, L, H, W), for poses (C, L), on the device of the model.
    starts : ndarray, (N,) int
        First frames of the windows, from 0 to L - `frames`, ascending.
    frames : int
        Frames in a window.
    batch_size : int
        Windows per forward pass.

    Returns
    -------
    ndarray
        Softmax, (N, classes) float64.
    """
    if sliding.pays(model, streams, starts, frames):
        try:
            with torch.inference_mode():
                logits = sliding.window_logits(model, streams, starts, frames, batch_size)
            return torch.softmax(logits.double(), dim=1).cpu().numpy()
        except torch.OutOfMemoryError:
            pass  # few separate windows at a time need less memory
    windows = {name: slices(clip, frames) for name, clip in streams.items()}
    at = torch.from_numpy(starts).to(next(iter(streams.values())).device)
    return np.concatenate(
        [
            model_rows(model, {name: clip[some] for name, clip in windows.items()})
            for some in at.split(batch_size)
        ]
    )


def model_rows(model: nn.Module, streams: dict[str, torch.Tensor]) -> np.ndarray:
    """Return the softmax of a batch, (B, classes) float64."""
    return forward(lambda batch: torch.softmax(model(batch).double(), dim=1), streams).numpy()
