"""Fixtures for all tests: tiny real videos, made when a test asks for them."""

from __future__ import annotations

import os

# One thread a test process, set before any library starts its own: several processes run at once,
# and threads that wait for each other by spinning would slow them all down many times over.
os.environ["OMP_NUM_THREADS"] = "1"

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import hypothesis
import numpy as np
import pytest

from tests.lab import Lab

# A shell's background job ignores Ctrl-C, one of nohup the end of the terminal, and what they start does so
# too; tests send both.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes depends on what else runs on the machine.
hypothesis.settings.register_profile("crisp", deadline=None)
hypothesis.settings.load_profile("crisp")

VideoMaker = Callable[..., Path]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def browser_program() -> str | None:
    """The browser of this machine in which pages are tested."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say at once how many tests skip without a browser, and what makes them run."""
    if browser_program():
        return None
    wanted = " and ".join(f"({words})" for words in ("browser", config.option.markexpr) if words)
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n", "0", "-m", wanted, *config.args]
    found = subprocess.run(collect, cwd=config.rootpath, capture_output=True, text=True).stdout
    count = sum("::" in line for line in found.splitlines())
    return f"no Chromium: {count} tests of HTML pages will be skipped; `sudo make browser` installs it"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need a browser."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")


@pytest.fixture(scope="session", autouse=True)
def clip_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A clip cache of the tests' own, for this process and those that it starts."""
    os.environ["CRISP_CACHE"] = str(tmp_path_factory.mktemp("clip-cache"))


def _frame(index: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """A bright square that moves over a dark ground: (H, W, 3) uint8."""
    width, height = size
    side = max(4, min(size) // 4)
    image = np.full((height, width, 3), 40, np.uint8)
    left = (3 * index + 7 * seed) % max(1, width - side)
    top = (2 * index + 5 * seed) % max(1, height - side)
    image[top : top + side, left : left + side] = (220, 160, 60 + 20 * seed % 180)
    return image


@pytest.fixture(scope="session")
def make_video() -> VideoMaker:
    """A function that writes a real H.264 video and returns its path.

    ``make_video(path, frames=20, size=(64, 48), fps=25, seed=0, jitter=0)``: `size` is (width,
    height) in px (even numbers), `seed` varies the pictures (hence the bytes), `jitter` is the
    number of frame times by which every second frame comes late (variable frame rate). Folders are
    made, the name is free (the container is always MP4).
    """

    def make(
        path: str | Path,
        frames: int = 20,
        size: tuple[int, int] = (64, 48),
        fps: float = 25,
        seed: int = 0,
        jitter: int = 0,
    ) -> Path:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        # FFmpeg gets the open file, so that no name can mislead it.
        with path.open("wb") as file, av.open(file, "w", format="mp4") as container:
            rate = Fraction(fps).limit_denominator(1001)
            stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "20"})
            stream.width, stream.height = size
            stream.pix_fmt = "yuv420p"
            stream.codec_context.thread_count = 1
            for index in range(frames):
                frame = av.VideoFrame.from_ndarray(_frame(index, size, seed), format="rgb24")
                frame.pts = index * (jitter + 1) + jitter * (index % 2)
                frame.time_base = 1 / rate
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Headless Chromium (a Playwright browser)."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the dev extra playwright")
    program = browser_program()
    if program is None:
        pytest.skip("needs Chromium: make browser, or apt-get install chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program)
        yield browser
        browser.close()


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_video: VideoMaker) -> Lab:
    """A small good data set in the working folder (a new one), to be spoilt by the test."""
    monkeypatch.chdir(tmp_path)
    return Lab(make_video)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of 64 kB, to fill up."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("needs the command mount")
    if done.returncode:
        pytest.skip(f"needs the right to mount a tmpfs: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


# They need a cluster: make test-slurm.
collect_ignore = ["slurm"]
