"""The page shows the picture of the frame that it names, whatever the time stamps of the video are."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from crisp.indexing.viewer import make_viewer, proxy_video
from crisp.preparation import frames
from crisp.study.index_file import IndexedVideo, IndexFile
from tests import frame_coded
from tests.indexing.viewer.conftest import LOADED, until
from tests.indexing.viewer.firefox import PROGRAM, Firefox
from tests.indexing.viewer.sample import index
from tests.indexing.viewer.using import frame, press, save

LAST = frame_coded.FRAMES - 1
SOUGHT = [3, 77, 0, 1, 2, 100, 50, 120, 60, 61, 62, 79, 80, 81, 90, 30, 10, 140, 99, 147]
REORDERED = "reordered.mp4"
UNPLAYABLE = "null-frames.avi"
SETTLED = "!document.querySelector('#video').seeking && document.querySelector('#video').readyState >= 2"


@pytest.fixture(
    scope="module", params=[name for name in frame_coded.STAMPS if name not in (REORDERED, UNPLAYABLE)]
)
def content(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The index of a video of each kind, without strokes."""
    folder = tmp_path_factory.mktemp("videos")
    return indexed(frame_coded.write_kind(folder / request.param))


def indexed(path: Path) -> dict[str, Any]:
    stage_file = path.with_suffix(".h5")
    source = frames.extract_frames(path, stage_file)
    source.stamps = frames.read_times(stage_file).stamps
    made = index(path, [], source.decoded, source.fps, frame_coded.SIZE)
    about = IndexedVideo.of(path.stem, path, source)
    known = {name: getattr(about, name) for name in about.__slots__}
    return {**made, "video": {name: value for name, value in known.items() if value is not None}}


def picture(page: Any) -> int:
    """The number in the picture on the screen."""
    until(page, SETTLED)
    page.wait_for_timeout(100)  # until it is painted
    box = page.locator("#video").bounding_box()
    image = cv2.imdecode(np.frombuffer(page.screenshot(clip=box), np.uint8), cv2.IMREAD_COLOR)
    height, width = image.shape[:2]
    scale = min(width / frame_coded.SIZE[0], height / frame_coded.SIZE[1])
    wide, high = (round(side * scale) for side in frame_coded.SIZE)
    top, left = (height - high) // 2, (width - wide) // 2
    return frame_coded.read(cv2.resize(image[top : top + high, left : left + wide], frame_coded.SIZE))


def arrived(page: Any, number: int, seconds: float = 10) -> int:
    """The number in the picture, once it is that of a frame: seeks may still wait for one another."""
    deadline = time.monotonic() + seconds
    while (seen := picture(page)) != number and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    return seen


def go_to(page: Any, number: int) -> None:
    page.evaluate("number => { location.hash = `#frame=${number}`; }", number)
    until(page, f"document.querySelector('#top').getAttribute('aria-valuenow') === '{number}'")


def test_picture_is_that_of_the_frame(open_page, content: dict[str, Any], tmp_path: Path) -> None:
    page = open_page(content)
    shown = []
    for number in SOUGHT:
        go_to(page, number)
        shown.append(arrived(page, number))
    assert shown == SOUGHT
    assert page.locator("#miscount").is_hidden()
    go_to(page, 70)
    press(page, "a")
    for _ in range(5):
        press(page, "ArrowRight")
    press(page, "o")
    assert arrived(page, 75) == 75
    assert [(stroke.begin, stroke.end) for stroke in save(page, tmp_path)[1]] == [(70, 76)]


def test_picture_of_another_frame_is_reported(open_page, tmp_path: Path) -> None:
    """Chromium takes the length of a frame from the order of decoding."""
    page = open_page(indexed(frame_coded.write_kind(tmp_path / REORDERED)))
    for number in SOUGHT:
        go_to(page, number)
        page.wait_for_timeout(600)
        other, line = picture(page), page.locator("#miscount")
        assert line.is_visible() == (other != number)
        if other != number:
            assert f"shows frame {other} instead of {number}" in line.inner_text()


# Goes to frames, and reads the number in the picture of each.
READ = """
const [frames, side, block] = given;
const video = document.querySelector("#video"), top = document.querySelector("#top");
const [width, height] = side;
const pen = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
const pause = (time) => new Promise((done) => setTimeout(done, time));
const found = [];
for (const frame of frames) {
  location.hash = `#frame=${frame}`;
  const isThere = () => Number(top.getAttribute("aria-valuenow")) === frame;
  while (video.seeking || video.readyState < 2 || !isThere()) await pause(20);
  await pause(100);
  pen.drawImage(video, 0, 0, ...side);
  const isWhite = (bit) => pen.getImageData((bit + 0.5) * block, block / 2, 1, 1).data[0] > 128;
  found.push([0, 1, 2, 3, 4, 5, 6, 7].reduce((sum, bit) => sum + isWhite(bit) * 2 ** bit, 0));
}
await pause(500);
return [found, document.querySelector("#miscount").hidden];
"""


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    if PROGRAM is None:
        pytest.skip("needs Firefox: apt-get install firefox-esr")
    browser = Firefox(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


def test_picture_is_that_of_the_frame_in_firefox(
    firefox: Firefox, content: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "index.json").write_text(json.dumps(content))
    firefox.open(make_viewer(tmp_path / "index.json").page)
    shown = firefox.run(READ, [*SOUGHT, LAST], frame_coded.SIZE, frame_coded.BLOCK)
    assert shown == [[*SOUGHT, LAST], True]


def test_position_while_it_plays_is_that_of_the_picture(open_page, content: dict[str, Any]) -> None:
    page = open_page(content)
    go_to(page, 40)
    press(page, " ")
    until(page, "Number(document.querySelector('#top').getAttribute('aria-valuenow')) > 70")
    press(page, " ")
    until(page, "document.querySelector('#video').paused")
    assert arrived(page, frame(page)) == frame(page) > 70


def test_copy_has_times_of_its_own(open_page, content: dict[str, Any], tmp_path: Path) -> None:
    copy_is_right(open_page, content, tmp_path)


def test_copy_of_a_video_with_null_frames(open_page, tmp_path: Path) -> None:
    copy_is_right(open_page, indexed(frame_coded.write_kind(tmp_path / UNPLAYABLE)), tmp_path)


def copy_is_right(open_page, content: dict[str, Any], tmp_path: Path) -> None:
    about = IndexFile.from_json(content).video
    page = open_page(content, proxy_video.make_proxy(Path(about.path), tmp_path / "index.mp4", about))
    shown = []
    for number in (LAST, *SOUGHT[:5]):
        go_to(page, number)
        shown.append(arrived(page, number))
    assert shown == [LAST, *SOUGHT[:5]]


def test_last_picture_after_the_end_in_the_header(open_page, tmp_path: Path) -> None:
    page = open_page(indexed(frame_coded.write_kind(tmp_path / "no-edit-list.mp4")))
    go_to(page, LAST)
    until(page, "document.querySelector('#video').currentTime > 5.03")
    assert arrived(page, LAST) == LAST


def test_picture_that_the_browser_does_not_show(open_page, tmp_path: Path) -> None:
    """Without an edit list, Chromium finds a key frame when it is decoded, two frames before it is shown."""
    video, number = frame_coded.write_kind(tmp_path / "no-edit-list.mp4"), frame_coded.KEY_FRAMES
    content = indexed(video)
    page = open_page(content)
    go_to(page, number - 2)
    hint = page.locator("#miscount")
    hint.wait_for()
    assert f"This browser shows frame {number} instead of {number - 2}" in hint.inner_text()
    command = f"crisp viewer {tmp_path / 'index.json'} --proxy"
    assert hint.locator("code").inner_text() == command
    go_to(page, 40)
    hint.wait_for(state="hidden")
    assert arrived(page, 40) == 40
    made = make_viewer(tmp_path / "index.json")
    assert made.warnings == [
        f"{video}: it has no edit list, so that browsers show other frames before key frames; {command} "
        "makes a playable copy"
    ]
    assert make_viewer(tmp_path / "index.json", copy=True).warnings == []
    page.reload()
    until(page, LOADED)
    go_to(page, number - 1)
    assert arrived(page, number - 1) == number - 1


def test_chosen_copy_has_times_of_its_own(open_page, tmp_path: Path) -> None:
    content = indexed(frame_coded.write_kind(tmp_path / "30-then-24.mp4"))
    about = IndexFile.from_json(content).video
    copy = proxy_video.make_proxy(Path(about.path), tmp_path / "viewer.mp4", about)
    page = open_page({**content, "video": {**content["video"], "path": "lost.mp4"}}, wait=False)
    page.locator("#trouble").wait_for()
    for file in (copy, Path(about.path)):
        page.evaluate("document.querySelector('#trouble').hidden = false")
        page.locator("#choose").set_input_files(file)
        until(page, LOADED)
        go_to(page, 10)
        go_to(page, 120)
        assert arrived(page, 120) == 120
