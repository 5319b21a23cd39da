"""Take the pictures of docs/tutorial.md: ``python docs/tutorial.py``, after the tutorial's step 3.

It needs Chromium (``make browser``). The tutorial's test makes the same clicks.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

PAGE = Path("found/player-21/viewer.html")
PICTURES = Path(__file__).parent / "pictures"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BEGIN, WRONG, RIGHT = "0:15.15", "Serve Forehand Topspin", "Offensive Backhand Flip"


def select(page: Any) -> None:
    """Click the stroke with the wrong label in the list."""
    page.get_by_role("option").filter(has_text=BEGIN).click()
    assert page.locator("#stroke select").input_value() == WRONG


def correct(page: Any) -> None:
    """Choose the right class for it."""
    page.locator("#stroke select").select_option(RIGHT)


def save(page: Any, folder: Path) -> Path:
    """Save the annotation: where the browser put it."""
    with page.expect_download() as started:
        page.get_by_role("button", name="Save annotation").click()
    path = folder / started.value.suggested_filename
    started.value.save_as(path)
    return path


def picture(page: Any, name: str) -> None:
    """Take a picture of the page, once it shows the frame that it was sent to."""
    page.wait_for_timeout(1000)
    page.screenshot(path=PICTURES / name)


def main() -> None:
    """Write the pictures."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.goto(PAGE.absolute().as_uri())
        page.wait_for_timeout(1000)
        select(page)
        picture(page, "tutorial-wrong.png")
        correct(page)
        picture(page, "tutorial-corrected.png")
        browser.close()


if __name__ == "__main__":
    main()
