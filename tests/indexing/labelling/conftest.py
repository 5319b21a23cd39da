"""A page on which a small video is labelled, opened in a real Chromium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crisp.indexing.labelling import make_pages
from crisp.indexing.labelling.marks import parse_marks
from crisp.indexing.labelling.subjects import of_files
from tests.indexing.viewer.conftest import LOADED, until

CLASSES = "Forehand:f:#e03131,Backhand,Serve & <push>"
FRAMES, FPS = 160, 20

OpenLabelling = Callable[..., Any]


@pytest.fixture(scope="session")
def match(tmp_path_factory: pytest.TempPathFactory, make_video) -> Path:
    """A real video of 160 frames."""
    return make_video(tmp_path_factory.mktemp("data") / "my match.mp4", FRAMES, (192, 108), FPS)


@pytest.fixture
def open_labelling(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OpenLabelling]:
    """A function that makes the page of a video without a model, opens it and returns the Playwright page.

    An error of the page's script, or a request to the network, fails the test.
    """
    options = {"viewport": {"width": 1280, "height": 720}, **getattr(request, "param", {})}
    context = browser.new_context(**options, accept_downloads=True)
    faults: list[str] = []

    def open_it(video: Path, classes: str = CLASSES, **more: Any) -> Any:
        (subject,) = of_files([video], parse_marks(classes), tmp_path, tmp_path / "pages", **more)
        (made,), _ = make_pages([subject], "crisp annotate")
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith("http") and faults.append(request.url))
        page.goto(made.as_uri())
        until(page, LOADED)
        return page

    yield open_it
    context.close()
    assert faults == []
