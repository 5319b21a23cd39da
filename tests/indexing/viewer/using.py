"""What a person does with a page of the viewer, and what is seen of it then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crisp.study.annotations import Stroke, read_annotation
from tests.indexing.viewer.conftest import FPS, FRAMES, until


def drawn(page: Any) -> None:
    """Wait until the page has drawn what was done to it."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")


def frame(page: Any) -> int:
    drawn(page)
    return int(page.locator("#top").get_attribute("aria-valuenow"))


def shown_frame(page: Any) -> int:
    """The frame that the video itself shows, once it has arrived there."""
    until(page, "!document.querySelector('#video').seeking")
    return int(page.evaluate("document.querySelector('#video').currentTime") * FPS)


def at(page: Any, row: str, number: float, lane: int = 0) -> tuple[float, float]:
    """Where a frame is on the timeline, px; `lane` counts the players."""
    drawn(page)
    top = page.locator("#top")
    box = top.bounding_box()
    begin, end = (float(top.get_attribute(f"data-{name}")) for name in ("begin", "end"))
    if row == "overview":
        begin, end = 0.0, float(FRAMES)
    names = page.locator(f"#gutter .{row}").nth(lane).bounding_box()
    return box["x"] + (number - begin) / (end - begin) * box["width"], names["y"] + names["height"] / 2


def click(page: Any, row: str, number: float, lane: int = 0) -> None:
    page.mouse.click(*at(page, row, number, lane))


def drag(page: Any, row: str, begin: float, end: float, lane: int = 0) -> None:
    page.mouse.move(*at(page, row, begin, lane))
    page.mouse.down()
    page.mouse.move(*at(page, row, (begin + end) / 2, lane))
    page.mouse.move(*at(page, row, end, lane))
    page.mouse.up()


def press(page: Any, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def save(page: Any, folder: Path) -> tuple[Path, list[Stroke]]:
    with page.expect_download() as started:
        press(page, "Control+s")
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path, read_annotation(path)


def selected(page: Any) -> str:
    drawn(page)
    return page.locator("#list [aria-selected=true] .name").inner_text()


def status(page: Any) -> str:
    drawn(page)
    return page.locator("#status").inner_text()
