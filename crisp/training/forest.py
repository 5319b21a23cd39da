"""Train a forest: each epoch adds trees, grown on that epoch's clips, so that every tree sees other draws."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crisp.clips.dataloader import Batch
from crisp.models.trees import Nodes, Trees
from crisp.training.train_step import TrainStep

PER_EPOCH = 10  # trees
MOST_LEAVES = 1024  # of a tree, which bounds its size with many clips
TRIED = 0.3  # share of the features that compete for a split


def add_trees(
    learner: TrainStep, clips: Iterable[Batch], weights: Tensor | None, seed: tuple[int, int]
) -> Tensor:
    """Add trees to a forest, grown on the clips of an epoch.

    Parameters
    ----------
    learner : TrainStep
        Its model is a `crisp.models.trees.Trees`.
    clips : iterable of Batch
    weights : Tensor, (N,), optional
        Class weights.
    seed : (int, int)
        Seed of the training, and epoch.

    Returns
    -------
    Tensor, (2,) float64
        Sum of the losses of these clips with the new forest, and number of correct ones.
    """
    model: Trees = learner.model  # type: ignore[assignment]
    seen, labels = [], []
    for batch in clips:
        seen.append(model.features(batch.streams)[0])
        labels.append(batch.labels)
    features, known = torch.cat(seen), torch.cat(labels)
    of_clips = None if weights is None else weights[known].cpu().numpy()
    classes = model.head.share.shape[1]
    model.head.plant(grow(features.cpu().numpy(), known.cpu().numpy(), classes, seed, of_clips))
    logits = model.head(features)
    loss, correct = learner.loss(logits, known, weights), (logits.argmax(1) == known).sum()
    return torch.stack([loss.detach().double() * len(known), correct.double()])


def grow(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    seed: tuple[int, int],
    weights: NDArray[np.float32] | None = None,
) -> list[Nodes]:
    """Grow extremely randomised trees (Geurts et al., Machine Learning, 2006).

    Parameters
    ----------
    features : ndarray, (n, D) float32
    labels : ndarray, (n,) int64
        Class indices.
    classes : int
        Number of classes, of which some may have no clip.
    seed : (int, int)
        Seed of the training and epoch.
    weights : ndarray, (n,) float32, optional
        Of the clips.

    Returns
    -------
    list of Nodes
        `PER_EPOCH` trees.
    """
    from sklearn.ensemble import ExtraTreesClassifier

    drawn = int(np.random.SeedSequence(seed).generate_state(1)[0])
    forest = ExtraTreesClassifier(
        PER_EPOCH, max_features=TRIED, max_leaf_nodes=MOST_LEAVES, random_state=drawn, n_jobs=1
    ).fit(features, labels, weights)
    return [_nodes(tree.tree_, forest.classes_, classes) for tree in forest.estimators_]


def _nodes(tree: Any, known: NDArray[np.int64], classes: int) -> Nodes:
    """Return a tree of scikit-learn, ordered so that children come after their parent."""
    left, right = tree.children_left, tree.children_right
    order, place = [0], 0
    while place < len(order):
        node = order[place]
        place += 1
        if left[node] >= 0:
            order += [left[node], right[node]]
    renamed = np.empty(len(order), np.int32)
    renamed[order] = np.arange(len(order), dtype=np.int32)
    inner = left[order] >= 0
    share = np.zeros((len(order), classes), np.float32)
    counts = tree.value[order, 0]
    share[:, known] = counts / counts.sum(1, keepdims=True)
    return Nodes(
        np.where(inner, renamed[left[order]], 0).astype(np.int32),
        np.where(inner, renamed[right[order]], 0).astype(np.int32),
        np.where(inner, tree.feature[order], -1).astype(np.int32),
        np.where(inner, tree.threshold[order], 0.0),
        share,
    )
