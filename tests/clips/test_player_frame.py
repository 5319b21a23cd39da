"""Poses in the player's own frame: what changes nothing, what is not known, and values by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from crisp.clips import player_frame
from crisp.clips.augmentation import Draw
from crisp.clips.player_frame import in_player_frame
from crisp.clips.reader import ClipReader
from crisp.core.skeleton import MIRRORED, POINTS, pose_channels
from tests import stagefiles

FPS, N = 30.0, 90
WRIST = POINTS.index("right wrist")
# A player who faces right, px: x and y from the middle of the hips; the trunk is 40 px long.
SHAPE = {
    "centre": (0, 0),
    "nose": (12, -60),
    "left eye": (9, -63),
    "right eye": (9, -63),
    "left ear": (2, -62),
    "right ear": (2, -62),
    "left shoulder": (2, -40),
    "right shoulder": (-2, -40),
    "left elbow": (10, -20),
    "right elbow": (4, -22),
    "left wrist": (20, -10),
    "right wrist": (24, -12),
    "left hip": (1, 0),
    "right hip": (-1, 0),
}


def playing(seed: int = 0, frames: int = N) -> np.ndarray:
    """A player (N, 14, 3) who walks and moves the arms smoothly."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / FPS
    points = np.ones((frames, len(POINTS), 3))
    points[..., :2] = np.array([SHAPE[name] for name in POINTS], float)
    swing = random.uniform(0.5, 2, (1, 6, 2)) * np.sin(2 * np.pi * time + random.uniform(0, 6, (1, 6, 2)))
    points[:, 6:12, :2] += swing
    points[..., :2] += [150, 100] + 10 * time * [1, 0.3]
    return points


def test_values_by_hand() -> None:
    points = playing()
    found = in_player_frame(points, FPS)
    assert found.shape == (N, 14, 5)
    assert found.dtype == np.float32
    frame = 45
    place = {name: points[frame, POINTS.index(name), :2] for name in POINTS}
    hips = (place["left hip"] + place["right hip"]) / 2
    shoulders = (points[..., 6, :2] + points[..., 7, :2]) / 2
    middle = (points[..., 12, :2] + points[..., 13, :2]) / 2
    near = slice(frame - 30, frame + 31)
    trunk = np.median(np.linalg.norm(shoulders - middle, axis=1)[near])
    expected = (place["right wrist"] - hips) / trunk
    np.testing.assert_allclose(found[frame, WRIST, :2], expected, atol=0.01)  # smoothed over 0.03 s
    step = points[[frame - 1, frame + 1], WRIST, :2] - middle[[frame - 1, frame + 1]]
    speed = (step[1] - step[0]) / 2 * FPS / trunk  # trunk lengths per second
    np.testing.assert_allclose(found[frame, WRIST, 3:], 0.1 * speed, atol=0.01)
    np.testing.assert_allclose(found[frame, 0, :2], 0, atol=0.01)  # walking steadily: at its median
    np.testing.assert_allclose(found[frame, 0, 3:] * trunk * 10, (10, 3), atol=0.05)
    assert (found[..., 2] == 1).all()


@settings(max_examples=30, deadline=None)
@given(
    seed=some.integers(0, 99), x=some.floats(-300, 300), y=some.floats(-300, 300), size=some.floats(0.3, 4)
)
def test_place_and_size_in_the_picture_change_nothing(seed: int, x: float, y: float, size: float) -> None:
    points = playing(seed)
    moved = points.copy()
    moved[..., :2] = size * points[..., :2] + (x, y)
    np.testing.assert_allclose(in_player_frame(moved, FPS), in_player_frame(points, FPS), atol=1e-4)


def test_who_faces_left_is_mirrored_and_keeps_the_hand() -> None:
    points = playing()
    other = points.copy()
    other[..., 0] *= -1
    np.testing.assert_allclose(in_player_frame(other, FPS), in_player_frame(points, FPS), atol=1e-6)
    filmed = in_player_frame(other, FPS, "player-as-filmed")
    np.testing.assert_allclose(filmed * [-1, 1, 1, -1, 1], in_player_frame(points, FPS), atol=1e-6)
    earless = points.copy()
    earless[:, player_frame.EARS] = np.nan
    turned = earless.copy()
    turned[..., 0] *= -1
    np.testing.assert_allclose(in_player_frame(turned, FPS), in_player_frame(earless, FPS), atol=1e-6)


def test_rate_changes_speeds_by_nothing() -> None:
    slow, fast = playing(), playing(frames=2 * N)
    fast[::2] = slow
    fast[1:-1:2] = (slow[1:] + slow[:-1]) / 2
    at, twice = in_player_frame(slow, FPS)[40], in_player_frame(fast, 2 * FPS)[80]
    np.testing.assert_allclose(at, twice, atol=0.02)


def test_short_gaps_are_interpolated_and_long_ones_masked() -> None:
    points = playing()
    whole = in_player_frame(points, FPS)
    for first, last, known in ((30, 36, 1), (30, 37, 0)):  # 0.2 s are 6 frames
        broken = points.copy()
        broken[first:last, WRIST] = np.nan
        found = in_player_frame(broken, FPS)
        assert (found[first:last, WRIST, 2] == known).all()
        if known:
            np.testing.assert_allclose(found[first:last, WRIST], whole[first:last, WRIST], atol=0.05)
        else:
            assert not found[first:last, WRIST].any()
        others = [point for point in range(14) if point != WRIST]
        np.testing.assert_array_equal(found[:, others], whole[:, others])


def test_nobody_is_zero_throughout() -> None:
    points = np.full((N, 14, 3), np.nan)
    assert not in_player_frame(points, FPS).any()
    points[...] = (80, 50, 0)  # unknown, at the ROI centre
    assert not in_player_frame(points, FPS).any()
    points[...] = (80, 50, 1)  # all joints at one place: a trunk without length
    assert not in_player_frame(points, FPS).any()


@settings(max_examples=20, deadline=None)
@given(
    seed=some.integers(0, 99),
    fps=some.sampled_from([2.0, 12.5, 30.0, 120.0]),
    begin=some.integers(0, 150),
    frames=some.integers(1, 60),
)
def test_a_frame_depends_on_the_video_not_on_the_clip(seed: int, fps: float, begin: int, frames: int) -> None:
    points = playing(seed, 400)
    hidden = np.random.default_rng(seed).random(points.shape[:2]) < 0.3
    points[hidden] = np.nan
    far = player_frame.margin(fps)
    first = max(0, begin - far)
    part = in_player_frame(points[first : begin + frames + far], fps)
    whole = in_player_frame(points, fps)
    np.testing.assert_array_equal(part[begin - first : begin - first + frames], whole[begin : begin + frames])


def channels(draw: Draw, pose_norm: str = "player") -> np.ndarray:
    return player_frame.channels(in_player_frame(playing(), FPS, pose_norm), draw, pose_norm)


def test_draws_turn_and_zoom_about_the_hips() -> None:
    plain = channels(Draw(0)).reshape(14, 5, N)
    assert plain.shape[0] * plain.shape[1] == pose_channels("player") == 70
    np.testing.assert_array_equal(channels(Draw(0, shift=(9, -3))), plain.reshape(70, N))
    drawn = channels(Draw(0, angle=90.0, zoom=1.1)).reshape(14, 5, N)
    np.testing.assert_allclose(drawn[:, 0], 1.1 * plain[:, 1], atol=1e-5)  # counter-clockwise, as seen
    np.testing.assert_allclose(drawn[:, 1], -1.1 * plain[:, 0], atol=1e-5)
    np.testing.assert_allclose(drawn[:, 3], 1.1 * plain[:, 4], atol=1e-5)
    np.testing.assert_array_equal(drawn[:, 2], plain[:, 2])


@pytest.mark.parametrize("pose_norm", ["player", "player-as-filmed"])
def test_a_flip_is_the_mirrored_picture(pose_norm: str) -> None:
    points = playing()
    mirrored = points[:, list(MIRRORED)].copy()
    mirrored[..., 0] = 320 - mirrored[..., 0]
    expected = player_frame.channels(in_player_frame(mirrored, FPS, pose_norm), Draw(0), pose_norm)
    np.testing.assert_allclose(channels(Draw(0, flip=True), pose_norm), expected, atol=1e-5)


def test_clips_are_windows_of_the_video(tmp_path: Path) -> None:
    """Whatever is read at a time; frames outside the video repeat its ends."""
    points = playing()
    rgb = np.zeros((N, 24, 32, 3), np.uint8)
    folder = stagefiles.write(tmp_path, rgb, pose=points, fps=FPS)
    reader = ClipReader(folder, ("pose",), stagefiles.METHOD, "player")
    whole = reader.clip(Draw(0), (N, 16, 16))["pose"]
    values = in_player_frame(points.astype(np.float32), FPS)
    np.testing.assert_array_equal(whole, values.reshape(N, 70).T)
    for begin in (-3, 20, N - 5):
        rows = np.clip(np.arange(begin, begin + 8), 0, N - 1)
        np.testing.assert_array_equal(reader.clip(Draw(begin), (8, 16, 16))["pose"], whole[:, rows])


def test_other_norms_are_other_values_of_a_cache(tmp_path: Path) -> None:
    folder = stagefiles.write(tmp_path, np.zeros((4, 24, 32, 3), np.uint8), pose=playing(frames=4), fps=FPS)
    norms = ("crop", "image", "player", "player-as-filmed")
    found = {norm: ClipReader(folder, ("pose",), stagefiles.METHOD, norm).facts.identities for norm in norms}
    assert found["crop"] == found["image"]
    assert len({facts["pose"] for facts in found.values()}) == 3
    turned = ClipReader(folder, ("pose",), stagefiles.METHOD, "player")
    assert turned.facts.identities == found["player"]
    assert turned.in_crop().facts.identities == found["crop"]
