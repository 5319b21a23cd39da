"""Views: boxes of a picture, their names, and whose group they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from crisp.core import views
from crisp.core.views import Box

LEFT, RIGHT = Box(0, 0, 0.5, 1), Box(0.5, 0.1, 1, 0.9)


def test_read_and_written() -> None:
    regions = views.parse_regions(" left=0,0,0.5,1;  right = 0.5, 0.1, 1, 0.9 ;")
    assert regions == {"left": LEFT, "right": RIGHT}
    assert views.format_regions(regions) == "left=0,0,0.5,1; right=0.5,0.1,1,0.9"
    assert views.parse_regions("") == {}


@given(some.lists(some.integers(0, 10**4), min_size=4, max_size=4).map(sorted))
def test_what_is_written_is_read_again(shares: list[int]) -> None:
    left, top, right, bottom = (share / 10**4 for share in (shares[0], shares[1], shares[2], shares[3]))
    if left < right and top < bottom:
        regions = {"a-1": Box(left, top, right, bottom)}
        assert views.parse_regions(views.format_regions(regions)) == regions


@pytest.mark.parametrize(
    ("text", "expected", "found"),
    [
        ("left", "name=left,top,right,bottom", "'left'"),
        ("a b=0,0,1,1", "name=left,top,right,bottom", "'a b=0,0,1,1'"),
        ("left=0,0,1", "left,top,right,bottom in shares", "left: '0,0,1'"),
        ("left=0,0,1,x", "left,top,right,bottom in shares", "left: '0,0,1,x'"),
        ("left=0,0,1.2,1", "a region inside the picture", "left: 0,0,1.2,1"),
        ("left=-0.1,0,1,1", "a region inside the picture", "left: -0.1,0,1,1"),
        ("left=nan,0,1,1", "a region inside the picture", "left: nan,0,1,1"),
        ("left=0.5,0,0.5,1", "left < right and top < bottom", "an empty region 0.5,0,0.5,1"),
        ("left=0,0,0.5,1; Left=0.5,0,1,1", "regions of different names", "'Left' twice"),
        ("left=0,0,0.6,1; right=0.5,0,1,1", "regions apart from each other", "left overlaps right"),
        ("; ".join(f"r{n}={n / 100},0,{n / 100 + 0.01},1" for n in range(51)), "at most 50 regions", "51"),
    ],
)
def test_bad_regions(text: str, expected: str, found: str) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        views.parse_regions(text)
    assert error.value.args[0].startswith(expected) or expected in error.value.args[0]
    assert found in error.value.args[1]
    assert error.value.args[2]


def test_touching_regions_are_apart() -> None:
    assert not LEFT.overlaps(RIGHT)
    assert LEFT.overlaps(Box(0.499, 0, 1, 1))
    assert not LEFT.overlaps(Box(0, 0, 0, 0))


def test_pixels() -> None:
    assert LEFT.pixels(321, 180) == (0, 0, 161, 180)
    assert RIGHT.pixels(321, 180) == (161, 18, 321, 162)


def test_ids_of_views() -> None:
    assert views.view("match") == "match"
    name = views.view("match", "left")
    assert (name, views.video_of(name), views.region_of(name)) == ("match@left", "match", "left")
    assert views.region_of("match") == ""


def test_groups() -> None:
    names = ["left", "right"]
    assert views.parse_each("club", names) == {"left": "club", "right": "club"}
    assert views.parse_each("left=Anna; right = Ben", names) == {"left": "Anna", "right": "Ben"}
    assert views.parse_each("right=Ben", names) == {"left": "", "right": "Ben"}
    with pytest.raises(ValueError, match="each of the regions") as error:
        views.parse_each("middle=Cleo", names)
    assert error.value.args[1] == "one of 'middle'"
