"""Trees: statistics of poses, and a forest that gives what scikit-learn's gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import ExtraTreesClassifier

from crisp.core.skeleton import POINTS, pose_channels
from crisp.models import build, input_shape, widths
from crisp.models.trees import LEAST, Forest, Trees
from crisp.study.variants import Variant
from crisp.training.forest import _nodes

JOINTS = len(POINTS)


def variant(pose_norm: str = "player") -> Variant:
    return Variant.from_config({"name": "trees", "model": "trees", "pose_norm": pose_norm})


def poses(count: int, frames: int, pose_norm: str = "player", seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, pose_channels(pose_norm), frames, generator=generator) + 0.1


@settings(deadline=None, max_examples=20)
@given(st.integers(2, 5), st.integers(5, 60), st.integers(0, 100))
def test_forest_gives_what_scikit_learn_gives(classes: int, clips: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(clips, 7)).astype(np.float32)
    labels = random.integers(0, classes, clips)
    theirs = ExtraTreesClassifier(6, random_state=seed).fit(features, labels)
    ours = Forest(7, classes)
    ours.plant([_nodes(tree.tree_, theirs.classes_, classes) for tree in theirs.estimators_])
    asked = random.normal(size=(20, 7)).astype(np.float32)
    expected = np.zeros((20, classes))
    expected[:, theirs.classes_] = theirs.predict_proba(asked)
    np.testing.assert_allclose(
        ours(torch.from_numpy(asked)).exp(), np.maximum(expected, LEAST), rtol=1e-5, atol=1e-7
    )


@pytest.mark.parametrize("pose_norm", ["player", "crop", "image"])
@pytest.mark.parametrize("frames", [1, 2, 7, 24])
def test_statistics_of_clips_of_any_length(pose_norm: str, frames: int) -> None:
    made = build(variant(pose_norm), 3)
    assert input_shape("pose", variant(pose_norm))[0] == pose_channels(pose_norm)
    (found,) = made.features({"pose": poses(4, frames, pose_norm)})
    assert found.shape == (4, widths(made))
    assert found.isfinite().all()


def test_statistics_ignore_joints_that_are_not_known() -> None:
    made, clip = Trees(variant(), 2), poses(1, 12)
    joints = clip.unflatten(1, (JOINTS, 5))
    joints[:, 3, 2, 5] = 0  # one joint in one frame
    joints[:, 4, 2] = 0  # another in all
    changed = clip.clone().unflatten(1, (JOINTS, 5))
    changed[:, 3, [0, 1, 3, 4], 5] = 1e6
    changed[:, 4, [0, 1, 3, 4]] = -1e6
    (found,), (other,) = (made.features({"pose": part.flatten(1, 2)}) for part in (joints, changed))
    torch.testing.assert_close(found, other, rtol=0, atol=0)
    assert (found.unflatten(1, (JOINTS, -1))[:, 4] == 0).all()


def test_known_statistics() -> None:
    clip = torch.zeros(1, JOINTS, 5, 8)
    clip[:, :, 2] = 1
    clip[0, 2, 0] = torch.arange(8.0)
    clip[0, 2, 3] = torch.tensor([0, 1, 0, 1, 0, 1, 0, -3.0])
    (found,) = Trees(variant(), 2).features({"pose": clip.flatten(1, 2)})
    x = found.view(JOINTS, 2, -1)[2, 0]
    deviation = torch.arange(8.0).std(correction=0)
    expected = [*range(8), float(deviation), 0, 7, 0, -3, 1]
    torch.testing.assert_close(x, torch.tensor(expected))


def planted() -> Forest:
    random = np.random.default_rng(0)
    forest = ExtraTreesClassifier(3, random_state=0).fit(random.normal(size=(20, 4)), np.arange(20) % 2)
    made = Forest(4, 2)
    made.plant([_nodes(tree.tree_, forest.classes_, 2) for tree in forest.estimators_])
    return made


def test_weights_of_another_size_are_taken() -> None:
    made, other = planted(), Forest(4, 2)
    asked = torch.randn(9, 4, generator=torch.Generator().manual_seed(1))
    other.load_state_dict(made.state_dict())
    assert torch.equal(other(asked), made(asked))
    assert not torch.equal(Forest(4, 2)(asked), made(asked))


@pytest.mark.parametrize(
    ("name", "value"), [("left", 0), ("right", 10_000), ("left", -1), ("feature", 4), ("roots", 10_000)]
)
def test_nodes_that_lead_nowhere_or_back_are_rejected(name: str, value: int) -> None:
    state = planted().state_dict()
    state[name] = state[name].clone()
    state[name][0] = value
    with pytest.raises(ValueError, match="nodes refer to"):
        Forest(4, 2).load_state_dict(state)


def test_too_few_nodes_are_rejected() -> None:
    state = planted().state_dict()
    state["threshold"] = state["threshold"][:-1]
    with pytest.raises(ValueError, match="nodes refer to"):
        Forest(4, 2).load_state_dict(state)
