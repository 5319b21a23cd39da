"""Agreement of annotators: known error rates come back, and whatever there is to compare is compared."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from crisp.core.frame_times import FrameTimes
from crisp.report.agreement.comparison import Agreement, compare_annotators, frame_ratings
from crisp.study.annotations import Stroke
from crisp.study.merging import merge_strokes
from tests.report.agreement.simulated import CLASSES, FPS, SPACING, annotate, annotated, drawn_strokes

VIDEOS, STROKES = 20, 50
MISSED, CONFUSED, JITTER, LATE = 0.12, 0.2, 3, 5
N = VIDEOS * STROKES


def within(count: float, share: float) -> float:
    """Four standard deviations of a share of so many independent draws."""
    return 4 * math.sqrt(share * (1 - share) / count)


def simulated(**errors: dict[str, float]) -> Agreement:
    random = np.random.default_rng(7)
    videos = []
    for _ in range(VIDEOS):
        truth = drawn_strokes(random, STROKES)
        videos.append({name: annotate(random, truth, **each) for name, each in errors.items()})  # type: ignore[arg-type]
    return compare_annotators(annotated(videos, STROKES), 0.5)


NOISY = {"missed": MISSED, "confused": CONFUSED, "jitter": JITTER, "late": LATE}


def test_known_error_rates_of_a_pair() -> None:
    (pair,) = simulated(right={}, noisy=NOISY).pairs
    share = pair.matched / N
    assert share == pytest.approx(1 - MISSED, abs=within(N, MISSED))
    assert pair.strokes == (N, pair.matched)
    assert pair.found == pytest.approx(2 * share / (1 + share))
    n = pair.matched
    assert pair.classes.agreed == pytest.approx(1 - CONFUSED, abs=within(n, CONFUSED))
    by_chance = 1 / len(CLASSES)  # classes are equally frequent for both
    expected = (1 - CONFUSED - by_chance) / (1 - by_chance)
    assert pair.classes.value == pytest.approx(expected, abs=within(n, CONFUSED) / (1 - by_chance) + 1 / n)
    low, high = pair.classes.interval or (1, 0)
    assert low < expected < high
    assert high - low < 4 * within(n, CONFUSED) / (1 - by_chance)
    # Uniform over seven frames of 20 ms, the end 5 frames later; each has 1 / 7, more than the rest of 5 %.
    frame = 1000 / FPS
    assert pair.begin == pytest.approx((-JITTER * frame, 0, JITTER * frame))
    assert pair.end == pytest.approx(((LATE - JITTER) * frame, LATE * frame, (LATE + JITTER) * frame))


def test_kappa_of_frames_of_a_pair() -> None:
    """Without jitter, a frame differs where its stroke is missed or has another class."""
    (pair,) = simulated(right={}, noisy={"missed": MISSED, "confused": CONFUSED}).pairs
    in_strokes = 50 / 150  # a stroke of 40 to 60 frames in 150, whose standard deviation is 6.06
    agreed = 1 - in_strokes + in_strokes * (1 - MISSED) * (1 - CONFUSED)
    none = (1 - in_strokes) * (1 - in_strokes + in_strokes * MISSED)
    by_chance = none + in_strokes * in_strokes * (1 - MISSED) / len(CLASSES)
    drawn = 4 * 6.06 / 150 / math.sqrt(N)  # of the share of frames in strokes
    tolerance = (in_strokes * within(N, (1 - MISSED) * (1 - CONFUSED)) + drawn) / (1 - by_chance)
    assert pair.frames.value == pytest.approx((agreed - by_chance) / (1 - by_chance), abs=tolerance)
    assert pair.frames.units == N * 150


def test_who_deviates_from_the_others() -> None:
    found = simulated(right={}, noisy=NOISY, other={})
    right, noisy, other = found.people
    assert (noisy.expected, right.expected, other.expected) == (N, noisy.strokes, noisy.strokes)
    assert noisy.missed / N == pytest.approx(MISSED, abs=within(N, MISSED))
    assert noisy.other_class / noisy.labelled == pytest.approx(CONFUSED, abs=within(noisy.labelled, CONFUSED))
    assert noisy.end is not None
    assert noisy.end.middle == pytest.approx(LATE * 1000 / FPS)
    assert right.missed == other.missed == right.alone == noisy.alone == 0
    assert right.other_class == 0  # nothing is given by more of the two others where these differ
    for one in found.classes:
        # Of six ordered pairs of the three annotators, four have the noisy one, two of which start from it.
        assert one.missed / one.pairs == pytest.approx(
            2 * MISSED / (6 - 2 * MISSED), abs=within(N / 3, MISSED)
        )


def test_majority_of_five_errs_as_rarely_as_the_binomial_says() -> None:
    random = np.random.default_rng(3)
    truth = drawn_strokes(random, N)
    people = {name: annotate(random, truth, MISSED, CONFUSED, JITTER) for name in "abcde"}
    kept = {one.stroke.begin // SPACING: one for one in merge_strokes(people, 0.5, lambda _: "") if one.kept}
    lost = sum(math.comb(5, k) * MISSED**k * (1 - MISSED) ** (5 - k) for k in (3, 4, 5))
    assert 1 - len(kept) / N == pytest.approx(lost, abs=within(N, lost))
    # Of those whom most have: each is right with 0.8, and the two other classes are equally probable.
    right = sum(one.stroke.label == truth[number].label for number, one in kept.items()) / len(kept)
    assert right > 1 - CONFUSED + within(len(kept), CONFUSED)
    # The median of three or more bounds deviates less than one of them, whose variance is (7^2 - 1) / 12 = 4.
    apart = np.array([one.stroke.begin - truth[number].begin for number, one in kept.items()])
    assert abs(apart.mean()) < 4 * 2 / math.sqrt(len(kept))
    assert apart.std() < 1.5


def test_alpha_and_fleiss_of_three_with_errors() -> None:
    found = simulated(a=NOISY, b=NOISY, c=NOISY)
    same = (1 - CONFUSED) ** 2 + CONFUSED**2 / 2  # both right, or both the same of the two other classes
    expected = (same - 1 / 3) / (2 / 3)
    tolerance = within(N, same) / (2 / 3)  # pairs of the same stroke are not independent: one per stroke
    assert found.alpha["strokes"].value == pytest.approx(expected, abs=tolerance)
    assert found.fleiss["strokes"].value == pytest.approx(expected, abs=tolerance)
    everybody = found.fleiss["strokes"].units / 3
    assert everybody / N == pytest.approx((1 - MISSED) ** 3, abs=within(N, (1 - MISSED) ** 3))
    assert found.confusion.sum() == np.trace(found.confusion) + 2 * np.triu(found.confusion, 1).sum()


def by_hand(*views: dict[str, list[Stroke]]) -> Agreement:
    return compare_annotators(annotated(list(views), 1), 0.5)


def test_two_people_without_a_common_video() -> None:
    a, b = [Stroke(0, 50, "Hit")], [Stroke(2, 50, "Push")]
    found = by_hand({"x": a, "y": a}, {"x": a, "z": b})
    pair = next(one for one in found.pairs if (one.first, one.second) == ("y", "z"))
    assert (pair.videos, pair.matched, pair.found, pair.frames.value, pair.begin) == (0, 0, None, None, None)
    assert found.fleiss["frames"] == (None, None, None, 0)
    assert found.alpha["frames"].value is not None


def test_a_person_without_strokes() -> None:
    found = by_hand({"x": [Stroke(0, 50, "Hit"), Stroke(80, 100, "Push")], "y": []})
    (pair,) = found.pairs
    assert (pair.matched, pair.found, pair.frames.value, pair.classes.value) == (0, 0.0, 0.0, None)
    assert [(one.expected, one.missed, one.alone) for one in found.people] == [(0, 0, 2), (2, 2, 0)]
    (pair,) = by_hand({"x": [], "y": []}).pairs
    assert (pair.found, pair.frames.agreed, pair.frames.value) == (None, 1.0, None)


def test_overlapping_strokes_and_unknown_classes() -> None:
    of = {"x": [Stroke(0, 50, "Hit"), Stroke(40, 90, "")], "y": [Stroke(10, 20, "Push")]}
    (view,) = annotated([of], 1).views
    ratings, weights = frame_ratings(view, CLASSES)
    runs = [tuple(row) for row in np.column_stack([ratings, weights]).tolist()]
    assert runs == [(1, 0, 10), (1, 2, 10), (1, 0, 20), (-1, 0, 10), (-1, 0, 40), (0, 0, 60)]


def test_differences_follow_time_stamps_and_slow_motion() -> None:
    of = {"x": [Stroke(1, 50, "Hit")], "y": [Stroke(3, 50, "Hit")]}
    made = annotated([of], 1)
    stamps = (0, 0.01, 0.02, 0.09, *(0.1 + number / 50 for number in range(146)))
    timed = replace(made, views=[replace(made.views[0], times=FrameTimes(50, stamps), speed=0.5)])
    (pair,) = compare_annotators(timed, 0.5).pairs
    assert pair.begin == pytest.approx((40, 40, 40))  # (0.09 s - 0.01 s) / 2
    untimed = replace(made, views=[replace(made.views[0], times=None)])
    found = compare_annotators(untimed, 0.5)
    assert (found.unit, found.pairs[0].begin) == ("frames", (2, 2, 2))


def test_ten_thousand_strokes_of_each() -> None:
    random = np.random.default_rng(0)
    truth = drawn_strokes(random, 10_000)
    found = compare_annotators(annotated([{"x": truth, "y": annotate(random, truth, jitter=5)}], 10_000), 0.5)
    assert found.pairs[0].matched == 10_000
