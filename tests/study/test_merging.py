"""Merging by majority: bounds, classes, ties, players, and labels that are never two of one interval."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from crisp.study.annotations import Stroke
from crisp.study.merging import MergedStroke, merge_strokes, vote


def merged(**strokes: list[Stroke]) -> list[MergedStroke]:
    return merge_strokes(strokes, 0.5, lambda stroke: stroke.player)


def kept(**strokes: list[Stroke]) -> list[Stroke]:
    return [one.stroke for one in merged(**strokes) if one.kept]


def test_median_bounds_and_the_class_of_most() -> None:
    found = merged(
        a=[Stroke(10, 30, "Hit"), Stroke(70, 90, "Hit")],
        b=[Stroke(12, 33, "Push")],
        c=[Stroke(11, 40, "Push")],
    )
    assert [(one.stroke, list(one.group), one.kept) for one in found] == [
        (Stroke(11, 33, "Push"), ["a", "b", "c"], True),
        (Stroke(70, 90, "Hit"), ["a"], False),
    ]


def test_the_first_decides_a_tie() -> None:
    a, b = [Stroke(10, 30, "Hit"), Stroke(70, 90, "Hit")], [Stroke(13, 32, "Push"), Stroke(40, 60, "Push")]
    assert kept(a=a, b=b) == [Stroke(12, 31, "Hit"), Stroke(70, 90, "Hit")]
    assert kept(b=b, a=a) == [Stroke(12, 31, "Push"), Stroke(40, 60, "Push")]


def test_an_unknown_class_has_no_vote() -> None:
    assert vote(["Unknown", "", "Hit"]) == "Hit"
    assert vote(["unknown", "Unknown"]) == "unknown"
    assert vote(["Push", "Hit", "Hit", "Push"]) == "Push"


def test_strokes_of_two_players_are_not_the_same() -> None:
    left, right = Stroke(0, 20, "Hit", "left"), Stroke(0, 20, "Hit", "right")
    assert kept(a=[left, right], b=[right], c=[right]) == [right]


strokes = some.lists(
    some.builds(
        lambda begin, length, label: Stroke(begin, begin + length, label),
        some.integers(0, 40),
        some.integers(1, 15),
        some.sampled_from(["Hit", "Push"]),
    ),
    max_size=5,
    unique_by=lambda stroke: stroke[:2],
)


@given(some.lists(strokes, min_size=1, max_size=4))
def test_labels_are_valid_whatever_is_merged(of: list[list[Stroke]]) -> None:
    given_ = {str(number): own for number, own in enumerate(of)}
    found = kept(**given_)
    assert len({stroke[:2] for stroke in found}) == len(found)
    assert all(stroke.begin < stroke.end for stroke in found)
    everybody = [each for own in of for each in own]
    assert {stroke.label for stroke in found} <= {stroke.label for stroke in everybody}
    assert max((stroke.end for stroke in found), default=0) <= max((s.end for s in everybody), default=0)


@given(strokes)
def test_people_who_agree_change_nothing(own: list[Stroke]) -> None:
    # Overlapping strokes of one person may be matched crosswise only if their overlap ties.
    apart = [
        one for one in own if not any(o is not one and o.begin < one.end and one.begin < o.end for o in own)
    ]
    assert kept(a=apart, b=apart, c=apart) == sorted(apart)
