"""How quick the viewer's page is: opening, and every interaction until its picture is shown.

    python -m benchmarks.viewer [--frames 72000] [--strokes 300]

A real video of that many frames at 120 per second, strokes of 21 classes and their probabilities every fifth
frame, in headless Chromium. An interaction lasts from its event to the first picture of the browser after it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from playwright.sync_api import Page, sync_playwright

from crisp.indexing.viewer import make_viewer
from tests.indexing.viewer.sample import TTSTROKE, index, strokes

FPS = 120
SIZE = (320, 180)  # px
LIMIT_OPEN, LIMIT_INTERACTION = 2000.0, 100.0  # ms
# Notes for each event how long it takes until the browser has drawn: after the next picture's callback
# a message is the first thing to come back.
WATCH = """() => {
  window.took = [];
  const channel = new MessageChannel();
  let waiting = [];
  channel.port1.onmessage = () => {
    for (const { type, timeStamp } of waiting) took.push([type, performance.now() - timeStamp]);
    waiting = [];
  };
  for (const type of ["pointerdown", "pointermove", "pointerup", "keydown", "wheel", "click", "input"]) {
    addEventListener(type, (event) => {
      waiting.push(event);
      if (waiting.length === 1) requestAnimationFrame(() => channel.port2.postMessage(0));
    }, { capture: true, passive: true });
  }
}"""
OPENED = """() => new Promise((resolve) => {
  const isThere = () => document.querySelector("[role=option]") && document.querySelector("#top").dataset.end;
  const ask = () => isThere()
    ? requestAnimationFrame(() => setTimeout(() => resolve(performance.now()))) : setTimeout(ask, 1);
  ask();
})"""


def record(path: Path, frames: int) -> None:
    """A video of a moving grey level, H.264."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "35"})
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            image = np.full((SIZE[1], SIZE[0], 3), 60 + number % 120, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))


def interactions(page: Page) -> dict[str, Callable[[], Any]]:
    """What a person does, by name."""
    names = page.locator("#gutter .curves").bounding_box()
    tracks = page.locator("#top").bounding_box()
    assert names
    assert tracks
    left, wide, curves = tracks["x"], tracks["width"], names["y"] + names["height"] / 2
    annotation = tracks["y"] + 45

    def scrub() -> None:
        page.mouse.move(left + 50, curves)
        page.mouse.down()
        for step in range(1, 30):
            page.mouse.move(left + 50 + step * (wide - 100) / 30, curves)
        page.mouse.up()

    def zoom() -> None:
        for _ in range(12):
            page.mouse.wheel(0, -120)
        for _ in range(12):
            page.mouse.wheel(0, 120)

    def to_second() -> None:
        for key in ("Escape", "Home", "ArrowDown", "ArrowDown", "f"):
            page.keyboard.press(key)
        page.wait_for_timeout(300)

    def drag() -> None:
        to_second()
        page.mouse.move(left + wide * 2 / 3, annotation)
        page.mouse.down()
        for step in range(1, 20):
            page.mouse.move(left + wide * 2 / 3 + 4 * step, annotation)
        page.mouse.up()
        assert "frames" in page.locator("#status").inner_text()

    def choose() -> None:
        to_second()
        for key in "212":
            page.keyboard.press(key)
        assert "class" in page.locator("#status").inner_text()

    def press(*keys: str) -> Callable[[], None]:
        return lambda: [page.keyboard.press(key) for key in keys] and None

    return {
        "step by frame": press(*["ArrowRight"] * 20),
        "go through strokes": press(*["ArrowDown"] * 20),
        "next disagreement": press("d", "d"),
        "drag an edge": drag,
        "whole video": press("0"),
        "zoom by the wheel": zoom,
        "scrub": scrub,
        "change the class": choose,
        "add and delete": press("a", "Delete"),
        "undo and redo": press(*["Control+z"] * 4, *["Control+Shift+Z"] * 4),
        "filter": lambda: [page.locator("#by-kind").select_option(way) for way in ("differ", "")],
    }


def main() -> None:
    """Print the times; end with 1 where one is above its limit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=72000)
    parser.add_argument("--strokes", type=int, default=300)
    arguments = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        record(folder / "match.mp4", arguments.frames)
        truth = strokes(arguments.strokes, arguments.frames, TTSTROKE)
        content = index(folder / "match.mp4", truth, arguments.frames, FPS, SIZE, TTSTROKE, stride=5)
        (folder / "index.json").write_text(json.dumps(content))
        made = make_viewer(folder / "index.json").page
        size = made.stat().st_size / 1e6
        print(f"{arguments.frames} frames, {arguments.strokes} strokes; page of {size:.2f} MB")
        loads = f"{os.getloadavg()[0]:.1f} processes on {os.cpu_count()} cores"
        print(f"{loads}: times grow with what else runs here")
        browser = driver.chromium.launch(executable_path=program)
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        opened = []
        for _ in range(5):
            page.goto(made.as_uri(), wait_until="commit")
            opened.append(page.evaluate(OPENED))
        print(f"{'opening':<20} {max(opened):7.0f} ms (slowest of {len(opened)}; limit {LIMIT_OPEN:.0f})")
        slow = ["opening"] if max(opened) > LIMIT_OPEN else []
        page.wait_for_timeout(1000)
        page.evaluate(WATCH)
        for what, act in interactions(page).items():
            page.evaluate("window.took = []")
            act()
            page.wait_for_timeout(300)
            times = [time for _, time in page.evaluate("window.took")]
            assert times, what
            slowest = max(times)
            middle = np.median(times)
            print(f"{what:<20} {middle:7.0f} ms, slowest {slowest:5.0f} (limit {LIMIT_INTERACTION:.0f})")
            if slowest > LIMIT_INTERACTION:
                slow.append(what)
        browser.close()
    if slow:
        raise SystemExit(f"too slow: {', '.join(slow)}")


if __name__ == "__main__":
    main()
