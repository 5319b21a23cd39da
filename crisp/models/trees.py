"""Extremely randomised trees on statistics of a clip's poses: for few clips, trained in seconds on a CPU."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crisp.core.skeleton import POINTS, VALUES
from crisp.study.variants import Variant

INSTANTS = 8  # of a clip, evenly spaced, at which the joints' places are taken
SUMMARIES = 6  # of a coordinate over a clip, besides
LEAST = 1e-3  # share of a class: none is impossible
MOST = 1000  # trees


class Nodes(NamedTuple):
    """Nodes of trees: a leaf has feature -1, and the shares of the classes among its training clips.

    `left`, `right` and `feature` are (n,) int32, `threshold` (n,) float64, `share` (n, classes) float32;
    children are counted from the root of their tree, and come after their parent.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    share: NDArray[np.float32]


class Forest(nn.Module):
    """The mean of the class shares that trees give for features.

    Parameters
    ----------
    width : int
        Number of features.
    classes : int
    """

    roots: Tensor
    left: Tensor
    right: Tensor
    feature: Tensor
    threshold: Tensor

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.width = width
        for name in ("roots", "left", "right", "feature"):
            self.register_buffer(name, torch.zeros(0, dtype=torch.int64))
        self.register_buffer("threshold", torch.zeros(0, dtype=torch.float64))
        # A parameter, as others ask a model's parameters for its device; no gradient changes it.
        self.share = nn.Parameter(torch.zeros(0, classes), requires_grad=False)

    @property
    def full(self) -> bool:
        """Return whether it has as many trees as a forest may have."""
        return len(self.roots) >= MOST

    def plant(self, trees: Sequence[Nodes]) -> None:
        """Add trees."""
        device, sizes = self.share.device, [len(tree.left) for tree in trees]
        firsts = len(self.left) + np.cumsum([0, *sizes[:-1]])
        grown = {
            "roots": firsts,
            "left": np.concatenate([tree.left + first for tree, first in zip(trees, firsts, strict=True)]),
            "right": np.concatenate([tree.right + first for tree, first in zip(trees, firsts, strict=True)]),
            "feature": np.concatenate([tree.feature for tree in trees]),
            "threshold": np.concatenate([tree.threshold for tree in trees]),
            "share": np.concatenate([tree.share for tree in trees]),
        }
        for name, values in grown.items():
            own = getattr(self, name)
            own.data = torch.cat([own.data, torch.from_numpy(values).to(device, own.dtype)])

    def forward(self, features: Tensor) -> Tensor:
        """Map features (B, width) to the logarithms of the mean shares (B, classes)."""
        if not len(self.roots):
            return features.new_zeros(len(features), self.share.shape[1])
        at = self.roots.expand(len(features), -1)
        values = features.double()
        # Children come after their parent, so that this ends.
        while (split := self.feature[at] >= 0).any():
            asked = values.gather(1, self.feature[at].clamp(min=0))
            following = torch.where(asked <= self.threshold[at], self.left[at], self.right[at])
            at = torch.where(split, following, at)
        return self.share[at].mean(1).clamp(min=LEAST).log()

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take trees of any number and size.

        Raises
        ------
        ValueError
            If nodes refer to others that do not exist, or to earlier ones.
        """
        found = {name: state[f"{prefix}{name}"] for name in self.state_dict() if f"{prefix}{name}" in state}
        if len(found) == len(self.state_dict()):
            self._check(**found)
            for name, values in found.items():
                own = getattr(self, name)
                own.data = own.data.new_empty(values.shape)
        super()._load_from_state_dict(state, prefix, *rest)

    def _check(self, roots: Tensor, left: Tensor, right: Tensor, feature: Tensor, **rest: Tensor) -> None:
        count, inner = len(left), feature >= 0
        places = torch.arange(count, device=left.device)
        children = torch.stack([left, right])[:, inner] if len(right) == len(feature) == count else left[:0]
        if (
            any(len(values) != count for values in (right, feature, *rest.values()))
            or (roots < 0).any()
            or (roots >= count).any()
            or (feature >= self.width).any()
            or (children <= places[inner]).any()
            or (children >= count).any()
        ):
            raise ValueError("trees: nodes refer to nodes or features that do not exist")


class Trees(nn.Module):
    """Extremely randomised trees (Geurts et al., Machine Learning, 2006) on statistics of the poses.

    Per joint and coordinate, over the frames in which the joint is known: its place at `INSTANTS` instants,
    the deviation, least and greatest of its place, and the mean, least and greatest of its speed; 0 where
    nothing is known. Trees need no scale, and ignore what tells nothing.

    Parameters
    ----------
    variant : Variant
        Its `pose_norm` is used.
    classes : int
        Number of outputs.
    """

    grown = tuple(f"head.{name}" for name in ("roots", "left", "right", "feature", "threshold", "share"))

    def __init__(self, variant: Variant, classes: int) -> None:
        super().__init__()
        self.values = VALUES[variant.pose_norm]
        width = len(POINTS) * 2 * (INSTANTS + SUMMARIES)
        self.widths = (width,)
        self.head = Forest(width, classes)

    def features(self, streams: Mapping[str, Tensor]) -> tuple[Tensor]:
        """Return the statistics of poses (B, C, T), (B, width)."""
        poses = streams["pose"].unflatten(1, (len(POINTS), self.values)).float()
        known = poses[:, :, 2:3] > 0
        places = poses[:, :, :2]
        speeds, moving = poses[:, :, 3:], known
        if self.values == 3:
            speeds, moving = places.diff(dim=3), known[..., 1:] & known[..., :-1]
        instants = torch.linspace(0, poses.shape[3] - 1, INSTANTS, device=poses.device).round().long()
        parts = [
            torch.where(known, places, 0.0)[..., instants],
            _deviation(places, known)[..., None],
            *_ends(places, known),
            _mean(speeds, moving)[..., None],
            *_ends(speeds, moving),
        ]
        return (torch.cat(parts, dim=3).flatten(1),)

    def forward(self, streams: Mapping[str, Tensor]) -> Tensor:
        """Map poses (B, C, T) to the logarithms of the classes' probabilities (B, classes)."""
        return self.head(*self.features(streams))


def _mean(values: Tensor, known: Tensor) -> Tensor:
    return torch.where(known, values, 0.0).sum(3) / known.sum(3).clamp(min=1)


def _deviation(values: Tensor, known: Tensor) -> Tensor:
    return _mean((values - _mean(values, known)[..., None]).square(), known).sqrt()


def _ends(values: Tensor, known: Tensor) -> list[Tensor]:
    """Return the least and the greatest of known values, each (..., 1); 0 if none is known."""
    if not values.shape[3]:
        return [values.new_zeros((*values.shape[:3], 1))] * 2
    least = torch.where(known, values, torch.inf).amin(3, keepdim=True)
    greatest = torch.where(known, values, -torch.inf).amax(3, keepdim=True)
    return [torch.where(end.isfinite(), end, 0.0) for end in (least, greatest)]
