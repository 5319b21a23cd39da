"""A whole session of labelling, and what is left of one that is cut off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from crisp.indexing.labelling import make_pages
from crisp.indexing.labelling.marks import parse_marks
from crisp.indexing.labelling.subjects import of_files
from crisp.study.annotations import Stroke, write_annotation
from tests.conftest import browser_program
from tests.indexing.labelling.conftest import CLASSES
from tests.indexing.viewer.conftest import LOADED, until
from tests.indexing.viewer.using import drawn, frame, press, save, status

FOREHAND, BACKHAND, PUSH = "Forehand", "Backhand", "Serve & <push>"
KEYS = {FOREHAND: "f", BACKHAND: "1", PUSH: "2"}
LONG, FPS = 1800, 10  # three minutes
# Notes the frame that is shown when a key goes down, before the page acts on it.
NOTE_KEYS = """() => {
  window.pressed = [];
  addEventListener("keydown", () => pressed.push(document.querySelector("#clock").innerText), true);
}"""


def to(page: Any, number: int) -> None:
    """Go to a frame: by the mouse as near as a pixel is, then by the keyboard."""
    drawn(page)
    top = page.locator("#top")
    box = top.bounding_box()
    begin, end = (float(top.get_attribute(f"data-{name}")) for name in ("begin", "end"))
    row = page.locator("#gutter .ruler").bounding_box()
    share = (number + 0.5 - begin) / (end - begin)
    if 0 < share < 1:
        page.mouse.click(box["x"] + share * box["width"], row["y"] + row["height"] / 2)
    away = number - frame(page)
    press(page, *(["ArrowRight" if away > 0 else "ArrowLeft"] * abs(away)))
    assert frame(page) == number


def playing(page: Any, label: str) -> Stroke:
    """Label a stroke while the video plays; return it by what was on the screen at the two keys."""
    page.evaluate("window.pressed.length = 0")
    press(page, KEYS[label])
    page.wait_for_timeout(300)
    press(page, KEYS[label])
    begin, end = (int(re.search(r"frame\s+(\d+)", text)[1]) for text in page.evaluate("pressed"))  # type: ignore[index]
    page.wait_for_timeout(120)
    return Stroke(begin, end + 1, label)


@pytest.mark.timeout(180)
def test_forty_strokes_of_a_video_of_three_minutes(open_labelling, make_video, tmp_path: Path) -> None:
    page = open_labelling(make_video(tmp_path / "long.mp4", LONG, (64, 48), FPS))
    page.evaluate(NOTE_KEYS)
    labels = [FOREHAND, BACKHAND, PUSH]
    expected = []
    for number in range(20):  # by the keys of classes, stopped
        stroke = Stroke(20 + 30 * number, 30 + 31 * number, labels[number % 3])
        to(page, stroke.begin)
        press(page, KEYS[stroke.label])
        to(page, stroke.end - 1)
        press(page, KEYS[stroke.label])
        expected.append(stroke)
    to(page, 700)
    press(page, "Space")
    expected += [playing(page, labels[number % 3]) for number in range(8)]
    press(page, "Space")
    for number in range(6):  # by the mouse alone, but for the frames
        stroke = Stroke(900 + 40 * number, 917 + 40 * number, labels[number % 3])
        button = page.get_by_role("button", name=stroke.label)
        to(page, stroke.begin)
        button.click()
        to(page, stroke.end - 1)
        button.click()
        expected.append(stroke)
    for number in range(5):  # by I and O, then the class
        stroke = Stroke(1200 + 40 * number, 1210 + 40 * number, labels[number % 3])
        to(page, stroke.begin)
        press(page, "i")
        to(page, stroke.end - 1)
        press(page, "o", KEYS[stroke.label])
        expected.append(stroke)
    to(page, 1700)  # one too many, and one that runs to the end
    press(page, "f", "ArrowRight", "f", "Delete")
    to(page, LONG - 3)
    press(page, "2", "End", "2")
    expected.append(Stroke(LONG - 3, LONG, PUSH))
    assert len(expected) == 40
    path, strokes = save(page, tmp_path)
    assert strokes == expected
    write_annotation(tmp_path / "expected.xml", expected, begun=True)
    assert path.read_bytes() == (tmp_path / "expected.xml").read_bytes()


def test_closing_without_saving_warns(open_labelling, match: Path, tmp_path: Path) -> None:
    page = open_labelling(match)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    press(page, "f")
    page.reload()  # with a stroke that has no end yet
    assert asked == ["beforeunload"]
    until(page, LOADED)
    assert page.locator("#palette [aria-pressed=true]").inner_text().startswith("F")
    press(page, "ArrowRight", "f")
    assert save(page, tmp_path)[1] == [Stroke(0, 2, FOREHAND)]
    page.close(run_before_unload=True)
    assert asked == ["beforeunload"]


def test_changes_of_before_are_offered_when_the_file_is_another(
    open_labelling, match: Path, tmp_path: Path
) -> None:
    page = open_labelling(match)
    press(page, "f", "ArrowRight", "f")
    write_annotation(tmp_path / "my match.xml", [Stroke(50, 60, BACKHAND)])
    page = open_labelling(match)
    assert save(page, tmp_path)[1] == [Stroke(50, 60, BACKHAND)], "not looked at, and offered again"
    page = open_labelling(match)
    assert page.get_by_text("are kept: the file has been changed since").is_visible()
    page.get_by_role("button", name="Show them").click()
    assert save(page, tmp_path)[1] == [Stroke(0, 2, FOREHAND)]
    press(page, "Control+z")
    assert save(page, tmp_path)[1] == [Stroke(50, 60, BACKHAND)]
    page = open_labelling(match)
    assert page.get_by_text("are kept: the file has been changed since").count() == 0


class Browser:
    """Chromium with a profile on the disk, which can be killed and started again."""

    def __init__(self, kind: Any, profile: Path) -> None:
        self.kind, self.profile = kind, profile
        self.context: Any = None
        self.processes: set[psutil.Process] = set()

    def open(self, address: str) -> Any:
        if self.context is None:
            before = set(psutil.Process().children(recursive=True))
            self.context = self.kind.launch_persistent_context(
                self.profile, executable_path=browser_program(), headless=True
            )
            self.processes = set(psutil.Process().children(recursive=True)) - before
        page = self.context.new_page()
        page.goto(address)
        until(page, LOADED)
        return page

    def kill(self) -> None:
        found = {child for process in self.processes for child in process.children(recursive=True)}
        for process in found | self.processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.context = None


@pytest.fixture
def mortal(browser: Any, tmp_path: Path) -> Iterator[Browser]:
    """A browser that may be killed."""
    mortal = Browser(browser.browser_type, tmp_path / "profile")
    yield mortal
    if mortal.context:
        mortal.context.close()


@pytest.fixture
def written(match: Path, tmp_path: Path) -> str:
    """The address of a page."""
    (subject,) = of_files([match], parse_marks(CLASSES), tmp_path, tmp_path)
    (page,), _ = make_pages([subject], "crisp annotate")
    return page.as_uri()


def label(page: Any) -> list[Stroke]:
    """Label three strokes and begin a fourth one."""
    for _ in range(3):
        press(page, "f", "ArrowRight", "f", "ArrowRight")
    press(page, "1")
    return [Stroke(begin, begin + 2, FOREHAND) for begin in (0, 2, 4)]


def check_offered(page: Any, strokes: list[Stroke], folder: Path) -> None:
    assert page.get_by_text("Unsaved corrections of").is_visible()
    assert page.locator("#palette [aria-pressed=true]").inner_text().startswith("1")
    press(page, "End", "1")
    assert save(page, folder)[1] == [*strokes, Stroke(6, 160, BACKHAND)]


def test_killed_browser(mortal: Browser, written: str, tmp_path: Path) -> None:
    """Chromium itself writes localStorage to the disk after 5 s at the earliest, and then once a minute."""
    page = mortal.open(written)
    strokes = label(page)
    page.wait_for_timeout(500)
    mortal.kill()
    check_offered(mortal.open(written), strokes, tmp_path)


def test_crashed_page(mortal: Browser, written: str, tmp_path: Path) -> None:
    page = mortal.open(written)
    strokes = label(page)
    with pytest.raises(Exception, match=r"crash|ERR_ABORTED"):
        page.goto("chrome://crash")
    check_offered(mortal.open(written), strokes, tmp_path)


def test_nothing_saved_says_so(open_labelling, match: Path) -> None:
    page = open_labelling(match)
    assert status(page) == ""
    press(page, "f")
    assert status(page).endswith("unsaved changes")
