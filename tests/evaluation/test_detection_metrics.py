"""Detection figures: cases worked by hand, scikit-learn's curve, and what must hold for any input."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve

from crisp.evaluation import detection_metrics
from crisp.evaluation.detection_metrics import (
    THRESHOLDS,
    DetectedInterval,
    average_precision,
    campaign,
    ranked,
)
from crisp.study.matching import iou

CLASSES = ("Hit", "Push", "Negative")
FRAMES = {"a": 100, "b": 50}
TRUTH = [
    DetectedInterval("a", 10, 30, "Hit"),
    DetectedInterval("a", 50, 70, "Push"),
    DetectedInterval("b", 0, 20, "Hit"),
    DetectedInterval("b", 30, 40, "Push"),
]


def figures(truth: Sequence[DetectedInterval], found: Sequence[DetectedInterval]) -> dict:
    return detection_metrics.detection(truth, found, FRAMES, CLASSES, "Negative")


def test_iou_by_hand() -> None:
    found = iou([[0, 10], [10, 20]], [[0, 10], [5, 15], [10, 30], [40, 41]])
    np.testing.assert_allclose(found, [[1, 1 / 3, 0, 0], [0, 1 / 3, 0.5, 0]])
    assert iou(np.empty((0, 2)), [[0, 1]]).shape == (0, 1)


def test_perfect() -> None:
    made = figures(TRUTH, TRUTH[::-1])
    assert made["global_iou"] == made["campaign_map"] == made["campaign_map_one_to_one"] == 1
    assert set(made["average_precision"].values()) == set(made["mean_average_precision"].values()) == {1.0}
    assert made["frame_confusion"] == [[40, 0, 0], [0, 30, 0], [0, 0, 80]]
    assert made["everywhere"] == pytest.approx(70 / 150)


def test_nothing_found_gives_zeros() -> None:
    made = figures(TRUTH, [])
    assert made["global_iou"] == made["campaign_map"] == made["campaign_map_one_to_one"] == 0
    assert set(made["average_precision"].values()) == set(made["mean_average_precision"].values()) == {0.0}
    assert made["detections"] == 0
    assert made["strokes"] == 4


def test_nothing_annotated_is_undefined() -> None:
    found = [DetectedInterval("a", 0, 10, "Hit", 0.9)]
    made = figures([], found)
    assert made["global_iou"] == made["everywhere"] == 0
    assert made["campaign_map"] is made["campaign_map_one_to_one"] is None
    assert set(made["average_precision"].values()) == set(made["mean_average_precision"].values()) == {None}
    assert figures([], [])["global_iou"] is None
    assert detection_metrics.detection([], [], {}, CLASSES, "Negative")["everywhere"] is None


def test_a_video_without_strokes_counts_what_is_found_in_it() -> None:
    truth = TRUTH[:2]
    in_b = DetectedInterval("b", 0, 20, "Hit", 0.5)
    assert average_precision(truth, [*truth, in_b], 0.5) == 1  # the surer ones come first
    assert average_precision(truth, [*truth, in_b._replace(score=2)], 0.5) == pytest.approx(2 / 3)
    made = figures(truth, [*truth, in_b])
    assert made["global_iou"] == pytest.approx(40 / 60)
    assert made["campaign_map"] == pytest.approx(2 / 3)


def test_duplicates() -> None:
    """One of the two is right; the other is false for every figure but the frames'."""
    (truth,) = TRUTH[:1]
    twice = [truth._replace(score=0.9), truth._replace(score=0.8)]
    assert average_precision([truth], twice, 0.5) == 1
    assert campaign([truth], twice) == campaign([truth], twice, one_to_one=True) == 0.5
    two = [truth, TRUTH[1]]
    # Precision falls to 1/2 before the second stroke is found at 2/3, which then holds for all before it.
    assert average_precision(two, [*twice, TRUTH[1]._replace(score=0.1)], 0.5) == pytest.approx(
        0.5 + 0.5 * 2 / 3
    )


def test_one_found_stroke_may_take_several_only_as_scripted() -> None:
    truth = [DetectedInterval("a", 0, 10), DetectedInterval("a", 10, 20)]
    found = [DetectedInterval("a", 0, 20)]  # IoU 0.5 with both: counts at the first of ten thresholds
    assert campaign(truth, found) == pytest.approx(1 / 10)
    assert campaign(truth, found, one_to_one=True) == pytest.approx(0.5 / 10)


def test_campaign_goes_by_order_and_not_by_score() -> None:
    truth = [DetectedInterval("a", 0, 10), DetectedInterval("a", 8, 18)]
    broad, exact = DetectedInterval("a", 2, 16, score=0.1), DetectedInterval("a", 0, 10, score=0.9)
    # The broad one has IoU 8/16 with both and takes both, so that the exact one is false at 0.5 only.
    assert campaign(truth, [broad, exact]) == pytest.approx((2 / 3 + 9 * 0.5 * 0.5) / 10)
    assert campaign(truth, [exact, broad]) == pytest.approx((1.0 + 9 * 0.5 * 0.5) / 10)


def test_thresholds_are_inclusive() -> None:
    truth, found = [DetectedInterval("a", 0, 20)], [DetectedInterval("a", 0, 11)]  # IoU 0.55
    assert [average_precision(truth, found, threshold) for threshold in THRESHOLDS[:3]] == [1, 1, 0]


def test_one_class_missing() -> None:
    """Push is never found: it counts 0, and Hit is not touched by it."""
    found = [stroke._replace(label="Hit") for stroke in TRUTH]
    made = ranked(TRUTH, found, CLASSES[:2])
    assert made["average_precision"]["mean"] == 1
    assert made["per_class"]["Push"]["mean"] == 0
    assert (made["per_class"]["Push"]["strokes"], made["per_class"]["Push"]["detections"]) == (2, 0)
    assert made["per_class"]["Hit"]["0.50"] == pytest.approx(0.5)  # four of equal score, two of them right
    assert made["mean_average_precision"]["0.50"] == pytest.approx(0.25)


def test_a_class_that_does_not_occur_is_undefined() -> None:
    made = ranked(TRUTH[:1], TRUTH[:1], CLASSES[:2])
    assert made["per_class"]["Push"]["mean"] is None
    assert made["mean_average_precision"]["mean"] == 1


@pytest.mark.parametrize("label", ["", "Unknown"])
def test_strokes_of_unknown_class(label: str) -> None:
    """They count whatever the class; what finds them is no fault of any class."""
    truth = [TRUTH[0]._replace(label=label), *TRUTH[1:]]
    made = figures(truth, TRUTH)
    assert made["average_precision"]["mean"] == 1
    assert made["per_class"]["Hit"] == {**made["per_class"]["Push"], "strokes": 1, "detections": 1}
    assert made["mean_average_precision"]["mean"] == 1
    assert sum(made["frame_confusion"][0]) == 20  # of its class, those of the other Hit
    assert made["global_iou"] == 1


def test_ties_do_not_depend_on_the_order() -> None:
    truth = TRUTH[:2]
    false = [DetectedInterval("b", 5 * i, 5 * i + 5) for i in range(2)]
    found = [*false, *truth]  # all of score 1
    assert average_precision(truth, found, 0.5) == average_precision(truth, found[::-1], 0.5) == 0.5


def test_frames_of_overlapping_strokes_count_once() -> None:
    truth = [DetectedInterval("a", 0, 10, "Hit"), DetectedInterval("a", 5, 15, "Push")]
    made = figures(truth, [DetectedInterval("a", 0, 15, "Hit")])
    assert made["global_iou"] == 1
    assert made["everywhere"] == pytest.approx(0.1)
    assert made["frame_confusion"][:2] == [[5, 0, 0], [10, 0, 0]]


def slots(draw: st.DrawFn, videos: str = "ab") -> list[DetectedInterval]:
    """Strokes in places of their own, 10 frames each, in random order."""
    places = [(video, 10 * place) for video in videos for place in range(FRAMES[video] // 10)]
    chosen = draw(st.permutations(places))[: draw(st.integers(0, 8))]
    score = st.sampled_from([0.1, 0.25, 0.5, 0.75])
    return [
        DetectedInterval(
            video, begin + draw(st.integers(0, 4)), begin + 10, draw(st.sampled_from(CLASSES[:2])), s
        )
        for (video, begin), s in zip(chosen, draw(st.lists(score, min_size=8, max_size=8)), strict=False)
    ]


strokes = st.composite(slots)()


@given(truth=strokes, found=strokes, threshold=st.sampled_from(THRESHOLDS))
def test_precision_over_recall_is_that_of_scikit_learn(
    truth: list[DetectedInterval], found: list[DetectedInterval], threshold: float
) -> None:
    """At most one of each overlaps one of the other here, so which is right needs no matching."""
    if not truth or not found:
        return
    right = iou([f[1:3] for f in found], [t[1:3] for t in truth])
    right *= [[f.video == t.video for t in truth] for f in found]
    hits = (right >= threshold).any(axis=1)
    missed = len(truth) - int(hits.sum())
    # What was not found joins with a score below all others; its point of the curve is no operating point.
    labels, scores = np.r_[hits, np.ones(missed, bool)], np.r_[[f.score for f in found], -np.ones(missed)]
    precision, recall, thresholds = precision_recall_curve(labels, scores)
    real = np.r_[thresholds >= 0, True]
    precision, recall = precision[real], recall[real]
    area = -(np.diff(recall) * np.maximum.accumulate(precision)[:-1]).sum()
    assert average_precision(truth, found, threshold) == pytest.approx(area)
    if not missed and (np.diff(precision) >= 0).all():  # nothing to interpolate
        assert average_precision(truth, found, threshold) == pytest.approx(
            average_precision_score(labels, scores)
        )


anything = st.lists(
    st.builds(
        lambda video, begin, length, label, score: DetectedInterval(
            video, begin, min(begin + length, FRAMES[video]), label, score
        ),
        st.sampled_from("ab"),
        st.integers(0, 49),
        st.integers(1, 40),
        st.sampled_from([*CLASSES[:2], ""]),
        st.sampled_from([0.2, 0.4, 0.6]),
    ),
    max_size=8,
)


@given(truth=anything, found=anything)
def test_all_figures_are_shares(truth: list[DetectedInterval], found: list[DetectedInterval]) -> None:
    made = figures(truth, found)
    values = [made[key] for key in ("global_iou", "everywhere", "campaign_map", "campaign_map_one_to_one")]
    values += [*made["average_precision"].values(), *made["mean_average_precision"].values()]
    assert all(value is None or 0 <= value <= 1 for value in values)
    assert made["global_iou"] == figures(found, truth)["global_iou"]


@given(one=anything, other=anything)
def test_iou_is_symmetric(one: list[DetectedInterval], other: list[DetectedInterval]) -> None:
    a, b = [stroke[1:3] for stroke in one], [stroke[1:3] for stroke in other]
    found = iou(a, b)
    np.testing.assert_array_equal(found, iou(b, a).T)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_array_equal(np.diag(iou(a, a)), 1)


@given(truth=anything, found=anything, extra=anything)
def test_a_false_one_of_lowest_score_never_raises_the_average_precision(
    truth: list[DetectedInterval], found: list[DetectedInterval], extra: list[DetectedInterval]
) -> None:
    with_false = found + [stroke._replace(video="c", score=0.2) for stroke in extra]
    for threshold in THRESHOLDS[::4]:
        before, after = (average_precision(truth, each, threshold) for each in (found, with_false))
        assert (before is None and after is None) or (after or 0) <= (before or 0) + 1e-12
