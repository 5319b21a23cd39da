"""The page on screens of all sizes: nothing cut off, large enough for fingers, legible in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crisp.study.annotations import Stroke
from tests.indexing.viewer.conftest import FRAMES, SCREENS
from tests.indexing.viewer.sample import TTSTROKE, index
from tests.indexing.viewer.using import drawn

LONGEST = max(TTSTROKE, key=len)
VERDICT = "the video is unlike the training data of the model; these results are probably meaningless"
TRUTH = [
    Stroke(10, 30, LONGEST),
    Stroke(40, 60, "Offensive Forehand Hit"),
    Stroke(75, 95, "Offensive Forehand Loop"),
    Stroke(120, 140, "Defensive Backhand Backspin"),
]
# What is in the page for a person, as far as it is shown.
SHOWN = """[...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))"""
# Controls, and whatever has a text of its own, that stick out of the window sideways.
STICKING_OUT = f"""{SHOWN}
  .filter((one) => one.matches("button, select, input, canvas, video, .button") || one.innerText?.trim())
  .filter((one) => one.id !== "choose")
  .filter((one) => {{
    const {{ left, right }} = one.getBoundingClientRect();
    return left < -0.5 || right > innerWidth + 0.5;
  }}).map((one) => one.outerHTML.slice(0, 80))"""
SMALL = f"""{SHOWN}
  .filter((one) => one.matches("button, select, input:not([type=file]), .button, [role=option]"))
  .map((one) => [one.getBoundingClientRect(), one.outerHTML.slice(0, 80)])
  .filter(([box]) => box.width < 43.9 || box.height < 43.9)
  .map(([box, html]) => `${{box.width}} x ${{box.height}}: ${{html}}`)"""
# Names that are cut, and lists whose chosen entry is broader than its field.
CUT = f"""{SHOWN}.filter((one) => {{
  if (one.matches(".name, button, .tag, legend, #clock")) return one.scrollWidth > one.clientWidth + 1;
  if (!one.matches("select")) return false;
  const style = getComputedStyle(one);
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = style.font;
  const arrow = 20;
  const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - arrow;
  return pen.measureText(one.selectedOptions[0].text).width > room;
}}).map((one) => one.outerHTML.slice(0, 80))"""
# Buttons in the window that something else covers or cuts off; those of what scrolls by itself aside.
COVERED = f"""{SHOWN}
  .filter((one) => one.matches("button, .button") && !one.closest("#browse, #inspect, dialog"))
  .filter((one) => {{
    const {{ left, right, top, bottom }} = one.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, bottom - 3];
    return top >= 0 && bottom <= innerHeight && !one.contains(document.elementFromPoint(x, y));
  }}).map((one) => one.outerHTML.slice(0, 80))"""
# Texts in the rows of the list that reach out of their row or over each other.
ASTRAY = f"""{SHOWN}.filter((one) => one.matches("#list [role=option]")).filter((row) => {{
  const edge = row.getBoundingClientRect();
  const texts = [...row.querySelectorAll(".name, .score, .when, .tag")];
  const boxes = texts.map((one) => one.getBoundingClientRect());
  const reachesOut = (box) => box.left < edge.left || box.right > edge.right || box.bottom > edge.bottom;
  const meet = (one, other) => one !== other && one.left < other.right && other.left < one.right
    && one.top < other.bottom - 1 && other.top < one.bottom - 1;
  return boxes.some((one) => one.width < 20 || reachesOut(one) || boxes.some((other) => meet(one, other)));
}}).map((row) => row.innerText)"""
# Texts with less than 4.5 between them and what is behind: [ratio, text].
FAINT = f"""(() => {{
  const pen = document.createElement("canvas").getContext("2d", {{ willReadFrequently: true }});
  const over = (colours) => {{
    pen.clearRect(0, 0, 1, 1);
    for (const colour of colours) {{ pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1); }}
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  }};
  const light = (colour) => colour.map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
  const ratio = (one, other) => {{
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }};
  const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const behind = (one) => {{
    const grounds = [];
    const shades = [];
    for (let at = one; at; at = at.parentElement) {{
      const style = getComputedStyle(at);
      grounds.unshift(style.backgroundColor);
      const share = style.backgroundImage.match(/linear-gradient\\(to right, (.*?) [0-9.]+%, (.*) 0/);
      if (share) shades.push(share[1], share[2]);
    }}
    return [over(grounds), ...shades.map((shade) => over([...grounds, shade]))];
  }};
  const least = (one) => Math.min(...behind(one).map((ground) =>
    ratio(ground, over([`rgb(${{ground}})`, getComputedStyle(one).color]))));
  return {SHOWN}
    .filter((one) => hasText(one) && !one.matches(":disabled, :disabled *, script, style, option"))
    .map((one) => [least(one), one.innerText])
    .filter(([value]) => value < 4.5);
}})()"""


@pytest.fixture(scope="session")
def content(indexed: dict[str, Any]) -> dict[str, Any]:
    """The index of the video with the classes of TTStroke-21, and warnings."""
    made = index(Path(indexed["video"]["path"]), TRUTH, FRAMES, indexed["video"]["fps"], classes=TTSTROKE)
    made["strokes"][0]["cut"] = "begin"
    made["strokes"][-1]["cut"] = "both"
    return {**made, "warnings": [VERDICT, "40 frames per second, taken at 20; the model was trained at 25"]}


def choose(page: Any, touched: bool) -> None:
    """Select the first stroke, in the list."""
    option = page.locator("#list [role=option]").first
    option.tap() if touched else option.click()
    drawn(page)


@pytest.mark.parametrize("open_page", SCREENS.values(), ids=SCREENS, indirect=True)
def test_all_is_there_and_nothing_is_cut(open_page, content: dict[str, Any], request) -> None:
    screen = request.node.callspec.params["open_page"]
    width, height = screen["viewport"].values()
    touched = screen.get("has_touch", False)
    page = open_page(content)

    def check() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate(STICKING_OUT) == []
        assert page.evaluate(CUT) == []
        assert not touched or page.evaluate(SMALL) == []
        assert page.evaluate(ASTRAY) == []

    check()
    assert page.evaluate(COVERED) == []
    told = page.get_by_text(VERDICT).bounding_box()
    warnings = page.locator("#warnings").bounding_box()
    assert warnings["y"] <= told["y"]
    assert told["y"] + told["height"] <= warnings["y"] + warnings["height"] <= height
    page.get_by_role("button", name="Close the warnings").click()
    drawn(page)
    check()
    assert page.evaluate(COVERED) == []
    video = page.locator("#stage").bounding_box()
    assert video["height"] >= (160 if height < 600 else 200)
    assert video["width"] >= min(width, 360)
    assert video["y"] + video["height"] <= height
    assert page.locator("#gutter .annotation").bounding_box()["y"] < height - 46
    first = page.locator("#list [role=option]").first.bounding_box()
    assert first["y"] < height
    choose(page, touched)
    select = page.locator("#stroke select")
    assert select.is_visible()
    assert select.input_value() == LONGEST
    check()
    if page.locator("#show-filters").is_visible():
        page.locator("#show-filters").click()
    page.locator("#by-class").select_option(LONGEST)
    page.locator("#by-kind").select_option("differ")
    page.locator("#by-kind").select_option("")
    drawn(page)
    check()
    page.locator("#help").click()
    check()


THEMES = {
    f"{name}, {scheme}": {**SCREENS[name], "color_scheme": scheme}
    for name in ("laptop", "phone")
    for scheme in ("light", "dark")
}


@pytest.mark.parametrize("open_page", THEMES.values(), ids=THEMES, indirect=True)
def test_contrast(open_page, content: dict[str, Any], request) -> None:
    options = request.node.callspec.params["open_page"]
    page = open_page(content)
    is_dark = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert is_dark == (options["color_scheme"] == "dark")
    assert page.evaluate(FAINT) == []
    choose(page, options.get("has_touch", False))
    assert page.evaluate(FAINT) == []
    page.locator("#help").click()
    assert page.evaluate(FAINT) == []


def test_faint_text_is_found(open_page, content: dict[str, Any]) -> None:
    page = open_page(content)
    page.evaluate("document.documentElement.style.setProperty('--muted', '#b0b0b0')")
    assert page.evaluate(FAINT) != []


def test_without_probabilities_their_room_goes_to_the_rest(open_page, content: dict[str, Any]) -> None:
    heights = []
    for probabilities in (content["probabilities"], None):
        page = open_page({**content, "probabilities": probabilities, "warnings": []})
        choose(page, False)
        heights.append(page.locator("#stage").bounding_box()["height"])
        assert page.get_by_text("Probability").is_visible() == (probabilities is not None)
        page.close()
    assert heights[1] > heights[0] + 60


@pytest.mark.parametrize("open_page", [SCREENS["phone"]], ids=["phone"], indirect=True)
def test_cut_strokes_say_so_without_a_mouse_over_them(open_page, content: dict[str, Any]) -> None:
    page = open_page(content)
    assert page.locator("#list .tag").all_inner_texts() == ["cut", "model only", "other class, cut"]
    choose(page, True)
    sure, any_stroke = (f"{100 * content['strokes'][0][name]:.0f} %" for name in ("probability", "score"))
    hint = page.locator("#stroke .hint").inner_text()
    assert hint.startswith(f"class {sure} · any stroke {any_stroke} · cut at its begin")
