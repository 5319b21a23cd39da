"""A real Chromium, and pages of the viewer opened in it from files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from crisp.indexing.viewer import make_viewer
from crisp.study.annotations import Stroke
from tests.indexing.viewer.sample import index

TRUTH = [
    Stroke(10, 30, "Offensive Forehand Hit"),
    Stroke(40, 60, "Offensive Backhand Flip"),
    Stroke(75, 95, "Offensive Forehand Loop"),
    Stroke(120, 140, "Defensive Backhand Push"),
]
FRAMES, FPS = 160, 20
HELD = {"has_touch": True, "is_mobile": True}
SCREENS = {
    "phone": {"viewport": {"width": 390, "height": 844}, **HELD},
    "small phone": {"viewport": {"width": 360, "height": 560}, **HELD},
    "turned phone": {"viewport": {"width": 844, "height": 390}, **HELD},
    "tablet": {"viewport": {"width": 820, "height": 1180}, **HELD},
    "turned tablet": {"viewport": {"width": 1180, "height": 820}, **HELD},
    "laptop": {"viewport": {"width": 1366, "height": 768}},
    "desktop": {"viewport": {"width": 1920, "height": 1080}},
    "small window": {"viewport": {"width": 700, "height": 500}},
}
LOADED = "document.querySelector('#video').readyState >= 2"


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory, make_video) -> dict[str, Any]:
    """The index of a real video of 160 frames with four annotated strokes, the last in another class."""
    video = make_video(tmp_path_factory.mktemp("data") / "my match.mp4", FRAMES, (192, 108), FPS)
    return index(video, TRUTH, FRAMES, FPS)


OpenPage = Callable[..., Any]


def until(page: Any, expression: str, seconds: float = 20) -> None:
    """Wait until an expression holds in a page (Playwright's own wait is what the page's policy forbids).

    Raises
    ------
    TimeoutError
        If it does not in time.
    """
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise TimeoutError(expression)
        page.wait_for_timeout(20)


@pytest.fixture
def open_page(browser: Any, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OpenPage]:
    """A function that makes the page of an index, opens it and returns the Playwright page.

    An error of the page's script, or a request to the network, fails the test. `page.context` keeps its
    storage from one opening to the next. An indirect parameter has options of the context.
    """
    options = {"viewport": {"width": 1280, "height": 720}, **getattr(request, "param", {})}
    context = browser.new_context(**options, accept_downloads=True)
    faults: list[str] = []

    def open_it(
        content: dict[str, Any],
        video: Path | None = None,
        wait: bool = True,
        name: str = "index.json",
        out: Path | None = None,
    ) -> Any:
        file = tmp_path / name
        file.write_text(json.dumps(content))
        made = make_viewer(file, out, video)
        page = context.new_page()
        page.set_default_timeout(30_000)  # a busy machine is slow, not wrong
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: request.url.startswith("http") and faults.append(request.url))
        page.goto(made.page.as_uri())
        if wait:
            until(page, LOADED)
        return page

    yield open_it
    context.close()
    assert faults == []


@pytest.fixture(scope="session")
def odd_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of the same length in a codec that Chromium does not play, of odd size."""
    path = tmp_path_factory.mktemp("odd") / "odd.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 161, 91, "yuv420p"
        for number in range(FRAMES):
            image = np.full((91, 161, 3), 40 + 160 * (number % 2), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    return path
