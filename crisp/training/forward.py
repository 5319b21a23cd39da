"""Apply a model to batches, in as many parts as fit into the memory of a GPU."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from crisp.core.errors import fail


def forward(work: Callable[[dict[str, Tensor]], Tensor], streams: dict[str, Tensor]) -> Tensor:
    """Apply a function to a batch without gradients; halve the batch while it does not fit.

    Parameters
    ----------
    work : callable
        From clips by stream, each (B, ...), to a row for each clip, (B, D).
    streams : dict of str to Tensor

    Returns
    -------
    Tensor, (B, D)
        On the CPU.

    Raises
    ------
    CrispError
        If not even one clip fits.
    """
    try:
        with torch.inference_mode():
            return work(streams).cpu()
    except torch.OutOfMemoryError:
        count = len(next(iter(streams.values())))
        if count == 1:
            raise fail(
                "GPU",
                "not even one clip fits into its memory",
                "enough for the model and one clip",
                "none",
                "end other programs on it, or use --device cpu",
            ) from None
    halves = (slice(count // 2), slice(count // 2, count))
    return torch.cat(
        [forward(work, {name: clips[half] for name, clips in streams.items()}) for half in halves]
    )
