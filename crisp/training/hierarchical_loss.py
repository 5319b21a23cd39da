"""Cross-entropy of the classes and of their super-classes: a joint loss over a hierarchy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class HierarchicalLoss(nn.Module):
    """Mean cross-entropy of the classes plus that of their super-classes, without weights of its own.

    A super-class has the sum of its classes' probabilities. With p(c) the probability of class c, P_k(c)
    that of its super-class in the k-th of K sets, q(c) the (smoothed) label and v(c) the class weight, the
    loss of a sample is

        -sum_c v(c) q(c) [log p(c) + weight / K * sum_k log P_k(c)].

    It is the loss of a tree of classes as in Redmon and Farhadi ("YOLO9000", CVPR 2017), in which only the
    classes have outputs.

    Parameters
    ----------
    super_classes : sequence of ndarray
        K sets, at least one: the index of the super-class of each class, (N,) from 0, none left out.
    weight : float
        Of the super-classes, against 1 of the classes.
    smoothing : float
        Label smoothing: the part of a label that is spread evenly over the N classes.
    """

    def __init__(
        self, super_classes: Sequence[NDArray[np.intp]], weight: float, smoothing: float = 0
    ) -> None:
        super().__init__()
        self.weight, self.smoothing = weight, smoothing
        counts = [int(index.max()) + 1 for index in super_classes]
        firsts = np.cumsum([0, *counts[:-1]])
        columns = np.stack([first + index for first, index in zip(firsts, super_classes, strict=True)])
        absent = torch.full((sum(counts), columns.shape[1]), -torch.inf)
        self.columns: torch.Tensor  # (K, N): where the super-class of a class is among those of all sets
        self.register_buffer("columns", torch.from_numpy(columns))
        self.absent: torch.Tensor  # (M, N): 0 for the members of a super-class, -inf for other classes
        self.register_buffer("absent", absent.scatter(0, self.columns, 0.0))

    def log_probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        """Return the log-probabilities of all super-classes.

        Parameters
        ----------
        logits : Tensor, (B, N)

        Returns
        -------
        Tensor, (B, M)
            Those of the first set, then of the second, …; the probabilities of each set sum to 1.
        """
        return (logits.log_softmax(1).unsqueeze(1) + self.absent).logsumexp(2)

    def forward(
        self, logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the loss.

        Parameters
        ----------
        logits : Tensor, (B, N)
        labels : Tensor, (B,) int64
        weights : Tensor, (N,), optional
            Class weights.

        Returns
        -------
        Tensor, ()
            Mean over the batch, not divided by the weights.
        """
        coarse = self.log_probabilities(logits)[:, self.columns].mean(1)
        target = torch.full_like(logits, self.smoothing / logits.shape[1])
        target.scatter_add_(1, labels[:, None], torch.full_like(target[:, :1], 1 - self.smoothing))
        if weights is not None:
            target = target * weights
        return -(target * (logits.log_softmax(1) + self.weight * coarse)).sum(1).mean()
