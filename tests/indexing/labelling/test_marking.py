"""New strokes by keys and by mouse, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.core.views import Box
from crisp.study.annotations import Stroke, is_begun, write_annotation
from tests.indexing.labelling.conftest import FRAMES
from tests.indexing.viewer.conftest import SCREENS
from tests.indexing.viewer.test_layout import ASTRAY, COVERED, CUT, FAINT, SMALL, STICKING_OUT
from tests.indexing.viewer.using import click, drag, drawn, frame, press, save, selected, status

FOREHAND, BACKHAND, PUSH = "Forehand", "Backhand", "Serve & <push>"


def go(page: Any, number: int) -> None:
    """To a frame, by the mouse."""
    click(page, "ruler", number + 0.5)
    assert frame(page) == number


def keys(page: Any) -> list[str]:
    return page.locator("#palette ol button").all_inner_texts()


def test_a_key_begins_a_stroke_and_ends_it(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    assert keys(page) == ["F\nForehand\n0", "1\nBackhand\n0", "2\nServe & <push>\n0"]
    go(page, 10)
    press(page, "f")
    assert status(page).startswith("Forehand begun at frame 10: F or O ends it, Esc cancels")
    assert page.locator("#palette button[aria-pressed=true]").inner_text().startswith("F")
    press(page, "Shift+ArrowRight", "f")
    assert status(page).startswith("Forehand, frames 10 to 31")
    assert selected(page) == FOREHAND
    path, strokes = save(page, tmp_path)
    assert (path.name, strokes) == ("my match.xml", [Stroke(10, 31, FOREHAND)])
    assert is_begun(path)


def test_saved_is_what_crisp_writes_to_the_byte(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    go(page, 20)
    press(page, "2", "ArrowRight", "2")
    for begun in (True, False):
        page.get_by_role("checkbox", name="All strokes are labelled").set_checked(not begun)
        path, strokes = save(page, tmp_path)
        assert strokes == [Stroke(20, 22, PUSH)]
        write_annotation(tmp_path / "expected.xml", strokes, begun)
        assert path.read_bytes() == (tmp_path / "expected.xml").read_bytes()


def test_another_class_ends_the_stroke_before_it(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    go(page, 10)
    press(page, "1", "f")  # at once: the other class was meant
    go(page, 30)
    press(page, "2")
    go(page, 40)
    press(page, "o")
    assert save(page, tmp_path)[1] == [Stroke(10, 30, FOREHAND), Stroke(30, 41, PUSH)]


def test_i_and_o_begin_and_end_one(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    go(page, 20)
    press(page, "i")
    go(page, 15)
    press(page, "i")  # earlier
    go(page, 25)
    press(page, "o")
    go(page, 24)
    press(page, "o")  # of the stroke that is selected now
    press(page, "1")  # and its class, as its frame is shown
    go(page, 50)
    press(page, "i", "ArrowRight", "o")  # after it: a new one, of the class used last
    assert save(page, tmp_path)[1] == [Stroke(15, 25, BACKHAND), Stroke(50, 52, BACKHAND)]


def test_classes_by_mouse(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    button = page.get_by_role("button", name=BACKHAND)
    go(page, 60)
    button.click()
    go(page, 70)
    button.click()
    drag(page, "annotation", 71, 80)
    assert button.inner_text().endswith("1")
    assert save(page, tmp_path)[1] == [Stroke(60, 80, BACKHAND)]


def test_what_is_begun_can_be_given_up(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    go(page, 10)
    for key in ("Escape", "Control+z"):
        press(page, "f")
        assert page.locator("#palette [aria-pressed=true]").count() == 1
        assert "unsaved changes" in status(page)
        press(page, key)
        assert page.locator("#palette [aria-pressed=true]").count() == 0
    go(page, 9)
    press(page, "f", "ArrowLeft", "f")
    assert "The end has to be after the first frame" in status(page)
    press(page, "Escape")
    assert save(page, tmp_path)[1] == []


def test_no_stroke_begins_within_another(open_labelling, match: Path, tmp_path: Path) -> None:
    write_annotation(tmp_path / "my match.xml", [Stroke(10, 30, FOREHAND), Stroke(40, 50, "old name")])
    page = open_labelling(match)
    assert page.get_by_role("checkbox", name="All strokes are labelled").is_checked()
    go(page, 20)
    press(page, "Escape", "1")
    assert "No stroke begun: frame 20 is in that of frames 10 to 30" in status(page)
    go(page, 30)
    press(page, "1")
    go(page, 44)
    press(page, "1")
    assert "overlaps the stroke of frames 40 to 50" in status(page)
    assert save(page, tmp_path)[1][1:] == [Stroke(30, 45, BACKHAND), Stroke(40, 50, "old name")]


def test_saved_without_the_stroke_that_is_only_begun(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    press(page, "f")
    assert save(page, tmp_path)[1] == []
    assert "without the stroke that is only begun · unsaved changes" in status(page)
    press(page, "ArrowRight", "f")
    assert save(page, tmp_path)[1] == [Stroke(0, 2, FOREHAND)]
    assert "unsaved" not in status(page)


def test_end_at_the_last_frame(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    go(page, 150)
    press(page, "f", "End", "f")
    assert save(page, tmp_path)[1] == [Stroke(150, FRAMES, FOREHAND)]


def test_a_stroke_of_each_player_at_one_time(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match, boxes={"left": Box(0, 0, 0.5, 1), "right": Box(0.5, 0, 1, 1)})
    assert page.locator("#gutter .annotation").all_inner_texts() == ["left", "right"]
    go(page, 10)
    press(page, "f", "w", "ArrowRight", "1")
    assert page.locator("#palette [aria-pressed=true]").inner_text().startswith("1")
    page.locator("#player").select_option("left")
    press(page, "Shift+ArrowRight", "f")
    press(page, "w", "ArrowRight", "1")
    assert save(page, tmp_path)[1] == [
        Stroke(10, 32, FOREHAND, "left"),
        Stroke(11, 33, BACKHAND, "right"),
    ]


def test_own_keys_take_the_place_of_others(open_labelling, match: Path) -> None:
    page = open_labelling(match)
    press(page, "?")
    listed = page.locator("#shortcuts div").all_inner_texts()
    assert not any("Zoom to the stroke" in one or "odel" in one for one in listed)
    assert any("Begin or end a stroke of a class" in one for one in listed)


def test_own_colour(open_labelling, match: Path) -> None:
    page = open_labelling(match)
    colour = "getComputedStyle(document.querySelector('#palette button')).getPropertyValue('--class')"
    assert page.evaluate(colour).strip() == "#e03131ff"


def test_held_key_is_one(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    go(page, 10)
    for _ in range(4):  # the second and further ones are repeats
        page.keyboard.down("f")
    page.keyboard.up("f")
    press(page, "ArrowRight", "f")
    assert save(page, tmp_path)[1] == [Stroke(10, 12, FOREHAND)]


@pytest.mark.parametrize("open_labelling", SCREENS.values(), ids=SCREENS, indirect=True)
def test_all_is_there_and_nothing_is_cut(open_labelling, match: Path, tmp_path: Path, request) -> None:
    screen = request.node.callspec.params["open_labelling"]
    touched = screen.get("has_touch", False)
    write_annotation(tmp_path / "my match.xml", [Stroke(10, 30, FOREHAND), Stroke(40, 50, PUSH)])
    page = open_labelling(match)
    checks = (STICKING_OUT, CUT, ASTRAY, FAINT, *([SMALL] if touched else []))
    assert page.evaluate(COVERED) == []
    option = page.locator("#list [role=option]").first
    option.tap() if touched else option.click()
    drawn(page)
    for check in checks:
        assert page.evaluate(check) == []
