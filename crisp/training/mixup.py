"""Mixup: train on mixtures of clips (Zhang et al., ICLR 2018)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import Tensor


class Mixture(NamedTuple):
    """A batch of clips, each mixed with another one.

    Attributes
    ----------
    streams : dict of str to Tensor
        share * clip + (1 - share) * the other clip, by stream.
    labels, others : Tensor, (B,) int64
        Labels of both.
    share : float
        Of the clip itself, 0 to 1.
    """

    streams: dict[str, Tensor]
    labels: Tensor
    others: Tensor
    share: float

    def part(self, rows: slice) -> Mixture:
        """Return some rows of the batch."""
        streams = {name: clips[rows] for name, clips in self.streams.items()}
        return Mixture(streams, self.labels[rows], self.others[rows], self.share)

    def loss(self, loss_of: Callable[[Tensor], Tensor]) -> Tensor:
        """Return share * loss of the labels + (1 - share) * loss of the others."""
        if self.share == 1:
            return loss_of(self.labels)
        return self.share * loss_of(self.labels) + (1 - self.share) * loss_of(self.others)


def mixed(streams: Mapping[str, Tensor], labels: Tensor, alpha: float) -> Mixture:
    """Mix the clips of a batch with those of the same batch in another order.

    All clips have the same share, drawn from Beta(alpha, alpha) by torch's generator.

    Parameters
    ----------
    streams : mapping of str to Tensor, (B, ...)
    labels : Tensor, (B,) int64
    alpha : float
        0 mixes nothing.

    Returns
    -------
    Mixture
    """
    if not alpha:
        return Mixture(dict(streams), labels, labels, 1.0)
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    order = torch.randperm(len(labels)).to(labels.device)
    blended = {name: torch.lerp(clips[order], clips, share) for name, clips in streams.items()}
    return Mixture(blended, labels, labels[order], share)
