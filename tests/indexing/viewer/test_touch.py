"""The page on phones and tablets, by fingers alone: taps, drags, two fingers, buttons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from crisp.study.annotations import Stroke, read_annotation
from tests.indexing.viewer.conftest import FPS, FRAMES, SCREENS, TRUTH
from tests.indexing.viewer.using import at, drawn, frame, shown_frame

NAMES = ["phone", "turned phone", "tablet"]
everywhere = pytest.mark.parametrize("open_page", [SCREENS[name] for name in NAMES], ids=NAMES, indirect=True)
on_a_phone = pytest.mark.parametrize("open_page", [SCREENS["phone"]], ids=["phone"], indirect=True)


class Hand:
    """Fingers on a page, as its browser gets them from a touch screen."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.session = page.context.new_cdp_session(page)

    def send(self, kind: str, *fingers: tuple[float, float]) -> None:
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    def move(self, *paths: tuple[tuple[float, float], tuple[float, float]], steps: int = 8) -> None:
        """Put a finger down at the start of each path, go along all of them together, and lift."""
        for count in range(1, len(paths) + 1):
            self.send("touchStart", *(start for start, _ in paths[:count]))
        for step in range(1, steps + 1):
            share = step / steps
            self.send(
                "touchMove",
                *((x + share * (to_x - x), y + share * (to_y - y)) for (x, y), (to_x, to_y) in paths),
            )
        self.send("touchEnd")
        drawn(self.page)

    def tap(self, row: str, number: float) -> None:
        self.page.touchscreen.tap(*at(self.page, row, number))
        drawn(self.page)

    def drag(self, row: str, begin: float, end: float, aside: float = 0) -> None:
        """From a frame to another, `aside` px to the right of both."""
        (x, y), (to_x, to_y) = at(self.page, row, begin), at(self.page, row, end)
        self.move(((x + aside, y), (to_x + aside, to_y)))


def view(page: Any) -> tuple[float, float]:
    drawn(page)
    return tuple(float(page.locator("#top").get_attribute(f"data-{name}")) for name in ("begin", "end"))


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).tap()


def saved(page: Any) -> list[Stroke]:
    with page.expect_download() as started:
        press(page, "Save annotation")
    return read_annotation(started.value.path())


@pytest.fixture
def page(open_page: Any, indexed: dict[str, Any]) -> Any:
    return open_page(indexed)


@pytest.fixture
def hand(page: Any) -> Iterator[Hand]:
    return Hand(page)


@on_a_phone
def test_tap_goes_to_a_frame(page: Any, hand: Hand) -> None:
    hand.tap("ruler", 100.5)
    assert (frame(page), shown_frame(page)) == (100, 100)
    hand.tap("overview", 30.5)
    assert frame(page) == 100  # which shows another part of the video, and all of it is in view


@everywhere
def test_tap_selects_the_stroke_and_shows_it(page: Any, hand: Hand) -> None:
    hand.tap("annotation", 50.5)
    assert frame(page) == 50
    assert page.locator("#stroke select").input_value() == TRUTH[1].label
    assert page.locator("#stroke select").is_visible()
    x, y = at(page, "annotation", 75)
    page.touchscreen.tap(x - 12, y)  # beside it, as near as a finger hits
    assert frame(page) == 75
    assert page.locator("#stroke select").input_value() == TRUTH[2].label
    assert saved(page) == TRUTH


@everywhere
def test_drag_of_an_edge_moves_the_bound(page: Any, hand: Hand) -> None:
    hand.tap("annotation", 20.5)
    hand.drag("annotation", 30, 36, aside=12)
    assert shown_frame(page) == 35
    hand.drag("annotation", 10, 4, aside=-12)
    assert shown_frame(page) == 4
    assert saved(page) == [TRUTH[0]._replace(begin=4, end=36), *TRUTH[1:]]
    press(page, "Undo")
    assert saved(page) == [TRUTH[0]._replace(end=36), *TRUTH[1:]]
    press(page, "Undo")
    assert saved(page) == TRUTH


@on_a_phone
def test_edge_stops_at_the_other_one(page: Any, hand: Hand) -> None:
    hand.tap("annotation", 130.5)
    hand.drag("annotation", 120, 150, aside=-10)
    assert saved(page) == [*TRUTH[:3], TRUTH[3]._replace(begin=139)]


@on_a_phone
def test_hand_on_its_way_changes_no_stroke(page: Any, hand: Hand) -> None:
    press(page, "Zoom out")
    hand.drag("annotation", 30, 100)  # from an edge of a narrow stroke that is not selected
    narrow = (30 - 10) / FRAMES * page.locator("#top").bounding_box()["width"] < 44
    expected = TRUTH if narrow else [TRUTH[0]._replace(end=100), *TRUTH[1:]]
    assert saved(page) == expected


@on_a_phone
def test_drag_goes_through_the_video(page: Any, hand: Hand) -> None:
    hand.drag("ruler", 20.5, 90.5)
    assert shown_frame(page) == 90
    x, y = at(page, "ruler", 90)
    hand.move(((x, y), (x + 2000, y)))
    assert frame(page) == FRAMES - 1


@everywhere
def test_two_fingers_zoom_and_move(page: Any, hand: Hand) -> None:
    hand.tap("ruler", 10.5)
    (x, y), (to_x, _) = at(page, "annotation", 60), at(page, "annotation", 100)
    reach = (to_x - x) / 2
    hand.move(((x, y), (x - reach, y)), ((to_x, y), (to_x + reach, y)))
    begin, end = view(page)
    assert end - begin == pytest.approx(FRAMES / 2, rel=0.02)
    assert (begin + end) / 2 == pytest.approx(80, abs=2)  # what is between the fingers stays there
    hand.move(((x, y), (x + 40, y)), ((to_x, y), (to_x + 40, y)))
    assert view(page)[0] < begin - 2
    assert frame(page) == 10
    assert saved(page) == TRUTH


@on_a_phone
def test_zoom_by_buttons(page: Any, hand: Hand) -> None:
    hand.tap("annotation", 50.5)
    press(page, "To the stroke")
    assert view(page) == (20, 80)
    press(page, "Zoom out")
    assert view(page)[1] - view(page)[0] == 120
    press(page, "All")
    assert view(page) == (0, FRAMES)


@on_a_phone
def test_correct_by_buttons_alone(page: Any, hand: Hand) -> None:
    press(page, "Next stroke")
    assert frame(page) == TRUTH[0].begin
    press(page, "Step forward one frame")
    press(page, "Step forward one frame")
    press(page, "Begins here")
    press(page, "On one second")
    press(page, "Step back one frame")
    press(page, "Ends here")
    page.locator("#stroke select").select_option("Defensive Backhand Push")
    press(page, "Next stroke")
    press(page, "Delete")
    hand.tap("ruler", 105.5)
    page.get_by_role("button", name="Stroke", exact=True).tap()
    strokes = saved(page)
    assert strokes[0] == Stroke(12, 12 + FPS, "Defensive Backhand Push")
    assert [strokes[1], strokes[3]] == TRUTH[2:]
    assert strokes[2][:2] == (105, TRUTH[3].begin)
