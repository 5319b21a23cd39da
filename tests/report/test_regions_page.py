"""The page of regions in a real browser: boxes are dragged, named, saved, and given back to the study."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from crisp.core.errors import CrispError
from crisp.core.views import parse_regions
from crisp.report.regions_page import propose_page
from crisp.study.region_table import give_regions, read_regions
from tests.lab import Lab

SMALL = [{"name": "rgb", "size": [8, 10, 10]}]


def proposed(lab: Lab) -> dict[str, str]:
    study = lab.study(variants=SMALL)
    return propose_page(study, list(study.used.values()), 2, 2, Path("regions.html"), "regions.tsv")


@pytest.fixture
def page(browser: Any, lab: Lab) -> Any:
    lab.change("validation", regions="left=0.1,0.2,0.3,0.8; right=0.6,0.2,0.9,0.8")
    proposed(lab)
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(Path("regions.html").absolute().as_uri())
    yield page
    page.close()
    assert faults == []


def shown(page: Any, number: int = 1) -> dict[str, Any]:
    return parse_regions(page.locator("figure output").nth(number).text_content())


def drag(page: Any, place: Any, across: float, down: float) -> None:
    box = place.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + across, y + down, steps=4)
    page.mouse.up()


def test_proposed_for_those_without(lab: Lab) -> None:
    lab.change("validation", regions="left=0.1,0.2,0.3,0.8")
    found = proposed(lab)
    assert found["validation"] == "left=0.1,0.2,0.3,0.8"
    assert list(parse_regions(found["train"])) == ["left", "right"]
    with pytest.raises(CrispError, match="no video without regions"):
        propose_page(lab.study(variants=SMALL), [], 2, 2, Path("other.html"), "regions.tsv")
    assert not Path("other.html").exists()


def test_dragged_named_and_saved(page: Any) -> None:
    picture = page.locator(".picture").nth(1)
    picture.scroll_into_view_if_needed()
    size = picture.bounding_box()
    drag(page, picture.locator(".box").nth(0), 0.1 * size["width"], 0)
    assert shown(page)["left"] == pytest.approx((0.2, 0.2, 0.4, 0.8), abs=0.005)
    drag(page, picture.locator('.box:nth-of-type(1) i[data-edge="2 3"]').first, 0.05 * size["width"], 40)
    assert shown(page)["left"].right == pytest.approx(0.45, abs=0.01)
    assert shown(page)["left"].bottom > 0.8
    drag(page, picture.locator(".box").nth(1), 3000, 0)  # it stays in the picture
    assert shown(page)["right"].right == 1
    page.locator("figure").nth(1).locator("input").nth(1).fill("Ben")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save regions.tsv").click()
    download.value.save_as("regions.tsv")
    given = read_regions("regions.tsv")
    assert list(parse_regions(given["validation"])) == ["left", "Ben"]
    assert any(line.startswith("validation: left=") for line in give_regions("videos.tsv", given))


def test_by_keyboard(page: Any) -> None:
    page.locator(".picture").nth(1).locator(".box").nth(0).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("Alt+ArrowUp")
    assert shown(page)["left"] == pytest.approx((0.11, 0.199, 0.31, 0.809), abs=2e-4)


def test_faults_are_not_saved(page: Any) -> None:
    figure = page.locator("figure").nth(1)
    names = figure.locator("input")
    for name, words in (("a b", "a name is letters"), ("right", "two regions are called right")):
        names.nth(0).fill(name)
        assert words in figure.locator("output").text_content()
        page.get_by_role("button", name="Save regions.tsv").click()
        assert re.search(f"not saved: validation: .*{words}", page.locator("#said").text_content())
    names.nth(0).fill("left")
    drag(page, figure.locator(".box").nth(0), 400, 0)
    assert "left and right overlap" in figure.locator("output").text_content()


def test_added_and_removed(page: Any) -> None:
    figure = page.locator("figure").nth(1)
    figure.get_by_role("button", name="Remove").nth(0).click()
    figure.get_by_role("button", name="Add a region").click()
    assert list(parse_regions(figure.locator("output").text_content())) == ["right", "player-2"]
    for _ in range(2):
        figure.get_by_role("button", name="Remove").nth(0).click()
    assert figure.locator("output").text_content() == "no region: the whole picture is used"
