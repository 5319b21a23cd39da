"""The page in a real browser: clicked, dragged, typed at, saved, and read back."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crisp.cli import application
from crisp.indexing import viewer
from crisp.study.annotations import Stroke, write_annotation
from crisp.study.index_file import IndexFile
from tests.indexing.viewer.conftest import FPS, FRAMES, LOADED, TRUTH, until
from tests.indexing.viewer.using import (
    at,
    click,
    drag,
    drawn,
    frame,
    press,
    save,
    selected,
    shown_frame,
    status,
)

# Notes the frames that the playhead passes, and how often it goes back.
WATCH = """() => {
  const top = document.querySelector("#top");
  window.seen = [];
  window.again = 0;
  new MutationObserver(() => {
    const now = Number(top.getAttribute("aria-valuenow"));
    if (seen.length && now < seen.at(-1)) again++;
    seen.push(now);
  }).observe(top, { attributeFilter: ["aria-valuenow"] });
}"""
# Controls that a screen reader has no name for.
UNNAMED = """[...document.querySelectorAll("button, select, input")]
  .filter((one) => one.offsetParent && !one.ariaLabel && !one.innerText.trim() && !one.labels?.length)
  .map((one) => one.outerHTML)"""


def test_saved_unchanged_is_the_annotation_to_the_byte(
    open_page, indexed: dict[str, Any], tmp_path: Path
) -> None:
    path, strokes = save(open_page(indexed), tmp_path)
    assert path.name == "my match.xml"
    assert strokes == TRUTH
    write_annotation(tmp_path / "expected.xml", TRUTH)
    assert path.read_bytes() == (tmp_path / "expected.xml").read_bytes()


def test_drag_edges(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    drag(page, "annotation", 30, 34)
    assert shown_frame(page) == 33
    drag(page, "annotation", 75, 70)
    assert shown_frame(page) == 70
    drag(page, "annotation", 120, 150)  # beyond its own end
    _, strokes = save(page, tmp_path)
    assert strokes == [
        TRUTH[0]._replace(end=34),
        TRUTH[1],
        TRUTH[2]._replace(begin=70),
        TRUTH[3]._replace(begin=139),
    ]


def test_click_on_a_list_that_changes_its_height_meanwhile(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    drawn(page)
    box = page.locator("#list [role=option]").nth(1).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 10)
    page.mouse.down()
    page.set_viewport_size({"width": 1280, "height": 600})  # as a banner or a late font would
    drawn(page)
    page.mouse.up()
    assert selected(page) == TRUTH[1].label


def test_escape_cancels_a_drag(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    page.mouse.move(*at(page, "annotation", 30))
    page.mouse.down()
    page.mouse.move(*at(page, "annotation", 36))
    press(page, "Escape")
    page.mouse.up()
    assert save(page, tmp_path)[1] == TRUTH


def test_correct_by_keyboard_alone(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    press(page, "ArrowDown", "ArrowRight", "ArrowRight", "i")  # the first stroke begins two frames later
    press(page, "Shift+ArrowRight", "o")  # and ends a second on
    press(page, "c")
    page.keyboard.type("Def")
    press(page, "Escape", "End", "ArrowLeft", "a")  # a new one at the last but one frame
    _, strokes = save(page, tmp_path)
    assert strokes[0] == Stroke(12, 33, "Defensive Backhand Push")
    assert strokes[1:4] == TRUTH[1:]
    assert strokes[4][:2] == (FRAMES - 2, FRAMES)


def test_class_by_list_by_number_and_by_the_model(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    page.locator("#list").get_by_role("option", name="Offensive Forehand Hit").click()
    page.locator("#stroke select").select_option("Serve Forehand Topspin")
    press(page, "Escape")
    click(page, "annotation", 130)  # the model found another class here
    page.get_by_role("button", name="Take the model's").click()
    click(page, "annotation", 50)
    press(page, "2")
    _, strokes = save(page, tmp_path)
    scores = next(found["scores"] for found in indexed["strokes"] if found["label"] == TRUTH[1].label)
    second = sorted(indexed["model"]["classes"][:-1], key=lambda name: -scores[name])[1]
    found = indexed["strokes"][-1]
    assert [stroke.label for stroke in strokes] == [
        "Serve Forehand Topspin",
        second,
        TRUTH[2].label,
        found["label"],
    ]
    assert strokes[3][:2] == (found["begin"], found["end"])


def test_bounds_by_typing(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    click(page, "annotation", 20)
    first = page.get_by_label("First frame")
    first.fill("0")
    first.press("Enter")
    assert save(page, tmp_path)[1] == [TRUTH[0]._replace(begin=0), *TRUTH[1:]]


def test_annotated_negatives_stay(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    strokes = [*TRUTH, Stroke(145, 155, "Negative")]
    page = open_page({**indexed, "truth": [stroke._asdict() for stroke in strokes]})
    click(page, "annotation", 150)
    assert page.locator("#stroke select").input_value() == "Negative"
    assert page.locator("#list [aria-selected=true] .tag").count() == 0  # the model agrees
    page.locator("#stroke select").select_option("Offensive Forehand Hit")
    page.locator("#stroke select").select_option("Negative")
    assert save(page, tmp_path)[1] == strokes


def test_delete_undo_redo(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    click(page, "annotation", 50)
    press(page, "Delete")
    click(page, "annotation", 85)
    page.get_by_role("button", name="Delete").click()
    assert save(page, tmp_path)[1] == [TRUTH[0], TRUTH[3]]
    press(page, "Control+z", "Control+z")
    assert save(page, tmp_path)[1] == TRUTH
    assert page.get_by_role("button", name="Undo").is_disabled()
    press(page, "Control+Shift+Z")
    assert save(page, tmp_path)[1] == [TRUTH[0], *TRUTH[2:]]


def test_stroke_of_the_model_alone_is_taken_over(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    extra = next(found for found in indexed["strokes"] if found["begin"] == 65)
    click(page, "model", 67)
    press(page, "t")
    assert Stroke(65, 70, extra["label"]) in save(page, tmp_path)[1]


def test_no_stroke_is_added_within_another(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    for inside in (10, 20, 29):
        click(page, "curves", inside + 0.5)
        press(page, "a")
        assert f"No stroke added: frame {inside} is in that of frames 10 to 30" in status(page)
    page.locator("#add").click()
    assert save(page, tmp_path)[1] == TRUTH
    click(page, "curves", 30.5)  # `end` is exclusive
    press(page, "a")
    assert save(page, tmp_path)[1][1][:2] == (30, 40)  # up to the next one
    press(page, "Control+z")
    assert save(page, tmp_path)[1] == TRUTH


def test_stroke_added_at_the_last_frame(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    press(page, "End", "a")
    assert save(page, tmp_path)[1][-1][:2] == (FRAMES - 1, FRAMES)
    press(page, "a")
    assert "No stroke added" in status(page)
    press(page, "Control+z")
    assert save(page, tmp_path)[1] == TRUTH


def test_overlaps_are_said(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    drag(page, "annotation", 30, 44)
    assert "overlaps the stroke of frames 40 to 60" in status(page)
    assert page.locator("#list .tag", has_text="overlaps").count() == 1
    assert save(page, tmp_path)[1] == [TRUTH[0]._replace(end=44), *TRUTH[1:]]
    press(page, "Control+z")
    assert "overlaps" not in status(page)
    assert page.locator("#list .tag", has_text="overlaps").count() == 0
    click(page, "curves", 55.5)
    press(page, "i")  # of the selected stroke, which ended before
    assert "has to be before the end" in status(page)
    assert save(page, tmp_path)[1] == TRUTH


def test_bounds_that_are_typed_stay_in_the_video_and_apart(
    open_page, indexed: dict[str, Any], tmp_path: Path
) -> None:
    page = open_page(indexed)
    click(page, "annotation", 20)
    for name, typed, limited in (
        ("First frame", "90", 29),
        ("First frame", "-5", 0),
        ("End", "0", 1),
        ("End", "900", FRAMES),
    ):
        field = page.get_by_label(name)
        field.fill(typed)
        field.press("Enter")
        assert "a bound stays in the video" in status(page)
        assert page.get_by_label(name).input_value() == str(limited)
    assert save(page, tmp_path)[1] == [TRUTH[0]._replace(begin=0, end=FRAMES), *TRUTH[1:]]
    press(page, *["Control+z"] * 4)
    assert save(page, tmp_path)[1] == TRUTH


def test_labels_with_signs_of_xml(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    strokes = [
        Stroke(3, 9, 'push & "block" <fast> </script>'),
        Stroke(20, 30, ""),
        Stroke(40, 50, "Flip à la Péteri"),
    ]
    page = open_page(
        {**indexed, "truth": [stroke._asdict() for stroke in strokes], "annotations": "/xml/m 1.xml"}
    )
    path, saved = save(page, tmp_path)
    assert saved == strokes
    assert path.name == "m 1.xml"


def test_seek_and_step(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    click(page, "curves", 100.5)
    assert (frame(page), shown_frame(page)) == (100, 100)
    press(page, "ArrowLeft", "ArrowLeft")
    assert shown_frame(page) == 98
    press(page, "Shift+ArrowRight")
    assert shown_frame(page) == 118
    press(page, "End")
    assert shown_frame(page) == FRAMES - 1
    page.locator("#list").get_by_role("option").nth(1).click()
    assert frame(page) == TRUTH[1].begin


def test_stroke_in_a_loop_and_slowly(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    press(page, "ArrowDown", "s", "s")
    assert page.evaluate("document.querySelector('#video').playbackRate") == 0.25
    press(page, "Shift+S", "Shift+S", "l")
    # The end of the stroke comes, then its begin again; the frames in between are all in it.
    page.evaluate(WATCH)
    until(page, "window.again >= 1")
    begin, end, *_ = TRUTH[0]
    seen = page.evaluate("window.seen")
    assert min(seen) >= begin
    assert max(seen) < end
    press(page, "l")
    assert page.evaluate("document.querySelector('#video').paused")


def test_zoom_and_overview(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)

    def view() -> tuple[float, float]:
        page.wait_for_timeout(40)
        return tuple(float(page.locator("#top").get_attribute(f"data-{name}")) for name in ("begin", "end"))

    x, y = at(page, "curves", 80)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -300)
    begin, end = view()
    assert end - begin < FRAMES / 2 + 1
    assert (80 - begin) / (end - begin) == pytest.approx(
        0.5, abs=0.01
    )  # the frame under the pointer stays there
    click(page, "overview", 10)
    assert view()[0] == 0
    press(page, "0")
    assert view() == (0, FRAMES)
    click(page, "annotation", 50)
    press(page, "f")
    assert view() == (20, 80)


def test_filters(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    listed = page.locator("#list [role=option]")
    assert listed.count() == 5  # four annotated and one of the model alone
    page.get_by_label("Agreement").select_option("differ")
    assert listed.locator(".tag").all_inner_texts() == ["model only", "other class"]
    page.get_by_label("Agreement").select_option("")
    page.locator("#by-class").select_option(TRUTH[0].label)
    assert listed.count() == 1
    page.get_by_label("Confidence from").fill("100")
    assert page.get_by_text("No stroke passes the filters").is_visible()
    page.get_by_role("button", name="Show all").click()
    assert listed.count() == 5


def test_region_of_interest_and_warnings(open_page, indexed: dict[str, Any]) -> None:
    stage = {"width": 192, "height": 108}
    page = open_page({**indexed, "roi_size": [60, 40], "warnings": ["claims 170 frames, 160 decode"]})
    assert page.get_by_text("claims 170 frames, 160 decode").is_visible()
    page.get_by_role("button", name="Close the warnings").click()
    press(page, "End", "r")
    box, around = page.locator("#roi").bounding_box(), page.locator("#stage").bounding_box()
    scale = min(around[side] / stage[side] for side in stage)
    assert box["width"] == pytest.approx(60 * scale, abs=1)
    centre = box["x"] + box["width"] / 2 - around["x"] - around["width"] / 2
    assert centre == pytest.approx((round(indexed["roi"][-1][0]) - 96) * scale, abs=1)


def test_next_disagreement(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    press(page, "d")
    assert frame(page) == 65
    press(page, "d")
    assert frame(page) == TRUTH[3].begin


def test_changes_survive_a_reload(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    click(page, "annotation", 50)
    press(page, "Delete")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    until(page, LOADED)
    assert asked == ["beforeunload"]
    assert page.get_by_text("Unsaved corrections of").is_visible()
    assert save(page, tmp_path)[1] == [TRUTH[0], *TRUTH[2:]]
    page.reload()  # saved: nothing to ask
    until(page, LOADED)
    assert asked == ["beforeunload"]
    assert page.get_by_text("Your saved corrections of").is_visible()
    page.get_by_role("button", name="Discard them").click()
    assert save(page, tmp_path)[1] == TRUTH


def test_no_warning_without_changes(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    press(page, "ArrowDown", "ArrowRight")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.reload()
    assert asked == []
    assert page.locator("#notice").is_hidden()


def test_page_without_its_video(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    lost = {**indexed, "video": {**indexed["video"], "path": str(tmp_path / "lost.mp4")}}
    page = open_page(lost, wait=False)
    page.get_by_text("The video does not open").wait_for()
    assert page.get_by_text(f"The video does not open: {tmp_path / 'lost.mp4'}").is_visible()
    assert page.get_by_role("button", name="Play", exact=True).is_disabled()
    click(page, "curves", 100.5)  # the rest works
    assert frame(page) == 100
    assert save(page, tmp_path)[1] == TRUTH
    page.locator("#choose").set_input_files(indexed["video"]["path"])
    until(page, LOADED)
    assert page.locator("#trouble").is_hidden()
    assert shown_frame(page) == 100


@pytest.mark.parametrize("name", ["index.json", "my match's.json"])
def test_video_that_does_not_play_comes_with_the_command_that_helps(
    open_page, indexed: dict[str, Any], odd_video: Path, tmp_path: Path, name: str
) -> None:
    facts = {**indexed["video"], "path": str(odd_video)}
    out = None if name == "index.json" else tmp_path / "pages of/my match.html"
    page = open_page({**indexed, "video": facts}, wait=False, name=name, out=out)
    page.locator("#trouble").wait_for()
    assert str(odd_video) in page.locator("#trouble strong").inner_text()
    command = page.locator("#trouble code").first.inner_text()
    assert ("--out" in command) == (out is not None)
    program, *arguments = shlex.split(command)
    assert (program, *arguments[:2], "--proxy" in command) == ("crisp", "viewer", str(tmp_path / name), True)
    done = CliRunner().invoke(application.app, arguments)
    assert done.exit_code == 0, done.output
    page.reload()
    until(page, LOADED)
    assert page.locator("#trouble").is_hidden()


def test_copy_of_a_moved_video_is_of_the_moved_one(
    open_page, indexed: dict[str, Any], odd_video: Path, tmp_path: Path
) -> None:
    lost = {**indexed, "video": {**indexed["video"], "path": str(tmp_path / "lost.mp4")}}
    page = open_page(lost, odd_video, wait=False)
    page.locator("#trouble").wait_for()
    command = page.locator("#trouble code").first.inner_text()
    assert f"--video {odd_video} --proxy" in command
    assert CliRunner().invoke(application.app, shlex.split(command)[1:]).exit_code == 0
    page.reload()
    until(page, LOADED)


def test_no_strokes(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page({**indexed, "strokes": [], "truth": None})
    assert page.get_by_text("No strokes: the model found none in this video.").is_visible()
    assert save(page, tmp_path)[1] == []
    click(page, "curves", 50.5)
    press(page, "a")
    assert save(page, tmp_path)[1] == [Stroke(50, 70, TRUTH[1].label)]  # of the likeliest class there


def test_without_truth_the_model_s_strokes_are_corrected(
    open_page, indexed: dict[str, Any], tmp_path: Path
) -> None:
    page = open_page({**indexed, "truth": None, "probabilities": None, "roi": []})
    assert page.locator("#now").is_hidden()
    assert page.locator("#by-kind option[value=missed]").count() == 0
    assert page.locator("#show-roi").is_hidden()
    assert page.locator("#warnings").is_hidden()
    assert save(page, tmp_path)[1] == [
        Stroke(*(found[key] for key in ("begin", "end", "label"))) for found in indexed["strokes"]
    ]


def test_help_theme_and_focus(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    press(page, "?")
    assert page.get_by_role("dialog", name="Keyboard shortcuts").is_visible()
    press(page, "Escape", "Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.locator("#theme").click()
    page.locator("#theme").click()
    assert page.evaluate(ground) != before  # dark, which Chromium is not by itself
    page.reload()
    assert page.evaluate(ground) != before
    assert page.evaluate(UNNAMED) == []


def test_a_proxy_plays(open_page, indexed: dict[str, Any], odd_video: Path, tmp_path: Path) -> None:
    about = IndexFile.from_json(indexed).video
    copy = viewer.proxy_video.make_proxy(odd_video, tmp_path / "copy.mp4", about)
    page = open_page(indexed, copy)
    assert page.evaluate("document.querySelector('#video').duration") == pytest.approx(FRAMES / FPS)
    press(page, "End")
    assert shown_frame(page) == FRAMES - 1


def test_address_leads_to_a_stroke_or_a_frame(open_page, indexed) -> None:
    page = open_page(indexed)
    begin, end, label, _ = TRUTH[2]
    begin_of_first, _, first, _ = TRUTH[0]

    def go(wanted: int, arrives: int) -> None:
        page.evaluate(f"location.hash = 'frame={wanted}'")
        until(page, f"document.querySelector('#top').getAttribute('aria-valuenow') === '{arrives}'")

    go(begin + 2, begin)
    assert selected(page) == label
    shown = [float(page.locator("#top").get_attribute(f"data-{name}")) for name in ("begin", "end")]
    assert shown == pytest.approx([2 * begin - end, 2 * end - begin])
    go(begin_of_first, begin_of_first)
    assert selected(page) == first
    go(99999, FRAMES - 1)
    assert page.locator("#list [aria-selected=true]").count() == 0
    page.evaluate("location.hash = '#frame=none'")
    assert frame(page) == FRAMES - 1


def test_page_opened_at_an_address(open_page, indexed) -> None:
    page = open_page(indexed)
    page.goto(f"{page.url}#frame={TRUTH[1].begin}")
    page.reload()
    until(page, LOADED)
    assert (selected(page), frame(page)) == (TRUTH[1].label, TRUTH[1].begin)
    assert shown_frame(page) == TRUTH[1].begin


def test_stroke_links_to_what_the_model_looks_at(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    assert open_page(indexed).get_by_text("What the model looks at").count() == 0
    (tmp_path / "explained").mkdir()
    page = open_page(indexed)
    press(page, "ArrowDown")
    begin, end = (indexed["strokes"][0][name] for name in ("begin", "end"))
    link = page.get_by_text("What the model looks at")
    assert link.get_attribute("href") == f"explained/{begin}-{end}.png"
    assert link.is_visible()


def test_no_script_but_its_own_runs(open_page, indexed: dict[str, Any]) -> None:
    page = open_page(indexed)
    page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.intruded = true";
          document.body.append(script);
          document.body.insertAdjacentHTML("beforeend", "<img src='x' onerror='window.intruded = true'>");
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.intruded") is None


def test_changes_kept_by_an_earlier_version(open_page, indexed: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(indexed)
    page.evaluate(
        """() => {
          const { key } = JSON.parse(document.getElementById("data").textContent);
          const kept = { strokes: [[1, 5, "Offensive Forehand Hit"]], saved: null, when: Date.now() };
          localStorage.setItem(`crisp-viewer:${key}`, JSON.stringify(kept));
        }"""
    )
    page.reload()
    until(page, LOADED)
    assert page.get_by_text("Unsaved corrections of").is_visible()
    assert save(page, tmp_path)[1] == [Stroke(1, 5, "Offensive Forehand Hit")]
