"""Overlay video: what PyAV decodes, and what is drawn on which frame."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from crisp.core.errors import CrispError
from crisp.indexing.exports import overlay_video
from crisp.preparation import video
from tests.indexing.exports import sample


def decoded(path: Path) -> list[np.ndarray]:
    return list(video.frames(path))


@pytest.fixture
def game(tmp_path: Path, make_video) -> Path:
    return make_video(tmp_path / "game.mp4", frames=120, fps=sample.FPS)


def test_is_h264_of_the_same_frames(tmp_path: Path, game: Path) -> None:
    overlay_video.write(tmp_path / "overlay.mp4", sample.index(game))
    with av.open(str(tmp_path / "overlay.mp4")) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p", "what every browser plays"
        assert stream.average_rate == Fraction(30000, 1001)
        assert (stream.width, stream.height, stream.frames) == (64, 48, 120)
    before, after = decoded(game), decoded(tmp_path / "overlay.mp4")
    assert len(after) == 120
    for number in (0, 30, 119):
        apart = np.abs(before[number][38:, 2:30].astype(int) - after[number][38:, 2:30])
        assert apart.mean() < 5, "the same picture where nothing is drawn"


def test_box_follows_and_labels_are_in_strokes_only(tmp_path: Path, game: Path) -> None:
    overlay_video.write(tmp_path / "overlay.mp4", sample.index(game))
    frames = decoded(tmp_path / "overlay.mp4")

    def drawn(number: int, x: int, y: int) -> bool:
        """Whether a bright line is near that place of a frame whose ground is dark."""
        return bool(frames[number][y - 1 : y + 2, x - 1 : x + 2].max() > 90)

    # The centre is (20, 20) up to frame 50 and (44, 28) from frame 100 on; the box is 24 x 16 px.
    assert drawn(30, 8, 24)
    assert drawn(110, 56, 32)
    assert not drawn(30, 56, 40)
    corner = {number: frames[number][2:16, 2:40] for number in (5, 30, 50, 100)}
    bright = {number: int((picture > 150).all(axis=2).sum()) for number, picture in corner.items()}
    assert bright[30] == 0
    assert min(bright[5], bright[50], bright[100]) > 10, "white letters"


def test_odd_sizes_lose_a_line(tmp_path: Path) -> None:
    path = tmp_path / "odd.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 65, 49, "bgr0"
        for number in range(6):
            picture = np.full((49, 65, 3), 30 * number, np.uint8)
            container.mux(
                stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0"))
            )
        container.mux(stream.encode(None))
    about = {"id": "odd", "path": str(path), "fps": 25.0, "frames": 6, "width": 65, "height": 49}
    overlay_video.write(tmp_path / "overlay.mp4", sample.index(path, strokes=[], video=about))
    assert [picture.shape for picture in decoded(tmp_path / "overlay.mp4")] == [(48, 64, 3)] * 6


def test_video_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(CrispError, match="video file is missing"):
        overlay_video.write(tmp_path / "overlay.mp4", sample.index(tmp_path / "game.mp4"))
    assert list(tmp_path.iterdir()) == []


def test_each_player_has_a_box_and_a_label_in_his_region(tmp_path: Path, make_video) -> None:
    game = make_video(tmp_path / "game.mp4", frames=120, fps=sample.FPS, size=(640, 480))
    content = sample.rally(game)
    about = replace(content.video, width=640, height=480)
    places = {"left": [[160.0, 240.0]] * 3, "right": [[480.0, 240.0]] * 3}
    players = [replace(one, roi=places[one.name], roi_size=[240.0, 160.0]) for one in content.players]
    overlay_video.write(tmp_path / "overlay.mp4", replace(content, video=about, players=tuple(players)))
    frames = decoded(tmp_path / "overlay.mp4")

    def letters(number: int, left: int) -> int:
        return int((frames[number][5:45, left : left + 250] > 180).all(axis=2).sum())

    def edge(number: int, x: int) -> bool:
        return bool(frames[number][240, x - 3 : x + 4].max() > 90)

    shown = {
        number: (letters(number, 5) > 50, letters(number, 325) > 50) for number in (2, 10, 18, 55, 30, 100)
    }
    assert shown == {
        2: (True, False),
        10: (True, True),
        18: (False, True),
        55: (True, True),
        30: (False, False),
        100: (True, False),
    }
    assert all(edge(30, x) for x in (40, 280, 360, 600))
