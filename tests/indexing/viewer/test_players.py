"""The page of a video with two players: a lane each, and nothing of one that changes the other's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.study.annotations import Stroke, write_annotation
from tests.indexing.viewer.conftest import FPS, FRAMES, SCREENS
from tests.indexing.viewer.sample import of_players
from tests.indexing.viewer.test_layout import ASTRAY, COVERED, CUT, FAINT, SMALL, STICKING_OUT
from tests.indexing.viewer.using import click, drag, drawn, press, save, selected, status

LEFT, RIGHT = 0, 1  # lanes
TRUTH = {
    "left": [Stroke(10, 30, "Offensive Forehand Hit"), Stroke(100, 120, "Offensive Forehand Loop")],
    "right": [Stroke(20, 44, "Offensive Backhand Flip"), Stroke(125, 150, "Defensive Backhand Push")],
}
LEFT_1, LEFT_2 = (stroke._replace(player="left") for stroke in TRUTH["left"])
RIGHT_1, RIGHT_2 = (stroke._replace(player="right") for stroke in TRUTH["right"])
ALL = sorted([LEFT_1, LEFT_2, RIGHT_1, RIGHT_2])


@pytest.fixture(scope="session")
def rally(indexed: dict[str, Any]) -> dict[str, Any]:
    """The index of a real video with two players, two strokes of whom are at the same time."""
    return of_players(Path(indexed["video"]["path"]), TRUTH, FRAMES, FPS)


def chosen(page: Any) -> str:
    drawn(page)
    assert (
        page.locator("#now h2").inner_text().lower()
        == f"at this frame: {page.locator('#player').input_value()}"
    )
    return page.locator("#player").input_value()


def test_saved_unchanged_is_the_annotation_to_the_byte(
    open_page, rally: dict[str, Any], tmp_path: Path
) -> None:
    path, strokes = save(open_page(rally), tmp_path)
    assert strokes == ALL
    write_annotation(tmp_path / "expected.xml", ALL)
    assert path.read_bytes() == (tmp_path / "expected.xml").read_bytes()


def test_a_lane_of_annotation_and_model_for_each_player(open_page, rally: dict[str, Any]) -> None:
    page = open_page(rally)
    rows = page.locator("#gutter > div").all_inner_texts()
    assert [row.split("\n")[0] for row in rows] == [
        *["", "left", "Model", "right", "Model"],
        "100 %",
        "Whole video",
    ]
    assert page.locator("#list .tag").count() == 0, "each agrees with the model, though some are at one time"
    click(page, "annotation", 25, RIGHT)
    assert (selected(page), chosen(page)) == (RIGHT_1.label, "right")
    click(page, "model", 25, LEFT)
    assert (selected(page), chosen(page)) == (LEFT_1.label, "left")


def test_correcting_one_player_leaves_the_other_alone(
    open_page, rally: dict[str, Any], tmp_path: Path
) -> None:
    page = open_page(rally)
    drag(page, "annotation", 30, 40, LEFT)  # further into the other's stroke
    assert "overlaps" not in status(page)
    assert page.locator("#stroke .tag").all_inner_texts() == []
    page.locator('#stroke [data-field="label"]').select_option("Serve Forehand Topspin")
    press(page, "ArrowDown", "ArrowDown", "Delete")
    corrected = LEFT_1._replace(end=40, label="Serve Forehand Topspin")
    assert save(page, tmp_path)[1] == [corrected, RIGHT_1, RIGHT_2]


def test_strokes_are_added_for_the_chosen_player(open_page, rally: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(rally)
    click(page, "annotation", 35, LEFT)  # where only the other has a stroke
    press(page, "a")
    assert "for left" in status(page)
    click(page, "annotation", 60.5, LEFT)
    press(page, "w", "a")
    assert chosen(page) == "right"
    click(page, "annotation", 25.5, RIGHT)
    press(page, "a")
    assert status(page).startswith("No stroke added for right: frame 25 is in that of frames 20 to 44")
    added = [one for one in save(page, tmp_path)[1] if one not in ALL]
    assert [(one.begin, one.player) for one in added] == [(35, "left"), (60, "right")]


def test_stroke_of_another_player(open_page, rally: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(rally)
    click(page, "annotation", 25, RIGHT)
    page.get_by_role("region", name="Selected stroke").get_by_label("Player").select_option("left")
    assert "overlaps the stroke of frames 10 to 30" in status(page)
    assert page.locator("#stroke .tag").all_inner_texts() == ["overlaps", "not found"]
    press(page, "Escape", "Control+z")
    assert save(page, tmp_path)[1] == ALL
    press(page, "Control+y")
    assert save(page, tmp_path)[1] == sorted([LEFT_1, LEFT_2, RIGHT_1._replace(player="left"), RIGHT_2])


def test_filter_by_player(open_page, rally: dict[str, Any]) -> None:
    page = open_page(rally)
    page.locator("#by-player").select_option("right")
    drawn(page)
    assert page.locator("#count").inner_text() == "2 of 4 strokes"
    assert {text.split(" · ")[0] for text in page.locator("#list .when").all_inner_texts()} == {"right"}
    assert chosen(page) == "right"
    page.locator("#by-class").select_option(LEFT_1.label)
    page.get_by_role("button", name="Show all").click()
    assert page.locator("#count").inner_text() == "4 strokes"


def test_region_of_interest_is_that_of_the_chosen_player(open_page, rally: dict[str, Any]) -> None:
    page = open_page(rally)
    press(page, "r")
    stage = page.locator("#stage").bounding_box()
    for player, share in (("left", 0.25), ("right", 0.75)):
        page.locator("#player").select_option(player)
        drawn(page)
        box = page.locator("#roi").bounding_box()
        width = min(stage["width"], stage["height"] * 192 / 108)
        middle = stage["x"] + (stage["width"] - width) / 2 + share * width
        assert box["x"] + box["width"] / 2 == pytest.approx(middle, abs=2)


def test_model_of_the_whole_picture_and_an_annotation_by_player(
    open_page, indexed: dict[str, Any], rally: dict[str, Any], tmp_path: Path
) -> None:
    page = open_page({**indexed, "truth": rally["truth"]})
    assert page.locator("#gutter .annotation").all_inner_texts() == ["no player", "left", "right"]
    assert "not found" not in page.locator("#list").get_by_role("option").nth(0).inner_text(), (
        "may be anybody's"
    )
    assert save(page, tmp_path)[1] == ALL


def test_address_of_a_player_s_stroke(open_page, rally: dict[str, Any]) -> None:
    page = open_page(rally)
    for player, label in (("right", RIGHT_1.label), ("left", LEFT_1.label)):
        page.evaluate(f"location.hash = '#frame=24&player={player}'")
        assert (selected(page), chosen(page)) == (label, player)


@pytest.mark.parametrize("open_page", SCREENS.values(), ids=SCREENS, indirect=True)
def test_all_is_there_and_nothing_is_cut(open_page, rally: dict[str, Any], request) -> None:
    screen = request.node.callspec.params["open_page"]
    touched = screen.get("has_touch", False)
    page = open_page(rally)
    assert page.evaluate(COVERED) == []
    option = page.locator("#list [role=option]").first
    option.tap() if touched else option.click()
    drawn(page)
    for check in (STICKING_OUT, CUT, ASTRAY, FAINT, *([SMALL] if touched else [])):
        assert page.evaluate(check) == []
    if page.locator("#show-filters").is_visible():
        page.locator("#show-filters").click()
    for check in (STICKING_OUT, CUT, ASTRAY, FAINT, *([SMALL] if touched else [])):
        assert page.evaluate(check) == []
