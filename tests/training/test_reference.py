"""Reference: what is like the training data passes, what is not is told with its figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from crisp.training import reference
from crisp.training.reference import Facts, compare
from tests import stagefiles

SPEEDS = np.linspace(10, 110, 1000)  # of training frames, px/s
KNOWN = {"shape": [1.3, 1.8], "width": 640, "motion": reference.motion([SPEEDS])}


def facts(**changes: object) -> Facts:
    usual = Facts(640, 320, 16 / 9, SPEEDS, np.empty(0))
    return usual._replace(**changes)


def test_like_the_training_data() -> None:
    assert compare(KNOWN, facts()) == []
    assert compare({}, facts(speeds=np.zeros(9), shape=0.5, width=9)) == [], "nothing is known"
    assert compare(KNOWN, facts(speeds=np.empty(0))) == [], "a video of one frame"


def test_long_pauses_are_like_it() -> None:
    """Of an untrimmed video most may be pauses, as long as something moves at times."""
    assert compare(KNOWN, facts(speeds=np.concatenate([np.zeros(800), SPEEDS[:200] + 50]))) == []


@pytest.mark.parametrize(
    ("changes", "words", "far"),
    [
        ({"speeds": np.zeros(100)}, "hardly anything moves: nine in ten frames by less than 0", True),
        ({"speeds": np.full(100, 30)}, "hardly anything moves: nine in ten frames by less than 30", False),
        ({"speeds": np.full(100, 105)}, "more moves: every other frame by more than 105", False),
        ({"speeds": np.full(100, 200)}, "mostly by 20 to 100 px/s at a width of 320 px", True),
        ({"shape": 9 / 16}, "0.56 times as wide as high, those of the training data 1.30 to 1.80", True),
        ({"shape": 1.0}, "1.00 times as wide as high", False),
        ({"width": 120}, "120 px wide, those of the training data 640 px and more", False),
        ({"width": 60}, "60 px wide, those", True),
    ],
)
def test_unlike_it(changes: dict[str, object], words: str, far: bool) -> None:
    (found,) = compare(KNOWN, facts(**changes))
    assert words in found.words
    assert found.far == far


def clips(count: int, seed: int, shift: float = 0) -> np.ndarray:
    """Features that vary along few directions, as those of a network, and not at all in some."""
    random = np.random.default_rng(seed)
    directions = np.random.default_rng(9).normal(size=(5, 60))
    made = np.maximum(random.normal(size=(count, 5)) @ directions + shift, 0)
    made[:, 50:] = 0
    return made.astype(np.float32)


def test_distance_of_features() -> None:
    known = reference.features(clips(120, 0), clips(60, 1))
    again = reference.distances(known, torch.from_numpy(clips(60, 2)))
    other = reference.distances(known, torch.from_numpy(clips(60, 3, shift=8)))
    assert np.median(again) < known["distances"]["0.99"] < np.median(other)
    assert compare({"features": known}, facts(distances=again)) == []
    (found,) = compare({"features": known}, facts(distances=other))
    ratio = np.median(other) / known["distances"]["0.99"]
    assert f"at least {ratio:.1f} times as far from its training clips" in found.words
    assert found.far == (ratio > reference.CLIPS_FAR)


def test_features_that_are_silent() -> None:
    """Where nothing is to be seen a network's features are near zero, so nearer to the mean than any clip."""
    known = reference.features(clips(120, 0), clips(60, 1))
    (found,) = compare({"features": known}, facts(distances=np.full(9, known["distances"]["0.01"] / 1.3)))
    assert "sees next to nothing: half of the video is at least 1.3 times as near" in found.words
    assert not found.far
    (found,) = compare({"features": known}, facts(distances=np.full(9, known["distances"]["0.01"] / 1.6)))
    assert found.far


def test_distance_is_that_of_the_full_covariance() -> None:
    """With as many directions as vary it is Mahalanobis' distance by the whole covariance."""
    random = np.random.default_rng(0)
    mixed = np.eye(6) + 0.3 * random.normal(size=(6, 6))
    training = (random.normal(size=(400, 6)) @ mixed).astype(np.float32)
    known = reference.features(training, training[:30])
    centred = training[:7] - training.mean(axis=0)
    inverse = np.linalg.inv(np.cov(training.T))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", centred, inverse, centred) / 6)
    np.testing.assert_allclose(
        reference.distances(known, torch.from_numpy(training[:7])), expected, rtol=1e-3
    )


def test_too_few_clips_for_features() -> None:
    few = reference.LEAST - 1
    assert reference.features(clips(100, 0), clips(few, 1)) == {}
    assert reference.features(clips(few, 0), clips(100, 1)) == {}
    assert reference.features(clips(few + 1, 0), clips(few + 1, 1))


def test_clips_that_are_all_the_same() -> None:
    """A network whose last layer sees nothing has no spread to divide by."""
    known = reference.features(np.ones((30, 8), np.float32), np.ones((30, 8), np.float32))
    assert np.isfinite(reference.distances(known, torch.ones(3, 8))).all()
    assert compare({"features": known}, facts(distances=np.zeros(5))) == []


def test_speeds_are_per_second_at_one_width(tmp_path: Path) -> None:
    flow = np.zeros((4, 20, 40, 2))
    flow[1:, 10, 20] = (0.5, -2)
    stagefiles.write(tmp_path, np.zeros((4, 20, 40, 3), np.uint8), flow, fps=25)
    found = reference.speeds(tmp_path / "roi" / f"{stagefiles.METHOD}.h5")
    assert len(found) == 3, "the first frame has no flow"
    np.testing.assert_allclose(found / (25 * 320 / 40), 0.5)  # the blur leaves a quarter of 2
